// Claim-in-place: a payload written into its slot piece by piece.
#include "tests/ring/ring_fixture.hpp"

#include <sys/wait.h>

using namespace ring_test;

namespace {
const topic plain("plain");
struct point {
    int a;
    int b;
};
} // namespace

TEST_CASE("slot_writer: what was put piece by piece is one payload, for every size and cut") {
    test_bus t({.slot_bytes = 256});
    test_reader r = t.reader();
    const std::string all = "0123456789abcdefghijklmnopqrstuvwxyz";
    for (std::size_t size = 0; size <= all.size(); ++size)
        for (std::size_t piece = 1; piece <= 9; ++piece) {
            slot_writer w = t.pen().claim(plain, 100);
            REQUIRE(w);
            for (std::size_t i = 0; i < size; i += piece) REQUIRE(w.put(std::string_view(all).substr(i, std::min(piece, size - i))));
            CHECK(w.size() == size);
            CHECK(w.room() == 100 - size);
            const published p = w.commit();
            REQUIRE(p);
            CHECK(r.drain() == lines{std::to_string(p.seq) + " plain " + all.substr(0, size)});
        }
    CHECK(r.law_holds());
}

TEST_CASE("slot_writer: structs and headers") {
    test_bus t({.slot_bytes = 256});
    headers h;
    h.add("type", "point");
    slot_writer w = t.pen().claim(plain, sizeof(point) * 2, {.headers = h});
    CHECK(w.put(point{1, 2}));
    CHECK(w.put(point{3, 4}));
    CHECK_FALSE(w.put(point{5, 6}));
    CHECK(w.commit());
    subscriber sub(t.bus(), {.from = from::oldest()});
    int sum = 0;
    sub.poll([&](const event& e) {
        REQUIRE(e.payload().size() == 2 * sizeof(point));
        point p[2];
        std::memcpy(p, e.payload().data(), sizeof p);
        sum = p[0].a + 10 * p[1].b;
        CHECK(e.headers().find("type") == "point");
        CHECK(e.published() != 0);
    });
    CHECK(sum == 41);
}

TEST_CASE("slot_writer: abandoned or dropped it leaves a void, and the handle publishes on") {
    test_bus t;
    test_reader r = t.reader();
    {
        slot_writer w = t.pen().claim(plain, 8);
        w.put("dropped");
    }
    slot_writer w = t.pen().claim(plain, 8);
    w.put("left");
    w.abandon();
    CHECK_FALSE(w);
    CHECK(w.status() == publish_status::abandoned);
    CHECK(w.commit().status == publish_status::abandoned);
    CHECK_FALSE(w.put("more"));
    t.publish("plain", "three");
    CHECK(r.drain() == lines{"3 plain three"});
    CHECK(r.sub.losses().voids == 2);
    CHECK(r.law_holds());
}

TEST_CASE("slot_writer: moved, the new one has the slot") {
    test_bus t;
    slot_writer w = t.pen().claim(plain, 8);
    w.put("ab");
    slot_writer moved = std::move(w);
    CHECK(moved.put("cd"));
    CHECK(moved.commit().seq == 1);
    CHECK(t.reader().drain() == lines{"1 plain abcd"});
}

TEST_CASE("slot_writer: while a claim is open its handle publishes nothing else") {
    test_bus t;
    slot_writer w = t.pen().claim(plain, 8);
    CHECK(t.publish("plain", "no").status == publish_status::claim_open);
    const std::vector<outgoing> events{{plain, "no"}};
    CHECK(t.pen().publish_batch(events).status == publish_status::claim_open);
    CHECK(t.pen().claim(plain, 8).status() == publish_status::claim_open);
    CHECK(w.commit());
    CHECK(t.publish("plain", "yes"));
}

TEST_CASE("slot_writer: refused claims say why") {
    test_bus t({.pacing = ring::pacing_mode::strict});
    CHECK(t.pen().claim(plain, 200).status() == publish_status::too_large);
    for (std::size_t below_zero = 1; below_zero <= 80; ++below_zero) // sums that wrap are still too large
        CHECK(t.pen().claim(plain, std::size_t{0} - below_zero).status() == publish_status::too_large);
    fake_recorder recorder(t);
    t.publish_many(64);
    CHECK(t.pen().try_claim(plain, 8).status() == publish_status::would_block);
    recorder.wrote(64);
    CHECK(t.pen().claim(plain, 8).commit().seq == 65);
}

TEST_CASE("slot_writer: stepped over while it was open, its bytes are published again") {
    test_bus t;
    publisher other(t.bus(), {.name = "other"});
    test_reader r = t.reader();
    slot_writer w = t.pen().claim(plain, 40);
    REQUIRE(w.put("written before and "));
    CHECK(other.publish(topic("y"), "behind").seq == 2);
    CHECK(ring::end_wait(t.at(), 1, t.word(1), ring::patience::also_the_living) == ring::repair_result::stalled);
    // Others go round the ring meanwhile, stepping over it lap by lap.
    for (int i = 0; i < 200; ++i) REQUIRE(other.publish(topic("y"), "lap"));
    r.drain();
    REQUIRE(w.put("after others came"));
    const published p = w.commit();
    REQUIRE(p);
    CHECK(p.seq > 200);
    CHECK(t.pen().given_back() == 1);
    CHECK(r.drain() == lines{std::to_string(p.seq) + " plain written before and after others came"});
    CHECK(r.law_holds());
    for (seq_t s = p.seq - 63; s <= p.seq; ++s) CHECK(t.word(s).phase() != phase::stalled);
}

TEST_CASE("slot_writer: a publisher that goes while its slot is open leaves a void") {
    test_bus t;
    alignas(slot_writer) std::byte room[sizeof(slot_writer)]; // never destroyed: the publisher was to outlive it
    {
        publisher going(t.bus(), {.name = "going"});
        new (room) slot_writer(going.claim(plain, 8));
        CHECK(t.word(1).phase() == phase::writing);
    }
    CHECK(t.word(1).phase() == phase::dead);
}

TEST_CASE("slot_writer: tried, stepped over, and no other slot to be had: commit does not wait either") {
    test_bus t({.pacing = ring::pacing_mode::strict});
    publisher other(t.bus(), {.name = "other"});
    fake_recorder recorder(t);
    slot_writer w = t.pen().try_claim(plain, 8);
    REQUIRE(w.put("lost"));
    for (int i = 0; i < 63; ++i) REQUIRE(other.publish(topic("y"), "fill"));
    CHECK(ring::end_wait(t.at(), 1, t.word(1), ring::patience::also_the_living) == ring::repair_result::stalled);
    CHECK(w.commit().status == publish_status::would_block);
    CHECK(t.word(1).phase() == phase::dead);
    recorder.wrote(64);
    CHECK(t.publish("plain", "next").seq == 65);
}

TEST_CASE("slot_writer: a forked child's claim does nothing") {
    test_bus t;
    slot_writer w = t.pen().claim(plain, 8);
    w.put("parent");
    const pid_t child = ::fork();
    if (child == 0) {
        const bool put = w.put("!"); // would stand in the parent's slot
        const publish_status status = w.commit().status;
        ::_exit(!put && status == publish_status::forked ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
    CHECK(t.word(1).phase() == phase::writing);
    CHECK(w.commit().seq == 1);
    CHECK(t.reader().drain() == lines{"1 plain parent"});
}
