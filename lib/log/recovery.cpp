#include "lib/log/recovery.hpp"

#include <evbus/detail/probe.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace evbus {
inline namespace v1 {
namespace log {
namespace {

constexpr const char* operation = "read log";

/// The seed of all checksums: asked for, or from the newest header that passes its own.
bus_id find_bus(file_system& fs, const log_dir& dir, const std::vector<seq_t>& firsts, const bus_id& expected) {
    if (!expected.empty()) return expected;
    for (std::size_t i = firsts.size(); i-- > 0;) {
        segment_reader in;
        segment_header h{};
        if (in.open(fs, segment_path(dir, firsts[i]), 0) == 0 &&
            in.read_header({}, firsts[i], h) == segment_fault::none)
            return bus_of(h);
    }
    return {};
}

void refuse(log_state& out, const std::string& path, std::string_view why) {
    if (!out.refused) out.refused = fmt::format("{}: {}", path, why);
}

/// Takes a footer's or index's word for what a segment holds.
bool trust(const segment_footer& footer, std::uint64_t data_end, std::uint64_t seed, segment_state& s) {
    const std::optional<segment_summary> sum = footer.summary();
    if (!sum || sum->first_seq != s.first || sum->data_end > data_end || sum->last_seq + 1 < s.first) return false;
    s.walk.end = {seed, sum->chain, sum->running_max_ns, sum->last_seq + 1};
    s.walk.commits = sum->commits;
    s.walk.valid_end = sum->data_end;
    s.walk.bytes = data_end;
    s.walk.sealed = s.sealed;
    return true;
}

/// How a scan looks at segments.
struct look_at {
    file_system& fs;
    const log_dir& dir;
    scan_depth depth;
    const std::atomic<bool>* stop;
};

segment_state look(const look_at& how, seq_t first, const chain_state& before, log_state& out, bool newest) {
    const auto& [fs, dir, depth, stop] = how;
    segment_state s;
    s.first = first;
    const std::string path = segment_path(dir, first);
    segment_reader in;
    if (const int r = in.open(fs, path, out.bus.seed()); r < 0) evbus::detail::throw_errno(-r, operation, path);
    in.stop_when(stop);
    s.bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(in.size(), 0));
    s.header_fault = in.read_header(out.bus, first, s.header);
    if (s.header_fault == segment_fault::io) evbus::detail::throw_errno(in.os_error(), operation, path);
    if (s.header_fault == segment_fault::foreign)
        throw error(errc::foreign_log, {operation, path, fmt::format("it belongs to bus {}, the log to bus {}",
                                                                     to_string(bus_of(s.header)), to_string(out.bus)),
                                        "move it out of the log, or name another log directory"});
    if (s.header_fault == segment_fault::version || s.header_fault == segment_fault::feature)
        refuse(out, path, to_string(s.header_fault));

    const bool header_fine = s.header_fault == segment_fault::none;
    chain_state start = before;
    start.next = first;
    // After a missing segment the chain is what this header remembers of it.
    if (header_fine) start.chain = s.header.previous_chain;
    segment_footer footer;
    s.sealed = header_fine && footer.open(in.source(), first, out.bus.seed());
    if (depth != scan_depth::all && header_fine) {
        if (s.sealed && trust(footer, footer.offset(), out.bus.seed(), s)) return s;
        segment_index_file index;
        if (!s.sealed && !newest && open_index(fs, dir, first, s.bytes, out.bus, index) &&
            trust(index.sections, s.bytes, out.bus.seed(), s))
            return s;
    }
    if (depth == scan_depth::newest && newest) s.index = build_index(in, start, s.walk);
    else s.walk = walk_segment(in, start, [](const commit_view&) {});
    s.walked = true;
    // A footer's header that passes while its tail does not: the seal is torn, the commits are not.
    if (s.walk.sealed && !s.sealed) {
        s.walk.sealed = false;
        s.walk.bytes = s.bytes;
    }
    // A sealed segment says how far it went: what is broken at its end is a hole.
    const std::optional<segment_summary> sum = s.sealed ? footer.summary() : std::nullopt;
    if (sum && sum->first_seq == first && sum->last_seq >= s.walk.end.next && sum->last_seq != max_seq) {
        s.walk.holes.push_back({{s.walk.end.next, sum->last_seq}, s.walk.valid_end});
        s.walk.end = {out.bus.seed(), sum->chain, sum->running_max_ns, sum->last_seq + 1};
    }
    if (s.walk.os_error != 0) evbus::detail::throw_errno(s.walk.os_error, operation, path);
    if (s.walk.refused != commit_fault::none) refuse(out, path, to_string(s.walk.refused));
    if (s.walk.fork && !out.fork)
        out.fork = fmt::format("{} at offset {}: a second, different commit for seqs up to {}", path,
                               s.walk.fork_offset, s.walk.end.next - 1);
    return s;
}

/// Takes one more segment into account; all before it that are looked at were.
void add(segment_state s, const log_dir& dir, log_state& out) {
    const bool is_first = out.segments.empty();
    if (!is_first && s.first < out.end.next && s.covers_seqs() && !out.fork)
        out.fork = fmt::format("{}: it begins below seq {}, which the segment before already holds",
                               segment_path(dir, s.first), out.end.next);
    if (!is_first && s.first > out.end.next)
        out.holes.push_back({{out.end.next, s.first - 1}, out.segments.back().first, out.segments.back().walk.valid_end});
    for (const hole& h : s.walk.holes) out.holes.push_back({h.range, s.first, h.offset});
    const std::int64_t greatest = std::max(out.end.running_max_ns, s.walk.end.running_max_ns);
    // An unreadable newest segment proves by its name what was written before it.
    const bool header_fine = s.header_fault == segment_fault::none;
    out.chain_breaks += s.walk.chain_breaks;
    if (!is_first && header_fine && s.first == out.end.next && s.header.previous_chain != out.end.chain)
        ++out.chain_breaks;
    if (s.walk.commits != 0) out.end = s.walk.end;
    else
        out.end = {out.end.seed, header_fine ? s.header.previous_chain : out.end.chain, 0,
                   std::max(out.end.next, s.first)};
    out.end.running_max_ns = greatest;
    out.segments.push_back(std::move(s));
}

/// The newest segment, and those before it back to one that tells both chain and time: a whole header and a
/// commit. Ascending.
std::vector<segment_state> look_back(const look_at& how, const std::vector<seq_t>& firsts, log_state& out) {
    std::vector<segment_state> found;
    for (std::size_t i = firsts.size(); i-- > 0;) {
        found.push_back(look(how, firsts[i], out.end, out, i + 1 == firsts.size()));
        if (found.back().header_fault == segment_fault::none && found.back().walk.commits != 0) break;
    }
    std::reverse(found.begin(), found.end());
    return found;
}

} // namespace

log_state scan(file_system& fs, const log_dir& dir, const bus_id& expected, scan_depth depth, const std::atomic<bool>* stop) {
    const look_at how{fs, dir, depth, stop};
    log_state out;
    std::vector<seq_t> firsts;
    if (const int r = list_segments(fs, dir, firsts); r < 0 && r != -ENOENT)
        evbus::detail::throw_errno(-r, operation, dir.segments());
    out.bus = find_bus(fs, dir, firsts, expected);
    out.end = {out.bus.seed(), 0, 0, 1};
    if (firsts.empty()) return out;
    if (out.bus.empty())
        throw error(errc::not_a_bus, {operation, dir.root, "no segment in it has a readable header",
                                      "name the right directory, or restore the log from a copy"});
    out.first = firsts.front();
    if (depth == scan_depth::newest)
        for (segment_state& s : look_back(how, firsts, out)) add(std::move(s), dir, out);
    else
        for (const seq_t first : firsts) add(look(how, first, out.end, out, first == firsts.back()), dir, out);
    return out;
}

namespace {

void fail(int r, std::string_view object) {
    if (r < 0) evbus::detail::throw_errno(-r, "repair log", object);
}

} // namespace

void copy_bytes(file_system& fs, const file& in, std::uint64_t from, std::uint64_t end, const std::string& path, unsigned mode) {
    const int fd = fs.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    fail(fd, path);
    const file out(fs, fd);
    std::vector<std::byte> piece(std::size_t{64} << 10);
    fail(out.truncate(end - from), path); // holes stay holes: a tail may claim far more than the disk has
    for (std::uint64_t at = from; (at = in.next_data(at)) < end;) {
        const std::int64_t n = in.read_at(piece.data(), std::min<std::uint64_t>(piece.size(), end - at), at);
        fail(static_cast<int>(std::min<std::int64_t>(n, 0)), path);
        if (n == 0) break;
        fail(out.write_at(piece.data(), static_cast<std::size_t>(n), at - from), path);
        at += static_cast<std::uint64_t>(n);
    }
    fail(out.datasync(), path);
}

void keep_tail(file_system& fs, const log_dir& dir, const file& in, std::uint64_t from, std::uint64_t end,
               const std::string& name, unsigned mode) {
    copy_bytes(fs, in, from, end, dir.quarantine() + "/" + name, mode);
    fail(fs.sync_dir(dir.quarantine()), dir.quarantine());
}

void sync_names(file_system& fs, const log_dir& dir) {
    const std::string above = std::filesystem::path(dir.root).lexically_normal().parent_path().string();
    for (const std::string& d : {above.empty() ? "." : above, dir.root, dir.segments()}) {
        const int r = fs.sync_dir(d);
        const bool never_ours = d == above && (r == -EACCES || r == -EPERM); // nothing was made there by who may not look
        if (r < 0 && !never_ours) evbus::detail::throw_errno(-r, "sync log directory", d);
    }
}

namespace {

/// quarantine/FIRST.OFFSET.LAST.torn: LAST so that no seq named in it is used again.
std::string torn_name(const segment_state& s) {
    return fmt::format("{}.{}.{}.torn", seq_digits(s.first), s.walk.valid_end,
                       seq_digits(std::max(s.walk.torn_last, s.last())));
}

void cut_tail(file_system& fs, const log_dir& dir, segment_state& s, unsigned mode, const notice_hook& notices) {
    const std::string path = segment_path(dir, s.first);
    const std::string name = torn_name(s);
    const int fd = fs.open(path, O_RDWR, 0);
    fail(fd, path);
    const file f(fs, fd);
    keep_tail(fs, dir, f, s.walk.valid_end, s.bytes, name, mode);
    mark(probe::tail_kept);
    fail(f.truncate(s.walk.valid_end), path);
    mark(probe::tail_cut);
    fail(f.datasync(), path);
    if (notices)
        notices({notice_kind::repaired,
                 fmt::format("log {}: segment {} ended in {} bytes of an unfinished write at offset {}: moved to "
                             "quarantine/{} and cut off; the log goes on after seq {}",
                             dir.root, segment_name(s.first), s.bytes - s.walk.valid_end, s.walk.valid_end, name,
                             s.last()),
                 s.walk.end.next});
    s.bytes = s.walk.bytes = s.walk.valid_end;
}

void move_away(file_system& fs, const log_dir& dir, const segment_state& s, const notice_hook& notices) {
    const std::string name = torn_name(s);
    fail(fs.rename(segment_path(dir, s.first), dir.quarantine() + "/" + name), segment_path(dir, s.first));
    mark(probe::segment_moved);
    fail(fs.sync_dir(dir.quarantine()), dir.quarantine());
    fail(fs.sync_dir(dir.segments()), dir.segments());
    if (notices)
        notices({notice_kind::repaired, fmt::format("log {}: segment {} ({} bytes) is damaged and holds no seq: "
                                                    "moved to quarantine/{}",
                                                    dir.root, segment_name(s.first), s.bytes, name)});
}

} // namespace

void repair(file_system& fs, const log_dir& dir, log_state& state, unsigned file_mode, const notice_hook& notices) {
    if (state.empty()) return;
    segment_state& newest = state.segments.back();
    if (newest.must_go()) {
        move_away(fs, dir, newest, notices);
        state.segments.pop_back();
    } else if (!newest.sealed && newest.walk.has_torn_tail()) {
        cut_tail(fs, dir, newest, file_mode, notices);
    }
    for (segment_state& s : state.segments) {
        const bool goes_on = &s == &state.segments.back() && s.walk.holes.empty() && s.header_fault == segment_fault::none;
        if (s.sealed || goes_on || !s.walked) continue;
        segment_reader in;
        fail(in.open(fs, segment_path(dir, s.first), state.bus.seed()), segment_path(dir, s.first));
        segment_walk walked;
        const segment_index index = build_index(in, {state.bus.seed(), s.header.previous_chain, 0, s.first}, walked);
        fail(write_index(fs, dir, index, s.bytes, state.bus, file_mode), index_path(dir, s.first));
    }
}

} // namespace log
} // namespace v1
} // namespace evbus
