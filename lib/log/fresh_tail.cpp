#include "lib/log/fresh_tail.hpp"

#include "lib/log/index.hpp"

#include <evbus/detail/system.hpp>
#include <evbus/log/batch.hpp>
#include <evbus/log/epochs.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace evbus {
inline namespace v1 {
namespace log {
namespace {

constexpr const char* operation = "write log's end afresh";

void fail(std::int64_t r, std::string_view object) {
    if (r < 0) evbus::detail::throw_errno(static_cast<int>(-r), operation, object);
}

std::string fresh_path(const log_dir& dir, seq_t first) { return segment_path(dir, first) + ".fresh"; }

/// Where a segment parts: all before stays, all behind is to be copied or cut.
struct parting {
    std::uint64_t offset = sizeof(segment_header);
    chain_state after; ///< what the next commit builds on
};

struct commit_id {
    seq_t first;
    seq_t last;
    std::uint64_t body_hash;
    [[nodiscard]] bool operator==(const commit_id&) const = default;
};

/// Walks a segment whose header is fine. `parting` is set behind the last commit that ends in a seq up to `last`.
segment_walk walk_to(segment_reader& in, const segment_header& h, std::uint64_t seed, seq_t last, parting& out,
                     std::vector<commit_id>* behind = nullptr) {
    out.after = {seed, h.previous_chain, 0, h.first_seq};
    return walk_segment(in, out.after, [&](const commit_view& c) {
        const bool stays = covers_seqs(c.header) && c.header.last_seq <= last;
        if (stays) out = {c.end(), state_after(c.header, seed)};
        if (behind == nullptr) return;
        if (stays) behind->clear();
        else behind->push_back({c.header.first_seq, c.header.last_seq, c.header.body_hash});
    });
}

/// A ring, and with it all that was appended of it, lives within one boot. A ring that `epochs` does not know may
/// be of this one.
bool is_of_this_boot(file_system& fs, const log_dir& dir, epoch_t epoch) {
    const std::string now = evbus::detail::boot_id();
    bool known = false;
    for (const epoch_record& e : read_epochs(fs, dir)) {
        if (e.epoch != epoch) continue;
        if (e.boot_id == now || e.boot_id == "-") return true;
        known = true;
    }
    return !known;
}

void cut(file_system& fs, const log_dir& dir, seq_t segment, std::uint64_t at) {
    const std::string path = segment_path(dir, segment);
    const int fd = fs.open(path, O_RDWR, 0);
    fail(fd, path);
    const file f(fs, fd);
    fail(f.truncate(at), path);
    fail(f.datasync(), path);
}

/// A segment that was cut is not the newest any more, and without a footer: an .evidx stands for it, so that nobody
/// takes it for one that lost its end. A full disk puts that off to the next start.
void index_what_stays(file_system& fs, const log_dir& dir, seq_t segment, const bus_id& bus, unsigned mode) {
    const std::string path = segment_path(dir, segment);
    segment_reader in;
    segment_header h{};
    segment_index_file there;
    fail(in.open(fs, path, bus.seed()), path);
    const auto bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(in.size(), 0));
    if (in.read_header(bus, segment, h) != segment_fault::none || open_index(fs, dir, segment, bytes, bus, there)) return;
    segment_walk walked;
    const segment_index index = build_index(in, {bus.seed(), h.previous_chain, 0, segment}, walked);
    fail(-walked.os_error, path);
    const int r = write_index(fs, dir, index, bytes, bus, mode);
    if (r != -ENOSPC && r != -EDQUOT) fail(r, index_path(dir, segment));
}

/// Writes commits one behind the other, each naming its new place.
class copy {
public:
    copy(const file& to, std::string path, const parting& from, std::uint64_t seed)
        : to_(to), path_(std::move(path)), state_(from.after), seed_(seed) {}

    void add(const file& from, const commit_view& c) {
        if (c.header.first_seq > state_.next && covers_seqs(c.header)) add_damage({state_.next, c.header.first_seq - 1});
        add(c.header, [&](std::byte* body) {
            const std::int64_t n = from.read_at(body, c.header.stored_bytes, c.offset + sizeof c.header);
            fail(n, path_);
            if (n != c.header.stored_bytes) fail(-EIO, path_);
        });
    }
    void flush() {
        fail(to_.write_at(bytes_.data(), bytes_.size(), written_), path_);
        written_ += bytes_.size();
        bytes_.clear();
    }
    [[nodiscard]] seq_t last() const noexcept { return state_.next - 1; }

private:
    template <class Fill>
    void add(commit_header h, Fill fill) {
        if (bytes_.size() > flush_bytes) flush();
        h.place = written_ + bytes_.size();
        h.previous_chain = state_.chain;
        h.header_checksum = header_checksum(h, seed_);
        const std::size_t at = bytes_.size();
        bytes_.resize(at + sizeof h + h.stored_bytes);
        std::memcpy(bytes_.data() + at, &h, sizeof h);
        fill(bytes_.data() + at + sizeof h);
        state_ = state_after(h, seed_);
    }
    /// What was there once and does not read back any more takes its place among the others by name.
    void add_damage(seq_range hole) {
        batch note(batch::least_capacity);
        (void)note.add_damage(hole); // an empty batch has room
        (void)note.seal(state_, 0);
        note.for_each_commit([&](const commit_header& h, std::span<const std::byte> body) {
            add(h, [&](std::byte* to) { std::memcpy(to, body.data(), body.size()); });
        });
    }

    static constexpr std::size_t flush_bytes = std::size_t{1} << 20;
    const file& to_;
    std::string path_;
    chain_state state_;
    std::uint64_t seed_;
    std::uint64_t written_ = sizeof(segment_header);
    std::vector<std::byte> bytes_;
};

/// Step 1. The last seq that the copy holds.
seq_t write_copy(file_system& fs, const log_dir& dir, segment_reader& in, const segment_header& old, const parting& from,
                 std::uint64_t seed, unsigned mode) {
    segment_header h = old;
    if (from.after.next != old.first_seq) {
        h.first_seq = from.after.next;
        h.previous_last_seq = from.after.next - 1;
        h.previous_chain = from.after.chain;
    }
    h.checksum = checksum_of(h, seed);
    const std::string path = fresh_path(dir, h.first_seq);
    const int fd = fs.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    fail(fd, path);
    const file out(fs, fd);
    fail(out.write_at(&h, sizeof h, 0), path);
    copy to(out, path, from, seed);
    const segment_walk walked = walk_segment(in, {seed, old.previous_chain, 0, old.first_seq}, [&](const commit_view& c) {
        if (c.offset >= from.offset) to.add(in.source(), c);
    });
    fail(-walked.os_error, path);
    to.flush();
    fail(out.datasync(), path);
    return to.last();
}

/// The first hole behind `from` after which the ring has everything: there the segment ends, and the recorder takes
/// again what follows. 0 when there is none.
std::uint64_t ring_takes_over_at(const segment_walk& walked, const parting& from, seq_t ring_from) {
    for (const hole& h : walked.holes)
        if (h.offset >= from.offset && ring_from <= h.range.last + 1) return h.offset;
    return 0;
}

} // namespace

bool write_tail_afresh(file_system& fs, const log_dir& dir, const log_state& state, const known_end& known,
                       unsigned file_mode, const notice_hook& notices) {
    if (state.empty() || known.durable == max_seq) return false;
    const segment_state& s = state.segments.back();
    if (s.header_fault != segment_fault::none) return false;
    if (known.closed && s.sealed && s.last() <= known.durable) return false;
    if (!is_of_this_boot(fs, dir, static_cast<epoch_t>(s.header.epoch))) return false;

    const std::string path = segment_path(dir, s.first);
    const std::uint64_t seed = state.bus.seed();
    segment_reader in;
    fail(in.open(fs, path, seed), path);
    parting from;
    const segment_walk walked = walk_to(in, s.header, seed, known.durable, from);
    fail(-walked.os_error, path);
    if (walked.valid_end <= from.offset) return false;
    if (const std::uint64_t end = ring_takes_over_at(walked, from, known.ring_from); end != 0) {
        keep_tail(fs, dir, in.source(), end, s.bytes, fmt::format("{}.{}.{}.torn", seq_digits(s.first), end, seq_digits(s.last())), file_mode);
        cut(fs, dir, s.first, end);
        in.refresh();
    }
    const seq_t first = from.after.next;
    const std::string fresh = fresh_path(dir, first);
    seq_t last = no_seq;
    try {
        last = write_copy(fs, dir, in, s.header, from, seed, file_mode);
        fail(fs.rename(fresh, segment_path(dir, first)), fresh);
    } catch (const error& e) {
        fs.unlink(fresh);
        // Notes alone are not worth a start that a full disk refuses: their loss hides no seq.
        if (e.kind() == errc::no_space && walked.end.next == first && first != s.first) return false;
        throw;
    }
    fail(fs.sync_dir(dir.segments()), dir.segments());
    if (first != s.first) {
        cut(fs, dir, s.first, from.offset);
        index_what_stays(fs, dir, s.first, state.bus, file_mode);
    }
    if (notices)
        notices({notice_kind::repaired,
                 fmt::format("log {}: the last run did not end well, and {} to the disk: {} written afresh to segment {}",
                             dir.root, last < first ? "its last notes may not have come"
                                                    : fmt::format("seqs {} to {} may not have come", first, last),
                             last < first ? "they were" : "those that read back were", segment_name(first)),
                 first});
    return true;
}

void finish_fresh_tail(file_system& fs, const log_dir& dir, const bus_id& bus, unsigned file_mode, const notice_hook& notices) {
    std::vector<seq_t> firsts;
    std::vector<std::string> names;
    const int listed = fs.list(dir.segments(), names);
    if (listed != -ENOENT) fail(listed, dir.segments());
    for (const std::string& name : names) {
        if (const std::optional<seq_t> first = parse_segment_name(name)) firsts.push_back(*first);
        if (name.ends_with(".evseg.fresh")) fs.unlink(dir.segments() + "/" + name); // a copy that never got its name
    }
    if (firsts.size() < 2) return;
    std::sort(firsts.begin(), firsts.end());
    const seq_t newest = firsts.back();
    const seq_t older = firsts[firsts.size() - 2];
    segment_reader fresh;
    segment_reader old;
    segment_footer footer;
    segment_header fresh_header{};
    segment_header old_header{};
    const std::string path = segment_path(dir, older);
    fail(fresh.open(fs, segment_path(dir, newest), bus.seed()), segment_path(dir, newest));
    if (footer.open(fresh.source(), newest, bus.seed())) return; // whoever sealed it had come past step 3
    if (fresh.read_header(bus, newest, fresh_header) != segment_fault::none) return;
    fail(old.open(fs, path, bus.seed()), path);
    if (old.read_header(bus, older, old_header) != segment_fault::none) return;
    const bool sealed = footer.open(old.source(), older, bus.seed());
    if (sealed)
        if (const auto sum = footer.summary(); sum && sum->last_seq < newest) return;

    parting at;
    std::vector<commit_id> twice;
    const segment_walk walked = walk_to(old, old_header, bus.seed(), newest - 1, at, &twice);
    fail(-walked.os_error, path);
    const bool holds_seqs = std::any_of(twice.begin(), twice.end(), [](const commit_id& c) { return c.last >= c.first; });
    const bool could_be_copied = at.after.chain == fresh_header.previous_chain;
    if (twice.empty() && !sealed && walked.holes.empty()) index_what_stays(fs, dir, older, bus, file_mode);
    if (twice.empty() || (!could_be_copied && !holds_seqs)) return;
    std::vector<commit_id> copied;
    parting none;
    fail(-walk_to(fresh, fresh_header, bus.seed(), no_seq, none, &copied).os_error, segment_path(dir, newest));
    auto next = copied.begin();
    for (const commit_id& c : twice) {
        next = could_be_copied ? std::find(next, copied.end(), c) : copied.end();
        if (next == copied.end() && !holds_seqs) return;
        if (next == copied.end())
            throw error(errc::damaged,
                        {"open log for writing", dir.root,
                         fmt::format("the log is forked: {} begins below seq {}, which {} holds, and is no copy of its end",
                                     segment_name(newest), twice.back().last + 1, segment_name(older)),
                         "keep one of the two (evlog verify names them) and move the other away"});
    }
    cut(fs, dir, older, at.offset);
    index_what_stays(fs, dir, older, bus, file_mode);
    if (notices)
        notices({notice_kind::repaired,
                 fmt::format("log {}: seqs {} to {} stood in two segments, since writing them afresh was interrupted: "
                             "{} keeps them", dir.root, newest, twice.back().last, segment_name(newest)),
                 newest});
}

} // namespace log
} // namespace v1
} // namespace evbus
