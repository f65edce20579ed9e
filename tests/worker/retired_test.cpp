// A bus that is closed, removed and created anew while its worker runs.
#include "tests/worker/worker_fixture.hpp"

#include <evbus/ring/retire.hpp>

using namespace worker_test;

TEST_CASE("retired: the worker says so, waits for the bus, and goes on with it") {
    stage s;
    std::atomic<int> told{0};
    s.how.on_notice = [&](const notice& n) { told += has(n.text, "was closed; it goes on when that is there anew") ? 1 : 0; };
    s.publish_numbers(1, 3);
    worker w = s.start();
    s.until(3);
    REQUIRE(ring::retire(*s.on.attach(ring::access::read_write), 60s) != no_seq);
    wait_until([&] { return told == 1; });
    CHECK(!w.stats().is_over);
    s.drop_publisher();
    s.renew(bus::open_or_create(s.place.name(), {.slots = 1024, .slot_bytes = 128, .log_dir = s.log_dir()}));
    s.publish_numbers(4, 5);
    s.until(5);
    CHECK(end_of(w) == "");
    CHECK(told == 1);
    CHECK(s.given() == lines{"1", "2", "3", "4", "5"});
}

TEST_CASE("retired: stopped while it waits, it has kept its place") {
    stage s;
    std::atomic<int> told{0};
    s.how.on_notice = [&](const notice& n) { told += has(n.text, "was closed") ? 1 : 0; };
    s.publish_numbers(1, 3);
    worker w = s.start();
    s.until(3);
    REQUIRE(ring::retire(*s.on.attach(ring::access::read_write), 60s) != no_seq);
    wait_until([&] { return told == 1; });
    CHECK(end_of(w) == "");
    CHECK(s.saved().place.next == 4);
    CHECK(s.saved().notes.may_repeat == 0);
}

TEST_CASE("retired: another bus of the same name is not taken for it") {
    stage s;
    memory_dir elsewhere;
    std::atomic<int> told{0};
    s.how.on_notice = [&](const notice& n) { told += has(n.text, "was closed") ? 1 : 0; };
    s.publish_numbers(1, 1);
    worker w = s.start();
    s.until(1);
    REQUIRE(ring::retire(*s.on.attach(ring::access::read_write), 60s) != no_seq);
    wait_until([&] { return told == 1; });
    s.drop_publisher();
    const std::uint64_t looks = w.stats().handled;
    s.renew(bus::open_or_create(s.place.name(), {.slots = 1024, .slot_bytes = 128, .log_dir = elsewhere.path() + "/log"}));
    s.publish_numbers(2, 9);
    CHECK(end_of(w) == "");
    CHECK(w.stats().handled == looks);
    CHECK(s.given() == lines{"1"});
}

TEST_CASE("retired: a ring whose name was taken away is left for the one that has it now") {
    stage s;
    s.publish_numbers(1, 2);
    worker w = s.start();
    s.until(2);
    s.drop_publisher();
    ring::unlink_object(ring::ring_object(s.place.name()));
    for (const std::string& object : ring::ctl_objects(s.place.name())) ring::unlink_object(object);
    s.renew(bus::open_or_create(s.place.name(), {.slots = 1024, .slot_bytes = 128, .log_dir = s.log_dir()}));
    s.publish_numbers(3, 4);
    s.until(4);
    CHECK(end_of(w) == "");
    CHECK(s.given() == lines{"1", "2", "3", "4"});
}
