// What cannot be had is a gap in its place, with its cause; and never before that is proven.
#include "recorder_fixture.hpp"

#include "tests/support/random.hpp"

#include <fstream>

using namespace recorder_test;

namespace {

constexpr std::uint64_t small_segment = std::uint64_t{128} << 10;

/// Enough events for several small segments, recorded and sealed.
struct old_log {
    explicit old_log(std::uint64_t count = 10'000) : w({.slots = 64, .pacing = pacing::strict}), on(w.bus()), pen(on, 1) {
        recorder::options how;
        how.segment_bytes = small_segment;
        recorder_thread recorder(on, how);
        pen.publish(count);
        last = pen.last();
        CHECK(recorder.stop().state == recorder_state::ended);
        REQUIRE(log::list_segments(log::posix(), {w.log_dir()}, segments) == 0);
        REQUIRE(segments.size() >= 4);
    }
    [[nodiscard]] std::string path(std::size_t segment) const { return log::segment_path({w.log_dir()}, segments[segment]); }
    world w;
    bus on;
    author pen;
    seq_t last = no_seq;
    std::vector<seq_t> segments;
};

std::string range(seq_t a, seq_t b, const char* cause) { return std::to_string(a) + "-" + std::to_string(b) + " " + cause; }

} // namespace

TEST_CASE("gap: a recorder that stands still is waited for; no gap, and nothing missing once it goes on") {
    world w({.slots = 64, .pacing = pacing::overwrite});
    const bus on = w.bus();
    author pen(on, 1);
    pen.publish(10);
    // A recorder that holds its byte and does nothing, as one in recovery or stopped.
    ring::held_byte still = ring::held_byte::try_take(on.attach(ring::access::read_only)->ctl_name(), ring::recorder_lock_byte);
    REQUIRE(still);
    pen.publish(190);
    consumer c(on, {.from = from::seq(1)});
    ledger l;
    for (int i = 0; i < 200; ++i) {
        CHECK(c.poll([&](const event& e) { l.event(e); }, [&](const gap& g) { l.gap(g); }) == consume_status::recorder_behind);
        if (i < 3) CHECK_FALSE(c.wait(std::chrono::milliseconds(5)));
    }
    CHECK(c.next() == 1);
    CHECK(l.gaps.empty());
    still = ring::held_byte(); // it dies
    read_to(c, l, 200);
    INFO(l.text());
    CHECK(l.gaps == lines{"1-136 overwritten"});
    CHECK(l.events == 64);
    CHECK(adds_up(c, 1));
}

TEST_CASE("gap: what the recorder lost is named as it wrote it, with what it kept around it") {
    world w({.slots = 64, .pacing = pacing::overwrite});
    const bus on = w.bus();
    author pen(on, 1);
    pen.publish(10);
    (void)record_all(on);
    pen.publish(100); // 11 to 46 are gone
    (void)record_all(on);
    pen.publish(100); // 111 to 146 as well
    (void)record_all(on);
    consumer c(on, {.from = from::seq(1)});
    ledger l;
    read_to(c, l, 210);
    INFO(l.text());
    CHECK(l.gaps == lines{"11-46 recorder lost", "111-146 recorder lost"});
    CHECK(l.events == 210 - 72);
    CHECK(adds_up(c, 1));
}

TEST_CASE("gap: a deleted segment is retention when it was the oldest, damage when others stand before it") {
    old_log o;
    std::filesystem::remove(o.path(0));
    consumer c(o.on, {.from = from::seq(1)});
    ledger l;
    read_to(c, l, o.last);
    INFO(l.text());
    CHECK(l.gaps == lines{range(1, o.segments[1] - 1, "retention")});
    CHECK(l.last_of.at(1) == o.pen.count());
    CHECK(adds_up(c, 1));

    std::filesystem::remove(o.path(2));
    ledger again;
    consumer d(o.on, {.from = from::seq(1)});
    read_to(d, again, o.last);
    INFO(again.text());
    REQUIRE(again.gaps.size() == 2);
    CHECK(again.gaps[1].ends_with("damage"));
    CHECK(again.gaps[1].starts_with(std::to_string(o.segments[2]) + "-"));
    CHECK(adds_up(d, 1));
}

TEST_CASE("gap: a segment deleted while it is being read is retention from there on") {
    old_log o;
    consumer c(o.on, {.from = from::seq(1)});
    ledger l;
    const auto poll = [&](std::size_t most) {
        return c.poll([&](const event& e) { l.event(e); }, [&](const gap& g) { l.gap(g); }, {.max_events = most});
    };
    (void)poll(5);
    std::filesystem::remove(o.path(0));
    std::filesystem::remove(o.path(1));
    read_to(c, l, o.last);
    INFO(l.text());
    CHECK(l.faults.empty());
    CHECK(l.events + l.in_gaps == o.last);
    for (const std::string& g : l.gaps) CHECK(g.ends_with("retention"));
    CHECK(adds_up(c, 1));
}

TEST_CASE("gap: one byte changed in a sealed segment hides one commit, as damage in its place") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    old_log o;
    for (int run = 0; run < rounds(20, 5); ++run) {
        const std::string path = o.path(1);
        const std::string before = support::read_file(path);
        std::string changed = before;
        // Behind the segment's header, before its footer.
        const std::size_t at = sizeof(log::segment_header) + random.below(small_segment / 2);
        changed[at] = static_cast<char>(changed[at] ^ (1 << random.below(8)));
        std::ofstream(path, std::ios::binary) << changed;
        consumer c(o.on, {.from = from::seq(1)});
        ledger l;
        read_to(c, l, o.last);
        INFO("byte ", at, ": ", l.text());
        CHECK(l.faults.empty());
        CHECK(l.gaps.size() == 1);
        for (const std::string& g : l.gaps) CHECK(g.ends_with("damage"));
        CHECK(l.events + l.in_gaps == o.last);
        CHECK(l.in_gaps < 1000);
        CHECK(adds_up(c, 1));
        std::ofstream(path, std::ios::binary) << before;
    }
}

TEST_CASE("gap: a log that cannot be read is no gap; who waits without a pause of his own does not spin, and goes on when it can be read") {
    old_log o;
    const std::string aside = o.w.place().file("aside");
    std::filesystem::rename(o.path(1), aside);
    std::filesystem::create_directory(o.path(1)); // reading it is an error of the system
    consumer c(o.on, {.from = from::seq(1)});
    ledger l;
    const auto poll = [&] { return c.poll([&](const event& e) { l.event(e); }, [&](const gap& g) { l.gap(g); }); };
    consume_status s = poll();
    while (s == consume_status::delivered) s = poll();
    CHECK(s == consume_status::log_failed);
    CHECK_FALSE(c.failure().empty());
    for (int i = 0; i < 5; ++i) {
        const std::int64_t before = detail::steady_ns();
        CHECK(c.wait(std::chrono::milliseconds(4))); // poll may try again, but not at once
        CHECK(detail::steady_ns() - before >= 4'000'000);
        CHECK(poll() == consume_status::log_failed);
    }
    CHECK(l.gaps.empty());
    std::filesystem::remove(o.path(1));
    std::filesystem::rename(aside, o.path(1));
    read_to(c, l, o.last);
    INFO(l.text());
    CHECK(l.all_of({{1, o.pen.count()}}));
    CHECK(adds_up(c, 1));
}

TEST_CASE("gap: an event whose middle was lost is incomplete; the next one is whole") {
    world w({.slots = 64, .pacing = pacing::overwrite});
    const bus on = w.bus();
    author pen(on, 1, 900);
    ledger l(900);
    consumer c(on, {.from = from::seq(1)});
    for (int i = 0; i < 200; ++i) {
        pen.publish(1);
        if (i % 9 == 0) (void)c.poll([&](const event& e) { l.event(e); }, [&](const gap& g) { l.gap(g); }, {.max_events = 2});
    }
    read_to(c, l, pen.last());
    INFO(l.text());
    CHECK(l.faults.empty());
    CHECK(l.last_of.at(1) == 200);
    CHECK(c.account().in_gaps(gap_cause::overwritten) > 0);
    CHECK(adds_up(c, 1));
    CHECK(c.account().open == 0);
}
