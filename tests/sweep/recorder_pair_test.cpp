// Two at once: a publisher that is stopped or killed in mid-write, and the recorder that meets its slot. And
// one alone: a stopped publisher does not keep the durable frontier.
#include "tests/sweep/recorder_points.hpp"

using namespace recorder_sweep;

namespace {

constexpr const char* binary = "recorder_pair";
constexpr probe in_mid_write[] = {probe::claim_done, probe::header_stored, probe::topic_stored, probe::frame_stored};

/// A publisher struck at seq 6 of 20, and a recorder that is killed as told; the next one does the rest. False
/// when the first recorder had gone past seq 6 before it was struck, as it may when it is kept from running.
bool strike_both(recorded_world& s, probe publisher_at, int signal, const blow& b) {
    publisher pen(s.on());
    REQUIRE(s.write(s.new_author(), pen, 5) == 0);
    child struck = s.struck_author(publisher_at, signal);
    if (signal == SIGKILL) CHECK(struck.wait() == 256 + SIGKILL);
    else struck.wait_stopped();
    REQUIRE(s.write(1, pen, 14) == 0);
    REQUIRE(s.on().head() == 21);

    victim first = s.recorder(b);
    s.await(first);
    REQUIRE(first.was_struck());
    s.check_log();
    // The frontier stands just before the slot that nobody finishes, or a step behind what the log has.
    const bool stood_there = s.on().frontier().written <= 5 && s.log_next() <= 6;

    victim second = s.recorder();
    s.await(second, [&] {
        if (s.on().frontier().written < 20) return;
        if (signal == SIGSTOP && s.all().quit.load() == 0) {
            s.all().quit.store(1);
            struck.go_on();
            s.wrong.expect(struck.wait() == 0, "who was stepped over does not publish at another seq");
        }
        // More than a lap: nothing newer is overwritten by who woke up.
        if (s.all().count[1].load() < 119) REQUIRE(s.write(1, pen, 10) == 0);
        else s.ask_to_stop();
        REQUIRE(s.on().wait_written(s.on().head() - 1, ages));
    });
    s.wrong.expect(second.code() == 0, "the next recorder did not end in good order");
    s.check_log();
    const seq_t head = s.on().head();
    s.wrong.expect(s.log_next() == head && head == (signal == SIGSTOP ? 122 : 121), "the log ends elsewhere than the ring");
    s.wrong.expect(s.in_log().compare(s.all(), 1, head, "the log") == 0 && s.in_log().gaps.empty(), "lost:" + s.in_log().text_of_gaps());
    s.wrong.expect(!s.in_log().has(6), "what was stepped over is in the log");
    s.wrong.expect(s.in_log().last_of[1] == 119 && s.in_log().last_of[2] == (signal == SIGSTOP ? 1 : 0), "events are missing");
    s.wrong.expect(s.in_log().wrong.none(), s.in_log().wrong.text());
    sweep_table::instance().reached(*s.page());
    return stood_there;
}

void sweep(pacing pace) {
    const std::pair<int, blow> pairs[] = {
        {SIGSTOP, {probe::commit_written, SIGKILL, 1}}, {SIGSTOP, {probe::written_moved, SIGKILL, 0}},
        {SIGSTOP, {probe::stall_chosen, SIGKILL, 0}},   {SIGSTOP, {probe::stall_done, SIGKILL, 0}},
        {SIGKILL, {probe::commit_written, SIGKILL, 1}}, {SIGKILL, {probe::repair_proven, SIGKILL, 0}},
        {SIGKILL, {probe::reap_done, SIGKILL, 0}},
    };
    std::size_t turn = 0;
    for (const auto& [signal, b] : pairs)
        for (const probe at : in_mid_write) {
            if (!sweeps_all() && ++turn % (is_short() ? 4 : 2) != 0) continue;
            const std::string what = std::string("killed, and a publisher ") + (signal == SIGSTOP ? "stopped" : "killed") + " at " + to_string(at);
            INFO(std::string(to_string(pace)), ": ", std::string(to_string(b.at)), " ", what);
            bool stood_there = false;
            for (int run = 0; !stood_there && run < (signal == SIGSTOP ? 20 : 1); ++run) {
                recorded_world s({.pace = pace, .slots = 64, .longest = 30});
                stood_there = strike_both(s, at, signal, b);
                sweep_table::instance().count(binary, b.at, what, s.wrong.none());
                CHECK(s.wrong.text() == "");
            }
            // A dead one's slot is a void after 0.2 ms: often sooner than a batch is due.
            if (signal == SIGSTOP) CHECK(stood_there);
        }
}

} // namespace

TEST_CASE("sweep: a publisher and the recorder struck at once, on a bus that never waits: the next recorder steps over, the log is complete") {
    sweep(pacing::overwrite);
}
TEST_CASE("sweep: a publisher and the recorder struck at once, on a paced bus: the next recorder steps over, the log is complete") {
    sweep(pacing::paced);
}
TEST_CASE("sweep: a publisher and the recorder struck at once, on a strict bus: the next recorder steps over, the log is complete") {
    sweep(pacing::strict);
}

TEST_CASE("sweep: the durable frontier goes on past a publisher that is stopped in mid-write, in every pacing") {
    for (const pacing pace : {pacing::overwrite, pacing::paced, pacing::strict})
        for (const auto sync : {recorder::sync_policy::interval, recorder::sync_policy::commit})
            for (const probe at : in_mid_write) {
                if (!sweeps_all() && at != (sync == recorder::sync_policy::commit ? probe::claim_done : probe::frame_stored)) continue;
                INFO(std::string(to_string(pace)), ", publisher stopped at ", std::string(to_string(at)));
                recorded_world s({.pace = pace, .sync = sync, .slots = 64, .longest = 30});
                victim r = s.recorder();
                publisher pen(s.on());
                REQUIRE(s.write(s.new_author(), pen, 10) == 0);
                child stopped = s.struck_author(at, SIGSTOP);
                stopped.wait_stopped();
                // Up to the stopped one, though nothing comes after it.
                const seq_t its = s.on().head() - 1;
                REQUIRE(s.on().wait_durable(its - 1, ages));
                CHECK(s.on().frontier().written == its - 1);
                // And past it, for laps.
                for (int i = 0; i < 20; ++i) {
                    REQUIRE(s.write(1, pen, 10) == 0);
                    REQUIRE(s.on().wait_durable(s.on().head() - 1, ages));
                    s.look_at_frontiers();
                }
                stopped.go_on();
                CHECK(stopped.wait() == 0);
                s.ask_to_stop();
                s.await(r);
                CHECK(r.code() == 0);
                s.check_log();
                CHECK(s.in_log().compare(s.all(), 1, s.on().head(), "the log") == 0);
                CHECK(s.in_log().gaps.empty());
                CHECK_FALSE(s.in_log().has(its));
                CHECK(s.in_log().last_of[2] == 1);
                CHECK(s.on().frontier().durable == s.on().head() - 1);
                CHECK(s.wrong.text() == "");
                sweep_table::instance().count(binary, at, "publisher stopped, durable goes on", s.wrong.none());
            }
}

TEST_CASE("sweep: pairs of faults reached the recorder's repairs") {
    for (const probe p : {probe::commit_written, probe::written_moved, probe::stall_chosen, probe::stall_done, probe::repair_proven, probe::reap_done}) {
        const std::string name = to_string(p);
        CHECK_MESSAGE(sweep_table::instance().reached().count(name) == 1, name);
    }
}
