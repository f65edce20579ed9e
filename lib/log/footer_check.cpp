#include "lib/log/footer_check.hpp"

#include <vector>

#include <sys/mman.h>

namespace evbus {
inline namespace v1 {
namespace log {
namespace {

constexpr const char* names[] = {"summary", "places", "topics", "header keys", "header values", "exceptions"};

/// Bytes as a file that only this process sees: footers are read from files.
file in_memory(const std::vector<std::byte>& bytes) {
    const int fd = ::memfd_create("evbus-footer", MFD_CLOEXEC);
    if (fd < 0) evbus::detail::throw_errno(errno, "check footer", "memory for a copy of it");
    file out(posix(), fd);
    if (const int r = out.write_at(bytes.data(), bytes.size(), 0); r < 0) evbus::detail::throw_errno(-r, "check footer", "memory for a copy of it");
    return out;
}

} // namespace

std::string wrong_sections(const segment_footer& there, const segment_index& index, std::uint64_t seed) {
    // Encoded for the place of its own file: a footer says itself where it begins.
    const file copy = in_memory(index.encode(0, seed));
    segment_footer expected;
    std::string out;
    if (!expected.open(copy, index.summary().first_seq, seed)) return "footer";
    for (std::size_t i = 0; i < std::size(names); ++i) {
        const auto kind = static_cast<section_kind>(i + 1);
        const std::optional<section> a = expected.read(kind);
        const std::optional<section> b = there.read(kind);
        if (!a || (b && (b->flags & ~a->flags) != 0)) continue;
        if (b && b->body == a->body) continue;
        out += std::string(out.empty() ? "" : ", ") + names[i] + (b ? "" : " (missing, or fails its checksum)");
    }
    return out;
}

} // namespace log
} // namespace v1
} // namespace evbus
