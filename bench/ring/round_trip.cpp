#include "bench/harness/ping_pong.hpp"
#include "bench/harness/scratch_bus.hpp"
#include "experiments.hpp"

#include <evbus/publisher.hpp>
#include <evbus/subscriber.hpp>

#include <linux/futex.h>
#include <sys/syscall.h>

#include <chrono>
#include <climits>

namespace bench {
namespace {

using payload = numbered<64>;

struct trip_result {
    latencies ns;
    std::uint64_t lost = 0;
};

sample as_sample(const latencies& ns, std::uint64_t lost, const quiet& how) {
    return {{ns.mean, ns.p50, ns.p90, ns.p99, ns.p999}, lost, how};
}
std::vector<metric> latency_metrics(const std::string& goal_of_p50) {
    return {{"mean", "ns"}, {"p50", "ns", false, goal_of_p50, "evbus"}, {"p90", "ns"}, {"p99", "ns"}, {"p99.9", "ns"}};
}

/// One side of the table: publishes on one bus and reads the other.
class player {
public:
    player(const scratch_bus& out, const scratch_bus& in, const evbus::subscriber::options& how)
        : to_(out.open()), from_(in.open()), pen_(to_), ears_(from_, how), topic_(trade_topic) {}

    void send(std::uint64_t number) noexcept {
        out_.number = out_.again = number;
        if (!pen_.publish(topic_, out_)) ++lost_;
    }
    /// Takes the next event; `wait` says what to do while there is none.
    template <class Wait>
    void take(std::uint64_t number, Wait&& wait) noexcept {
        const auto look = [&](const evbus::event& e) {
            if (!is_whole<64>(e.payload(), number)) ++lost_;
        };
        while (ears_.poll(look) == 0) wait(ears_);
    }
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_ + ears_.losses().lost(); }

private:
    evbus::bus to_;
    evbus::bus from_;
    evbus::publisher pen_;
    evbus::subscriber ears_;
    evbus::topic topic_;
    payload out_{};
    std::uint64_t lost_ = 0;
};

/// For how long the first player lets the other one wait, so that it has gone to sleep.
void let_sleep(std::int64_t ns) noexcept {
    for (const std::int64_t start = now_ns(); now_ns() - start < ns;) {}
}

template <class Wait>
sample play(std::uint64_t trips, const evbus::subscriber::options& how, Wait wait, std::int64_t pause_ns) {
    const scratch_bus there("ping", ring_only(evbus::default_slots, 128));
    const scratch_bus back("pong", ring_only(evbus::default_slots, 128));
    const shared<trip_result> seen;
    const shared<std::uint64_t> lost_there;
    meeting start(2);
    const std::uint64_t all = trips_in_all(trips);
    const quiet ran = run_together({
        {place::first,
         [&] {
             player me(there, back, how);
             start.meet();
             seen->ns = time_trips(trips, [&](std::uint64_t i) {
                 me.send(i);
                 me.take(i, wait);
             }, [&] { let_sleep(pause_ns); });
             seen->lost = me.lost();
         }},
        {place::second,
         [&] {
             player me(back, there, how);
             start.meet();
             for (std::uint64_t i = 1; i <= all; ++i) {
                 me.take(i, wait);
                 me.send(i);
             }
             *lost_there = me.lost();
         }},
    });
    return as_sample(seen->ns, seen->lost + *lost_there, ran);
}

/// A word in the next cache line each time, as in two rings of 2 MiB, without any protocol.
sample play_fresh_lines(std::uint64_t trips) {
    struct cell {
        alignas(128) std::atomic<std::uint64_t> word{0};
    };
    struct rings {
        cell there[evbus::default_slots];
        cell back[evbus::default_slots];
        latencies ns;
    };
    const shared<rings> both;
    meeting start(2);
    const relax rest;
    const auto send = [](cell* ring, std::uint64_t i) {
        ring[i % evbus::default_slots].word.store(i, std::memory_order_release);
    };
    const auto take = [&](cell* ring, std::uint64_t i) {
        while (ring[i % evbus::default_slots].word.load(std::memory_order_acquire) != i) rest();
    };
    const std::uint64_t all = trips_in_all(trips);
    const quiet ran = run_together({
        {place::first,
         [&] {
             start.meet();
             both->ns = time_trips(trips, [&](std::uint64_t i) {
                 send(both->there, i);
                 take(both->back, i);
             });
         }},
        {place::second,
         [&] {
             start.meet();
             for (std::uint64_t i = 1; i <= all; ++i) {
                 take(both->there, i);
                 send(both->back, i);
             }
         }},
    });
    return as_sample(both->ns, 0, ran);
}

/// Two processes that wake each other: one word and one system call each way.
sample play_futex(std::uint64_t trips, std::int64_t pause_ns) {
    struct words {
        alignas(128) std::atomic<std::uint32_t> there{0};
        alignas(128) std::atomic<std::uint32_t> back{0};
        alignas(128) latencies ns;
    };
    const shared<words> both;
    meeting start(2);
    const auto send = [](std::atomic<std::uint32_t>& word, std::uint64_t i) {
        word.store(static_cast<std::uint32_t>(i), std::memory_order_release);
        ::syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
    };
    const auto take = [](std::atomic<std::uint32_t>& word, std::uint64_t i) {
        const auto wanted = static_cast<std::uint32_t>(i);
        for (std::uint32_t now = word.load(std::memory_order_acquire); now != wanted; now = word.load(std::memory_order_acquire))
            ::syscall(SYS_futex, &word, FUTEX_WAIT, now, nullptr, nullptr, 0);
    };
    const std::uint64_t all = trips_in_all(trips);
    const quiet ran = run_together({
        {place::first,
         [&] {
             start.meet();
             both->ns = time_trips(trips, [&](std::uint64_t i) {
                 send(both->there, i);
                 take(both->back, i);
             }, [&] { let_sleep(pause_ns); });
         }},
        {place::second,
         [&] {
             start.meet();
             for (std::uint64_t i = 1; i <= all; ++i) {
                 take(both->there, i);
                 send(both->back, i);
             }
         }},
    });
    return as_sample(both->ns, 0, ran);
}

} // namespace

experiment round_trip(const options& how) {
    const std::uint64_t trips = how.quick ? 500 : 200'000;
    const relax rest;
    return {"round_trip",
            "64 B there and back between two cores, polling",
            latency_metrics("<= 1.3"),
            {{"bare cache line",
              [=] {
                  const timed_trips t = line_ping_pong(trips);
                  return as_sample(t.ns, 0, t.how);
              }},
             {"fresh cache lines", [=] { return play_fresh_lines(trips); }},
             {"evbus", [=] { return play(trips, {}, [=](evbus::subscriber&) { rest(); }, 0); }}}};
}

experiment sleeping_round_trip(const options& how) {
    const std::uint64_t trips = how.quick ? 200 : 5'000;
    constexpr std::int64_t pause_ns = 50'000;
    evbus::subscriber::options sleepy;
    sleepy.wait = evbus::wait_strategy::block;
    sleepy.spin = std::chrono::nanoseconds(0);
    experiment e{"sleeping_round_trip",
                 "64 B there and back between two cores, both sides asleep between",
                 latency_metrics("<= 1.2"),
                 {{"bare futex", [=] { return play_futex(trips, pause_ns); }},
                  {"evbus", [=] {
                       return play(trips, sleepy, [](evbus::subscriber& s) { (void)s.wait(std::chrono::seconds(1)); }, pause_ns);
                   }}}};
    e.spins = false;
    return e;
}

} // namespace bench
