// How long a failed event waits for its next attempt: delays grow by a factor up to a cap, and are spread a
// little, so that what failed together does not come back together. No clock and no random source in here.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>

namespace evbus {
inline namespace v1 {

/// What becomes of an event whose handling failed.
struct retry_policy {
    unsigned attempts = 5;                             ///< in all, the first included; then it is a dead letter
    std::chrono::nanoseconds first_delay{100'000'000}; ///< between the first attempt and the second
    double factor = 2;                                 ///< each further delay against the one before; at least 1
    std::chrono::nanoseconds max_delay{30'000'000'000}; ///< no delay is longer
    double jitter = 0.2;                               ///< 0..1: a delay is shortened by up to this part of it
};

namespace work {

/// The delay after `failed` attempts (from 1), before it is spread.
[[nodiscard]] inline std::int64_t longest_delay_ns(const retry_policy& policy, std::uint32_t failed) noexcept {
    const std::int64_t first = policy.first_delay.count();
    const std::int64_t most = policy.max_delay.count();
    if (first <= 0 || most <= 0) return 0;
    const double grown = static_cast<double>(first) * std::pow(std::max(policy.factor, 1.0), failed == 0 ? 0.0 : failed - 1.0);
    // Said so that infinity ends at the cap, as does whatever no integer holds.
    if (!(grown < static_cast<double>(most))) return most;
    return static_cast<std::int64_t>(grown);
}

/// The delay after `failed` attempts (from 1). `draw` is a random number of [0, 1): the result is at least
/// (1 - jitter) times the longest delay, and at most that one.
[[nodiscard]] inline std::int64_t delay_ns(const retry_policy& policy, std::uint32_t failed, double draw) noexcept {
    const std::int64_t longest = longest_delay_ns(policy, failed);
    const double part = std::clamp(policy.jitter, 0.0, 1.0) * std::clamp(draw, 0.0, 1.0);
    const double off = static_cast<double>(longest) * part;
    return off < static_cast<double>(longest) ? longest - static_cast<std::int64_t>(off) : 0;
}

/// `now_ns` and the delay; the end of time when the sum is past it.
[[nodiscard]] inline std::int64_t due_ns(const retry_policy& policy, std::uint32_t failed, double draw, std::int64_t now_ns) noexcept {
    std::int64_t due = 0;
    return __builtin_add_overflow(now_ns, delay_ns(policy, failed, draw), &due) ? INT64_MAX : due;
}

} // namespace work
} // namespace v1
} // namespace evbus
