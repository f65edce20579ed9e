// What the machine itself takes for the same, without any library.
#pragma once

#include "bench/harness/ping_pong.hpp"

#include <cstdint>

namespace bench {

/// A word in the next cache line each time, as in two rings of 2 MiB, without any protocol.
[[nodiscard]] timed_trips fresh_lines(std::uint64_t trips);
/// The ring's protocol alone, in forty lines: claim, 13 words in two lines with a counter read, commit; the
/// reader's copy and second look. `exclusive`: plain stores instead of the two compare-and-swaps.
[[nodiscard]] timed_trips bare_protocol(std::uint64_t trips, bool exclusive);
/// Two processes that wake each other: one word and one system call each way. Each trip begins after
/// `pause_ns`, when the other side sleeps.
[[nodiscard]] timed_trips bare_futex(std::uint64_t trips, std::int64_t pause_ns);

/// For how long the first player lets the other one wait, so that it has gone to sleep.
inline void let_sleep(std::int64_t ns) noexcept {
    for (const std::int64_t start = now_ns(); now_ns() - start < ns;) {
    }
}

} // namespace bench
