// A worker that begins behind an anchor.
#include "tests/recorder/anchor_fixture.hpp"

#include <evbus/worker.hpp>

#include <mutex>
#include <vector>

using namespace anchor_test;

namespace {

/// A life of the worker that handles `count` events: their seqs.
std::vector<seq_t> life(const bus& on, std::size_t count) {
    std::mutex lock;
    std::vector<seq_t> given;
    worker w(on, {.cursor = "state", .from = from::anchor()}, [&](const event& e) {
        const std::lock_guard guard(lock);
        given.push_back(e.seq());
    });
    wait_until([&] {
        const std::lock_guard guard(lock);
        return given.size() >= count;
    });
    w.stop();
    w.join();
    return given;
}

} // namespace

TEST_CASE("worker: without a place of its own it begins behind the newest anchor; with one, there, whatever was anchored since") {
    const world w;
    const bus on = w.bus();
    recorder_thread recorder(on);
    author pen(on, 1);
    publish_durably(on, pen, 12);
    REQUIRE(put(on, at(4)) == "put");
    REQUIRE(put(on, at(9)) == "put");
    CHECK(life(on, 3) == std::vector<seq_t>{10, 11, 12});
    publish_durably(on, pen, 3);
    REQUIRE(put(on, at(14)) == "put");
    CHECK(life(on, 3) == std::vector<seq_t>{13, 14, 15});
}
