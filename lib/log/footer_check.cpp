#include "lib/log/footer_check.hpp"

#include "lib/log/index.hpp"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include <sys/mman.h>

namespace evbus {
inline namespace v1 {
namespace log {
namespace {

constexpr const char* names[] = {"summary", "places", "topics", "header keys", "header values", "exceptions"};

/// Bytes as a file that only this process sees, at the place where they would stand: footers are read from
/// files, and say themselves where they begin.
file in_memory(const std::vector<std::byte>& bytes, std::uint64_t at) {
    const int fd = ::memfd_create("evbus-footer", MFD_CLOEXEC);
    if (fd < 0) evbus::detail::throw_errno(errno, "check footer", "memory for a copy of it");
    file out(posix(), fd);
    if (const int r = out.write_at(bytes.data(), bytes.size(), at); r < 0) evbus::detail::throw_errno(-r, "check footer", "memory for a copy of it");
    return out;
}

bool is_at(const file& from, std::uint64_t at, const std::vector<std::byte>& bytes) {
    std::vector<std::byte> there(bytes.size());
    return from.read_at(there.data(), there.size(), at) == static_cast<std::int64_t>(there.size()) && there == bytes;
}

/// What of the footer `there`, open on `from`, is not what `index` would write; empty when all is. A section
/// that was cut for want of memory says so, and is believed: no query relies on it.
std::string wrong_sections(const file& from, const segment_footer& there, const segment_index& index, std::uint64_t seed) {
    const std::vector<std::byte> bytes = index.encode(there.offset(), seed);
    if (is_at(from, there.offset(), bytes)) return {};
    const file copy = in_memory(bytes, there.offset());
    segment_footer expected;
    std::string out;
    bool cut = false;
    if (!expected.open(copy, index.summary().first_seq, seed)) return "all of it";
    for (std::size_t i = 0; i < std::size(names); ++i) {
        const auto kind = static_cast<section_kind>(i + 1);
        const std::optional<section> a = expected.read(kind);
        const std::optional<section> b = there.read(kind);
        cut |= a && b && (b->flags & ~a->flags) != 0;
        if (!a || (b && ((b->flags & ~a->flags) != 0 || b->body == a->body))) continue;
        out += std::string(out.empty() ? "" : ", ") + names[i] + (b ? "" : " (missing, or fails its checksum)");
    }
    // Nothing but the sections themselves may differ where all of them are there.
    const std::int64_t size = from.size();
    if (out.empty() && !cut && size >= 0 && there.offset() + bytes.size() == static_cast<std::uint64_t>(size)) return "bytes between its sections";
    return out;
}

/// Whether an .evidx that is not believed was right once, for a segment of another size.
bool is_older(const footer_question& ask) {
    index_header h{};
    const int fd = ask.fs.open(index_path(ask.dir, ask.first), O_RDONLY, 0);
    return fd >= 0 && file(ask.fs, fd).read_at(&h, sizeof h, 0) == static_cast<std::int64_t>(sizeof h) && h.magic == index_magic &&
           checksum_of(h, ask.bus.seed()) == h.checksum && h.segment_bytes != ask.bytes;
}

finding about(severity weight, std::string file, std::uint64_t offset, std::string what, std::string good, std::string todo) {
    return {weight, flaw::footer, std::move(file), offset, 0, {}, std::move(what), std::move(good), std::move(todo)};
}

} // namespace

void check_footers(const footer_question& ask, const file& segment, const segment_index& index, findings& found) {
    const std::string name = "segments/" + segment_name(ask.first);
    const std::string beside = "segments/" + index_name(ask.first);
    const std::uint64_t seed = ask.bus.seed();
    constexpr const char* mend = "evlog repair writes a new one; readers do without";
    segment_footer footer;
    const bool fine = found.count(severity::damage) == 0;
    if (fine && ask.sealed && footer.open(segment, ask.first, seed))
        if (const std::string wrong = wrong_sections(segment, footer, index, seed); !wrong.empty())
            found.add(about(severity::damage, name, footer.offset(), fmt::format("the footer does not say what the commits say: {}", wrong), "all its commits", mend));

    file_info info;
    segment_index_file there;
    if (ask.fs.stat(index_path(ask.dir, ask.first), info) < 0) {
        // What is broken has been told; what is not was sealed before the next segment was begun.
        if (fine && !ask.sealed && !ask.newest)
            found.add(about(severity::damage, name, ask.valid_end, "it has no footer, although it is not the newest segment: its end was cut off", "all its commits", mend));
    } else if (open_index(ask.fs, ask.dir, ask.first, ask.bytes, ask.bus, there)) {
        if (const std::string wrong = wrong_sections(there.source, there.sections, index, seed); !wrong.empty())
            found.add(about(severity::damage, beside, there.sections.offset(), fmt::format("the index does not say what the commits say: {}", wrong), "the segment", mend));
    } else if (is_older(ask)) {
        found.add(about(severity::note, beside, 0, "it is of an older state of its segment, and nobody believes it", "the segment", "nothing"));
    } else {
        found.add(about(severity::damage, beside, 0, "it fails its checks, and nobody believes it", "the segment", "delete it: readers do without"));
    }
}

} // namespace log
} // namespace v1
} // namespace evbus
