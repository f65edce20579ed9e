// An exclusive bus: one publisher at a time, which stores plainly.
#include "tests/ring/process_fixture.hpp"
#include "tests/ring/ring_fixture.hpp"

#include <evbus/ring/retire.hpp>

using namespace ring_test;

namespace {

constexpr bus_shape alone{.exclusive = true};
constexpr std::chrono::seconds soon{1};

} // namespace

TEST_CASE("exclusive: what is published is read, over many laps") {
    test_bus t(alone);
    test_reader r = t.reader();
    for (int lap = 0; lap < 20; ++lap) {
        t.publish_many(50);
        const lines got = r.drain();
        REQUIRE(got.size() == 50);
        CHECK(got.front() == std::to_string(lap * 50 + 1) + " x " + std::to_string(lap * 50 + 1));
    }
    CHECK(r.law_holds());
    CHECK(t.bus().exclusive());
}

TEST_CASE("exclusive: a second publisher is refused, and told who the first one is") {
    test_bus t(alone);
    t.publish("a", "1");
    try {
        const publisher second(t.bus(), {.name = "second"});
        FAIL("it was let in");
    } catch (const error& e) {
        CHECK(e.kind() == errc::busy);
        CHECK(std::string(e.what()).find("publisher 'pen' (process " + std::to_string(::getpid())) != std::string::npos);
    }
}

TEST_CASE("exclusive: a publisher that left makes place for the next") {
    const shm_cleaner name(unique_name());
    REQUIRE(ring::create_ring(creation_of(name.name(), alone)));
    for (int life = 1; life <= 3; ++life) {
        publisher pen(bus::open(name.name()));
        CHECK(pen.number() == member_no{1});
        CHECK(pen.publish(topic("a"), "x").seq == static_cast<seq_t>(life));
    }
}

TEST_CASE("exclusive: a reader steps over a dead publisher's slot, never over a living one's") {
    test_bus t(alone);
    t.publish("a", "1");
    test_reader r = t.reader();
    child victim([&] {
        return 0; // only to have had a process
    });
    CHECK(victim.wait() == 0);
    CHECK(r.drain() == lines{"1 a 1"});
    t.set_phase(2, phase::writing, 1); // as if the living pen were in the middle of it
    t.set_phase(3, phase::writing, 1);
    const slot_word seen = t.word(2);
    CHECK(ring::end_wait(t.at(), 2, seen, ring::patience::also_the_living) == ring::repair_result::alive);
    CHECK(t.word(2) == seen);
}

TEST_CASE("exclusive: the next life does not redo what the dead one left") {
    const shm_cleaner name(unique_name());
    REQUIRE(ring::create_ring(creation_of(name.name(), alone)));
    child victim([&] {
        const auto at = bus::open(name.name()).attach(ring::access::read_write);
        ring::membership place(at, ring::member_kind::publisher, "victim");
        ring::claimer claims(*at, place.number());
        if (claims.claim() != ring::claim_status::claimed) return 1;
        ::raise(SIGKILL);
        return 2;
    });
    CHECK(victim.wait() == 256 + SIGKILL);
    publisher pen(bus::open(name.name()));
    CHECK(pen.publish(topic("a"), "x").seq == 2);
    subscriber sub(bus::open(name.name()), {.from = from::oldest()});
    std::size_t got = 0;
    sub.poll([&](const event& e) { got += e.seq(); });
    CHECK(got == 2);
    CHECK(sub.losses().voids == 1);
}

TEST_CASE("exclusive: a library that does not know the feature refuses the bus by name of the bit") {
    test_bus t(alone);
    CHECK((t.at().description().raw.incompatible & ring::exclusive_feature) != 0);
    CHECK((t.at().ctl().incompatible & ring::exclusive_feature) != 0);
}

TEST_CASE("exclusive: closing an idle bus ends it at its head; the publisher is told") {
    test_bus t(alone);
    t.publish("a", "1");
    test_reader r = t.reader();
    CHECK(ring::retire(t.at(), soon) == 2);
    CHECK(t.publish("a", "2").status == publish_status::retired);
    CHECK(t.publish("a", "3").status == publish_status::retired);
    CHECK(t.word(2).phase() == phase::closed);
    CHECK(r.drain() == lines{"1 a 1"});
    CHECK(r.sub.retired());
    CHECK(ring::retire(t.at(), soon) == 2);
}

TEST_CASE("exclusive: closed while an event is being written, that event is the last one") {
    const shm_cleaner name(unique_name());
    REQUIRE(ring::create_ring(creation_of(name.name(), alone)));
    const board b;
    child author([&] {
        publisher pen(bus::open(name.name()));
        slot_writer open = pen.claim(topic("a"), 8);
        open.put("in time");
        b[0].store(1);
        b.wait_for(1, 1);
        if (!open.commit()) return 1;
        return pen.publish(topic("a"), "late").status == publish_status::retired ? 0 : 2;
    });
    b.wait_for(0, 1);
    const auto at = bus::open(name.name()).attach(ring::access::read_write);
    CHECK(ring::retire(*at, soon) == 2);
    b[1].store(1);
    CHECK(author.wait() == 0);
    CHECK(ring::retire(*at, soon) == 2);
    subscriber sub(bus::open(name.name()), {.from = from::oldest()});
    std::string got;
    sub.poll([&](const event& e) { got += std::string(e.text()); });
    CHECK(got == "in time");
    CHECK(sub.retired());
}

TEST_CASE("exclusive: who dies over a closed head leaves it closed") {
    test_bus t(alone);
    t.publish("a", "1");
    REQUIRE(ring::retire(t.at(), soon) == 2);
    t.set_phase(2, phase::writing, 2); // a claim of number 2, which nobody holds, over CLOSED
    CHECK(ring::end_wait(t.at(), 2, t.word(2), ring::patience::only_the_dead) == ring::repair_result::reaped);
    CHECK(t.word(2).phase() == phase::closed);
    t.set_phase(2, phase::writing, 2);
    CHECK(ring::sweep(t.at(), member_no{2}) == 1);
    CHECK(t.word(2).phase() == phase::closed);
}

TEST_CASE("exclusive: a reader that may not repair sees the end behind a closer that died over it, and no void") {
    test_bus t(alone);
    t.publish("a", "1");
    REQUIRE(ring::retire(t.at(), soon) == 2);
    t.set_phase(2, phase::writing, 2); // a claim of number 2, which nobody holds, over CLOSED
    subscriber looker(bus::observe(t.name()), {.from = from::oldest()});
    while (!looker.retired()) {
        looker.poll([](const event&) {});
        looker.wait(std::chrono::milliseconds(1));
    }
    CHECK(looker.losses().voids == 0);
    CHECK(looker.next() == 2);
    CHECK(t.word(2).phase() == phase::writing);
}

TEST_CASE("exclusive: the end is above a void that a reader without write permission has gone over already") {
    test_bus t(alone);
    t.publish("a", "1");
    t.set_phase(2, phase::writing, 2); // of number 2, which nobody holds
    subscriber looker(bus::observe(t.name()), {.from = from::oldest()});
    while (looker.next() < 3) {
        looker.poll([](const event&) {});
        looker.wait(std::chrono::milliseconds(1));
    }
    REQUIRE(ring::retire(t.at(), soon) == 3);
    CHECK(t.word(2).phase() == phase::dead);
    while (!looker.retired()) {
        looker.poll([](const event&) {});
        looker.wait(std::chrono::milliseconds(1));
    }
    CHECK(looker.next() == 3);
    CHECK(looker.losses().voids == 1);
}

TEST_CASE("exclusive: who proves the publisher dead after the wish to close chooses the end, once") {
    test_bus t(alone);
    t.publish("a", "1");
    REQUIRE(ring::ask_to_close(t.at()));
    t.set_phase(2, phase::writing, 2);
    const slot_word left = t.word(2);
    t.set_phase(2, phase::dead, 2);
    CHECK(ring::remains_of(t.at(), 2, left) == left); // it changed since: nothing is chosen for it
    CHECK(ring::closed_at(t.at()) == no_seq);
    t.set_phase(2, phase::writing, 2);
    CHECK(ring::remains_of(t.at(), 2, left).phase() == phase::dead);
    CHECK(ring::closed_at(t.at()) == 3);
    CHECK(ring::retire(t.at(), soon) == 3);
    CHECK(t.word(3).phase() == phase::closed);
}

TEST_CASE("exclusive: of two who close it the first chooses the end, whatever its publisher stores over that") {
    test_bus t(alone);
    t.publish("a", "1");
    REQUIRE(ring::retire(t.at(), soon) == 2);
    t.set_phase(2, phase::writing, 1); // the publisher had not looked yet, and is stopped before it does
    CHECK(ring::retire(t.at(), soon) == 2);
    test_reader r = t.reader();
    CHECK(r.drain() == lines{"1 a 1"});
    while (!r.sub.retired()) {
        r.sub.wait(std::chrono::milliseconds(1));
        r.drain();
    }
    CHECK(r.sub.next() == 2); // told while that publisher lives and stands still
    CHECK(t.word(3).phase() == phase::dead);
    t.set_phase(2, phase::writing, 2); // and dead
    CHECK(ring::end_wait(t.at(), 2, t.word(2), ring::patience::only_the_dead) == ring::repair_result::reaped);
    CHECK(t.word(2).phase() == phase::closed);
}

TEST_CASE("exclusive: who closes it behind a claim that its publisher takes back chooses the end for both") {
    test_bus t(alone);
    t.publish("a", "1");
    REQUIRE(ring::ask_to_close(t.at()));
    // Seq 2 was claimed when somebody looked for the head; its publisher sees only then that it is to close the bus.
    REQUIRE(ring::choose_end(t.at(), 3) == 3);
    CHECK(t.publish("a", "2").status == publish_status::retired);
    CHECK(t.word(2).phase() == phase::dead);
    CHECK(t.word(3).phase() == phase::closed);
    CHECK(ring::retire(t.at(), soon) == 3);
    test_reader r = t.reader();
    CHECK(r.drain() == lines{"1 a 1"});
    CHECK(r.sub.retired());
    CHECK(r.sub.next() == 3);
}

TEST_CASE("exclusive: closed under full load again and again, no event that was told published is beyond the end") {
    for (int round = 0; round < rounds(60, 10); ++round) {
        const shm_cleaner name(unique_name());
        REQUIRE(ring::create_ring(creation_of(name.name(), {.slots = 1024, .exclusive = true})));
        const board b;
        child author([&] {
            publisher pen(bus::open(name.name()));
            published p;
            while ((p = pen.publish(topic("a"), "x"))) b[0].store(p.seq);
            return p.status == publish_status::retired ? 0 : 1;
        });
        b.wait_for(0, static_cast<std::uint64_t>(1 + round * 13));
        const auto at = bus::open(name.name()).attach(ring::access::read_write);
        seq_t end = no_seq;
        while (end == no_seq) end = ring::retire(*at, soon);
        CHECK(author.wait() == 0);
        // A claim that was taken back may stand between.
        const bool taken_back = ring::load_word(*at, end - 1).phase() == phase::dead;
        CHECK(b[0].load() == end - (taken_back ? 2 : 1));
        CHECK(ring::load_word(*at, end).phase() == phase::closed);
    }
}

TEST_CASE("exclusive: paced, it waits for the recorder as a shared bus does") {
    test_bus t({.pacing = ring::pacing_mode::strict, .exclusive = true});
    fake_recorder recorder(t);
    t.publish_many(64);
    CHECK(t.pen().try_publish(topic("x"), "more").status == publish_status::would_block);
    recorder.wrote(1);
    CHECK(t.pen().try_publish(topic("x"), "more").seq == 65);
    CHECK(t.pen().try_publish(topic("x"), "more").status == publish_status::would_block);
}
