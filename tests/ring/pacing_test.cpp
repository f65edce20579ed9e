// Pacing: nothing unrecorded is overwritten while a recorder lives and moves, and a recorder that is
// gone or stands still costs all publishers together one stall limit.
#include "process_fixture.hpp"
#include "ring_fixture.hpp"

#include <thread>

using namespace ring_test;
using namespace std::chrono_literals;
using ring::pacing_mode;

namespace {

const topic x("x");
const auto y = std::as_bytes(std::span<const char>("y", 1));

} // namespace

TEST_CASE("pacing: a paced publisher is stopped a lap ahead of the recorder, and let on as it writes") {
    for (const pacing_mode mode : {pacing_mode::paced, pacing_mode::strict}) {
        test_bus t({.pacing = mode, .stall_limit_ns = 3'600'000'000'000});
        fake_recorder rec(t);
        t.publish_many(64);
        CHECK(t.pen().try_publish(x, y).status == publish_status::would_block);
        CHECK(t.pen().publish_for(2ms, x, y).status == publish_status::timed_out);
        CHECK(t.pen().publish_for(-1ns, x, y).status == publish_status::timed_out);
        rec.wrote(1);
        CHECK(t.pen().try_publish(x, y).seq == 65);
        CHECK(t.pen().try_publish(x, y).status == publish_status::would_block);
        rec.wrote(65);
        t.publish_many(64);
        CHECK(t.pen().try_publish(x, y).status == publish_status::would_block);
        CHECK(ring::find_head(t.at()) == 130); // refusals use up no seq
    }
}

TEST_CASE("pacing: a publisher that waits goes on when the recorder has written") {
    test_bus t({.pacing = pacing_mode::strict});
    fake_recorder rec(t);
    t.publish_many(64);
    std::jthread writer([&] {
        for (seq_t s = 1; s <= 1000; ++s) {
            rec.wrote(s);
            if (s % 100 == 0) std::this_thread::sleep_for(3ms);
        }
    });
    for (int i = 0; i < 1000; ++i) REQUIRE(t.pen().publish(x, y));
    CHECK(ring::find_head(t.at()) == 1065);
}

TEST_CASE("pacing: before any recorder came a paced bus does not wait, a strict one does") {
    test_bus paced({.pacing = pacing_mode::paced});
    for (int i = 0; i < 200; ++i) REQUIRE(paced.pen().try_publish(x, y));
    test_bus strict({.pacing = pacing_mode::strict});
    strict.publish_many(64);
    CHECK(strict.pen().try_publish(x, y).status == publish_status::would_block);
    CHECK(strict.pen().publish_for(1ms, x, y).status == publish_status::timed_out);
}

TEST_CASE("pacing: a dead recorder costs nothing: the first who looks tells all") {
    test_bus t({.pacing = pacing_mode::paced, .stall_limit_ns = 3'600'000'000'000});
    fake_recorder rec(t);
    t.publish_many(64);
    CHECK(t.pen().try_publish(x, y).status == publish_status::would_block);
    rec.die();
    CHECK(t.pen().try_publish(x, y)); // proof and verdict in one call, no wait
    std::string said = "nothing";
    publisher other(t.bus(), {.name = "other", .on_notice = [&](const notice& n) { said = to_string(n.kind); }});
    for (int i = 0; i < 300; ++i) REQUIRE(other.try_publish(x, y));
    CHECK(said == "nothing"); // the verdict stood already
}

TEST_CASE("pacing: the verdict ends with a new recorder, before it has moved anything") {
    test_bus t({.pacing = pacing_mode::paced, .stall_limit_ns = 3'600'000'000'000});
    {
        fake_recorder rec(t);
        t.publish_many(64);
        rec.die();
        CHECK(t.pen().try_publish(x, y));
    }
    fake_recorder next(t);
    CHECK(t.pen().try_publish(x, y).status == publish_status::would_block);
    next.wrote(200);
    CHECK(t.pen().try_publish(x, y));
}

TEST_CASE("pacing: a recorder that stands still is waited for once, by all publishers together") {
    test_bus t({.pacing = pacing_mode::paced, .stall_limit_ns = 100'000'000});
    fake_recorder rec(t);
    t.publish_many(64);
    int verdicts = 0;
    publisher pub(t.bus(), {.name = "p", .on_notice = [&](const notice& n) { verdicts += n.kind == notice_kind::pacing_verdict; }});
    const std::int64_t start = evbus::detail::steady_ns();
    REQUIRE(pub.publish(x, y));
    CHECK(evbus::detail::steady_ns() - start >= 100'000'000);
    CHECK(verdicts == 1);
    // From here on nobody waits: try never says would_block.
    for (int i = 0; i < 500; ++i) {
        REQUIRE(pub.try_publish(x, y));
        REQUIRE(t.pen().try_publish(x, y));
    }
    CHECK(verdicts == 1);
    rec.wrote(ring::find_head(t.at()) - 1); // it moves again: it is waited for again
    t.publish_many(64);
    CHECK(pub.try_publish(x, y).status == publish_status::would_block);
}

TEST_CASE("pacing: tries alone reach the verdict too, once the stall limit has passed") {
    test_bus t({.pacing = pacing_mode::paced, .stall_limit_ns = 50'000'000});
    fake_recorder rec(t);
    t.publish_many(64);
    const std::int64_t start = evbus::detail::steady_ns();
    wait_until([&] { return static_cast<bool>(t.pen().try_publish(x, y)); });
    CHECK(evbus::detail::steady_ns() - start >= 50'000'000);
}

TEST_CASE("pacing: a strict bus waits for a recorder that is gone, to the caller's time-out") {
    test_bus t({.pacing = pacing_mode::strict, .stall_limit_ns = 1});
    fake_recorder rec(t);
    t.publish_many(64);
    rec.die();
    CHECK(t.pen().publish_for(20ms, x, y).status == publish_status::timed_out);
    fake_recorder next(t);
    next.wrote(64);
    CHECK(t.pen().publish_for(1h, x, y));
}

TEST_CASE("pacing: a stopped owner at the frontier does not block a paced bus whose recorder lives") {
    for (const pacing_mode mode : {pacing_mode::paced, pacing_mode::strict}) {
        test_bus t({.pacing = mode, .stall_limit_ns = 3'600'000'000'000});
        const ring::held_byte owner = t.alive(77);
        fake_recorder rec(t);
        t.publish_many(10);
        t.set_phase(11, phase::writing, 77); // claimed, and its owner is stopped for ever
        t.at().ring().tail.store(12);
        publisher pub(t.bus());
        while (ring::find_head(t.at()) < 65) REQUIRE(pub.publish(x, y));
        rec.wrote(10); // as far as it can come
        std::atomic<bool> stop{false};
        std::jthread recorder([&] { // takes whatever is finished, as a recorder without patience of its own
            seq_t next = 11;
            while (!stop.load()) {
                const slot_word w = t.word(next);
                const std::int64_t ahead = w.laps_ahead_of(t.at().shape().lap(next));
                if (ahead > 0 || (ahead == 0 && w.phase() != phase::writing)) rec.wrote(next++);
                else std::this_thread::yield();
            }
        });
        for (int i = 0; i < 500; ++i) REQUIRE(pub.publish(x, y));
        stop.store(true);
        CHECK(t.word(11).owner() == member_no{77});
        CHECK(t.word(11).phase() == phase::stalled);
    }
}

TEST_CASE("pacing: stepping over waits for the recorder as claiming does") {
    test_bus t({.pacing = pacing_mode::strict});
    const ring::held_byte owner = t.alive(77);
    fake_recorder rec(t);
    publisher pub(t.bus());
    t.set_phase(1, phase::stalled, 77);
    t.at().ring().tail.store(2);
    while (ring::find_head(t.at()) < 65) REQUIRE(pub.publish(x, y));
    CHECK(pub.try_publish(x, y).status == publish_status::would_block);
    CHECK(t.word(1).lap() == 1); // not carried to the next lap before seq 1 is recorded as a void
    rec.wrote(2);
    CHECK(pub.publish_for(1h, x, y).seq == 66);
    CHECK(t.word(65) == slot_word(2, member_no{77}, phase::stalled));
}
