// What a worker costs more than the consumer in it: nothing is done with the events but to count them.
#include "experiments.hpp"
#include "logged_bus.hpp"

#include "bench/harness/payload.hpp"

#include <evbus/consumer.hpp>
#include <evbus/cursor.hpp>
#include <evbus/publisher.hpp>
#include <evbus/worker.hpp>

#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <string>

namespace bench {
namespace {

constexpr std::uint64_t never = std::uint64_t{1} << 32;
constexpr std::uint64_t often = 1000;

/// Events 1 to `count`, in the log or in the ring, for all windows.
struct source {
    source(const std::string& parent, std::uint64_t events, bool in_ring)
        : on(parent, in_ring ? slots_for(events) : evbus::default_slots), count(events) {
        if (in_ring) {
            fill_ring();
        } else {
            quiet ran;
            lost = publish_and_record(on, count, evbus::recorder::sync_policy::none, ran).lost;
        }
    }
    logged_bus on;
    std::uint64_t count;
    std::uint64_t lost = 0;
    std::uint64_t cursors = 0; ///< each run begins with a new one

private:
    static std::uint64_t slots_for(std::uint64_t events) {
        std::uint64_t slots = 64;
        while (slots <= events) slots *= 2;
        return slots;
    }
    void fill_ring() {
        evbus::publisher pen(on.bus().handle());
        const evbus::topic to(trade_topic);
        numbered<logged_payload> out;
        for (std::uint64_t i = 1; i <= count; ++i) {
            out.set(i);
            if (!pen.publish(to, out)) ++lost;
        }
    }
};

struct account {
    double ns = 0;
    std::uint64_t number = 0; ///< of the last event
    std::uint64_t wrong = 0;

    void see(const evbus::event& e) noexcept {
        if (!is_whole<logged_payload>(e.payload(), ++number)) ++wrong;
    }
};

void consume(const source& from, account& a, std::uint64_t save_every) {
    const evbus::bus on = from.on.bus().open();
    std::optional<evbus::cursor> place;
    if (save_every != never) place.emplace(on, "c" + std::to_string(from.cursors));
    evbus::consumer reader(on, {.from = evbus::from::oldest()});
    const std::int64_t start = now_ns();
    const evbus::poll_limits some{.max_events = place ? save_every : std::numeric_limits<std::size_t>::max()};
    while (a.number < from.count) {
        if (reader.poll([&](const evbus::event& e) { a.see(e); }, some) != evbus::consume_status::delivered) break;
        if (place) place->save(reader.place());
    }
    a.ns = static_cast<double>(now_ns() - start);
}

evbus::worker_options worker_options_of(const source& from, std::uint64_t save_every) {
    evbus::worker_options how;
    how.cursor = "w" + std::to_string(from.cursors);
    how.save = {save_every, std::chrono::hours(1)};
    return how;
}
void work(const source& from, account& a, std::uint64_t save_every) {
    const evbus::bus on = from.on.bus().open();
    std::int64_t start = 0;
    evbus::worker w(on, worker_options_of(from, save_every), [&](const evbus::event& e) {
        if (a.number == 0) start = now_ns();
        a.see(e);
        return a.number == from.count ? evbus::stop : evbus::next;
    });
    w.join();
    a.ns = static_cast<double>(now_ns() - start);
}
void work_in_batches(const source& from, account& a, std::uint64_t save_every) {
    const evbus::bus on = from.on.bus().open();
    std::int64_t start = 0;
    evbus::worker w(on, worker_options_of(from, save_every), [&](evbus::event_batch& all) {
        if (a.number == 0) start = now_ns();
        for (std::size_t i = 0; i < all.size(); ++i) a.see(all[i]);
        return a.number == from.count ? evbus::stop : evbus::next;
    });
    w.join();
    a.ns = static_cast<double>(now_ns() - start);
}

using way = void (*)(const source&, account&, std::uint64_t);

sample run(source& from, way read, std::uint64_t save_every) {
    ++from.cursors;
    const shared<account> a;
    const quiet ran = run_together({{place::second, [&] { read(from, *a, save_every); }}});
    return {{static_cast<double>(a->number) * 1e3 / a->ns}, from.count - a->number + a->wrong + from.lost, ran};
}

experiment worker_on(const options& how, const char* name, const char* what, bool in_ring) {
    const std::uint64_t events = how.quick ? 10'000 : 2'000'000;
    const auto made = std::make_shared<std::unique_ptr<source>>();
    const std::string dir = how.dir;
    const auto by = [=](way read, std::uint64_t save_every) {
        return [=] {
            if (!*made) *made = std::make_unique<source>(dir, events, in_ring);
            return run(**made, read, save_every);
        };
    };
    experiment e{name,
                 what,
                 {{"events", "M/s", true}},
                 {{"consumer", by(consume, never)},
                  {"consumer, cursor each 1,000", by(consume, often)},
                  {"worker, cursor at the end", by(work, never)},
                  {"worker, cursor each 1,000", by(work, often)},
                  {"worker in batches, cursor at the end", by(work_in_batches, never)}},
                 {{"worker, cursor at the end", "events", judged::ratio, 0.7},
                  {"worker, cursor each 1,000", "events", judged::ratio, 0.7},
                  {"worker, cursor each 1,000", "events", judged::ratio, std::nullopt, "consumer, cursor each 1,000"},
                  {"worker in batches, cursor at the end", "events", judged::ratio, std::nullopt}}};
    e.spins = false;
    return e;
}

} // namespace

experiment worker_log(const options& how) {
    return worker_on(how, "worker_log", "two million events of 256 B from a warm log, handled by counting them", false);
}
experiment worker_ring(const options& how) {
    return worker_on(how, "worker_ring", "the same from a ring that has them all", true);
}

} // namespace bench
