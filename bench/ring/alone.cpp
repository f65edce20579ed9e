#include "bench/harness/payload.hpp"
#include "bench/harness/process.hpp"
#include "bench/harness/scratch_bus.hpp"
#include "experiments.hpp"

#include <evbus/publisher.hpp>
#include <evbus/subscriber.hpp>

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

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
                                         for (std::uint64_t i = 0; i < count / 10; ++i) c->sum += (*step)();
                                         alone.meet();
                                         const std::int64_t start = now_ns();
                                         std::uint64_t sum = 0;
                                         for (std::uint64_t i = 0; i < count; ++i) sum += (*step)();
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
/// As many events as a batch has, by one call each `batch` steps.
class batch_publisher {
public:
    explicit batch_publisher(const evbus::bus& on) : pen_(on) {
        for (numbered<64>& o : out_) events_.emplace_back(to_, std::as_bytes(std::span(&o, 1)));
    }
    std::uint64_t operator()() noexcept {
        ++out_[at_].number;
        if (++at_ < batch) return 0;
        at_ = 0;
        return pen_.publish_batch(events_).last;
    }

private:
    static constexpr std::size_t batch = 16;
    evbus::publisher pen_;
    evbus::topic to_{trade_topic};
    std::array<numbered<64>, batch> out_;
    std::vector<evbus::outgoing> events_;
    std::size_t at_ = 0;
};
/// Written in place, in one piece.
struct in_place_publisher : lone_publisher {
    using lone_publisher::lone_publisher;
    std::uint64_t operator()() noexcept {
        ++out.number;
        evbus::slot_writer open = pen.claim(to, sizeof out);
        open.put(out);
        return open.commit().seq;
    }
};
template <class Publisher>
sample published_alone(std::uint64_t count, bool exclusive) {
    const scratch_bus made("alone", ring_only(slots, 128, exclusive));
    return cost_of(count, [&] { return std::make_unique<Publisher>(made.open()); });
}

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
                (void)reader.poll(
                    [&](const evbus::event& e) { c.sum += static_cast<std::uint64_t>(e.payload()[0]), ++events; });
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
    struct counter {
        std::uint64_t operator()() const noexcept { return ticks(); }
    };
    return {
        "publish_alone",
        "publishing 64 B that nobody reads, stamped; 16,384 slots",
        cost_metric(),
        {{"reading the counter", [=] { return cost_of(count, [] { return std::make_unique<counter>(); }); }},
         {"evbus publish", [=] { return published_alone<lone_publisher>(count, false); }},
         {"evbus publish, exclusive", [=] { return published_alone<lone_publisher>(count, true); }},
         {"batches of 16", [=] { return published_alone<batch_publisher>(count, false); }},
         {"batches of 16, exclusive", [=] { return published_alone<batch_publisher>(count, true); }},
         {"claimed, written in place", [=] { return published_alone<in_place_publisher>(count, false); }},
         {"claimed, written in place, exclusive", [=] { return published_alone<in_place_publisher>(count, true); }}},
        {{"evbus publish", "each", judged::difference, 8},
         {"evbus publish, exclusive", "each", judged::difference, 3}}};
}

experiment read_alone(const options& how) {
    const std::uint64_t laps = how.quick ? 3 : 100;
    const char* const exact = "evbus, exact filter, 1 %";
    const char* const wild = "evbus, two wildcards, 1 %";
    return {"read_alone",
            "a full ring, written by the other core: each slot; filters of 100 topics",
            cost_metric(),
            {{"adding up the slots' words", [=] { return sum_slots(laps); }},
             {"evbus, all", [=] { return read_ring(laps, {}, slots); }},
             {exact, [=] { return read_ring(laps, {"md.trade.1007"}, (slots - 8) / 100 + 1); }},
             {wild,
              [=] {
                  return read_ring(laps, {"*.*.1007", "none.>"}, (slots - 8) / 100 + 1);
              }}},
            {{exact, "each", judged::ratio, 0.5, "evbus, all"}, {wild, "each", judged::ratio, 0.5, "evbus, all"}}};
}

} // namespace bench
