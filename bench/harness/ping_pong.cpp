#include "ping_pong.hpp"

#include <algorithm>
#include <atomic>

namespace bench {

latencies percentiles(std::vector<std::uint32_t>& all) {
    if (all.empty()) return {};
    std::sort(all.begin(), all.end());
    const auto at = [&](double part) {
        const auto index = static_cast<std::size_t>(part * static_cast<double>(all.size() - 1));
        return static_cast<double>(all[index]) * ns_per_tick();
    };
    double sum = 0;
    for (const std::uint32_t t : all) sum += t;
    return {sum / static_cast<double>(all.size()) * ns_per_tick(), at(0.5), at(0.9), at(0.99), at(0.999)};
}

timed_trips line_ping_pong(std::uint64_t trips) {
    struct words {
        alignas(128) std::atomic<std::uint64_t> ball{0};
        alignas(128) latencies result;
    };
    const shared<words> both;
    meeting start(2);
    const relax rest;
    const std::uint64_t all = trips_in_all(trips);
    const auto wait_for = [&](std::uint64_t value) {
        while (both->ball.load(std::memory_order_acquire) != value) rest();
    };
    const job ping{place::first, [&] {
                       start.meet();
                       both->result = time_trips(trips, [&](std::uint64_t i) {
                           both->ball.store(2 * i - 1, std::memory_order_release);
                           wait_for(2 * i);
                       });
                   }};
    const job pong{place::second, [&] {
                       start.meet();
                       for (std::uint64_t i = 1; i <= all; ++i) {
                           wait_for(2 * i - 1);
                           both->ball.store(2 * i, std::memory_order_release);
                       }
                   }};
    const quiet how = run_together({ping, pong});
    return {both->result, how};
}

} // namespace bench
