// Reading the ring: where readers start, what they are told of what they missed, bounds of a poll.
#include "process_fixture.hpp"
#include "ring_fixture.hpp"

#include <limits>
#include <random>

using namespace ring_test;
using namespace std::chrono_literals;

TEST_CASE("subscriber: starts at the head, the oldest, a seq or a time") {
    test_bus t;
    t.publish("x", "1");
    const std::int64_t between = evbus::detail::wall_ns();
    while (evbus::detail::wall_ns() == between) {}
    t.publish("x", "2");
    test_reader head = t.reader(from::head()), oldest = t.reader(from::oldest()), second = t.reader(from::seq(2)),
                timed = t.reader(from::time_ns(between + 1)), future = t.reader(from::seq(4));
    t.publish("x", "3");
    CHECK(head.drain() == lines{"3 x 3"});
    CHECK(oldest.drain() == lines{"1 x 1", "2 x 2", "3 x 3"});
    CHECK(second.drain() == lines{"2 x 2", "3 x 3"});
    CHECK(timed.drain() == lines{"2 x 2", "3 x 3"});
    CHECK(timed.sub.losses().filtered == 1);
    CHECK(future.drain().empty());
    t.publish("x", "4");
    CHECK(future.drain() == lines{"4 x 4"});
    for (const test_reader* r : {&head, &oldest, &second, &timed, &future}) CHECK(r->law_holds());
}

TEST_CASE("subscriber: filters, several and exclusions, are counted as filtered and not copied") {
    test_bus t;
    test_reader r(t.bus(), {.filters = {"a.*", "b.>"}, .exclude = {"*.no"}, .from = from::oldest()});
    for (const char* to : {"a.yes", "a.no", "b.x.y", "c", "$bus.x", "a"}) t.publish(to, "p");
    CHECK(r.drain() == lines{"1 a.yes p", "3 b.x.y p"});
    CHECK(r.sub.losses().filtered == 4);
    CHECK(r.law_holds());
    test_reader exact = t.reader(from::oldest(), {"c"});
    CHECK(exact.drain() == lines{"4 c p"});
    CHECK(refusal([&] { (void)t.reader(from::oldest(), {"a..b"}); }) == errc::bad_filter);
}

TEST_CASE("subscriber: a lapped reader is told the range, once, and goes on with a margin") {
    test_bus t;
    test_reader r = t.reader();
    t.publish_many(200);
    const lines got = r.drain();
    REQUIRE(got.size() > 1);
    const seq_t resumed = std::stoull(got[1]);
    CHECK(got[0] == "gap 1-" + std::to_string(resumed - 1) + " overwritten");
    CHECK(resumed > 200 - 64);
    CHECK(got.size() == 200 - resumed + 2);
    CHECK(r.sub.losses().overwritten_while_reading == 0);
    CHECK(r.law_holds());
}

TEST_CASE("subscriber: loss at the tail is seen without a later event") {
    test_bus t;
    test_reader r = t.reader();
    t.publish_many(65); // exactly one more than the ring holds, and nothing after it
    CHECK(r.sub.wait(1h));
    const lines got = r.drain();
    REQUIRE_FALSE(got.empty());
    CHECK(got[0].starts_with("gap 1-"));
    CHECK(got.back() == "65 x 65");
    CHECK(r.law_holds());
}

TEST_CASE("subscriber: void, malformed, overwritten and pending are told apart") {
    test_bus t;
    const ring::held_byte living = t.alive(77);
    test_reader r = t.reader();
    t.publish_many(6);
    t.set_phase(2, phase::dead);
    t.set_phase(3, phase::stalled, 77);
    t.at().slot(4)[3].store(~std::uint64_t{0}); // lengths that run past the slot
    t.at().slot(5)[1].fetch_xor(1);             // not its topic's hash
    t.set_phase(6, phase::writing, 77);
    CHECK(r.drain() == lines{"1 x 1", "gap 4-4 malformed", "gap 5-5 malformed"});
    CHECK(r.sub.losses().voids == 2);
    CHECK(r.sub.losses().in_gaps(gap_cause::malformed) == 2);
    CHECK(r.sub.next() == 6); // pending is not loss
    CHECK(r.law_holds());
}

TEST_CASE("subscriber: whatever bytes a committed slot holds, reading it stays inside the slot and the law holds") {
    std::mt19937_64 engine(std::random_device{}());
    const std::uint64_t seed = engine();
    INFO("seed ", seed);
    engine.seed(seed);
    test_bus t;
    test_reader r(t.bus(), {.filters = {">", "$bus.>"}, .from = from::oldest()});
    for (int i = 0; i < rounds(30000, 5000); ++i) {
        const published p = t.publish("x.y", std::string(engine() % 60, 'p'));
        REQUIRE(p);
        ring::shared_word* w = t.at().slot(p.seq);
        for (std::uint64_t flips = engine() % 4; flips != 0; --flips) w[1 + engine() % 15].fetch_xor(std::uint64_t{1} << engine() % 64);
        if (engine() % 8 == 0) for (std::size_t k = 1; k < 16; ++k) w[k].store(engine());
        (void)r.drain();
        REQUIRE(r.sub.next() == p.seq + 1);
        REQUIRE(r.law_holds());
    }
}

TEST_CASE("subscriber: a poll ends at its bounds of events and bytes; the largest bounds mean none") {
    test_bus t({.first_seq = 100'000});
    t.publish_many(20);
    subscriber sub(t.bus(), {.from = from::oldest()});
    const auto nothing = [](const event&) {};
    CHECK(sub.poll(nothing, {.max_events = 3}) == 3);
    CHECK(sub.poll(nothing, {.max_events = 0}) == 0);
    CHECK(sub.poll(nothing, {.max_bytes = 1}) == 1);
    CHECK(sub.poll(nothing, {.max_bytes = 7}) == 2);
    for (std::uint64_t below = 0; below < 200; below += 50) {
        const std::size_t n = sub.poll(nothing, {.max_events = std::numeric_limits<std::size_t>::max() - below, .max_bytes = 7});
        CHECK(n >= 2);
    }
}

TEST_CASE("subscriber: a poll whose filter rejects everything ends all the same") {
    test_bus t;
    t.publish_many(60);
    test_reader r = t.reader(from::oldest(), {"other"});
    CHECK(r.drain({.max_events = 1}).empty());
    CHECK(r.sub.losses().filtered == 60);
}

TEST_CASE("subscriber: an exception of a handler passes through, and the event counts as delivered") {
    test_bus t;
    t.publish_many(3);
    test_reader r = t.reader();
    CHECK_THROWS_AS(r.sub.poll([](const event&) { throw std::string("mine"); }), std::string);
    CHECK(r.drain() == lines{"2 x 2", "3 x 3"});
    CHECK(r.law_holds());
}

TEST_CASE("subscriber: wait returns false after its time, true with data, in every strategy") {
    for (const wait_strategy how : {wait_strategy::spin, wait_strategy::yield, wait_strategy::back_off, wait_strategy::block}) {
        test_bus t;
        subscriber sub(t.bus(), {.wait = how});
        const std::int64_t start = evbus::detail::steady_ns();
        CHECK_FALSE(sub.wait(5ms));
        CHECK(evbus::detail::steady_ns() - start >= 5'000'000);
        CHECK_FALSE(sub.wait(0ns));
        CHECK_FALSE(sub.wait(-1ns));
        t.publish("x", "y");
        CHECK(sub.wait(0ns));
    }
}

TEST_CASE("subscriber: a living owner is stepped over only when somebody is held up by it") {
    test_bus t;
    const ring::held_byte living = t.alive(77);
    test_reader r = t.reader();
    t.set_phase(1, phase::writing, 77);
    t.at().ring().tail.store(2);
    CHECK_FALSE(r.sub.wait(50ms));
    CHECK(t.word(1).phase() == phase::writing); // the newest: its owner may take its time
    publisher pub(t.bus());
    REQUIRE(pub.publish(topic("x"), "later").seq == 2);
    wait_until([&] { return r.sub.wait(1s) && r.drain() == lines{"2 x later"}; });
    CHECK(t.word(1) == slot_word(1, member_no{77}, phase::stalled));
    CHECK(r.sub.losses().voids == 1);
    CHECK(r.law_holds());
}

TEST_CASE("subscriber: member entries show position, events, voids and losses") {
    test_bus t;
    test_reader r = t.reader();
    t.publish_many(3);
    t.set_phase(2, phase::dead);
    (void)r.drain();
    const ring::member_info m = ring::read_member(t.at(), r.sub.number());
    CHECK(m.kind == ring::member_kind::subscriber);
    CHECK(m.position == 4);
    CHECK(m.events == 2);
    CHECK(m.voids == 1);
    CHECK(m.lost == 0);
    const ring::member_info p = ring::read_member(t.at(), t.pen().number());
    CHECK(p.position == 3);
    CHECK(p.events == 3);
}

TEST_CASE("subscriber: a word with a lap that cannot be costs its own seq, and never moves a reader back or away") {
    test_bus t({.slots = 1 << 18, .slot_bytes = 128});
    t.publish_many(100);
    const std::uint64_t lap = t.at().shape().lap(50);
    for (const std::uint64_t ahead : {std::uint64_t{1}, std::uint64_t{1000}, (std::uint64_t{1} << 46) - 1, std::uint64_t{1} << 46,
                                      (std::uint64_t{1} << 47) - 1}) {
        CAPTURE(ahead);
        t.set_word(50, slot_word(lap + ahead, member_no{1}, phase::committed));
        test_reader r = t.reader(from::seq(1));
        const lines got = r.drain();
        REQUIRE(got.size() == 100);
        CHECK(got[49] == "gap 50-50 overwritten");
        CHECK(got[50] == "51 x 51");
        CHECK(r.sub.next() == 101);
        CHECK(r.law_holds());
    }
}

TEST_CASE("subscriber: whatever words stand in a ring, every call ends and the law holds") {
    std::mt19937_64 engine(std::random_device{}());
    const std::uint64_t seed = engine();
    INFO("seed ", seed);
    engine.seed(seed);
    for (int round = 0; round < rounds(400, 60); ++round) {
        test_bus t;
        t.publish_many(engine() % 200);
        test_reader r = t.reader();
        for (int i = 0; i < 40; ++i) {
            const seq_t at = engine() % 300 + 1;
            const std::uint64_t lap = t.at().shape().lap(at) + (engine() % 4 == 0 ? engine() : engine() % 5 - 2);
            t.set_word(at, slot_word(lap & ring::geometry::lap_mask, static_cast<member_no>(engine() % 8192), static_cast<phase>(engine() % 8)));
            if (i % 8 == 0) t.at().ring().tail.store(engine() >> engine() % 64);
            (void)ring::find_head(t.at());
            (void)t.pen().publish_for(std::chrono::milliseconds(1), topic("x"), "");
            (void)r.sub.poll([](const event&) {});
            (void)r.sub.wait(std::chrono::nanoseconds(1000));
            (void)r.sub.lag();
            REQUIRE(r.law_holds());
        }
    }
}
