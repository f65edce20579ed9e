// Many events in one call.
#include "tests/ring/ring_fixture.hpp"

using namespace ring_test;

TEST_CASE("batch: its events are published in order, small and large, with their headers") {
    test_bus t;
    test_reader r = t.reader();
    const topic a("a"), b("b");
    const std::string large(300, 'l');
    headers h;
    h.add("k", "v");
    const std::vector<outgoing> events{{a, "one"}, {b, large}, {a, "three", {.headers = h}}};
    const published_batch done = t.pen().publish_batch(events);
    CHECK(done);
    CHECK(done.count == 3);
    const lines got = r.drain();
    REQUIRE(got.size() == 3);
    CHECK(got[0] == "1 a one");
    CHECK(got[1].ends_with(" b 300 bytes"));
    CHECK(got[2] == std::to_string(done.last) + " a three");
    CHECK(t.pen().count() == 3);
    CHECK(t.at().member(t.pen().number()).position.load() == done.last);
}

TEST_CASE("batch: an empty one is published at once") {
    test_bus t;
    const published_batch done = t.pen().publish_batch({});
    CHECK(done);
    CHECK(done.count == 0);
    CHECK(done.last == no_seq);
}

TEST_CASE("batch: it stops at the first event that cannot be published, and says which and why") {
    test_bus t;
    const topic a("a");
    const std::string huge(std::size_t{17} << 20, 'h');
    const std::vector<outgoing> events{{a, "one"}, {a, "two"}, {a, huge}, {a, "four"}};
    const published_batch done = t.pen().publish_batch(events);
    CHECK(done.status == publish_status::too_large);
    CHECK(done.count == 2);
    CHECK(done.last == 2);
    CHECK(t.bus().head() == 3);
}

TEST_CASE("batch: pacing ends it where it must wait, and the rest can be sent later") {
    test_bus t({.pacing = ring::pacing_mode::strict});
    fake_recorder recorder(t);
    const topic a("a");
    const std::vector<outgoing> events(100, outgoing(a, "x"));
    const std::span<const outgoing> all(events);
    const published_batch first = t.pen().try_publish_batch(all);
    CHECK(first.status == publish_status::would_block);
    CHECK(first.count == 64);
    CHECK(t.pen().publish_batch_for(std::chrono::milliseconds(1), all.subspan(first.count)).status == publish_status::timed_out);
    recorder.wrote(64);
    const published_batch rest = t.pen().publish_batch(all.subspan(first.count));
    CHECK(rest);
    CHECK(rest.count == 36);
    CHECK(rest.last == 100);
}

TEST_CASE("batch: a retired ring is said so") {
    test_bus t;
    t.set_phase(1, phase::closed);
    const topic a("a");
    const std::vector<outgoing> events(3, outgoing(a, "x"));
    CHECK(t.pen().publish_batch(events).status == publish_status::retired);
}
