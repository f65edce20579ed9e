// Somebody is stopped for ever at the worst moment: nobody else stands still for it.
#include "process_fixture.hpp"

using namespace process_test;

TEST_CASE("stop: a publisher stopped for ever right after its claim holds up nobody, in every pacing") {
    for (const pacing pace : {pacing::overwrite, pacing::paced, pacing::strict}) {
        INFO(std::string(to_string(pace)));
        world w({.slots = 64, .pacing = pace});
        const bus on = w.bus();
        evrecord recorder(w, {"--sync", "commit"});
        author pen(on, 1);
        pen.publish(10);
        child stopped = stopped_after_claim(w);
        stopped.wait_stopped();
        CHECK(on.head() == 12);
        consumer c(on, {.from = from::seq(1)});
        ledger l;
        // Several laps, each event read and durable: that takes everybody past the stopped one.
        for (int i = 0; i < 300; ++i) {
            pen.publish(1);
            if (i % 10 != 0) continue;
            REQUIRE(on.wait_durable(pen.last(), ages));
            read_to(c, l, pen.last());
        }
        REQUIRE(on.wait_durable(pen.last(), ages));
        read_to(c, l, pen.last());
        INFO(l.text());
        CHECK(l.all_of({{1, 310}}));
        CHECK(c.account().voids >= 1);
        CHECK(adds_up(c, 1));
        // The stopped one wakes, finds itself stepped over, and spoils nothing.
        stopped.go_on();
        CHECK(stopped.wait() == 0);
        for (int i = 0; i < 10; ++i) {
            pen.publish(10);
            REQUIRE(on.wait_written(pen.last(), ages));
        }
        read_to(c, l, pen.last());
        CHECK(l.all_of({{1, 410}}));
        CHECK(recorder.end().code == 0);
        const ledger kept = w.whole_log();
        INFO(kept.text());
        CHECK(kept.all_of({{1, 410}}));
    }
}

TEST_CASE("stop: evrecord ends on SIGTERM although somebody is stopped on the newest claim") {
    world w;
    const bus on = w.bus();
    evrecord recorder(w);
    author pen(on, 1);
    pen.publish(3);
    child stopped = stopped_after_claim(w);
    stopped.wait_stopped();
    CHECK(recorder.end().code == 0);
    CHECK(w.whole_log().all_of({{1, 3}}));
}

TEST_CASE("stop: a stopped recorder holds a paced bus once, for about its stall limit in all; going on it says what went") {
    constexpr std::int64_t limit_ns = 300'000'000;
    world w({.slots = 64, .pacing = pacing::paced, .stall_limit = std::chrono::nanoseconds(limit_ns)});
    const bus on = w.bus();
    evrecord recorder(w);
    author first(on, 1), second(on, 2);
    first.publish(10);
    REQUIRE(on.wait_written(first.last(), ages));
    recorder.stop_still();
    const std::int64_t start = detail::steady_ns();
    std::vector<std::int64_t> waits;
    for (int i = 0; i < 500; ++i) {
        const std::int64_t before = detail::steady_ns();
        (i % 2 == 0 ? first : second).publish(1);
        if (const std::int64_t ns = detail::steady_ns() - before; ns > limit_ns / 2) waits.push_back(ns);
    }
    // Held at least once, or nothing would have been waited for; not once an event.
    CHECK(detail::steady_ns() - start >= limit_ns);
    CHECK(waits.size() >= 1);
    CHECK(waits.size() <= 2);
    recorder.go_on();
    first.publish(200);
    REQUIRE(on.wait_written(first.last(), ages));
    CHECK(recorder.end().code == 0);
    const ledger l = w.whole_log();
    INFO(l.text());
    CHECK(l.faults.empty());
    CHECK_FALSE(l.gaps.empty());
    for (const std::string& g : l.gaps) CHECK(g.ends_with("recorder lost"));
    CHECK(l.events + l.in_gaps == first.last());
    CHECK(l.last_of.at(1) == first.count());
}

TEST_CASE("stop: strict publishers wait for a stopped recorder, and nothing is lost") {
    world w({.slots = 64, .pacing = pacing::strict});
    const bus on = w.bus();
    evrecord recorder(w);
    author pen(on, 1);
    pen.publish(10);
    REQUIRE(on.wait_written(10, ages));
    recorder.stop_still();
    while (pen.attempt() == publish_status::published) {}
    CHECK(pen.attempt() == publish_status::would_block);
    CHECK(pen.count() <= 10 + 64 + 64);
    recorder.go_on();
    pen.publish(500);
    CHECK(recorder.end().code == 0);
    CHECK(w.whole_log().all_of({{1, pen.count()}}));
}

TEST_CASE("idle: a recorder with nothing to do wakes fewer than five times a second") {
    world w;
    const bus on = w.bus();
    evrecord recorder(w);
    author pen(on, 1);
    pen.publish(10);
    REQUIRE(on.wait_durable(10, ages));
    const auto switches = [&] {
        std::uint64_t sum = 0;
        for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(recorder.pid()) + "/task")) {
            const std::string status = support::read_file(task.path().string() + "/status");
            const std::size_t at = status.find("\nvoluntary_ctxt_switches:");
            if (at != std::string::npos) sum += std::strtoull(status.c_str() + at + 25, nullptr, 10);
        }
        return sum;
    };
    ::usleep(1'000'000); // so that it has come to rest
    const std::uint64_t before = switches();
    const std::int64_t start = detail::steady_ns();
    ::usleep(3'000'000);
    const double seconds = static_cast<double>(detail::steady_ns() - start) / 1e9;
    const double a_second = static_cast<double>(switches() - before) / seconds;
    INFO(a_second, " wake-ups a second");
    CHECK(a_second < 5);
}
