// The experiments of ring_bench, one file each.
#pragma once

#include "bench/harness/experiment.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace bench {

/// Ping and pong over two buses, against the bare cache line.
[[nodiscard]] experiment round_trip(const options& how);
/// The same with both sides asleep between, against two processes on a bare futex.
[[nodiscard]] experiment sleeping_round_trip(const options& how);
/// One publisher, one reader, nothing lost, against boost's spsc_queue.
[[nodiscard]] experiment throughput_64(const options& how);
[[nodiscard]] experiment throughput_192(const options& how);
/// Two publishers on one core, a reader on the other.
[[nodiscard]] experiment two_publishers(const options& how);
/// A publisher that nobody reads, against reading the counter.
[[nodiscard]] experiment publish_alone(const options& how);
/// A reader on a ring that was filled by another core, against adding up as many bytes.
[[nodiscard]] experiment read_alone(const options& how);

/// A payload of the benchmark: its number first, and once more at its end.
template <std::size_t Bytes>
struct numbered {
    std::uint64_t number = 0;
    std::byte between[Bytes - 16]{};
    std::uint64_t again = 0;
};

template <std::size_t Bytes>
[[nodiscard]] inline bool is_whole(std::span<const std::byte> payload, std::uint64_t number) noexcept {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    if (payload.size() != Bytes) return false;
    std::memcpy(&first, payload.data(), 8);
    std::memcpy(&last, payload.data() + Bytes - 8, 8);
    return first == number && last == number;
}

} // namespace bench
