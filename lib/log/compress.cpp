#include "lib/log/compress.hpp"

#include "lib/log/packed_writer.hpp"

#include <evbus/error.hpp>
#include <evbus/log/log_lock.hpp>
#include <evbus/log/zstd.hpp> // what was written is read back

#include <algorithm>
#include <optional>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {
namespace {

constexpr const char* operation = "compress segment";
constexpr std::string_view suffix = ".tmp"; // no name of a segment ends in it

void check(std::int64_t r, const std::string& object) {
    if (r < 0) evbus::detail::throw_errno(static_cast<int>(-r), operation, object);
}

/// A segment's file, locked. Only who has the lock touches the file beside it. Nothing when it is gone,
/// was replaced, or somebody else has it: see `why`.
std::optional<file> lock_segment(file_system& fs, const std::string& path, compress_outcome& why) {
    const int fd = fs.open(path, O_RDWR, 0);
    why = compress_outcome::changed;
    if (fd == -ENOENT) return std::nullopt;
    check(fd, path);
    file f(fs, fd);
    const int r = f.try_lock();
    if (r == -EAGAIN) why = compress_outcome::in_use;
    else check(r, path);
    if (r == 0 && f.is_at(path)) return f;
    return std::nullopt;
}

/// The file beside may be the old segment of a run that died before it was sure of the new one.
void remove_beside(file_system& fs, const log_dir& dir, const std::string& beside) {
    file_info info;
    if (fs.stat(beside, info) == -ENOENT) return;
    check(fs.sync_dir(dir.segments()), dir.segments());
    const int r = fs.unlink(beside);
    if (r != -ENOENT) check(r, beside);
}

/// The new file until it has the segment's name; removed again when it does not come to that.
class file_beside {
public:
    file_beside(file_system& fs, std::string path) : fs_(&fs), path_(std::move(path)) {
        const int fd = fs.open(path_, O_RDWR | O_CREAT | O_EXCL, 0600);
        check(fd, path_);
        file_ = file(fs, fd);
        check(file_.try_lock(), path_); // who finds it under the segment's name waits until we are done
    }
    ~file_beside() {
        if (!path_.empty()) fs_->unlink(path_);
    }
    file_beside(const file_beside&) = delete;
    file_beside& operator=(const file_beside&) = delete;

    [[nodiscard]] const file& source() const noexcept { return file_; }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    /// From here on whoever finds the file there decides about it.
    void leave() noexcept { path_.clear(); }

private:
    file_system* fs_;
    std::string path_;
    file file_;
};

bool is_stopped(const compress_options& o) { return o.stop != nullptr && o.stop->load(std::memory_order_relaxed); }

/// Copies all commits, or says why not. Strict: nothing is compressed in which anything is amiss.
compress_outcome pack_commits(segment_reader& in, const segment_header& h, packed_writer& out, const std::string& beside,
                              const compress_options& options, std::uint64_t& at) {
    const std::uint64_t seed = bus_of(h).seed();
    chain_state state{seed, h.previous_chain, 0, h.first_seq};
    commit_view c;
    while (true) {
        if (is_stopped(options)) return compress_outcome::stopped;
        const walk w = in.read(at, c);
        if (w == walk::failed) check(-in.os_error(), beside);
        if (w == walk::sealed) break;
        if (w != walk::commit || c.misplaced() || c.header.first_seq != state.next || c.header.previous_chain != state.chain)
            return compress_outcome::damaged;
        check(out.add(c), beside);
        state = state_after(c.header, seed);
        if (options.progress != nullptr) options.progress->fetch_add(c.end() - at, std::memory_order_relaxed);
        at = c.end();
    }
    check(out.finish(), beside);
    segment_footer footer;
    const std::optional<segment_summary> said =
        footer.open(in.source(), h.first_seq, seed) ? footer.summary() : std::nullopt;
    if (!said || footer.offset() != at || said->last_seq != state.next - 1 || said->chain != state.chain)
        return compress_outcome::damaged;
    return compress_outcome::compressed;
}

/// True when both hold the same commits with the same records, and end in a footer.
bool are_equal(segment_reader& one, segment_reader& other, const std::string& path) {
    commit_view a;
    commit_view b;
    std::uint64_t at_a = sizeof(segment_header);
    std::uint64_t at_b = at_a;
    while (true) {
        const walk w = one.read(at_a, a);
        const walk v = other.read(at_b, b);
        if (w == walk::failed) check(-one.os_error(), path);
        if (v == walk::failed) check(-other.os_error(), path);
        if (w == walk::sealed && v == walk::sealed) return true;
        if (w != walk::commit || v != walk::commit || b.misplaced()) return false;
        // The chain covers seqs, counts and times, and its body hash the records; the records again byte by byte.
        if (chain_after(a.header, 0) != chain_after(b.header, 0) || a.header.min_time_ns != b.header.min_time_ns ||
            a.header.max_time_ns != b.header.max_time_ns || !std::ranges::equal(a.body, b.body))
            return false;
        at_a = a.end();
        at_b = b.end();
    }
}

/// True while nobody has written to the segment since `before`.
bool is_untouched(file_system& fs, const std::string& path, const file_info& before) {
    file_info now;
    return fs.stat(path, now) == 0 && now.inode == before.inode && now.bytes == before.bytes &&
           now.modified_ns == before.modified_ns;
}

/// Gives the new file the segment's name. A deleted segment must not come back, so that the names are
/// swapped where the file system can do that.
compress_outcome take_name(file_system& fs, const log_dir& dir, seq_t first, const file_info& before, file_beside& made) {
    const std::string path = segment_path(dir, first);
    std::vector<seq_t> firsts;
    check(list_segments(fs, dir, firsts), dir.segments());
    std::optional<log_lock> lock;
    if (firsts.empty() || first >= firsts.back()) {
        lock = log_lock::try_acquire(fs, dir.root, "evlog compress");
        if (!lock) return compress_outcome::in_use;
    }
    if (!is_untouched(fs, path, before)) return compress_outcome::changed;
    const std::string beside = made.path();
    int r = fs.exchange(beside, path);
    if (r == -ENOENT) return compress_outcome::changed;
    if (r == -EINVAL) r = fs.rename(beside, path);
    check(r, path);
    // The old file is not removed before the new one's name is safe.
    made.leave();
    check(fs.sync_dir(dir.segments()), dir.segments());
    fs.unlink(beside);
    return compress_outcome::compressed;
}

} // namespace

const char* to_string(compress_outcome o) noexcept {
    switch (o) {
    case compress_outcome::compressed: return "compressed";
    case compress_outcome::compressed_before: return "compressed before";
    case compress_outcome::not_worth_it: return "would hardly become smaller";
    case compress_outcome::unsealed: return "not sealed";
    case compress_outcome::in_use: return "in use";
    case compress_outcome::changed: return "deleted or replaced meanwhile";
    case compress_outcome::damaged: return "damaged";
    case compress_outcome::stopped: return "stopped";
    }
    return "?";
}

void remove_leftovers(file_system& fs, const log_dir& dir) {
    std::vector<std::string> names;
    const int r = fs.list(dir.segments(), names);
    if (r == -ENOENT) return;
    check(r, dir.segments());
    for (const std::string& name : names) {
        if (!name.ends_with(suffix)) continue;
        const std::string segment = name.substr(0, name.size() - suffix.size());
        if (!parse_segment_name(segment)) continue;
        compress_outcome why{};
        const std::optional<file> locked = lock_segment(fs, dir.segments() + "/" + segment, why);
        if (locked || why == compress_outcome::changed) remove_beside(fs, dir, dir.segments() + "/" + name);
    }
}

compress_result compress_segment(file_system& fs, const log_dir& dir, seq_t first, const compress_options& options) {
    const std::string path = segment_path(dir, first);
    const std::string beside = path + std::string(suffix);
    compress_result out;
    const auto end = [&out](compress_outcome why) {
        out.outcome = why;
        return out;
    };
    const std::optional<file> locked = lock_segment(fs, path, out.outcome);
    if (!locked) return out;
    remove_beside(fs, dir, beside);

    file_info before;
    check(locked->info(before), path);
    out.before_bytes = out.after_bytes = before.bytes;
    segment_reader in;
    segment_header h{};
    check(in.open(fs, path, 0), path);
    const segment_fault fault = in.read_header({}, first, h);
    if (fault == segment_fault::io) check(-in.os_error(), path);
    if (fault == segment_fault::version || fault == segment_fault::feature)
        throw error(errc::wrong_version, {operation, path, to_string(fault), "use the version of evbus that wrote it"});
    if (fault != segment_fault::none) return end(compress_outcome::damaged);
    const std::uint64_t seed = bus_of(h).seed();
    check(in.open(fs, path, seed), path);
    segment_footer footer;
    if (!footer.open(in.source(), first, seed)) return end(compress_outcome::unsealed);
    const std::optional<segment_summary> said = footer.summary();
    // A recorder goes on with a segment that holds no seq, footer or not.
    if (said && said->last_seq < said->first_seq) return end(compress_outcome::unsealed);
    if ((h.compatible_flags & segment_flags::compressed) != 0 && !options.again)
        return end(compress_outcome::compressed_before);

    file_beside made(fs, beside);
    packed_writer packed(made.source(), h, options.level);
    out.at = sizeof(segment_header);
    if (const compress_outcome o = pack_commits(in, h, packed, beside, options, out.at); o != compress_outcome::compressed)
        return end(o);
    out.after_bytes = packed.bytes();
    if (static_cast<double>(packed.bytes()) > options.worth * static_cast<double>(before.bytes))
        return end(compress_outcome::not_worth_it);
    check(locked->copy_attributes_to(made.source()), beside);
    check(made.source().datasync(), beside);

    segment_reader anew;
    check(anew.open(fs, beside, seed), beside);
    if (!are_equal(in, anew, beside))
        throw error(errc::damaged, {operation, beside, "what was written does not read back as it was",
                                    "the segment stays as it was; check the disk and the memory of this machine"});
    return end(take_name(fs, dir, first, before, made));
}

} // namespace log
} // namespace v1
} // namespace evbus
