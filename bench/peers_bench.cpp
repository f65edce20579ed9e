// evbus beside what Debian has for the same purpose: docs/benchmarks.md. Each peer is built in where its
// library is found (meson option `peers`).
#include "bench/harness/report.hpp"
#include "bench/peers/peers.hpp"
#include "bench/ring/players.hpp"

#include <unistd.h>

namespace bench {
namespace {

peers::peer evbus_itself(bool exclusive) {
    const auto ring = [=] { return ring_only(evbus::default_slots, 128, exclusive); };
    return {exclusive ? "evbus, exclusive" : "evbus",
            [=](std::uint64_t events) {
                const scratch_bus made("peer", ring());
                flow f{events};
                f.leash = evbus::default_slots;
                return stream(
                    f, [&](int) { return bus_writer<64>(made); }, [&](int) { return bus_reader<64>(made); });
            },
            [=](std::uint64_t trips) {
                const scratch_bus there("ping", ring()), back("pong", ring());
                return play(
                    trips, [&] { return bus_player(there, back); }, [&] { return bus_player(back, there); });
            },
            3'000'000, 200'000};
}

std::vector<peers::peer> all_of_them() {
    std::vector<peers::peer> all{evbus_itself(false), evbus_itself(true), peers::message_queue()};
#ifdef BENCH_ICEORYX
    all.push_back(peers::iceoryx());
#endif
#ifdef BENCH_ZEROMQ
    all.push_back(peers::zeromq());
#endif
#ifdef BENCH_NNG
    all.push_back(peers::nng());
#endif
    return all;
}

experiment streams(const options& how) {
    experiment e{"peers_throughput",
                 "one publisher, one subscriber, 64 B, topic and stamp, each loss counted",
                 {{"events", "M/s", true}},
                 {}};
    for (const peers::peer& p : all_of_them())
        e.candidates.push_back(
            {p.name, [p, events = how.quick ? 2'000 : p.events] { return p.stream(events); }, p.may_lose});
    e.spins = false;
    return e;
}

experiment round_trips(const options& how) {
    experiment e{"peers_round_trip",
                 "64 B there and back",
                 {{"mean", "ns"}, {"p50", "ns"}, {"p90", "ns"}, {"p99", "ns"}, {"p99.9", "ns"}},
                 {}};
    for (const peers::peer& p : all_of_them())
        e.candidates.push_back({p.name,
                                [p, trips = how.quick ? 100 : p.trips]() -> sample {
                                    const timed_trips t = p.round_trip(trips);
                                    return {{t.ns.mean, t.ns.p50, t.ns.p90, t.ns.p99, t.ns.p999}, t.lost, t.how};
                                },
                                p.may_lose});
    e.spins = false;
    return e;
}

} // namespace

std::string peers::unused_name() {
    static int count = 0;
    return "evbus-bench-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
}

} // namespace bench

int main(int argc, char** argv) {
    const bench::options how = bench::parse_options(argc, argv);
    return bench::run_program("peers_bench", {bench::round_trips(how), bench::streams(how)}, how);
}
