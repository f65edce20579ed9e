#include "ping_pong.hpp"

#include <algorithm>
#include <atomic>

namespace bench {

latencies percentiles(std::vector<std::uint32_t>& all) {
    if (all.empty()) return {};
    const double first = all.front() * ns_per_tick();
    std::sort(all.begin(), all.end());
    const auto at = [&](double part) {
        const auto index = static_cast<std::size_t>(part * static_cast<double>(all.size() - 1));
        return static_cast<double>(all[index]) * ns_per_tick();
    };
    double sum = 0;
    for (const std::uint32_t t : all) sum += t;
    return {sum / static_cast<double>(all.size()) * ns_per_tick(), at(0.5), at(0.9), at(0.99), at(0.999), first};
}

timed_trips line_ping_pong(std::uint64_t trips) {
    struct words {
        alignas(128) std::atomic<std::uint64_t> ball{0};
    };
    struct player {
        void send(std::uint64_t i) noexcept { ball->store(2 * i - mine, std::memory_order_release); }
        void take(std::uint64_t i) noexcept {
            while (ball->load(std::memory_order_acquire) != 2 * i - (1 - mine)) rest();
        }
        [[nodiscard]] static std::uint64_t lost() noexcept { return 0; }
        std::atomic<std::uint64_t>* ball;
        std::uint64_t mine; ///< 1: who serves
        relax rest{};
    };
    const shared<words> both;
    return play(
        trips,
        [&] {
            return player{&both->ball, 1};
        },
        [&] {
            return player{&both->ball, 0};
        });
}

} // namespace bench
