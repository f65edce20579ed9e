// A worker that handles nothing but what is durable.
#include "tests/recorder/recorder_fixture.hpp"

#include <evbus/worker.hpp>

#include <atomic>

using namespace recorder_test;

TEST_CASE("worker: told so, it handles an event only once it would survive a power loss") {
    const world w;
    const bus on = w.bus();
    author pen(on, 1);
    std::atomic<std::uint64_t> early{0};
    worker handling(on, {.cursor = "careful", .durable_only = true}, [&](const event& e) {
        if (on.frontier().durable < e.seq()) ++early;
    });
    {
        recorder_thread recorder(on, {.sync = recorder::sync_policy::none}); // synced at its end alone
        pen.publish(500);
        REQUIRE(on.wait_written(pen.last(), ages));
        CHECK(handling.stats().handled == 0);
        CHECK(recorder.stop().state == recorder_state::ended);
    }
    wait_until([&] { return handling.stats().handled == 500; });
    handling.stop();
    handling.join();
    CHECK(early == 0);
}
