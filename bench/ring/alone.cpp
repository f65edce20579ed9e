#include "bench/harness/scratch_bus.hpp"
#include "experiments.hpp"

#include <evbus/publisher.hpp>
#include <evbus/subscriber.hpp>

#include <array>
#include <string>

namespace bench {
namespace {

constexpr std::uint64_t slots = evbus::default_slots;

std::vector<metric> cost_metric() { return {{"each", "ns"}}; }

struct cost {
    double ns = 0;
    std::uint64_t lost = 0;
    std::uint64_t sum = 0;
};

template <class Step>
sample cost_of(std::uint64_t count, Step&& make_step) {
    const shared<cost> c;
    const quiet ran = run_together({{place::second, [&] {
                                         auto step = make_step();
                                         meeting alone(1);
                                         for (std::uint64_t i = 0; i < count / 10; ++i) c->sum += step();
                                         alone.meet();
                                         const std::int64_t start = now_ns();
                                         std::uint64_t sum = 0;
                                         for (std::uint64_t i = 0; i < count; ++i) sum += step();
                                         c->ns = static_cast<double>(now_ns() - start) / static_cast<double>(count);
                                         c->sum += sum;
                                     }}});
    return {{c->ns}, 0, ran};
}

struct lone_publisher {
    explicit lone_publisher(const evbus::bus& on) : pen(on) {}
    std::uint64_t operator()() noexcept {
        ++out.number;
        return pen.publish(to, out).seq;
    }
    evbus::publisher pen;
    evbus::topic to{trade_topic};
    numbered<64> out;
};

/// Fills the ring on one core, then reads it on the other, again and again; only the reading is timed.
template <class Read>
sample filled_and_read(const scratch_bus& made, std::uint64_t laps, Read&& read) {
    const shared<cost> c;
    meeting turns(2);
    const quiet ran = run_together({
        {place::first,
         [&] {
             const evbus::bus on = made.open();
             evbus::publisher pen(on);
             std::vector<evbus::topic> topics;
             for (int i = 0; i < 100; ++i) topics.emplace_back("md.trade." + std::to_string(1000 + i));
             numbered<64> out;
             turns.meet();
             for (std::uint64_t lap = 0; lap < laps; ++lap) {
                 for (std::uint64_t i = 0; i < slots; ++i)
                     if (!pen.publish(topics[i % topics.size()], out)) ++c->lost;
                 turns.meet();
                 turns.meet();
             }
         }},
        {place::second, [&] { read(turns, *c); }},
    });
    return {{c->ns / static_cast<double>(laps * slots)}, c->lost, ran};
}

sample read_ring(std::uint64_t laps, const std::vector<std::string>& filters, std::uint64_t expected_a_lap) {
    const scratch_bus made("full", ring_only(slots, 128));
    return filled_and_read(made, laps, [&](meeting& turns, cost& c) {
        const evbus::bus on = made.open();
        evbus::subscriber::options how;
        how.filters = filters;
        evbus::subscriber reader(on, how);
        std::uint64_t events = 0;
        turns.meet();
        for (std::uint64_t lap = 0; lap < laps; ++lap) {
            turns.meet();
            const evbus::seq_t end = reader.next() + slots;
            const std::int64_t start = now_ns();
            while (reader.next() != end)
                (void)reader.poll([&](const evbus::event& e) { c.sum += static_cast<std::uint64_t>(e.payload()[0]), ++events; });
            c.ns += static_cast<double>(now_ns() - start);
            turns.meet();
        }
        c.lost += reader.losses().lost();
        if (events != laps * expected_a_lap) ++c.lost;
    });
}

/// The least that reading takes: every word of every slot brought over and added up.
sample sum_slots(std::uint64_t laps) {
    const scratch_bus made("full", ring_only(slots, 128));
    return filled_and_read(made, laps, [&](meeting& turns, cost& c) {
        const evbus::bus on = made.open();
        const auto at = on.attach(evbus::ring::access::read_only);
        turns.meet();
        for (std::uint64_t lap = 0; lap < laps; ++lap) {
            turns.meet();
            const std::int64_t start = now_ns();
            std::uint64_t sum = 0;
            for (std::uint64_t s = 0; s < slots; ++s)
                for (std::size_t i = 0; i < 14; ++i) sum += at->slot(s)[i].load(std::memory_order_relaxed);
            c.sum += sum;
            c.ns += static_cast<double>(now_ns() - start);
            turns.meet();
        }
    });
}

} // namespace

experiment publish_alone(const options& how) {
    const std::uint64_t count = how.quick ? 20'000 : 10'000'000;
    return {"publish_alone",
            "publishing 64 B that nobody reads, stamped; 16,384 slots",
            cost_metric(),
            {{"reading the counter", [=] { return cost_of(count, [] { return [] { return ticks(); }; }); }},
             {"evbus publish", [=] {
                  const scratch_bus made("alone", ring_only(slots, 128));
                  return cost_of(count, [&] { return lone_publisher(made.open()); });
              }}}};
}

experiment read_alone(const options& how) {
    const std::uint64_t laps = how.quick ? 3 : 100;
    return {"read_alone",
            "a full ring, written by the other core: each slot; filters of 100 topics",
            cost_metric(),
            {{"adding up the slots' words", [=] { return sum_slots(laps); }},
             {"evbus, all", [=] { return read_ring(laps, {}, slots); }},
             {"evbus, exact filter, 1 %", [=] { return read_ring(laps, {"md.trade.1007"}, (slots - 8) / 100 + 1); }},
             {"evbus, two wildcards, 1 %", [=] { return read_ring(laps, {"*.*.1007", "none.>"}, (slots - 8) / 100 + 1); }}}};
}

} // namespace bench
