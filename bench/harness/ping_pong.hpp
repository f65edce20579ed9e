// The bare cache line between two cores: what every round trip is compared with, and the calibration
// that brackets every window.
#pragma once

#include "machine.hpp"
#include "process.hpp"

#include <atomic>
#include <cstdint>
#include <vector>

namespace bench {

/// Percentiles of round trips, ns.
struct latencies {
    double mean = 0; ///< finer than the percentiles where the counter moves in steps of 10 ns
    double p50 = 0;
    double p90 = 0;
    double p99 = 0;
    double p999 = 0;
    double first = 0; ///< of the very first one
};

/// Sorts `all` (ticks) and reads the percentiles off.
[[nodiscard]] latencies percentiles(std::vector<std::uint32_t>& all);

/// Times `count` calls of `trip(i)`, i from 1 on, after a tenth as many that are not timed; `between`
/// is called before each and not timed.
template <class Trip, class Between>
[[nodiscard]] latencies time_trips(std::uint64_t count, Trip&& trip, Between&& between) {
    std::vector<std::uint32_t> all;
    all.reserve(count);
    const std::uint64_t warm_up = count / 10;
    for (std::uint64_t i = 1; i <= warm_up; ++i) between(), trip(i);
    for (std::uint64_t i = 1; i <= count; ++i) {
        between();
        const std::uint64_t start = ticks();
        trip(warm_up + i);
        all.push_back(static_cast<std::uint32_t>(ticks() - start));
    }
    return percentiles(all);
}
template <class Trip>
[[nodiscard]] latencies time_trips(std::uint64_t count, Trip&& trip) {
    return time_trips(count, trip, [] {});
}
/// How often time_trips(count) calls.
[[nodiscard]] constexpr std::uint64_t trips_in_all(std::uint64_t count) noexcept { return count + count / 10; }

struct timed_trips {
    latencies ns;
    quiet how;
    std::uint64_t lost = 0; ///< both players'
};

/// Round trips between two processes on two cores. `first()` and `second()` make each its player in
/// its own process: send(i) sends message i, take(i) waits for it, lost() counts. `time(trip)` calls
/// trip(i) for i from 1 to `trips`, and gives the latencies.
template <class First, class Second, class Time>
[[nodiscard]] timed_trips play(std::uint64_t trips, First&& first, Second&& second, Time&& time,
                               place one = place::first, place other = place::second) {
    struct words {
        latencies ns;
        std::uint64_t lost[2] = {};
        std::atomic<bool> over{false};
    };
    const shared<words> seen;
    meeting start(2);
    const quiet how = run_together({
        {one,
         [&] {
             auto me = first();
             start.meet();
             seen->ns = time([&](std::uint64_t i) {
                 me.send(i);
                 me.take(i);
             });
             seen->over = true;
             seen->lost[0] = me.lost();
         }},
        {other,
         [&] {
             auto me = second();
             start.meet();
             for (std::uint64_t i = 1; i <= trips; ++i) {
                 me.take(i);
                 me.send(i);
             }
             while (!seen->over) ::sched_yield(); // its last answer may still be under way
             seen->lost[1] = me.lost();
         }},
    });
    return {seen->ns, how, seen->lost[0] + seen->lost[1]};
}
/// The usual: warmed up.
template <class First, class Second>
[[nodiscard]] timed_trips play(std::uint64_t trips, First&& first, Second&& second) {
    return play(trips_in_all(trips), first, second, [trips](auto&& trip) { return time_trips(trips, trip); });
}

/// One word in one cache line, incremented in turn by two processes on two cores.
[[nodiscard]] timed_trips line_ping_pong(std::uint64_t trips);

} // namespace bench
