#include "bench/harness/scratch_bus.hpp"
#include "experiments.hpp"

#include <evbus/publisher.hpp>
#include <evbus/subscriber.hpp>

#include <boost/lockfree/spsc_queue.hpp>

#include <algorithm>

namespace bench {
namespace {

constexpr std::uint64_t slots = evbus::default_slots;

/// The reader's place, in a cache line of its own: the publisher keeps within a lap of it, so that
/// nothing is lost without a recorder.
struct leash {
    alignas(128) std::atomic<std::uint64_t> read{0};
    alignas(128) std::uint64_t lost = 0;
    double reader_ns = 0; ///< from the reader's first event to its last
    std::atomic<std::uint64_t> wrong{0};
};

sample rate(std::uint64_t events, const leash& l, const quiet& ran) {
    return {{static_cast<double>(events) * 1e3 / l.reader_ns}, l.lost + l.wrong.load(), ran};
}
std::vector<metric> rate_metric(const std::string& goal, const std::string& goal_of = "") {
    return {{"events", "M/s", true, goal, goal_of}};
}

/// Reads `events` events and says how long it took from the first one on.
template <class Poll>
void read_all(std::uint64_t events, leash& l, Poll&& poll) {
    const relax rest;
    std::uint64_t done = 0;
    std::int64_t began = 0;
    while (done < events) {
        const std::uint64_t got = poll();
        if (got == 0) {
            rest();
            continue;
        }
        if (began == 0) began = now_ns();
        done += got;
    }
    l.reader_ns = static_cast<double>(std::max<std::int64_t>(now_ns() - began, 1));
}

template <std::size_t Bytes>
sample through_evbus(std::uint64_t events, std::uint32_t slot_bytes) {
    const scratch_bus made("through", ring_only(slots, slot_bytes));
    const shared<leash> l;
    meeting start(2);
    const quiet ran = run_together({
        {place::first,
         [&] {
             const evbus::bus on = made.open();
             evbus::publisher pen(on);
             const evbus::topic to(trade_topic);
             const relax rest;
             numbered<Bytes> out;
             start.meet();
             for (std::uint64_t i = 1; i <= events; ++i) {
                 if (i % (slots / 4) == 0)
                     while (i - l->read.load(std::memory_order_acquire) > slots / 2) rest();
                 out.number = out.again = i;
                 if (!pen.publish(to, out)) ++l->wrong;
             }
         }},
        {place::second,
         [&] {
             const evbus::bus on = made.open();
             evbus::subscriber reader(on);
             std::uint64_t number = 0;
             std::uint64_t wrong = 0;
             start.meet();
             read_all(events, *l, [&] {
                 const std::size_t got = reader.poll([&](const evbus::event& e) {
                     if (!is_whole<Bytes>(e.payload(), ++number)) ++wrong;
                 });
                 l->read.store(number, std::memory_order_release);
                 return got;
             });
             l->wrong += wrong;
             l->lost = reader.losses().lost() + reader.losses().voids;
         }},
    });
    return rate(events, *l, ran);
}

/// What somebody would put into a queue of their own: topic by its hash, time, payload.
template <std::size_t Bytes>
struct record {
    std::uint64_t topic;
    std::uint64_t stamp;
    std::uint64_t spare;
    numbered<Bytes> payload;
};
static_assert(sizeof(record<64>) == 88);

template <std::size_t Bytes, bool Batches>
sample through_spsc(std::uint64_t events) {
    struct words : leash {
        boost::lockfree::spsc_queue<record<Bytes>, boost::lockfree::capacity<slots>> queue;
    };
    const shared<words> w;
    meeting start(2);
    const std::uint64_t hash = evbus::topic_hash(trade_topic);
    const quiet ran = run_together({
        {place::first,
         [&] {
             const relax rest;
             record<Bytes> out{hash, 0, 0, {}};
             start.meet();
             for (std::uint64_t i = 1; i <= events; ++i) {
                 out.stamp = ticks();
                 out.payload.number = out.payload.again = i;
                 while (!w->queue.push(out)) rest();
             }
         }},
        {place::second,
         [&] {
             std::uint64_t number = 0;
             std::uint64_t wrong = 0;
             const auto look = [&](const record<Bytes>& r) {
                 ++number;
                 if (r.topic != hash || r.payload.number != number || r.payload.again != number) ++wrong;
             };
             start.meet();
             read_all(events, *w, [&]() -> std::uint64_t {
                 if constexpr (Batches) return w->queue.consume_all(look);
                 record<Bytes> r;
                 if (!w->queue.pop(r)) return 0;
                 look(r);
                 return 1;
             });
             w->wrong += wrong;
         }},
    });
    return rate(events, *w, ran);
}

/// A publisher among several: each keeps well within a lap, whatever the others do between.
void publish_beside_others(const scratch_bus& made, meeting& start, leash& l, std::uint64_t events) {
    const evbus::bus on = made.open();
    evbus::publisher pen(on);
    const evbus::topic to(trade_topic);
    numbered<64> out;
    start.meet();
    evbus::seq_t last = 0;
    for (std::uint64_t i = 1; i <= events; ++i) {
        if (i % (slots / 8) == 0)
            while (last > l.read.load(std::memory_order_acquire) + slots / 2) ::sched_yield();
        out.number = out.again = i;
        const evbus::published p = pen.publish(to, out);
        if (!p) ++l.wrong;
        last = p.seq;
    }
}

sample through_evbus_from_two(std::uint64_t events) {
    const scratch_bus made("two", ring_only(slots, 128));
    const shared<leash> l;
    meeting start(3);
    const auto publish = [&] { publish_beside_others(made, start, *l, events / 2); };
    const quiet ran = run_together({
        {place::first, publish},
        {place::first, publish},
        {place::second,
         [&] {
             const evbus::bus on = made.open();
             evbus::subscriber reader(on);
             std::uint64_t numbers[evbus::max_publishers + 1] = {};
             std::uint64_t wrong = 0;
             l->read = reader.next();
             start.meet();
             read_all(events / 2 * 2, *l, [&] {
                 const std::size_t got = reader.poll([&](const evbus::event& e) {
                     if (!is_whole<64>(e.payload(), ++numbers[evbus::to_u16(e.publisher().number)])) ++wrong;
                 });
                 l->read.store(reader.next(), std::memory_order_release);
                 return got;
             });
             l->wrong += wrong;
             l->lost = reader.losses().lost();
         }},
    });
    return rate(events, *l, ran);
}

} // namespace

experiment throughput_64(const options& how) {
    const std::uint64_t events = how.quick ? 50'000 : 3'000'000;
    return {"throughput_64",
            "one publisher, one reader, 64 B, topics, stamps, 16,384 places, nothing lost",
            rate_metric(">= 0.9", "evbus"),
            {{"spsc_queue, pop", [=] { return through_spsc<64, false>(events); }},
             {"evbus", [=] { return through_evbus<64>(events, 128); }},
             {"spsc_queue, consume_all", [=] { return through_spsc<64, true>(events); }}}};
}

experiment throughput_192(const options& how) {
    const std::uint64_t events = how.quick ? 50'000 : 2'000'000;
    return {"throughput_192",
            "the same with 192 B, in slots of 256 B",
            rate_metric(""),
            {{"spsc_queue, pop", [=] { return through_spsc<192, false>(events); }},
             {"evbus", [=] { return through_evbus<192>(events, 256); }},
             {"spsc_queue, consume_all", [=] { return through_spsc<192, true>(events); }}}};
}

experiment two_publishers(const options& how) {
    const std::uint64_t events = how.quick ? 50'000 : 2'000'000;
    experiment e{"two_publishers",
                 "two publishers taking turns on one core, a reader on the other, 64 B",
                 rate_metric(""),
                 {{"evbus, one publisher", [=] { return through_evbus<64>(events, 128); }},
                  {"evbus, two publishers", [=] { return through_evbus_from_two(events); }}}};
    e.spins = false;
    return e;
}

} // namespace bench
