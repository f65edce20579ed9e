#include "experiment.hpp"

#include "ping_pong.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace bench {
namespace {

constexpr double least_core_share = 0.97;
constexpr int tries_a_window = 4;

window take_window(const experiment& what, int turn, std::uint64_t trips) {
    window w;
    const std::size_t count = what.candidates.size();
    w.samples.resize(count);
    w.before_ns = line_ping_pong(trips).ns.p50;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t which = (i + static_cast<std::size_t>(turn)) % count;
        w.samples[which] = what.candidates[which].run();
    }
    w.after_ns = line_ping_pong(trips).ns.p50;
    return w;
}

double core_share(const window& w) {
    double least = 1;
    for (const sample& s : w.samples) least = std::min(least, s.how.core_share);
    return least;
}

} // namespace

result measure(const experiment& what, const options& how) {
    result r{what, {}, 0, 0};
    const bool on_terminal = ::isatty(STDERR_FILENO) != 0;
    const std::uint64_t trips = how.quick ? 200 : 30'000;
    for (int turn = 0; turn < how.rounds * tries_a_window && std::ssize(r.windows) < how.rounds; ++turn) {
        if (on_terminal)
            std::fprintf(stderr, "\r%-24s window %zd of %d, %d discarded   ", what.name.c_str(), std::ssize(r.windows) + 1,
                         how.rounds, r.moved + r.shared_core);
        window w = take_window(what, turn, trips);
        const double least = std::min(w.before_ns, w.after_ns);
        const bool moved = std::max(w.before_ns, w.after_ns) > least * (1 + how.tolerance);
        const bool crowded = what.spins && has_two_cores() && core_share(w) < least_core_share;
        if (!how.quick && moved) ++r.moved;
        else if (!how.quick && crowded) ++r.shared_core;
        else r.windows.push_back(std::move(w));
    }
    if (on_terminal) std::fprintf(stderr, "\r%60s\r", "");
    return r;
}

} // namespace bench
