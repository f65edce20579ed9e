// Numbered events from some processes to others, as fast as they go, every one accounted for.
#pragma once

#include "experiment.hpp"
#include "machine.hpp"
#include "process.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

namespace bench {

inline constexpr int most_ends = 2;
inline constexpr int writer_bits = 56; ///< in a number's top byte: whose it is

struct flow {
    std::uint64_t events; ///< in all; each reader sees them all
    int writers = 1;
    int readers = 1;
    /// Writers keep within half of `leash` events of the slowest reader; 0 where the queue itself holds them back.
    std::uint64_t leash = 0;
    place at_writers = place::first;
    place at_readers = place::second;
};

namespace detail {

/// A reader's place, in a cache line of its own: how nothing is lost without a recorder.
struct reader_end {
    alignas(128) std::atomic<std::uint64_t> read[most_ends]{}; ///< of each writer's events
    alignas(128) double ns = 0;                                ///< from its first event to its last
    std::uint64_t lost = 0;
};
struct ends {
    reader_end of[most_ends];
    alignas(128) std::atomic<std::uint64_t> refused{0};
    std::atomic<int> writers_done{0};
    std::atomic<int> readers_done{0};
};

inline void keep_within(const flow& f, const ends& e, std::uint64_t sent, int writer, const relax& rest) noexcept {
    const std::uint64_t most = f.leash / 2 / static_cast<std::uint64_t>(f.writers);
    for (int r = 0; r < f.readers; ++r)
        while (sent - std::min(sent, e.of[r].read[writer].load(std::memory_order_acquire)) > most) rest();
}

template <class Reader>
void read_all(const flow& f, ends& e, reader_end& mine, Reader& reader) {
    constexpr std::int64_t over_ns = 200'000'000; ///< so long after the last writer nothing more comes
    const relax rest(f.readers > 1);
    std::uint64_t last[most_ends] = {};
    std::uint64_t got = 0, wrong = 0;
    std::int64_t began = 0, idle_since = 0;
    const auto look = [&](std::uint64_t number) {
        const std::uint64_t writer = number >> writer_bits & 1, n = number & ((std::uint64_t{1} << writer_bits) - 1);
        if (n <= last[writer])
            ++wrong; // torn, double or out of order
        else
            last[writer] = n, ++got;
    };
    while (got + wrong < f.events) {
        if (reader.take(look) != 0) {
            if (began == 0) began = now_ns();
            for (int w = 0; w < f.writers; ++w) mine.read[w].store(last[w], std::memory_order_release);
            idle_since = 0;
        } else {
            rest();
            if (e.writers_done.load(std::memory_order_relaxed) != f.writers) continue;
            if (idle_since == 0)
                idle_since = now_ns();
            else if (now_ns() - idle_since > over_ns)
                break;
        }
    }
    const std::int64_t end = got + wrong < f.events && idle_since != 0 ? idle_since : now_ns();
    mine.ns = static_cast<double>(std::max<std::int64_t>(end - began, 1));
    mine.lost = f.events - std::min(got, f.events) + wrong;
}

} // namespace detail

/// `writer(k)` and `reader(k)` make the ends, each in its own process. A writer's put(number) sends, waiting
/// as it must, and is false when that failed; a reader's take(look) calls look(number) for what is there, 0 for
/// what is not whole, and returns how many. The figure is the slowest reader's M events/s.
template <class Writer, class Reader>
[[nodiscard]] sample stream(const flow& f, Writer&& writer, Reader&& reader) {
    const shared<detail::ends> e;
    meeting start(static_cast<unsigned>(f.writers + f.readers));
    std::vector<job> jobs;
    for (int k = 0; k < f.writers; ++k)
        jobs.push_back({f.at_writers, [&, k] {
                            auto me = writer(k);
                            const relax rest(f.writers > 1);
                            const auto writers = static_cast<std::uint64_t>(f.writers);
                            const std::uint64_t mine = f.events / writers,
                                                look_every = std::max<std::uint64_t>(f.leash / 4 / writers, 1);
                            start.meet();
                            for (std::uint64_t i = 1; i <= mine; ++i) {
                                if (f.leash != 0 && i % look_every == 0) detail::keep_within(f, *e, i, k, rest);
                                if (!me.put(i | static_cast<std::uint64_t>(k) << writer_bits)) ++e->refused;
                            }
                            ++e->writers_done;
                            while (e->readers_done.load() != f.readers)
                                ::sched_yield(); // what is under way stays readable
                        }});
    for (int k = 0; k < f.readers; ++k)
        jobs.push_back({f.at_readers, [&, k] {
                            auto me = reader(k);
                            start.meet();
                            detail::read_all(f, *e, e->of[k], me);
                            ++e->readers_done;
                        }});
    sample s{{0}, 0, run_together(jobs)};
    s.lost = e->refused.load();
    double ns = 0;
    for (int k = 0; k < f.readers; ++k) {
        ns = std::max(ns, e->of[k].ns);
        s.lost += e->of[k].lost;
    }
    s.values[0] = static_cast<double>(f.events) * 1e3 / ns;
    return s;
}

} // namespace bench
