// What is asked of the machine while something is set up.
#pragma once

#include <evbus/error.hpp>
#include <evbus/ids.hpp>

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <cstdint>
#include <string>

namespace evbus {
inline namespace v1 {
namespace detail {

/// 64 random bits, never 0.
[[nodiscard]] inline std::uint64_t random_u64() {
    std::uint64_t value = 0;
    while (value == 0)
        if (::getrandom(&value, sizeof value, 0) != static_cast<ssize_t>(sizeof value) && errno != EINTR)
            throw_errno(errno, "get random bits", "getrandom");
    return value;
}

[[nodiscard]] inline bus_id random_bus_id() { return {{random_u64(), random_u64()}}; }

/// A small file of /proc or /sys, without its trailing newline; empty when it cannot be read.
[[nodiscard]] inline std::string read_small_file(const char* path) {
    char text[4096];
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return {};
    const ssize_t n = ::read(fd, text, sizeof text);
    ::close(fd);
    std::string out(text, n > 0 ? static_cast<std::size_t>(n) : 0);
    while (!out.empty() && (out.back() == '\n' || out.back() == '\0')) out.pop_back();
    return out;
}

/// Changes with every boot of the machine; 36 characters.
[[nodiscard]] inline std::string boot_id() { return read_small_file("/proc/sys/kernel/random/boot_id"); }

} // namespace detail
} // namespace v1
} // namespace evbus
