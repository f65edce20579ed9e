// What publishing does in each pacing when the recorder never came, is gone, halted, stands still, is slow
// or comes back: which call waits, what it returns, and that it is found out once for all publishers.
#include "lock_seam.hpp"
#include "recorder_process.hpp"

#include <array>
#include <cerrno>
#include <thread>

using namespace recorder_test;
using namespace std::chrono_literals;

namespace {

enum class recorder_is : std::uint8_t { never_there, killed, ended, halted, stopped };
constexpr std::array all_states{recorder_is::never_there, recorder_is::killed, recorder_is::ended, recorder_is::halted, recorder_is::stopped};
const char* to_string(recorder_is s) {
    constexpr const char* names[] = {"never there", "killed", "ended", "halted", "stopped"};
    return names[static_cast<std::size_t>(s)];
}

constexpr std::uint64_t slots = 64;
constexpr auto y = "y";

/// A full ring whose next claim overwrites what is not recorded, and a recorder in some state.
struct edge {
    edge(pacing mode, recorder_is how, std::chrono::nanoseconds stall_limit)
        : w({.slots = slots, .pacing = mode, .stall_limit = stall_limit}), on(w.bus()), pen(on, {.name = "first"}) {
        if (how != recorder_is::never_there) {
            recorder = std::make_unique<recorder_process>(w);
            publish(10);
            REQUIRE(on.wait_written(10, ages));
            bring_to(how);
        }
        // What is published until here went into slots that are free for all.
        while (on.head() <= on.frontier().written + slots) publish(1);
    }
    void bring_to(recorder_is how) {
        switch (how) {
        case recorder_is::killed: recorder->kill(); break;
        case recorder_is::ended: CHECK(recorder->end() == 0); break;
        case recorder_is::stopped: recorder->stop_still(); return;
        case recorder_is::halted:
            recorder->fail_writes(ENOSPC);
            publish(1);
            CHECK(recorder->wait() == 1);
            CHECK(on.frontier().state == recorder_state::no_space);
            break;
        case recorder_is::never_there: break;
        }
        recorder.reset();
    }
    /// It comes to record, or goes on.
    void come_back() {
        if (recorder) recorder->go_on();
        else recorder = std::make_unique<recorder_process>(w);
    }
    void publish(std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i) REQUIRE(pen.try_publish(to, y));
    }
    /// Ends in order, everything written.
    tally end() {
        CHECK(recorder->end() == 0);
        ledger l;
        seq_t next = 1;
        log_walk walk(log::posix(), w.log_dir(), {});
        filter_set all = filter_set::everything();
        delivery d;
        const auto on_event = [](const event&) {};
        const auto on_gap = [](const gap&) {};
        while (walk.poll(next, max_seq, all, d, on_event, on_gap, [](const auto&) {}, {}) == log_rest::limits) {}
        CHECK(d.account().walked() == on.head() - 1);
        return d.account();
    }

    topic to{"x"};
    world w;
    bus on;
    publisher pen;
    std::unique_ptr<recorder_process> recorder;
};

struct expectation {
    publish_status at_once;
    publish_status timed;
    bool blocking_waits;
};

constexpr expectation goes_on{publish_status::published, publish_status::published, false};
constexpr expectation waits{publish_status::would_block, publish_status::timed_out, true};

expectation expected(pacing mode, recorder_is how) {
    switch (mode) {
    case pacing::overwrite: return goes_on;
    case pacing::paced: return how == recorder_is::stopped ? waits : goes_on; // the gone are proven gone
    case pacing::strict: return waits;
    }
    return waits;
}

/// Blocks in publish() beside the test; returns once `remedy` is done and the event is published.
void publish_blocking(edge& e, bool is_to_wait, const std::function<void()>& remedy) {
    std::atomic<bool> returned{false};
    publisher blocked(e.on, {.name = "blocked"});
    std::thread t([&] {
        CHECK(blocked.publish(e.to, y));
        returned.store(true);
    });
    if (is_to_wait) {
        CHECK(e.pen.publish_for(20ms, e.to, y).status == publish_status::timed_out);
        CHECK_FALSE(returned.load());
    }
    remedy();
    t.join();
}

} // namespace

TEST_CASE("pacing matrix: what try, timed and blocking publish do at a full ring, for each pacing and recorder") {
    for (const pacing mode : {pacing::overwrite, pacing::paced, pacing::strict})
        for (const recorder_is how : all_states) {
            INFO(std::string(evbus::to_string(mode)), ", recorder ", std::string(to_string(how)));
            const expectation want = expected(mode, how);
            // With a limit of hours nobody gets past a recorder by having waited: who goes on has a proof.
            edge at_once(mode, how, 2h);
            CHECK(at_once.pen.try_publish(at_once.to, y).status == want.at_once);
            CHECK(at_once.on.head() == at_once.on.frontier().written + slots + (want.at_once == publish_status::published ? 2 : 1));
            edge timed(mode, how, 2h);
            CHECK(timed.pen.publish_for(5ms, timed.to, y).status == want.timed);
            edge blocking(mode, how, 2h);
            publish_blocking(blocking, want.blocking_waits, [&] {
                if (want.blocking_waits) blocking.come_back();
            });
            // Whoever waited has overwritten nothing that was not recorded.
            if (want.blocking_waits) {
                CHECK(blocking.on.head() - 1 <= blocking.on.frontier().written + slots);
                CHECK(blocking.end().lost() == 0);
            }
        }
}

TEST_CASE("pacing matrix: a stopped recorder costs all publishers one stall limit, one verdict, and no question after it") {
    constexpr std::int64_t limit_ns = 150'000'000;
    edge e(pacing::paced, recorder_is::stopped, std::chrono::nanoseconds(limit_ns));
    int verdicts = 0;
    const auto count = [&](const notice& n) { verdicts += n.kind == notice_kind::pacing_verdict; };
    publisher first(e.on, {.name = "first", .on_notice = count}), second(e.on, {.name = "second", .on_notice = count});
    const std::int64_t start = detail::steady_ns();
    REQUIRE(first.publish(e.to, y));
    CHECK(detail::steady_ns() - start >= limit_ns);
    CHECK(verdicts == 1);
    const std::uint64_t questions = lock_seam::questions;
    CHECK(questions > 0);
    publisher late(e.on, {.name = "late", .on_notice = count}); // its joining asks for its own sake
    const std::uint64_t joined = lock_seam::questions;
    for (std::uint64_t i = 0; i < 5 * slots; ++i)
        for (publisher* p : {&first, &second, &late, &e.pen}) REQUIRE(p->try_publish(e.to, y)); // never would_block
    CHECK(lock_seam::questions == joined);
    CHECK(verdicts == 1);

    // It goes on: it is waited for again, by everybody.
    e.recorder->go_on();
    REQUIRE(e.on.wait_written(e.on.head() - 1, ages));
    e.recorder->stop_still();
    for (publisher* p : {&first, &second, &late}) {
        std::uint64_t free = 0;
        while (p->try_publish(e.to, y)) ++free;
        CHECK(free <= slots);
    }
    CHECK(e.on.head() - 1 == e.on.frontier().written + slots);
    e.recorder->go_on();
    const tally t = e.end();
    CHECK(t.lost() == t.in_gaps(gap_cause::recorder_lost)); // what went before is named
    CHECK(t.lost() > 0);
}

TEST_CASE("pacing matrix: the verdict on one that is gone ends with the next one, however often they change") {
    edge e(pacing::paced, recorder_is::killed, 2h);
    for (int life = 0; life < 3; ++life) {
        INFO("life ", life);
        for (std::uint64_t i = 0; i < 3 * slots; ++i) REQUIRE(e.pen.try_publish(e.to, y));
        const std::uint64_t questions = lock_seam::questions;
        for (std::uint64_t i = 0; i < slots; ++i) REQUIRE(e.pen.try_publish(e.to, y));
        CHECK(lock_seam::questions == questions);
        e.come_back();
        REQUIRE(e.on.wait_written(e.on.head() - 1, ages));
        e.recorder->stop_still();
        const seq_t written = e.on.frontier().written;
        while (e.pen.try_publish(e.to, y)) {}
        CHECK(e.on.head() - 1 == written + slots);
        e.bring_to(recorder_is::killed);
    }
    e.come_back();
    const tally t = e.end();
    CHECK(t.lost() == t.in_gaps(gap_cause::recorder_lost));
}

TEST_CASE("pacing matrix: of a recorder that is slow, and stands still again and again, nothing unrecorded is overwritten") {
    for (const pacing mode : {pacing::paced, pacing::strict}) {
        INFO(std::string(evbus::to_string(mode)));
        world w({.slots = slots, .pacing = mode, .stall_limit = 2h});
        const bus on = w.bus();
        recorder_process slow(w);
        std::atomic<bool> done{false};
        std::thread brake([&] {
            while (!done.load()) {
                slow.stop_still();
                ::usleep(4'000);
                slow.go_on();
                ::usleep(1'000);
            }
        });
        std::vector<std::thread> authors;
        const std::uint64_t each = rounds<std::uint64_t>(3'000, 600);
        authors.emplace_back([&] { author(on, 1).publish(each); });
        authors.emplace_back([&] {
            author pen(on, 2);
            while (pen.count() < each)
                if (pen.attempt() != publish_status::published) ::usleep(100);
        });
        authors.emplace_back([&] {
            publisher pen(on, {.name = "author-3"});
            const topic to("who.3");
            for (std::uint64_t n = 1; n <= each;) n += pen.publish_for(2ms, to, payload_of(3, n, 0)) ? 1U : 0U;
        });
        for (std::thread& t : authors) t.join();
        done.store(true);
        brake.join();
        CHECK(slow.end() == 0);
        const ledger l = w.whole_log();
        INFO(l.text());
        CHECK(l.all_of({{1, each}, {2, each}, {3, each}}));
    }
}
