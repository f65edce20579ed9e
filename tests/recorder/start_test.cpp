// Where a consumer begins: head, oldest, seq and time, in the ring, in the log, before and ahead of both.
#include "recorder_fixture.hpp"

using namespace recorder_test;

namespace {

/// 300 events, the first of which are in the log alone; strict, so that none is lost.
struct history {
    history() : w({.slots = 64, .pacing = pacing::strict}), on(w.bus()), recorder(on), pen(on, 1) {
        pen.publish(150);
        ::usleep(2'000); // so that the times differ
        middle_ns = detail::wall_ns();
        ::usleep(2'000);
        pen.publish(150);
        REQUIRE(on.wait_written(300, ages));
    }
    ledger read(const from& where, seq_t to = 300) {
        consumer c(on, {.from = where});
        start = c.next();
        ledger l;
        read_to(c, l, to);
        CHECK(adds_up(c, start));
        return l;
    }
    world w;
    bus on;
    recorder_thread recorder;
    author pen;
    std::int64_t middle_ns = 0;
    seq_t start = no_seq;
};

} // namespace

TEST_CASE("start: oldest is the log's first event, not the ring's") {
    history h;
    const ledger l = h.read(from::oldest());
    INFO(l.text());
    CHECK(l.all_of({{1, 300}}));
}

TEST_CASE("start: head gives what comes from now on and nothing else") {
    history h;
    consumer c(h.on, {.from = from::head()});
    CHECK(c.next() == 301);
    ledger l;
    CHECK(c.poll([&](const event& e) { l.event(e); }) == consume_status::caught_up);
    h.pen.publish(5);
    read_to(c, l, 305);
    CHECK(l.events == 5);
    CHECK(l.first_of.at(1) == 301);
}

TEST_CASE("start: a seq in the log, in the ring, at the head and ahead of it") {
    history h;
    for (const seq_t seq : std::initializer_list<seq_t>{1, 2, 100, 236, 237, 238, 299, 300}) {
        const ledger l = h.read(from::seq(seq));
        INFO("from ", seq, ": ", l.text());
        CHECK(l.events == 301 - seq);
        CHECK(l.first_of.at(1) == seq);
        CHECK(l.missing == 0);
        CHECK(l.gaps.empty());
    }
    consumer ahead(h.on, {.from = from::seq(350)});
    ledger l;
    CHECK(ahead.poll([&](const event& e) { l.event(e); }) == consume_status::caught_up);
    h.pen.publish(100);
    read_to(ahead, l, 400);
    INFO(l.text());
    CHECK(l.first_of.at(1) == 350);
    CHECK(l.events == 51);
}

TEST_CASE("start: a time before everything, in the log, and after everything") {
    history h;
    const ledger all = h.read(from::time_ns(1));
    CHECK(all.all_of({{1, 300}}));
    const ledger half = h.read(from::time_ns(h.middle_ns));
    INFO(half.text());
    CHECK(half.first_of.at(1) == 151);
    CHECK(half.events == 150);

    consumer later(h.on, {.from = from::time_ns(detail::wall_ns() + 3'600'000'000'000)});
    ledger none;
    (void)later.poll([&](const event& e) { none.event(e); });
    h.pen.publish(1);
    read_to(later, none, 301);
    CHECK(none.events == 0);
}

TEST_CASE("start: a time that only the ring knows, while the log is far behind it") {
    world w({.slots = 64, .pacing = pacing::overwrite});
    const bus on = w.bus();
    author pen(on, 1);
    {
        recorder_thread recorder(on);
        pen.publish(20);
    }
    pen.publish(20);
    ::usleep(2'000);
    const std::int64_t middle = detail::wall_ns();
    ::usleep(2'000);
    pen.publish(20);
    consumer c(on, {.from = from::time_ns(middle)});
    const seq_t start = c.next();
    ledger l;
    read_to(c, l, 60);
    INFO(l.text());
    CHECK(l.first_of.at(1) == 41);
    CHECK(l.events == 20);
    CHECK(adds_up(c, start));
}

TEST_CASE("start: a time that is in no commit yet when asked: what the log gets later is filtered as well") {
    // The recorder is down, the ring has gone round: the events after `middle` can only come from the
    // log, once the recorder is back. Of those that it finds the ring still has 64.
    world w({.slots = 64, .pacing = pacing::overwrite});
    const bus on = w.bus();
    author pen(on, 1);
    pen.publish(5);
    (void)record_all(on);
    pen.publish(40);
    ::usleep(2'000);
    const std::int64_t middle = detail::wall_ns();
    ::usleep(2'000);
    pen.publish(20);
    consumer c(on, {.from = from::time_ns(middle)});
    const seq_t start = c.next();
    (void)record_all(on); // all of it is in the log now
    pen.publish(200);     // and the ring is full of others
    (void)record_all(on);
    ledger l;
    read_to(c, l, 265);
    INFO(l.text());
    CHECK(l.first_of.at(1) == 46);
    CHECK(l.faults.empty());
    CHECK(adds_up(c, start));
}

TEST_CASE("start: a seq below everything that was ever kept is a gap, and then all there is") {
    world w({.slots = 64, .pacing = pacing::overwrite});
    const bus on = w.bus();
    author pen(on, 1);
    pen.publish(74);
    consumer c(on, {.from = from::seq(1)});
    ledger l;
    read_to(c, l, 74);
    INFO(l.text());
    CHECK(l.gaps == lines{"1-10 overwritten"});
    CHECK(l.events == 64);
    CHECK(adds_up(c, 1));
}

TEST_CASE("start: this epoch leaves out what the log keeps of earlier rings, and gives all of this one") {
    world w({.slots = 64, .pacing = pacing::strict});
    {
        const bus before = w.bus();
        author pen(before, 1);
        recorder_thread recorder(before);
        pen.publish(100);
    }
    w.unlink_ring();
    const bus on = w.bus();
    recorder_thread recorder(on);
    author pen(on, 2);
    const auto check = [&](std::uint64_t events) {
        consumer c(on, {.from = from::this_epoch()});
        CHECK(c.next() == on.first_seq());
        ledger l;
        read_to(c, l, pen.last());
        INFO(l.text());
        CHECK(l.all_of({{2, events}}));
        CHECK(l.events == events);
        CHECK(adds_up(c, on.first_seq()));
    };
    pen.publish(5);
    check(5); // from the ring
    pen.publish(200);
    check(205); // from the log first
}
