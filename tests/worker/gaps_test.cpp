// Events that cannot be had: passed, or a reason to stop.
#include "tests/worker/worker_fixture.hpp"

using namespace worker_test;

namespace {

/// A worker's place at seq 4, and behind it a ring that went round without a recorder.
struct lapped_stage : stage {
    lapped_stage() : stage(64) {
        publish_numbers(1, 3);
        worker w = start();
        until(3);
        CHECK(end_of(w) == "");
        forget();
        last = publish_numbers(4, 203);
    }
    seq_t last = no_seq;
};

} // namespace

TEST_CASE("gaps: the worker passes them unless it is told otherwise, and counts the seqs") {
    lapped_stage s;
    worker w = s.start();
    wait_until([&] { return w.stats().next > s.last; });
    CHECK(end_of(w) == "");
    CHECK(w.stats().gap_seqs + w.stats().handled == 200);
    CHECK(w.stats().gap_seqs >= 200 - 64);
    CHECK(s.given().back() == "203");
    CHECK(s.saved().place.next == s.last + 1);
}

TEST_CASE("gaps: asked, it hears what to do, in place") {
    lapped_stage s;
    std::vector<gap> gaps;
    s.how.on_gap = [&](const gap& g) {
        gaps.push_back(g);
        CHECK(s.given().empty());
        return at_gap::go_on;
    };
    worker w = s.start();
    wait_until([&] { return w.stats().next > s.last; });
    CHECK(end_of(w) == "");
    REQUIRE(gaps.size() == 1);
    CHECK(gaps[0].range.first == 4);
    CHECK(gaps[0].cause == gap_cause::overwritten);
}

TEST_CASE("gaps: told to stop, it ends before the gap, as often as it comes there") {
    lapped_stage s;
    int asked = 0;
    s.how.on_gap = [&](const gap&) { return ++asked, at_gap::stop; };
    for (int i = 1; i <= 3; ++i) {
        worker w = s.start();
        const std::string end = join(w);
        CHECK(has(end, "events are missing: worker billing: seq 4 to "));
        CHECK(has(end, "cannot be had: overwritten; its cursor stands before them"));
        CHECK(asked == i);
        CHECK(s.saved().place.next == 4);
        CHECK(s.saved().notes.may_repeat == 0);
    }
    CHECK(s.given().empty());
    s.how.on_gap = nullptr;
    worker w = s.start();
    wait_until([&] { return w.stats().next > s.last; });
    CHECK(end_of(w) == "");
    CHECK(s.given().back() == "203");
}

TEST_CASE("gaps: what stands before one is handled first, in a batch as well") {
    stage s(64);
    s.publish_numbers(1, 5);
    std::atomic<bool> go{false}, entered{false};
    lines order;
    s.how.save = {.events = 1000, .every = 1h, .ahead = 0};
    s.how.on_gap = [&](const gap&) { return order.emplace_back("gap"), at_gap::stop; };
    const auto note = [&](const event& e) {
        order.emplace_back(e.text());
        entered = true;
        if (order.size() == 1) wait_until([&] { return go.load(); });
    };
    SUBCASE("single") {
        worker w(s.on, s.how, [&](const event& e) { note(e); });
        wait_until([&] { return entered.load(); });
        s.publish_numbers(6, 300);
        go = true;
        CHECK(has(join(w), "events are missing"));
    }
    SUBCASE("batch") {
        worker w(s.on, s.how, [&](event_batch& b) {
            for (std::size_t i = 0; i < b.size(); ++i) note(b[i]);
        });
        wait_until([&] { return entered.load(); });
        s.publish_numbers(6, 300);
        go = true;
        CHECK(has(join(w), "events are missing"));
    }
    REQUIRE(order.size() >= 2);
    CHECK(order.front() == "1");
    CHECK(order.back() == "gap");
    CHECK(std::count(order.begin(), order.end(), "gap") == 1);
    CHECK(s.saved().place.next == order.size()); // the events before the gap are behind the cursor
    CHECK(s.saved().notes.may_repeat == 0);
}
