#include "tools/demo/roles.hpp"

#include <evbus/publisher.hpp>

#include <cstdio>
#include <thread>

namespace demo {

int publish_lines(const std::string& bus, const std::vector<source>& sources, std::size_t which, double rate, board& b) {
    const source& from = sources[which];
    evbus::publisher out(evbus::bus::open(bus), {.name = from.topic});
    const evbus::topic to(from.topic);
    const auto start = std::chrono::steady_clock::now();
    for (std::uint64_t k = 0; !b.publishers_stop.load(std::memory_order_relaxed); ++k) {
        const evbus::published p = out.publish(to, from.line(k));
        if (!p) {
            std::fprintf(stderr, "demo: publisher of %s: %s\n", from.path.c_str(), to_string(p.status));
            return 1;
        }
        b.published[which].store(k + 1, std::memory_order_release);
        b.given_back[which].store(out.given_back(), std::memory_order_relaxed);
        // Bursts of 32, so that readers meet both streams and pauses.
        if (k % 32 == 31)
            std::this_thread::sleep_until(start + std::chrono::duration_cast<std::chrono::nanoseconds>(
                                                      std::chrono::duration<double>(static_cast<double>(k) / rate)));
    }
    return 0;
}

} // namespace demo
