// One segment, read by pread through one bounded window; never mapped, because a mapping of a file
// that is cut meanwhile is a SIGBUS. Works on sealed, growing, damaged and deleted-while-open files.
// One thread.
#pragma once

#include <evbus/log/body_codec.hpp>
#include <evbus/log/commit_check.hpp>
#include <evbus/log/file.hpp>
#include <evbus/log/format.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace log {

/// A piece of a file in memory. What was read stays until forget(): a growing file's end is read anew.
class read_window {
public:
    static constexpr std::size_t capacity = std::size_t{256} << 10;

    /// Up to `bytes` (at most capacity) from `offset` on, fewer only at the file's end. Valid until
    /// the next get(). An empty span and failed() after an error of the system. `fill` bytes are read
    /// when they are not here yet: few for a walk by headers.
    [[nodiscard]] std::span<const std::byte> get(const file& from, std::uint64_t offset, std::size_t bytes,
                                                 std::size_t fill = capacity) noexcept {
        failed_ = 0;
        if (offset < start_ || offset > start_ + size_ || start_ + size_ - offset < bytes) {
            if (stop_ != nullptr && stop_->load(std::memory_order_relaxed)) {
                size_ = 0;
                start_ = offset;
                failed_ = ECANCELED;
                return {};
            }
            const std::int64_t n = from.read_at(words_.get(), fill, offset);
            start_ = offset;
            size_ = n < 0 ? 0 : static_cast<std::size_t>(n);
            failed_ = n < 0 ? static_cast<int>(-n) : 0;
            read_ += size_;
            ++reads_;
        }
        const std::size_t at = static_cast<std::size_t>(offset - start_);
        return {reinterpret_cast<const std::byte*>(words_.get()) + at, std::min(bytes, size_ - at)};
    }
    void forget() noexcept { start_ = size_ = 0; }
    /// From when `stop` is set on, reading fails with ECANCELED. Null: never.
    void stop_when(const std::atomic<bool>* stop) noexcept { stop_ = stop; }
    /// errno of the last get(); 0 when it went well.
    [[nodiscard]] int failed() const noexcept { return failed_; }
    [[nodiscard]] std::uint64_t bytes_read() const noexcept { return read_; }
    [[nodiscard]] std::uint64_t reads() const noexcept { return reads_; }

private:
    std::unique_ptr<std::uint64_t[]> words_ = std::make_unique_for_overwrite<std::uint64_t[]>(capacity / 8);
    std::uint64_t start_ = 0;
    std::size_t size_ = 0;
    int failed_ = 0;
    std::uint64_t read_ = 0;
    std::uint64_t reads_ = 0;
    const std::atomic<bool>* stop_ = nullptr;
};
static_assert(sizeof(commit_header) + max_commit_body <= read_window::capacity);

/// Why a segment's header is refused.
enum class segment_fault : std::uint8_t { none, io, cut_short, no_segment, header, foreign, version, feature };

[[nodiscard]] constexpr const char* to_string(segment_fault f) noexcept {
    switch (f) {
    case segment_fault::none: return "fine";
    case segment_fault::io: return "cannot be read";
    case segment_fault::cut_short: return "is shorter than a segment's header";
    case segment_fault::no_segment: return "is not a segment of evbus (wrong magic)";
    case segment_fault::header: return "has a header that fails its checks";
    case segment_fault::foreign: return "belongs to another bus";
    case segment_fault::version: return "was written by a newer version of evbus";
    case segment_fault::feature: return "needs a feature that this library does not know";
    }
    return "?";
}

/// Checks a segment's header; `expected` may be empty (any bus), `first` is what its name says.
[[nodiscard]] inline segment_fault check_segment(const segment_header& h, const bus_id& expected, seq_t first) noexcept {
    if (h.magic != segment_magic) return segment_fault::no_segment;
    if (checksum_of(h, bus_of(h).seed()) != h.checksum || h.first_seq != first) return segment_fault::header;
    if (h.version > log_format_version) return segment_fault::version;
    if (h.incompatible_flags != 0) return segment_fault::feature;
    if (h.header_bytes != sizeof(segment_header)) return segment_fault::header;
    if (!expected.empty() && bus_of(h) != expected) return segment_fault::foreign;
    return segment_fault::none;
}

/// A commit in the window, checked.
struct commit_view {
    commit_header header{};
    std::span<const std::byte> body{}; ///< the records, unpacked
    std::uint64_t offset = 0;

    [[nodiscard]] std::uint64_t end() const noexcept { return offset + sizeof header + header.stored_bytes; }
    /// It says itself that it was written to another place of a file.
    [[nodiscard]] bool misplaced() const noexcept { return header.place != offset; }
};

enum class walk : std::uint8_t {
    commit, ///< one is there and whole
    end,    ///< the file ends here
    sealed, ///< a footer begins here
    broken, ///< neither
    failed, ///< the system reported an error, see os_error()
};

/// Access to commits by offset. Open until destroyed, also when its file is unlinked.
class segment_reader {
public:
    static constexpr std::size_t header_fill = 4096;

    segment_reader() = default;

    /// 0 or -errno. `seed` is the log's bus_id::seed().
    int open(file_system& fs, const std::string& path, std::uint64_t seed) noexcept {
        const int fd = fs.open(path, O_RDONLY, 0);
        if (fd < 0) return fd;
        file_ = file(fs, fd);
        seed_ = seed;
        window_.forget();
        return 0;
    }
    void close() noexcept { file_.close(); }
    [[nodiscard]] bool is_open() const noexcept { return file_.is_open(); }
    [[nodiscard]] const file& source() const noexcept { return file_; }

    [[nodiscard]] segment_fault read_header(const bus_id& expected, seq_t first, segment_header& out) noexcept {
        const std::span<const std::byte> bytes = window_.get(file_, 0, sizeof out, header_fill);
        if (window_.failed() != 0) return segment_fault::io;
        if (bytes.size() < sizeof out) return segment_fault::cut_short;
        std::memcpy(&out, bytes.data(), sizeof out);
        return check_segment(out, expected, first);
    }

    /// The commit at `offset`, header and body checked. After `broken`, fault() says why and
    /// `out.header` may be used only when fault() is body, codec, version or cut_short.
    /// `fill`: so many bytes are read when it is not here yet, for who wants little more than this commit.
    [[nodiscard]] walk read(std::uint64_t offset, commit_view& out, std::size_t fill = read_window::capacity) noexcept {
        return read(offset, out, true, fill);
    }
    /// The same without reading the body: for walking by headers.
    [[nodiscard]] walk read_header_only(std::uint64_t offset, commit_view& out, std::size_t fill = header_fill) noexcept {
        return read(offset, out, false, fill);
    }

    /// The next whole commit at or behind `from` that says it belongs at its place and begins at
    /// `least` or later; `end` when there is none. Payloads that look like commits fail the place.
    [[nodiscard]] walk find(std::uint64_t from, seq_t least, commit_view& out) noexcept {
        std::uint64_t at = (from + 7) & ~std::uint64_t{7};
        while (true) {
            const std::span<const std::byte> piece = window_.get(file_, at, read_window::capacity / 2);
            if (window_.failed() != 0) return walk::failed;
            if (piece.size() < sizeof(commit_header)) return walk::end;
            std::size_t i = 0;
            while (i + 8 <= piece.size() && word_at(piece, i) != commit_magic) i += 8;
            at += i;
            if (i + 8 > piece.size()) { // a huge hole is stepped over, not read
                at = file_.next_data(at) & ~std::uint64_t{7};
                continue;
            }
            const walk w = read(at, out);
            if (w == walk::failed) return w;
            if (w == walk::commit && !out.misplaced() && out.header.first_seq >= least) return w;
            at += 8;
        }
    }

    [[nodiscard]] commit_fault fault() const noexcept { return fault_; }
    [[nodiscard]] int os_error() const noexcept { return no_memory_ ? ENOMEM : window_.failed(); }
    /// Long walks end with the error ECANCELED once `stop` is set.
    void stop_when(const std::atomic<bool>* stop) noexcept { window_.stop_when(stop); }
    /// Drops what is buffered: for a file that may have changed.
    void refresh() noexcept { window_.forget(); }
    [[nodiscard]] std::int64_t size() const noexcept { return file_.size(); }
    [[nodiscard]] std::uint64_t bytes_read() const noexcept { return window_.bytes_read(); }
    [[nodiscard]] std::uint64_t reads() const noexcept { return window_.reads(); }

private:
    [[nodiscard]] static std::uint64_t word_at(std::span<const std::byte> bytes, std::size_t at) noexcept {
        std::uint64_t word;
        std::memcpy(&word, bytes.data() + at, sizeof word);
        return word;
    }

    [[nodiscard]] walk read(std::uint64_t offset, commit_view& out, bool with_body, std::size_t fill) noexcept {
        commit_header& h = out.header;
        const std::span<const std::byte> head = window_.get(file_, offset, sizeof h, fill);
        out.offset = offset;
        out.body = {};
        fault_ = commit_fault::none;
        no_memory_ = false;
        if (window_.failed() != 0) return walk::failed;
        if (head.empty()) return walk::end;
        if (is_footer(head)) return walk::sealed;
        fault_ = commit_fault::cut_short;
        h = commit_header{};
        if (head.size() < sizeof h) return walk::broken;
        std::memcpy(&h, head.data(), sizeof h);
        fault_ = check_header(h, seed_);
        if (fault_ != commit_fault::none) return walk::broken;
        if (!with_body) return walk::commit;
        const std::size_t whole = sizeof h + h.stored_bytes;
        const std::span<const std::byte> all = window_.get(file_, offset, whole, std::max(fill, whole));
        if (window_.failed() != 0) return walk::failed;
        if (all.size() < whole) return broken(commit_fault::cut_short);
        switch (unpacker_.unpack(h, all.subspan(sizeof h), seed_, out.body)) {
        case body_unpacker::outcome::fine: return walk::commit;
        case body_unpacker::outcome::damaged: return broken(commit_fault::body);
        case body_unpacker::outcome::no_memory: break;
        }
        no_memory_ = true;
        return walk::failed;
    }
    [[nodiscard]] walk broken(commit_fault why) noexcept {
        fault_ = why;
        return walk::broken;
    }

    [[nodiscard]] bool is_footer(std::span<const std::byte> head) const noexcept {
        footer_header f;
        if (head.size() < sizeof f || word_at(head, 0) != footer_magic) return false;
        std::memcpy(&f, head.data(), sizeof f);
        return checksum_of(f, seed_) == f.checksum;
    }

    file file_{};
    read_window window_{};
    body_unpacker unpacker_{};
    std::uint64_t seed_ = 0;
    commit_fault fault_ = commit_fault::none;
    bool no_memory_ = false;
};

} // namespace log
} // namespace v1
} // namespace evbus
