// The recorder stopped at each of its probes: shortly, for longer than the bus waits, for ever; and both a
// publisher and the recorder struck at once. Others go on as the pacing says, and what nobody could keep is
// in the log as lost, with its range.
#include "tests/sweep/recorder_points.hpp"

using namespace recorder_sweep;

namespace {

constexpr const char* binary = "recorder_stop";
constexpr std::uint64_t slots = 64;

enum class stop : std::uint8_t { shortly, too_long, for_ever };
constexpr const char* stop_names[] = {"stopped shortly", "stopped for laps", "stopped for ever"};

/// Others go on past the stopped recorder, as far as the bus lets them.
void go_past(recorded_world& s) {
    const bus& on = s.on();
    const seq_t written = on.frontier().written;
    const std::uint64_t verdicts = s.author_page()->hits[static_cast<std::size_t>(probe::verdict_given)].load();
    s.all().hush.store(0);
    s.all().leash.store(0);
    if (on.pacing() == pacing::strict) {
        // The ring is filled to the last slot, and nobody goes further.
        wait_until([&] { return on.head() > written + slots; });
        for (int i = 0; i < 10; ++i, ::usleep(300)) s.wrong.expect(on.head() == written + slots + 1, "a strict bus went past its recorder");
    } else {
        wait_until([&] { return on.head() > written + 3 * slots; });
    }
    if (on.pacing() == pacing::paced) {
        const auto at = on.attach(ring::access::read_only);
        const std::uint64_t given = s.author_page()->hits[static_cast<std::size_t>(probe::verdict_given)].load() - verdicts;
        s.wrong.expect(given <= 1, std::to_string(given) + " verdicts were given where one says it all");
        s.wrong.expect(at->ctl().verdict.verdict.load() == ring::pack_verdict(at->ctl().frontier.generation.load(), written),
                       "publishers went past the recorder without a verdict");
    }
    s.wrong.expect(on.frontier().written == written, "the frontier moved without its recorder");
    s.all().leash.store(1);
}

/// A recorder that takes over, catches up and ends in good order.
void catch_up(recorded_world& s, consumer& reader, victim& r) {
    const seq_t head = s.on().head();
    s.await(r, [&] {
        if (s.on().frontier().written >= head) s.ask_to_stop();
        s.read_on(reader);
    });
    s.wrong.expect(!r.was_struck() && r.code() == 0, "a recorder did not end in good order");
    s.check_log();
}

void stop_one(recorded_world& s, consumer& reader, const blow& b, stop how) {
    const std::size_t gaps = s.in_log().gaps.size();
    bool struck = false;
    for (int life = 0; !struck && life < 200; ++life) {
        victim r = s.recorder(b);
        provoker provoke(s, b.at);
        const std::uint64_t lived = s.hits(probe::written_moved);
        s.await(r, [&] {
            provoke.push();
            if (b.late && s.hits(probe::written_moved) > lived + 2) s.ask_to_stop();
            if (!provoke.is_about_repairs()) s.read_on(reader);
        });
        struck = r.was_struck();
        if (!struck) continue; // it ended before it came there
        s.check_log();
        if (how != stop::shortly) go_past(s);
        s.read_on(reader);
        if (how == stop::for_ever) r.kill();
        else r.go_on();
        provoke.release();
        if (how != stop::for_ever) catch_up(s, reader, r);
    }
    s.wrong.expect(struck, "no recorder came there");
    victim next = s.recorder();
    catch_up(s, reader, next);
    s.check_runs(false);
    if (how == stop::shortly || s.on().pacing() == pacing::strict)
        s.wrong.expect(s.in_log().gaps.size() == gaps, "lost although nobody went past it:" + s.in_log().text_of_gaps());
    else
        s.wrong.expect(s.in_log().gaps.size() > gaps, "the log says nothing of what was overwritten meanwhile");
}

void sweep(pacing pace, recorder::sync_policy sync) {
    recorded_world s({.pace = pace, .sync = sync, .slots = slots, .stall_limit = std::chrono::milliseconds(50)});
    s.all().leash.store(1);
    consumer reader(s.on(), {.from = from::seq(1)});
    s.begin_authors(2, 20);
    auto turn = static_cast<std::size_t>(pace); // so that over all pacings each probe gets each fault
    for (const point& p : recorder_points(sync)) {
        ++turn;
        for (const stop how : {stop::shortly, stop::too_long, stop::for_ever}) {
            // At length every one of them on every bus, else one in turn.
            if (!sweeps_all() && turn % 3 != static_cast<std::size_t>(how)) continue;
            const blow b{p.at, SIGSTOP, 0, !p.early};
            INFO(std::string(to_string(pace)), ", ", std::string(stop_names[static_cast<int>(how)]), " at ", std::string(to_string(p.at)));
            stop_one(s, reader, b, how);
            sweep_table::instance().count(binary, p.at, stop_names[static_cast<int>(how)], s.wrong.none());
            REQUIRE(s.wrong.text() == "");
        }
    }
    victim last = s.recorder();
    const seq_t some = s.on().head() + 20;
    s.await(last, [&] {
        if (s.on().frontier().written >= some && s.all().quit.load() == 0) {
            s.end_authors();
            s.ask_to_stop();
        }
    });
    CHECK(last.code() == 0);
    s.check_log();
    s.read_to_head(reader);
    const seq_t head = s.on().head();
    CHECK(s.log_next() == head);
    const std::size_t lost = s.in_log().compare(s.all(), 1, head, "the log");
    (void)s.by_reader().compare(s.all(), 1, head, "the reader");
    CHECK((lost != 0) == (pace != pacing::strict));
    for (const gap& g : s.in_log().gaps) CHECK((g.cause == gap_cause::recorder_lost || g.cause == gap_cause::incomplete));
    // What the reader was refused is not to be had: the log has nothing of it.
    for (const gap& g : s.by_reader().gaps)
        for (seq_t q = g.range.first; q <= g.range.last && g.cause == gap_cause::overwritten; ++q)
            CHECK_MESSAGE(!s.in_log().has(q), "the reader was told that seq ", q, " is gone, but the log has it");
    CHECK(s.in_log().wrong.text() == "");
    CHECK(s.by_reader().wrong.text() == "");
    CHECK(s.wrong.text() == "");
    sweep_table::instance().reached(*s.page());
}

} // namespace

TEST_CASE("sweep: a recorder stopped at each probe of a paced bus: publishers go on after one verdict, and the log says what went") {
    sweep(pacing::paced, recorder::sync_policy::interval);
}
TEST_CASE("sweep: a recorder stopped at each probe of a strict bus: publishers wait, and nothing is lost") {
    sweep(pacing::strict, recorder::sync_policy::commit);
}
TEST_CASE("sweep: a recorder stopped at each probe of a bus that never waits: the log says what went") {
    sweep(pacing::overwrite, recorder::sync_policy::interval);
}

TEST_CASE("sweep: the recorder was stopped at every place that its life leads through") {
    for (const point& p : recorder_points(recorder::sync_policy::interval)) {
        const std::string name = to_string(p.at);
        CHECK_MESSAGE(sweep_table::instance().reached().count(name) == 1, name);
    }
}
