// How long events take to a reader: what is counted, for whom, and what is read back from it. The wall clock of this
// program stands still but when a test lets time pass: what was put in is known to the ns.
#include "ring_fixture.hpp"

#include "tests/support/random.hpp"

#include <evbus/consumer.hpp>

#include <cmath>
#include <limits>

#include <sys/syscall.h>

using namespace ring_test;
using ring::latency_view;

namespace {

bool stands_still = true;
std::int64_t wall_now = 1'800'000'000'000'000'000;
void pass(std::int64_t ns) { wall_now += ns; }

/// An entry as a reader writes it, with durations put in by hand.
struct entry {
    ring::latency_words words{};
    ring::latency_record record{words, 1};

    void add(std::int64_t ns, int times = 1) {
        for (int i = 0; i < times; ++i) record.add(ns);
    }
    [[nodiscard]] latency_view view(std::uint64_t life = 1) const {
        const std::optional<latency_view> v = ring::read_latency(words, life);
        REQUIRE(v);
        return *v;
    }
};

/// What is kept for a reader that lives.
std::optional<latency_view> kept(const test_bus& t, member_no number) {
    return ring::read_latency(*ring::latency_of(t.at().latencies(), number), ring::read_member(t.at(), number).incarnation);
}

/// One event that is read so long after it was published by a reader that was idle before.
void deliver_after(test_bus& t, test_reader& r, std::int64_t ns) {
    (void)r.sub.wait(std::chrono::nanoseconds(0));
    t.publish("a", "x");
    pass(ns);
    REQUIRE(r.drain().size() == 1);
}

constexpr std::int64_t us = 1000, ms = 1000 * us, s = 1000 * ms;

} // namespace

extern "C" int clock_gettime(clockid_t which, timespec* now) noexcept {
    if (which != CLOCK_REALTIME || !stands_still) return static_cast<int>(::syscall(SYS_clock_gettime, which, now));
    *now = {static_cast<time_t>(wall_now / 1'000'000'000), static_cast<long>(wall_now % 1'000'000'000)};
    return 0;
}

TEST_CASE("latency: buckets follow each other without hole, two to an octave") {
    CHECK(ring::latency_floor(0) == 0);
    CHECK(ring::latency_floor(1) == 32);
    CHECK(ring::latency_floor(2) == 48);
    CHECK(ring::latency_floor(63) == std::uint64_t{1} << 36);
    for (std::size_t i = 1; i < ring::latency_buckets; ++i) {
        CHECK(ring::latency_bucket(ring::latency_floor(i)) == i);
        CHECK(ring::latency_bucket(ring::latency_floor(i) - 1) == i - 1);
        CHECK(2 * ring::latency_floor(i) <= 3 * std::max<std::uint64_t>(ring::latency_floor(i - 1), 32));
    }
    CHECK(ring::latency_bucket(std::numeric_limits<std::uint64_t>::max()) == 63);
}

TEST_CASE("latency: percentiles are off by less than half of the true value, whatever was measured") {
    evbus_test::random_source dice(7);
    for (const int top : {6, 12, 20, 30, 36}) {
        entry e;
        std::vector<std::int64_t> all;
        for (int i = 0; i < 2000; ++i) {
            all.push_back(static_cast<std::int64_t>(32 + dice.below(std::uint64_t{1} << (5 + dice.below(static_cast<std::uint64_t>(top) - 4)))));
            e.add(all.back());
        }
        std::sort(all.begin(), all.end());
        const latency_view v = e.view();
        CHECK(v.count() == all.size());
        CHECK(v.max_ns == static_cast<std::uint64_t>(all.back()));
        for (const double part : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
            CAPTURE(part);
            const auto rank = std::max<std::size_t>(static_cast<std::size_t>(std::ceil(part * static_cast<double>(all.size()))), 1);
            const auto real = static_cast<double>(all[rank - 1]);
            const auto said = static_cast<double>(v.percentile(part));
            CHECK(std::abs(said - real) <= real / 2);
            CHECK(v.percentile(part) <= v.max_ns);
        }
    }
}

TEST_CASE("latency: one slow event of a thousand shows in the last percentile and in max, not in the others") {
    entry e;
    e.add(100, 998);
    e.add(5 * ms, 2);
    const latency_view v = e.view();
    CHECK(v.percentile(0.5) >= 96);
    CHECK(v.percentile(0.5) < 128);
    CHECK(v.percentile(0.99) < 128);
    CHECK(v.percentile(0.999) > 4 * ms);
    CHECK(v.max_ns == 5 * ms);
    CHECK(v.mean_ns() == (998 * 100 + 2 * 5 * ms) / 1000);
}

TEST_CASE("latency: an empty entry says 0, a negative duration counts as 0, minutes stay in the last bucket") {
    entry e;
    CHECK(e.view().count() == 0);
    CHECK(e.view().percentile(0.99) == 0);
    CHECK(e.view().mean_ns() == 0);
    e.add(-5);
    CHECK(e.view().negative == 1);
    CHECK(e.view().buckets[0] == 1);
    CHECK(e.view().max_ns == 0);
    CHECK(e.view().percentile(1) == 0);
    e.add(300 * s);
    CHECK(e.view().buckets[63] == 1);
    CHECK(e.view().percentile(1) == 300 * s);
    e.add(std::numeric_limits<std::int64_t>::max());
    CHECK(e.view().percentile(1) == static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
}

TEST_CASE("latency: a new life begins at nothing, and the old one is not shown for it") {
    entry e;
    e.add(100, 5);
    CHECK(!ring::read_latency(e.words, 2));
    CHECK(!ring::read_latency(e.words, 0));
    e.record = ring::latency_record(e.words, 2);
    CHECK(!ring::read_latency(e.words, 1));
    CHECK(e.view(2).count() == 0);
    CHECK(e.view(2).sum_ns == 0);
    CHECK(e.view(2).max_ns == 0);
}

TEST_CASE("latency: whatever stands in an entry is made into numbers") {
    evbus_test::random_source dice(11);
    entry e;
    for (int round = 0; round < 2000; ++round) {
        auto* words = reinterpret_cast<ring::shared_u64*>(&e.words);
        for (std::size_t i = 1; i < sizeof e.words / 8; ++i) words[i] = dice.below(4) == 0 ? ~std::uint64_t{0} >> dice.below(64) : 0;
        const latency_view v = e.view();
        std::uint64_t before = 0;
        for (const double part : {-1.0, 0.0, 0.5, 0.99, 1.0, 2.0}) {
            CHECK(v.percentile(part) >= before);
            before = v.percentile(part);
        }
        (void)v.mean_ns();
        e.add(100);
    }
}

TEST_CASE("latency: what a reader keeps is what events were under way, to the ns") {
    test_bus t;
    test_reader r = t.reader();
    for (int i = 0; i < 98; ++i) deliver_after(t, r, 100);
    deliver_after(t, r, 3 * ms);
    deliver_after(t, r, 700 * us);
    const latency_view v = *kept(t, r.sub.number());
    CHECK(v.count() == 100);
    CHECK(v.sum_ns == 98 * 100 + 3 * ms + 700 * us);
    CHECK(v.max_ns == 3 * ms);
    CHECK(v.negative == 0);
    CHECK(v.buckets[ring::latency_bucket(100)] == 98);
    CHECK(v.buckets[ring::latency_bucket(700 * us)] == 1);
    CHECK(v.buckets[ring::latency_bucket(3 * ms)] == 1);
}

TEST_CASE("latency: the handler's own time is not the event's") {
    test_bus t;
    test_reader r = t.reader();
    t.publish("a", "x");
    pass(50 * us);
    REQUIRE(r.sub.poll([](const event&) { pass(1 * s); }) == 1);
    CHECK(kept(t, r.sub.number())->max_ns == 50 * us);
    // But who comes behind it has waited for it.
    t.publish("a", "slow");
    t.publish("a", "behind it");
    (void)r.sub.wait(std::chrono::nanoseconds(0));
    REQUIRE(r.sub.poll([](const event&) { pass(1 * s); }, {.max_events = 1}) == 1);
    (void)r.sub.wait(std::chrono::nanoseconds(0));
    REQUIRE(r.drain().size() == 1);
    CHECK(kept(t, r.sub.number())->max_ns == 1 * s);
}

TEST_CASE("latency: ticks of the counter are counted as ns of the ring's own clock") {
    if (!evbus::detail::counter_is_invariant()) return;
    stands_still = false; // a ring that counts ticks measures them against it first
    test_bus t({.stamps = ring::stamp_mode::counter});
    ring::clock_view clock(t.at().ring().clock, ring::stamp_mode::counter);
    const auto then = static_cast<std::int64_t>(evbus::detail::read_counter());
    for (const std::int64_t ticks : {std::int64_t{0}, std::int64_t{1000}, std::int64_t{-1000}, std::int64_t{1} << 40}) {
        const std::int64_t converted = clock.to_ns(then + ticks) - clock.to_ns(then);
        CHECK(std::abs(clock.ns_between(then, then + ticks) - converted) <= 1);
    }
    test_reader r = t.reader();
    deliver_after(t, r, 0);
    CHECK(kept(t, r.sub.number())->count() == 1);
    stands_still = true;
}

TEST_CASE("latency: an event from before its reader, one without time, one of a clock that is ahead") {
    test_bus t;
    t.publish("a", "before");
    pass(1);
    test_reader r = t.reader();
    REQUIRE(r.drain().size() == 1);
    CHECK(kept(t, r.sub.number())->count() == 0);
    t.publish("a", "no time");
    t.at().slot(2)[2].store(0);
    (void)r.sub.wait(std::chrono::nanoseconds(0));
    REQUIRE(r.drain().size() == 1);
    CHECK(kept(t, r.sub.number())->count() == 0);
    deliver_after(t, r, -1);
    CHECK(kept(t, r.sub.number())->count() == 1);
    CHECK(kept(t, r.sub.number())->negative == 1);
    CHECK(kept(t, r.sub.number())->max_ns == 0);
}

TEST_CASE("latency: in a stream one event of 128 to 383 is measured, and the last frame of a large one") {
    test_bus t({.slots = 4096});
    test_reader r = t.reader();
    t.publish_many(4000);
    CHECK(r.drain().size() == 4000);
    const std::uint64_t counted = kept(t, r.sub.number())->count();
    CHECK(counted >= 4000 / 383);
    CHECK(counted <= 4000 / 128 + 1);
    (void)r.sub.wait(std::chrono::nanoseconds(0));
    t.publish("a", std::string(1000, 'x'));
    CHECK(r.drain().size() == 1);
    CHECK(kept(t, r.sub.number())->count() == counted + 1);
}

TEST_CASE("latency: a consumer keeps it too; a bus without stamps, and a number without an entry, keep none") {
    test_bus t;
    consumer c(t.bus());
    t.publish("a", "x");
    CHECK(c.poll([](const event&) {}) == consume_status::delivered);
    CHECK(kept(t, c.number())->count() == 1);

    test_bus silent({.stamps = ring::stamp_mode::none});
    test_reader r = silent.reader();
    silent.publish("a", "x");
    CHECK(r.drain().size() == 1);
    CHECK(!kept(silent, r.sub.number()));

    ring::latency_table& table = t.at().latencies();
    CHECK(ring::latency_of(table, static_cast<member_no>(first_reader_no - 1)) == nullptr);
    CHECK(ring::latency_of(table, static_cast<member_no>(first_reader_no)) == table.readers);
    CHECK(ring::latency_of(table, static_cast<member_no>(first_reader_no + 1023)) == &table.readers[1023]);
    CHECK(ring::latency_of(table, static_cast<member_no>(first_reader_no + 1024)) == nullptr);
}

TEST_CASE("latency: who takes a number after another begins anew") {
    test_bus t;
    member_no number{};
    {
        test_reader first = t.reader();
        number = first.sub.number();
        t.publish("a", "x");
        CHECK(first.drain().size() == 1);
        CHECK(kept(t, number)->count() == 1);
    }
    test_reader second = t.reader(from::head());
    REQUIRE(second.sub.number() == number);
    CHECK(kept(t, number)->count() == 0);
}

TEST_CASE("latency: a handler that throws is not measured, and costs nothing but that") {
    test_bus t;
    test_reader r = t.reader();
    t.publish("a", "x");
    CHECK_THROWS(r.sub.poll([](const event&) { throw 1; }));
    CHECK(kept(t, r.sub.number())->count() == 0);
    t.publish("a", "y");
    CHECK(r.drain().size() == 1);
    CHECK(kept(t, r.sub.number())->count() == 1);
}
