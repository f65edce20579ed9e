// The end of a ring: nobody passes a CLOSED word, from however far behind he comes.
#include "lib/recorder/lap_resumer.hpp"
#include "ring_fixture.hpp"

#include <evbus/ring/retire.hpp>

using namespace ring_test;

TEST_CASE("closed: the end takes one slot of a full ring: who was lapped by it, or begins at the oldest, loses that seq alone") {
    test_bus t;
    test_reader slow = t.reader();
    t.publish_many(64);
    REQUIRE(ring::retire(t.at(), std::chrono::seconds(1)) == 65);
    CHECK(ring::oldest_for(t.at(), 65) == 2);
    const lines late = t.reader(from::oldest()).drain();
    CHECK(late.size() == 63);
    CHECK(late.front() == "2 x 2");
    const lines got = slow.drain();
    REQUIRE(got.size() == 64);
    CHECK(got.front() == "gap 1-1 overwritten");
    CHECK(got.back() == "64 x 64");
    CHECK(slow.sub.retired());
    CHECK(slow.law_holds());
}

TEST_CASE("closed: a reader in front of a stopped publisher's slot with the end right behind it does not wait for that one") {
    test_bus t;
    t.publish("a", "1");
    const ring::held_byte stopped = t.alive(9);
    t.set_phase(2, phase::writing, 9);
    REQUIRE(ring::retire(t.at(), std::chrono::seconds(1)) == 3);
    test_reader r = t.reader();
    while (!r.sub.retired()) {
        r.drain();
        r.sub.wait(std::chrono::milliseconds(20));
    }
    CHECK(r.sub.losses().voids == 1);
    CHECK(t.word(2).phase() == phase::stalled);
}

TEST_CASE("closed: a claimer at the head is told, and so is every later try") {
    test_bus t;
    t.publish_many(5);
    CHECK(ring::retire(t.at(), std::chrono::seconds(1)) == 6);
    CHECK(t.publish("x", "late").status == publish_status::retired);
    CHECK(t.publish("x", "later").status == publish_status::retired);
    CHECK(ring::find_head(t.at()) == 6);
}

TEST_CASE("closed: a claimer that comes from a lap behind does not pass the closed seq") {
    test_bus t;
    publisher slow(t.bus(), {.name = "slow"}); // its next claim tries seq 1, whose slot will be the closed one
    t.publish_many(64);
    REQUIRE(ring::retire(t.at(), std::chrono::seconds(1)) == 65);
    const published r = slow.publish(topic("x"), "past the end");
    CHECK(r.status == publish_status::retired);
    CHECK(r.seq == no_seq);
    CHECK(t.word(66) == slot_word(t.at().shape().lap(2), t.pen().number(), phase::committed));
}

TEST_CASE("closed: the head is the closed seq for whoever looks, whatever the tail says") {
    test_bus t;
    t.publish_many(64);
    REQUIRE(ring::retire(t.at(), std::chrono::seconds(1)) == 65);
    for (const seq_t tail : {seq_t{1}, seq_t{2}, seq_t{64}, seq_t{65}, seq_t{66}, seq_t{1000}}) {
        CAPTURE(tail);
        t.at().ring().tail.store(tail);
        CHECK(ring::find_head(t.at()) == 65);
        CHECK(ring::retire(t.at(), std::chrono::seconds(1)) == 65);
    }
    CHECK(ring::head_by_scan(t.at()) == 65);
}

TEST_CASE("closed: a reader gets everything below the closed seq, then `retired`") {
    test_bus t;
    test_reader r = t.reader();
    t.publish("a", "one");
    REQUIRE(ring::retire(t.at(), std::chrono::seconds(1)) == 2);
    CHECK(r.sub.wait(std::chrono::seconds(100)));
    CHECK(r.drain() == lines{"1 a one"});
    CHECK(r.sub.retired());
    CHECK_FALSE(r.sub.wait(std::chrono::seconds(100)));
    CHECK(r.law_holds());
}

TEST_CASE("closed: a head that a dead, stalled or living owner holds is passed over, not closed upon") {
    test_bus t;
    t.publish_many(64); // the head's slot belongs to seq 1
    SUBCASE("its owner died") { t.set_phase(1, phase::writing, 77); }
    SUBCASE("its owner is stopped") {
        const ring::held_byte owner = t.alive(77);
        t.set_phase(1, phase::writing, 77);
        CHECK(ring::retire(t.at(), std::chrono::seconds(5)) == 66);
        CHECK(t.word(65) == slot_word(t.at().shape().lap(65), member_no{77}, phase::stalled));
        return;
    }
    SUBCASE("it was stepped over and its owner died") { t.set_phase(1, phase::stalled, 77); }
    CHECK(ring::retire(t.at(), std::chrono::seconds(5)) == 65);
}

TEST_CASE("closed: the names are taken away once, and only while they lead to this ring") {
    test_bus t;
    const epoch_t old = t.at().description().epoch();
    REQUIRE(ring::retire(t.at(), std::chrono::seconds(1)) == 1);
    CHECK(ring::unlink_closed(t.name(), old));
    CHECK(ring::create_ring(creation_of(t.name())));
    CHECK(ring::unlink_closed(t.name(), old)); // again, by somebody who came late
    CHECK_NOTHROW((void)evbus::bus::open(t.name()));
    CHECK_FALSE(t.at().is_current());
}

TEST_CASE("closed: of a full ring the end takes one seq, and who was lapped by it gives up no more than that") {
    test_bus t;
    t.publish_many(64);
    REQUIRE(ring::retire(t.at(), std::chrono::seconds(1)) == 65);
    recorder::lap_resumer laps(t.at());
    CHECK(laps.resume(1, [] { return seq_t{10}; }) == 2);

    test_bus longer;
    longer.publish_many(1000);
    recorder::lap_resumer late(longer.at());
    CHECK(late.resume(1, [] { return seq_t{0}; }) == 937); // the place that is overwritten next
    REQUIRE(ring::retire(longer.at(), std::chrono::seconds(1)) == 1001);
    CHECK(late.resume(937, [] { return seq_t{945}; }) == 938);
}
