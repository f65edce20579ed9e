// The ring vanishes, the log does, or a part of either: no seq is ever used for two events.
#include "recreate_fixture.hpp"

using namespace recorder_test;

namespace {

constexpr std::uint64_t jump = std::uint64_t{1} << 44;

} // namespace

TEST_CASE("recreate: a ring whose names are removed under a recorder is closed, and the next one starts above it") {
    world w({.slots = 64, .pacing = pacing::paced});
    const bus on = w.bus();
    author pen(on, 1);
    recorder_thread recorder(on);
    pen.publish(100);
    REQUIRE(on.wait_written(100, ages));
    w.unlink_ring();
    // The recorder sees it, closes the ring and frees the log; the publisher is told.
    const recorder::outcome end = recorder.join();
    CHECK(end.retired);
    CHECK(pen.attempt() == publish_status::retired);

    const bus fresh = w.bus();
    CHECK(fresh.id() == on.id());
    CHECK(fresh.first_seq() > 101);
    author again(fresh, 2);
    recorder_thread next(fresh);
    again.publish(50);
    consumer c(fresh, {.from = from::seq(1)});
    ledger l;
    read_to(c, l, again.last());
    INFO(l.text());
    CHECK(l.events == 150);
    CHECK(l.faults.empty());
    CHECK(l.missing == 0);
    CHECK(l.gaps == lines{"101-" + std::to_string(fresh.first_seq() - 1) + " ring lost"});
    CHECK(adds_up(c, 1));
    (void)next.stop();
    CHECK(has(w.records(), "101-" + std::to_string(fresh.first_seq() - 1) + " lost ring lost"));
}

TEST_CASE("recreate: events of a lost ring that nobody recorded do not give their seqs to others") {
    world w;
    seq_t last = no_seq;
    bus_id id;
    {
        const bus on = w.bus();
        id = on.id();
        author pen(on, 1);
        pen.publish(10);
        (void)record_all(on);
        pen.publish(5'000); // in the ring alone, as far as that holds them
        last = pen.last();
    }
    w.unlink_ring();
    const bus fresh = w.bus();
    CHECK(fresh.id() == id);
    CHECK(fresh.first_seq() > last);
    CHECK(fresh.first_seq() >= jump);
}

TEST_CASE("recreate: a log that was deleted under its ring, then the ring lost as well: still no seq twice") {
    world w;
    seq_t last = no_seq;
    bus_id id;
    {
        const bus on = w.bus();
        id = on.id();
        author pen(on, 1);
        pen.publish(10);
        std::filesystem::remove_all(w.log_dir());
        std::filesystem::create_directory(w.log_dir());
        (void)record_all(on); // the log is begun anew
        pen.publish(500);     // not recorded
        last = pen.last();
    }
    w.unlink_ring();
    const bus fresh = w.bus();
    CHECK(fresh.id() == id);
    CHECK(fresh.first_seq() > last);
}

TEST_CASE("recreate: a log deleted under its ring is begun anew with what the ring still has") {
    world w({.slots = 64});
    const bus on = w.bus();
    author pen(on, 1);
    pen.publish(100);
    (void)record_all(on);
    std::filesystem::remove_all(w.log_dir());
    std::filesystem::create_directory(w.log_dir());
    CHECK(record_all(on).state == recorder_state::ended);
    const ledger l = w.whole_log();
    INFO(l.text());
    CHECK(l.events == 64);
    CHECK(l.gaps == lines{"1-36 recorder lost"});
}

TEST_CASE("recreate: a log whose tail was lost with the power, ring gone: old places are gaps, never other events") {
    world w;
    seq_t last = no_seq;
    {
        const bus on = w.bus();
        author pen(on, 1);
        pen.publish(500);
        last = pen.last();
        (void)record_all(on);
    }
    const std::string segment = log::segment_path({w.log_dir()}, 1);
    std::filesystem::resize_file(segment, std::filesystem::file_size(segment) / 2);
    w.unlink_ring();
    const bus fresh = w.bus();
    CHECK(fresh.first_seq() > last);
    recorder_thread recorder(fresh);
    author pen(fresh, 2);
    pen.publish(20);
    consumer c(fresh, {.from = from::seq(1)});
    ledger l;
    read_to(c, l, pen.last());
    INFO(l.text());
    CHECK(l.faults.empty());
    CHECK(l.last_of.at(2) == 20);
    REQUIRE(l.gaps.size() == 1);
    CHECK(l.gaps[0].ends_with("ring lost"));
    CHECK(adds_up(c, 1));
    // Somebody who had read the old events to the end goes on with a gap.
    consumer old(fresh, {.from = from::seq(last + 1)});
    ledger rest;
    read_to(old, rest, pen.last());
    CHECK(rest.events == 20);
    CHECK(adds_up(old, last + 1));
}

TEST_CASE("recreate: the log's tail lost while the ring is there: the recorder takes again what the ring has") {
    world w({.slots = 1024});
    const bus on = w.bus();
    author pen(on, 1);
    pen.publish(500);
    (void)record_all(on);
    const std::string segment = log::segment_path({w.log_dir()}, 1);
    std::filesystem::resize_file(segment, std::filesystem::file_size(segment) / 2);
    pen.publish(100);
    CHECK(record_all(on).lost == 0);
    const ledger l = w.whole_log();
    INFO(l.text());
    CHECK(l.all_of({{1, 600}}));
}

TEST_CASE("recreate: ten times over, with and without a recorder, one consumer's place stays good") {
    world w;
    seq_t place = 1;
    std::uint64_t published = 0;
    ledger l;
    for (std::uint32_t round = 1; round <= 10; ++round) {
        const bus on = w.bus();
        author pen(on, round);
        const bool recorded = round % 3 != 0;
        if (recorded) {
            recorder_thread recorder(on);
            pen.publish(30);
            consumer c(on, {.from = from::seq(place)});
            const seq_t start = c.next();
            read_to(c, l, pen.last());
            CHECK(adds_up(c, start));
            place = c.next();
            published += 30;
        } else {
            pen.publish(30);
        }
        w.unlink_ring();
    }
    INFO(l.text());
    CHECK(l.faults.empty());
    CHECK(l.events == published);
}

TEST_CASE("recreate: a consumer that the log carried past its ring's end is told `retired`, and goes on with the next ring") {
    for (const bool removed_in_order : {true, false}) {
        CAPTURE(removed_in_order);
        world w({.slots = 64, .pacing = pacing::paced});
        const bus on = w.bus();
        consumer c(on, {.from = from::seq(1)});
        ledger l;
        author first(on, 1);
        {
            recorder_thread recorder(on);
            first.publish(200);
        }
        const auto poll = [&](std::size_t most) {
            return c.poll([&](const event& e) { l.event(e); }, [&](const gap& g) { l.gap(g); }, {.max_events = most});
        };
        while (l.events == 0) (void)poll(1); // behind: it reads the log
        CHECK(c.mode() == consumer_mode::catch_up);
        const seq_t closed = ring::find_head(*on.attach(ring::access::read_only));
        if (removed_in_order) remove_ring(w);
        else {
            CHECK(ring::retire(*on.attach(ring::access::read_write), std::chrono::seconds(60)) == closed);
            w.unlink_ring();
        }
        const bus next = w.bus();
        author second(next, 2);
        {
            recorder_thread recorder(next);
            second.publish(200);
        }
        consume_status s = consume_status::delivered;
        for (int polls = 0; s != consume_status::retired && polls < 1000; ++polls) {
            s = poll(256);
            if (s == consume_status::caught_up) CHECK(c.wait(std::chrono::hours(1))); // hangs when it is not told
        }
        CHECK(s == consume_status::retired);
        CHECK(c.next() >= closed);
        consumer d(next, {.from = from::seq(c.next())});
        read_to(d, l, second.last());
        INFO(l.text());
        CHECK(l.faults.empty());
        CHECK(l.events == 400);
        CHECK(l.gaps.size() == (removed_in_order ? 0 : 1));
        for (const std::string& g : l.gaps) CHECK(g.ends_with("ring lost"));
    }
}
