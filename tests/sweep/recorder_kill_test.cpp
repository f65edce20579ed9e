// The recorder killed at each of its probes, and begun again within a lap: the log is complete and has nothing
// twice, whatever it was that was cut off.
#include "tests/sweep/recorder_points.hpp"

#include <evbus/log/epochs.hpp>

#include <unistd.h>

using namespace recorder_sweep;

namespace {

constexpr const char* binary = "recorder_kill";

const char* name_of(const blow& b) { return b.late ? "killed while it ends" : b.before == 0 ? "killed" : "killed, second time there"; }

std::vector<blow> kills_of(const std::vector<point>& points) {
    std::vector<blow> all;
    for (const point& p : points) {
        if (p.early) all.push_back({p.at, SIGKILL, 0, false});
        if (p.early && p.again && !is_short()) all.push_back({p.at, SIGKILL, 1, false});
        if (p.late) all.push_back({p.at, SIGKILL, 0, true});
    }
    return all;
}

/// Kills one recorder as told; recorders that end before that, in good order, are followed by another one.
void kill_one(recorded_world& s, consumer& reader, const blow& b) {
    for (int life = 0; life < 200; ++life) {
        victim r = s.recorder(b);
        {
            provoker provoke(s, b.at);
            const std::uint64_t lived = s.hits(probe::written_moved);
            s.await(r, [&] {
                provoke.push();
                if (b.late && s.hits(probe::written_moved) > lived + 2) s.ask_to_stop();
                if (!provoke.is_about_repairs()) s.read_on(reader);
            });
        }
        s.check_log();
        s.check_runs(r.was_struck());
        if (r.was_struck()) return;
        s.wrong.expect(r.code() == 0, "a recorder ended with " + std::to_string(r.code()));
    }
    s.wrong.add("no recorder came there");
}

void end_and_compare(recorded_world& s, consumer& reader, const std::string& what) {
    INFO(what);
    victim last = s.recorder();
    const seq_t some = s.on().head() + 50;
    s.await(last, [&] {
        if (s.on().frontier().written >= some && s.all().quit.load() == 0) {
            s.end_authors(); // a strict bus needs the recorder for that
            s.ask_to_stop();
        }
        s.read_on(reader);
    });
    CHECK(last.code() == 0);
    s.check_log();
    s.check_runs(false);
    s.read_to_head(reader);
    const seq_t head = s.on().head();
    CHECK(s.log_next() == head);
    CHECK(s.in_log().compare(s.all(), 1, head, "the log") == 0);
    CHECK(s.by_reader().compare(s.all(), 1, head, "the reader") == 0);
    CHECK_MESSAGE(s.in_log().gaps.empty(), s.in_log().text_of_gaps());
    CHECK_MESSAGE(s.by_reader().gaps.empty(), s.by_reader().text_of_gaps());
    CHECK(s.in_log().wrong.text() == "");
    CHECK(s.by_reader().wrong.text() == "");
    CHECK(s.wrong.text() == "");
    // Read anew from the beginning, it is the same.
    account again(150);
    log_walk walk(log::posix(), s.place().log_dir(), {});
    filter_set everything = filter_set::everything();
    delivery deliver;
    seq_t next = 1;
    const auto on_event = [&](const event& e) { again.event(e); };
    const auto on_gap = [&](const gap& g) { again.gap(g); };
    while (walk.poll(next, max_seq, everything, deliver, on_event, on_gap, [](const auto&) {}, {}) == log_rest::limits) {}
    CHECK(again.wrong.text() == "");
    CHECK(again.given == s.in_log().given);
    CHECK(deliver.account().walked() == head - 1);
    sweep_table::instance().reached(*s.page());
}

/// What a write that was cut off leaves: at the end of the newest segment, or instead of its header.
void tear_log(const recorded_world& s, bool header) {
    std::vector<seq_t> firsts;
    REQUIRE(log::list_segments(log::posix(), {s.place().log_dir()}, firsts) == 0);
    REQUIRE_FALSE(firsts.empty());
    const std::string newest = log::segment_path({s.place().log_dir()}, firsts.back());
    if (header) REQUIRE(::truncate(newest.c_str(), 50) == 0);
    else std::ofstream(newest, std::ios::app | std::ios::binary) << support::read_file(newest).substr(sizeof(log::segment_header), 60);
}
std::size_t torn_kept(const recorded_world& s) {
    std::size_t n = 0;
    for (const auto& file : std::filesystem::directory_iterator(log::log_dir{s.place().log_dir()}.quarantine())) n += file.is_regular_file() ? 1u : 0u;
    return n;
}

void sweep(pacing pace, recorder::sync_policy sync) {
    recorded_world s({.pace = pace, .sync = sync});
    // Within a lap: in a strict bus the bus itself sees to that.
    s.all().leash.store(pace == pacing::strict ? 0 : 1);
    consumer reader(s.on(), {.from = from::seq(1)});
    s.begin_authors(2);
    for (const blow& b : kills_of(recorder_points(sync))) {
        kill_one(s, reader, b);
        const bool passed = s.wrong.none();
        sweep_table::instance().count(binary, b.at, name_of(b), passed);
        INFO(std::string(to_string(pace)), ", ", std::string(name_of(b)), " at ", std::string(to_string(b.at)));
        CHECK(s.wrong.text() == "");
        if (!passed) break;
    }
    end_and_compare(s, reader, to_string(pace));
}

} // namespace

TEST_CASE("sweep: a recorder killed at each probe, of a bus that never waits: back within a lap, nothing is lost or twice") {
    sweep(pacing::overwrite, recorder::sync_policy::interval);
}
TEST_CASE("sweep: a recorder killed at each probe, of a paced bus, each commit synced: nothing is lost or twice") {
    sweep(pacing::paced, recorder::sync_policy::commit);
}
TEST_CASE("sweep: a recorder killed at each probe, of a strict bus at full speed, never synced: nothing is lost or twice") {
    sweep(pacing::strict, recorder::sync_policy::none);
}

TEST_CASE("sweep: a recorder killed, and the next one killed in the midst of repairing what that left: nothing is lost or twice") {
    recorded_world s({.pace = pacing::overwrite});
    s.all().leash.store(1);
    consumer reader(s.on(), {.from = from::seq(1)});
    s.begin_authors(2);
    kill_one(s, reader, {probe::written_moved, SIGKILL, 3});
    std::size_t reported = 0;
    for (const probe second : {probe::attach_mapped, probe::record_locked, probe::join_half_entered, probe::join_entered, probe::tail_kept,
                               probe::tail_cut, probe::segment_moved, probe::record_recovered, probe::record_manifest_saved,
                               probe::record_frontier_set, probe::record_begun, probe::commit_written}) {
        INFO("killed again at ", std::string(to_string(second)));
        const bool header = second == probe::segment_moved;
        kill_one(s, reader, {header ? probe::segment_made : probe::commit_written, SIGKILL, 2});
        const std::size_t before = torn_kept(s);
        tear_log(s, header);
        kill_one(s, reader, {second, SIGKILL, 0});
        kill_one(s, reader, {probe::record_recovered, SIGKILL, 0});
        // What was cut off is kept, once; whoever lived long enough after it said so.
        CHECK(torn_kept(s) == before + 1);
        const std::size_t reports = s.notices_with("moved to quarantine/");
        CHECK(reports + (second == probe::tail_cut || second == probe::segment_moved ? 1 : 0) >= reported + 1);
        reported = reports;
        CHECK(s.wrong.text() == "");
        sweep_table::instance().count(binary, second, "killed, the one before as well", s.wrong.none());
    }
    end_and_compare(s, reader, "killed twice");
}

TEST_CASE("sweep: a recorder killed when it has noted its ring in a log that was deleted: one line, and all that the ring still has") {
    recorded_world s({.pace = pacing::overwrite, .slots = 64, .longest = 30});
    publisher pen(s.on());
    REQUIRE(s.write(s.new_author(), pen, 20) == 0);
    victim first = s.recorder();
    s.await(first, [&] {
        if (s.on().frontier().written == 20) s.ask_to_stop();
    });
    CHECK(first.code() == 0);
    std::filesystem::remove_all(s.place().log_dir());
    victim second = s.recorder(blow{probe::log_epoch_noted});
    s.await(second);
    CHECK(second.was_struck());
    victim third = s.recorder();
    while (third.runs()) {
        if (s.on().frontier().state == recorder_state::recording) s.ask_to_stop();
        ::usleep(100);
    }
    CHECK(third.code() == 0);
    std::size_t noted = 0;
    for (const log::epoch_record& e : log::read_epochs(log::posix(), {s.place().log_dir()})) noted += e.epoch == s.on().epoch() ? 1u : 0u;
    CHECK(noted == 1);
    s.check_log();
    CHECK(s.in_log().compare(s.all(), 1, s.on().head(), "the log") == 0);
    CHECK(s.in_log().wrong.text() == "");
    CHECK(s.in_log().gaps.empty());
    sweep_table::instance().count(binary, probe::log_epoch_noted, "killed", s.in_log().wrong.none() && noted == 1);
    sweep_table::instance().reached(*s.page());
}

TEST_CASE("sweep: recorders reach every probe that docs/failure-modes.md names them for") {
    CHECK(sweep_test::promised_but_not_reached("sweep_recorder_kill") == lines{});
}
