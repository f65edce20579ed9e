// Reading from an anchor on, and what a recorder's retention keeps for one.
#include "anchor_fixture.hpp"

#include "lib/log/retention.hpp"

#include <evbus/subscriber.hpp>

using namespace anchor_test;

namespace {

ledger read_from(const bus& on, const from& where, seq_t last, std::size_t payload_bytes = 0) {
    consumer c(on, {.from = where});
    const seq_t start = c.place().next;
    ledger l(payload_bytes);
    read_to(c, l, last);
    CHECK(adds_up(c, start));
    return l;
}
seq_t oldest_segment(const world& w) {
    std::vector<seq_t> firsts;
    REQUIRE(log::list_segments(log::posix(), {w.log_dir()}, firsts) == 0);
    return firsts.empty() ? no_seq : firsts.front();
}

} // namespace

TEST_CASE("anchor: a consumer begins behind the newest one, in log or ring; without one at the oldest") {
    const world w({.slots = 64, .pacing = pacing::strict});
    const bus on = w.bus();
    recorder_thread recorder(on);
    author pen(on, 1);
    publish_durably(on, pen, 300);
    CHECK(read_from(on, from::anchor(), 300).all_of({{1, 300}}));
    for (const seq_t seq : {seq_t{1}, seq_t{100}, seq_t{299}}) {
        INFO("anchor at ", seq);
        REQUIRE(put(on, at(seq)) == "put");
        const ledger l = read_from(on, from::anchor(), 300);
        CHECK(l.events == 300 - seq);
        CHECK(l.first_of.at(1) == seq + 1);
        CHECK(l.faults.empty());
        CHECK(l.gaps.empty());
    }
    REQUIRE(put(on, at(300)) == "put");
    consumer c(on, {.from = from::anchor()});
    ledger l;
    CHECK(c.poll([&](const event& e) { l.event(e); }) == consume_status::caught_up);
    publish_durably(on, pen, 5);
    read_to(c, l, 305);
    CHECK(l.events == 5);
}

TEST_CASE("anchor: an event that was not whole at its seq is given whole to who begins there") {
    const world w({.slots = 256});
    const bus on = w.bus();
    recorder_thread recorder(on);
    publisher pen(on, {.name = "large"});
    const topic t("large.one");
    const seq_t begins = pen.publish(t, std::string_view("first")).seq + 1;
    const published p = pen.publish(t, std::string_view(std::string(1500, 'x')));
    REQUIRE(p);
    REQUIRE(begins + 3 < p.seq);
    REQUIRE(on.wait_durable(p.seq, ages));
    consumer c(on, {.from = from::oldest()});
    const seq_t middle = begins + 2;
    while (c.next() <= middle) (void)c.poll([](const event&) {}, {.last = middle});
    REQUIRE(c.place() == cursor_place{middle + 1, begins});

    std::vector<std::string> given;
    std::uint64_t gaps = 0;
    const auto read_again = [&] {
        given.clear();
        gaps = 0;
        consumer again(on, {.from = from::anchor()});
        while (again.next() <= p.seq)
            (void)again.poll([&](const event& e) { given.emplace_back(e.text()); }, [&](const gap&) { ++gaps; });
    };
    REQUIRE(put(on, {.seq = middle, .reference = "with its place", .walk_from = c.place().walk_from}) == "put");
    read_again();
    CHECK(given == std::vector<std::string>{std::string(1500, 'x')});
    CHECK(gaps == 0);
    REQUIRE(put(on, {.seq = middle, .reference = "without"}) == "put");
    read_again();
    CHECK(given.empty()); // its beginning lies before the anchor, and nobody said so
}

TEST_CASE("anchor: a subscriber is told that anchors stand in the log") {
    const world w;
    const bus on = w.bus();
    CHECK(outcome_of([&] { subscriber s(on, {.from = from::anchor()}); }) == "option out of range");
}

TEST_CASE("anchor: what was deleted behind it all the same is a gap, and reading goes on") {
    const world w({.slots = 64, .slot_bytes = 256, .pacing = pacing::strict});
    const bus on = w.bus();
    recorder_thread recorder(on, {.segment_bytes = 64 << 10});
    author pen(on, 1, 100);
    publish_durably(on, pen, 100);
    REQUIRE(put(on, at(10)) == "put");
    publish_durably(on, pen, 2000);
    const log::log_dir dir{w.log_dir()};
    const auto stored = log::list_stored(log::posix(), dir, log::time_wanted::of_all());
    REQUIRE(stored.size() > 2);
    const seq_t kept = stored.back().first;
    const auto pins = log::pins_of(log::posix(), dir, on.id());
    CHECK(log::plan(stored, {.segments = 1}, {}, pins).going == 0);
    const log::retention_plan forced = log::plan(stored, {.segments = 1}, {}, pins, true);
    REQUIRE(log::execute(log::posix(), dir, forced).os_error == 0);
    // The anchor went with its segment: what is left knows of none.
    CHECK_FALSE(newest_anchor(on));
    const ledger l = read_from(on, from::place({11, 11}), 2100, 100);
    REQUIRE(l.gaps.size() == 1);
    CHECK(l.gaps[0] == "11-" + std::to_string(kept - 1) + " retention");
    CHECK(l.missing == 0);
    CHECK(l.last_seq == 2100);
}

TEST_CASE("anchor: a recorder's retention keeps what the newest one needs, says so once, and lets it go with the next") {
    const world w({.slots = 64, .slot_bytes = 256, .pacing = pacing::strict});
    const bus on = w.bus();
    std::atomic<int> said{0};
    recorder::options how{.segment_bytes = 64 << 10};
    how.keep.segments = 2;
    how.on_notice = [&](const notice& n) {
        if (n.text.find("needed by the newest anchor (seq 10, first)") != std::string::npos && n.text.find("put a newer anchor") != std::string::npos) ++said;
    };
    author pen(on, 1, 100);
    {
        recorder_thread recorder(on, how);
        publish_durably(on, pen, 20);
        REQUIRE(put(on, at(10, "first")) == "put");
        wait_until([&] {
            publish_durably(on, pen, 100);
            return said.load() != 0;
        });
        publish_durably(on, pen, 2000);
        CHECK(oldest_segment(w) == 1);
        CHECK(said.load() == 1);
    }
    // The next recorder knows of it too.
    recorder_thread recorder(on, how);
    publish_durably(on, pen, 2000);
    CHECK(oldest_segment(w) == 1);
    const seq_t last = pen.last();
    REQUIRE(put(on, at(last, "second")) == "put");
    wait_until([&] {
        publish_durably(on, pen, 100);
        return oldest_segment(w) > 11;
    });
    CHECK(newest_anchor(on)->seq == last);
    const ledger l = read_from(on, from::anchor(), pen.last(), 100);
    CHECK(l.gaps.empty());
    CHECK(l.missing == 0);
    CHECK(l.events == pen.last() - last);
}
