#include "bench/harness/ping_pong.hpp"
#include "experiments.hpp"
#include "players.hpp"
#include "references.hpp"

#include <chrono>

namespace bench {
namespace {

sample as_sample(const timed_trips& t) { return {{t.ns.mean, t.ns.p50, t.ns.p90, t.ns.p99, t.ns.p999}, t.lost, t.how}; }
std::vector<metric> latency_metrics() {
    return {{"mean", "ns"}, {"p50", "ns"}, {"p90", "ns"}, {"p99", "ns"}, {"p99.9", "ns"}};
}

evbus::bus_options a_ring(bool exclusive) { return ring_only(evbus::default_slots, 128, exclusive); }

/// Two buses, one each way.
template <class Time>
timed_trips over_buses(std::uint64_t trips, bool exclusive, const evbus::subscriber::options& how, Time&& time) {
    const scratch_bus there("ping", a_ring(exclusive));
    const scratch_bus back("pong", a_ring(exclusive));
    return play(
        trips, [&] { return bus_player(there, back, how); }, [&] { return bus_player(back, there, how); }, time);
}
sample polling(std::uint64_t trips, bool exclusive) {
    return as_sample(
        over_buses(trips_in_all(trips), exclusive, {}, [=](auto&& trip) { return time_trips(trips, trip); }));
}

/// From the very first event of two processes that have just attached; nothing is left out.
sample from_the_first(std::uint64_t trips, bool exclusive) {
    const timed_trips t = over_buses(trips, exclusive, {}, [=](auto&& trip) {
        std::vector<std::uint32_t> all;
        all.reserve(trips);
        for (std::uint64_t i = 1; i <= trips; ++i) {
            const std::uint64_t start = ticks();
            trip(i);
            all.push_back(static_cast<std::uint32_t>(ticks() - start));
        }
        return percentiles(all);
    });
    return {{t.ns.p50, t.ns.p999, t.ns.p999 / (2 * t.ns.p50 + 150), t.ns.first}, t.lost, t.how};
}

} // namespace

experiment round_trip(const options& how) {
    const std::uint64_t trips = how.quick ? 500 : 200'000;
    const char* const p50 = "p50";
    return {"round_trip",
            "64 B there and back between two cores, polling",
            latency_metrics(),
            {{"bare cache line", [=] { return as_sample(line_ping_pong(trips)); }},
             {"fresh cache lines", [=] { return as_sample(fresh_lines(trips)); }},
             {"bare protocol", [=] { return as_sample(bare_protocol(trips, false)); }},
             {"evbus", [=] { return polling(trips, false); }},
             {"bare protocol, exclusive", [=] { return as_sample(bare_protocol(trips, true)); }},
             {"evbus, exclusive", [=] { return polling(trips, true); }}},
            {{"evbus", p50, judged::ratio, 1.15},
             {"evbus, exclusive", p50, judged::ratio, 1.05},
             {"bare protocol", "mean"},
             {"bare protocol, exclusive", "mean"},
             {"evbus", "mean", judged::ratio, {}, "fresh cache lines"},
             {"evbus, exclusive", "mean", judged::ratio, {}, "fresh cache lines"},
             {"evbus", "mean", judged::ratio, {}, "bare protocol"},
             {"evbus, exclusive", "mean", judged::ratio, {}, "bare protocol, exclusive"}}};
}

experiment first_events(const options& how) {
    const std::uint64_t trips = how.quick ? 500 : 10'000;
    const char* const part = "p99.9 : (2 p50 + 150 ns)";
    return {"first_events",
            "the first 10,000 round trips of fresh processes, none left out",
            {{"p50", "ns"}, {"p99.9", "ns"}, {part, "x"}, {"the first", "ns"}},
            {{"evbus", [=] { return from_the_first(trips, false); }},
             {"evbus, exclusive", [=] { return from_the_first(trips, true); }}},
            {{"evbus", part, judged::value, 1}, {"evbus, exclusive", part, judged::value, 1}}};
}

experiment sleeping_round_trip(const options& how) {
    const std::uint64_t trips = how.quick ? 200 : 5'000;
    constexpr std::int64_t pause_ns = 50'000;
    evbus::subscriber::options sleepy;
    sleepy.wait = evbus::wait_strategy::block;
    sleepy.spin = std::chrono::nanoseconds(0);
    experiment e{"sleeping_round_trip",
                 "64 B there and back between two cores, both sides asleep between",
                 latency_metrics(),
                 {{"bare futex", [=] { return as_sample(bare_futex(trips, pause_ns)); }},
                  {"evbus",
                   [=] {
                       return as_sample(over_buses(trips_in_all(trips), false, sleepy, [=](auto&& trip) {
                           return time_trips(trips, trip, [=] { let_sleep(pause_ns); });
                       }));
                   }}},
                 {{"evbus", "p50", judged::ratio, 1.1}}};
    e.spins = false;
    return e;
}

} // namespace bench
