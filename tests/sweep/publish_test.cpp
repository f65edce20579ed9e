// A publisher that is killed at each probe of its way.
#include "tests/ring/process_fixture.hpp"
#include "tests/ring/ring_fixture.hpp"
#include "tests/support/probes.hpp"

using namespace ring_test;

TEST_CASE("sweep: a publisher killed at its claim leaves a void") {
    const shm_cleaner name(unique_name());
    REQUIRE(ring::create_ring(creation_of(name.name())));
    const bus on = bus::open(name.name());
    subscriber sub(on, {.from = from::oldest()});
    child victim([&] {
        publisher pen(bus::open(name.name()), {.name = "victim"});
        pen.publish(topic("a"), "one");
        probe_test::arm(probe::claim_done, SIGKILL);
        pen.publish(topic("a"), "two");
        return 0;
    });
    CHECK(victim.wait() == 256 + SIGKILL);
    publisher pen(on);
    CHECK(pen.publish(topic("a"), "three"));
    std::string got;
    while (sub.next() < 4) {
        sub.poll([&](const event& e) { got += std::string(e.text()) + " "; });
        sub.wait(std::chrono::milliseconds(1));
    }
    CHECK(got == "one three ");
    CHECK(sub.losses().voids == 1);
}
