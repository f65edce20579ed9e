#include "tools/evlog/content_hash.hpp"

#include <evbus/error.hpp>
#include <evbus/log/file.hpp>

#define XXH_INLINE_ALL
#define XXH_NO_INLINE_HINTS 1 // at -Og gcc inlines less than xxHash insists on
#include <xxhash.h>

#include <fmt/format.h>

#include <cerrno>
#include <memory>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

namespace evlog {
namespace {

using evbus::errc;
using evbus::error;

constexpr const char* operation = "hash file";
constexpr std::size_t piece_bytes = std::size_t{1} << 20;

[[noreturn]] void refuse_type(const std::string& path) {
    throw error(errc::bad_option, {operation, path, "it is not a regular file", "name a file, or give --hash"});
}

struct free_state {
    void operator()(XXH3_state_t* s) const { XXH3_freeState(s); }
};

} // namespace

std::string hash_text(std::uint64_t hash) { return fmt::format("{:016x}", hash); }

std::uint64_t parse_hash(const std::string& text) {
    const std::string digits = text.starts_with("0x") ? text.substr(2) : text;
    if (digits.empty() || digits.size() > 16 || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
        throw error(errc::bad_option, {"", "'" + text + "'", "is no hash", "write up to 16 hex digits, as --hash 00c0ffee00c0ffee"});
    return std::stoull(digits, nullptr, 16);
}

std::uint64_t hash_of_file(const std::string& path) {
    // Not to wait for somebody who writes, if it is a pipe.
    const evbus::log::file in(evbus::log::posix(), [&] {
        const int fd = evbus::log::posix().open(path, O_RDONLY | O_NONBLOCK, 0);
        if (fd == -ENODEV) refuse_type(path);
        if (fd < 0) evbus::detail::throw_errno(-fd, operation, path);
        return fd;
    }());
    struct stat s {};
    if (::stat(path.c_str(), &s) != 0) evbus::detail::throw_errno(errno, operation, path);
    if (!S_ISREG(s.st_mode)) refuse_type(path);
    const std::unique_ptr<XXH3_state_t, free_state> state(XXH3_createState());
    if (!state || XXH3_64bits_reset(state.get()) != XXH_OK) throw error(errc::io, {operation, path, "out of memory"});
    std::vector<char> piece(piece_bytes);
    for (std::uint64_t at = 0;;) {
        const std::int64_t n = in.read_at(piece.data(), piece.size(), at);
        if (n < 0) evbus::detail::throw_errno(static_cast<int>(-n), operation, path);
        if (n == 0) return XXH3_64bits_digest(state.get());
        XXH3_64bits_update(state.get(), piece.data(), static_cast<std::size_t>(n));
        at += static_cast<std::uint64_t>(n);
    }
}

} // namespace evlog
