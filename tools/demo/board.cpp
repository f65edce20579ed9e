#include "tools/demo/board.hpp"

#include <sys/mman.h>

#include <bit>
#include <cmath>
#include <stdexcept>

namespace demo {

void latency_histogram::add(std::int64_t ns) {
    const auto v = static_cast<std::uint64_t>(ns < 8 ? 8 : ns);
    const auto power = static_cast<std::size_t>(std::bit_width(v) - 1);
    const std::size_t eighth = v >> (power - 3) & 7;
    counts[power * 8 + eighth].fetch_add(1, std::memory_order_relaxed);
}

double latency_histogram::percentile_us(double part) const {
    std::uint64_t all = 0;
    for (const counter& c : counts) all += c.load();
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < counts.size() && all != 0; ++i) {
        below += counts[i].load();
        if (static_cast<double>(below) >= part * static_cast<double>(all))
            return std::ldexp(1.0 + static_cast<double>(i % 8 + 1) / 8.0, static_cast<int>(i / 8)) / 1000.0;
    }
    return 0;
}

board* make_board() {
    void* at = ::mmap(nullptr, sizeof(board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) throw std::runtime_error("out of memory for the demo's own counters");
    return new (at) board{};
}

} // namespace demo
