// What the benchmarks send: a number at both ends, so that a reader sees what is missing or torn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace bench {

template <std::size_t Bytes>
struct numbered {
    std::uint64_t number = 0;
    std::byte between[Bytes - 16]{};
    std::uint64_t again = 0;

    void set(std::uint64_t n) noexcept { number = again = n; }
};

/// The number of a whole payload; 0 for any other.
template <std::size_t Bytes>
[[nodiscard]] inline std::uint64_t number_of(const void* payload, std::size_t bytes) noexcept {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    if (bytes != Bytes) return 0;
    std::memcpy(&first, payload, 8);
    std::memcpy(&last, static_cast<const std::byte*>(payload) + Bytes - 8, 8);
    return first == last ? first : 0;
}
template <std::size_t Bytes>
[[nodiscard]] inline bool is_whole(std::span<const std::byte> payload, std::uint64_t number) noexcept {
    return number_of<Bytes>(payload.data(), payload.size()) == number;
}

} // namespace bench
