#include "bench/harness/stream.hpp"
#include "experiments.hpp"
#include "players.hpp"
#include "queues.hpp"

namespace bench {
namespace {

constexpr std::uint64_t slots = evbus::default_slots;

std::vector<metric> rate_metric() { return {{"events", "M/s", true}}; }

template <std::size_t Bytes>
sample through_evbus(const flow& f, bool exclusive) {
    const scratch_bus made("through", ring_only(slots, Bytes <= 64 ? 128 : 256, exclusive));
    return stream(
        f, [&](int) { return bus_writer<Bytes>(made); }, [&](int) { return bus_reader<Bytes>(made); });
}

template <std::size_t Bytes, bool Batches>
sample through_queue(std::uint64_t events) {
    const shared<queue_words<Bytes>> w;
    return stream(
        {events}, [&](int) { return queue_writer<Bytes>(&*w, false); },
        [&](int) { return queue_reader<Bytes, Batches>(*w); });
}

sample through_two_queues(const flow& f) {
    struct both {
        queue_words<64> of[2];
    };
    const shared<both> w;
    return stream(
        f, [&](int) { return queue_writer<64, 2>(w->of, false); }, [&](int k) { return queue_reader<64>(w->of[k]); });
}

/// Within the reader's place, as nobody else holds the publishers back.
flow leashed(std::uint64_t events, int writers = 1, int readers = 1) { return {events, writers, readers, slots}; }

template <std::size_t Bytes>
experiment one_to_one(const char* name, const char* what, std::uint64_t events, double shared_goal,
                      double exclusive_goal) {
    return {name,
            what,
            rate_metric(),
            {{"spsc_queue, pop", [=] { return through_queue<Bytes, false>(events); }},
             {"evbus", [=] { return through_evbus<Bytes>(leashed(events), false); }},
             {"evbus, exclusive", [=] { return through_evbus<Bytes>(leashed(events), true); }},
             {"spsc_queue, consume_all", [=] { return through_queue<Bytes, true>(events); }}},
            {{"evbus", "events", judged::ratio, shared_goal},
             {"evbus, exclusive", "events", judged::ratio, exclusive_goal}}};
}

} // namespace

experiment throughput_64(const options& how) {
    return one_to_one<64>("throughput_64",
                          "one publisher, one reader, 64 B, topics, stamps, 16,384 places, nothing lost",
                          how.quick ? 50'000 : 3'000'000, 1.2, 2);
}
experiment throughput_192(const options& how) {
    return one_to_one<192>("throughput_192", "the same with 192 B, in slots of 256 B", how.quick ? 50'000 : 2'000'000,
                           1, 1.5);
}

experiment two_readers(const options& how) {
    const std::uint64_t events = how.quick ? 50'000 : 2'000'000;
    experiment e{"two_readers",
                 "one publisher, two readers who see all, 64 B; three spinners on two cores: the readers share one, by "
                 "sched_yield()",
                 rate_metric(),
                 {{"two spsc_queues, fed in turn",
                   [=] {
                       return through_two_queues({events, 1, 2});
                   }},
                  {"evbus", [=] { return through_evbus<64>(leashed(events, 1, 2), false); }},
                  {"evbus, exclusive", [=] { return through_evbus<64>(leashed(events, 1, 2), true); }}},
                 {{"evbus", "events", judged::ratio, 0.8}, {"evbus, exclusive", "events", judged::ratio, 0.8}}};
    e.spins = false;
    return e;
}

experiment two_publishers(const options& how) {
    const std::uint64_t events = how.quick ? 50'000 : 2'000'000;
    experiment e{"two_publishers",
                 "two publishers taking turns on one core, a reader on the other, 64 B",
                 rate_metric(),
                 {{"evbus, one publisher", [=] { return through_evbus<64>(leashed(events), false); }},
                  {"evbus, two publishers", [=] { return through_evbus<64>(leashed(events, 2), false); }}},
                 {{"evbus, two publishers", "events", judged::ratio, 0.5}}};
    e.spins = false;
    return e;
}

} // namespace bench
