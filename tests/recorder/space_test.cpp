// A real disk that fills, is freed under load, or is kept from filling: what the recorder does then, and that
// the log read back afterwards accounts for every seq.
#include "disk_seam.hpp"
#include "recorder_fixture.hpp"

#include "tests/ring/process_fixture.hpp"
#include "tests/support/small_disk.hpp"

#include <cerrno>
#include <fstream>
#include <mutex>

using namespace recorder_test;
using support::small_disk;

namespace {

constexpr std::uint64_t MiB = std::uint64_t{1} << 20;
constexpr std::size_t longest = 300;

#define NEEDS_DISK(disk)                                                                                               \
    if (!disk.is_there()) {                                                                                            \
        MESSAGE("not tested: " << disk.why_not());                                                                     \
        return;                                                                                                        \
    }

/// What the recorder said, from any of its threads.
struct words {
    void add(const std::string& text) {
        const std::lock_guard guard(mutex);
        all.push_back(text);
    }
    [[nodiscard]] int count(const std::string& part) {
        const std::lock_guard guard(mutex);
        return static_cast<int>(std::count_if(all.begin(), all.end(), [&](const std::string& s) { return s.find(part) != std::string::npos; }));
    }
    std::mutex mutex;
    lines all;
};

/// A bus whose log lies on a small disk, and a recorder's options for it.
struct small_world {
    explicit small_world(const small_disk& disk, pacing p = pacing::paced)
        : w({.slots = 512, .slot_bytes = 512, .pacing = p, .log_dir = disk.dir() + "/log"}), on(w.bus()) {
        how.segment_bytes = MiB;
        how.on_notice = [this](const notice& n) { said.add(n.text); };
        how.on_deleted = [this](const std::string& text) { said.add(text); };
    }
    words said;
    world w;
    bus on;
    recorder::options how;
};

/// Every event of the log is one that was published, every gap has this cause, and together they are all seqs.
void check_sum(const small_world& s, std::uint64_t published, const char* cause) {
    const ledger l = s.w.whole_log(longest);
    INFO(l.text());
    CHECK(l.faults.empty());
    CHECK(l.events + l.in_gaps == published);
    for (const std::string& gap : l.gaps) CHECK_MESSAGE(gap.ends_with(cause), gap);
}

} // namespace

TEST_CASE("space: a disk that fills under load halts the recorder; freed, the next one goes on, and every seq is accounted for") {
    const small_disk disk(8);
    NEEDS_DISK(disk);
    small_world s(disk);
    disk.take(4 * MiB);
    author pen(s.on, 1, longest);
    {
        recorder_thread recorder(s.on, s.how);
        while (!recorder.is_over()) pen.publish(100);
        const recorder::outcome end = recorder.join();
        CHECK(end.state == recorder_state::no_space);
        CHECK(end.reason.find("No space left on device") != std::string::npos);
        CHECK(s.on.frontier().state == recorder_state::no_space);
        const ledger l = s.w.whole_log(longest); // what it wrote is whole
        CHECK(l.all_of({{1, end.recorded.last}}));
    }
    pen.publish(2000);
    disk.free();
    CHECK(record_all(s.on, s.how).state == recorder_state::ended);
    check_sum(s, pen.count(), "recorder lost");
}

TEST_CASE("space: told to lose it goes on over a full disk, marks what is lost, and records again as soon as there is space") {
    const small_disk disk(8);
    NEEDS_DISK(disk);
    small_world s(disk);
    s.how.full = recorder::on_full::lose;
    disk.take(5 * MiB);
    author pen(s.on, 1, longest);
    recorder_thread recorder(s.on, s.how);
    while (s.on.frontier().state != recorder_state::waiting_space) pen.publish(100);
    pen.publish(5000);
    disk.free();
    // Under load, and until it moves again.
    while (s.on.frontier().state != recorder_state::recording) {
        pen.publish(1);
        ::usleep(1000);
    }
    pen.publish(500);
    const recorder::outcome end = recorder.stop();
    CHECK(end.state == recorder_state::ended);
    CHECK(end.lost != 0);
    check_sum(s, pen.count(), "recorder lost");
    CHECK(s.w.whole_log(longest).in_gaps == end.lost);
}

TEST_CASE("space: kept free, the disk never fills: the oldest go, nothing else is lost, and it is said") {
    const small_disk disk(16);
    NEEDS_DISK(disk);
    small_world s(disk, pacing::strict);
    s.how.keep.free.percent = 40;
    author pen(s.on, 1, longest);
    recorder_thread recorder(s.on, s.how);
    while (s.said.count("retention: ") < 20) pen.publish(500); // more than the disk holds
    const recorder::outcome end = recorder.stop();
    CHECK(end.state == recorder_state::ended);
    CHECK(end.lost == 0);
    CHECK(s.said.count("too little space is free") >= 20);
    CHECK(s.said.count("disk is full") == 0);
    const ledger l = s.w.whole_log(longest);
    INFO(l.text());
    CHECK(l.gaps.size() == 1);
    CHECK(l.last_of.at(1) == pen.count());
    check_sum(s, pen.count(), "retention");
}

TEST_CASE("space: limits of bytes and segments hold while it records, and at the start") {
    const small_disk disk(32);
    NEEDS_DISK(disk);
    small_world s(disk, pacing::strict);
    author pen(s.on, 1, longest);
    {
        recorder_thread recorder(s.on, s.how);
        while (log::list_stored(log::posix(), {s.w.log_dir()}, log::time_wanted::of_none()).size() < 8) pen.publish(500);
        CHECK(recorder.stop().state == recorder_state::ended);
        CHECK(s.said.count("retention: ") == 0); // no limit by default
    }
    s.how.keep.segments = 3;
    {
        recorder_thread recorder(s.on, s.how);
        wait_until([&] { return s.said.count("over the limit of segments") != 0; });
        CHECK(recorder.stop().state == recorder_state::ended);
    }
    s.how.keep = {.bytes = 3 * MiB};
    recorder_thread recorder(s.on, s.how);
    while (s.said.count("over the limit of bytes") < 5) pen.publish(500);
    CHECK(recorder.stop().state == recorder_state::ended);
    std::uint64_t bytes = 0;
    for (const log::stored_segment& one : log::list_stored(log::posix(), {s.w.log_dir()}, log::time_wanted::of_none())) bytes += one.bytes;
    CHECK(bytes <= 5 * MiB); // one more may be there that the last roll left to a pass that was stopped
    check_sum(s, pen.count(), "retention");
}

TEST_CASE("space: a full disk on which old segments may go is no reason to halt") {
    const small_disk disk(8);
    NEEDS_DISK(disk);
    small_world s(disk, pacing::strict);
    author pen(s.on, 1, longest);
    {
        recorder_thread recorder(s.on, s.how);
        while (log::list_stored(log::posix(), {s.w.log_dir()}, log::time_wanted::of_none()).size() < 5) pen.publish(500);
        CHECK(recorder.stop().state == recorder_state::ended);
    }
    disk.take(disk.free_bytes()); // to the brim: not even a manifest finds room
    s.how.keep.segments = 2;
    recorder_thread recorder(s.on, s.how);
    pen.publish(5000);
    REQUIRE(s.on.wait_written(pen.last(), ages));
    CHECK(recorder.stop().state == recorder_state::ended);
    check_sum(s, pen.count(), "retention");
}

TEST_CASE("space: what a cursor needs stays; that the limit cannot be met is said once, by the cursor's name, and again when it is back") {
    const small_disk disk(32);
    NEEDS_DISK(disk);
    small_world s(disk, pacing::strict);
    s.how.keep.segments = 2;
    const std::string cursor = s.w.log_dir() + "/cursors/slow.cursor";
    author pen(s.on, 1, longest);
    recorder_thread recorder(s.on, s.how);
    std::ofstream(cursor) << "not a cursor"; // pins everything: nobody knows what it needs
    const auto segments = [&] { return log::list_stored(log::posix(), {s.w.log_dir()}, log::time_wanted::of_none()).size(); };
    while (segments() < 8) pen.publish(500);
    wait_until([&] { return s.said.count("needed by cursor \"slow\"") != 0; });
    CHECK(s.said.count("needed by cursor \"slow\"") == 1);
    CHECK(s.said.count("retention: ") == 0);
    std::filesystem::remove(cursor);
    while (s.said.count("retention: ") == 0) pen.publish(500);
    CHECK(recorder.stop().state == recorder_state::ended);
    check_sum(s, pen.count(), "retention");
}

TEST_CASE("space: a disk that something else fills costs the log nothing that it had") {
    const small_disk disk(32);
    NEEDS_DISK(disk);
    small_world s(disk, pacing::strict);
    author pen(s.on, 1, longest);
    const auto segments = [&] { return log::list_stored(log::posix(), {s.w.log_dir()}, log::time_wanted::of_none()); };
    {
        recorder_thread recorder(s.on, s.how);
        while (segments().size() < 6) pen.publish(500);
        CHECK(recorder.stop().state == recorder_state::ended);
    }
    const std::size_t had = segments().size();
    disk.take(disk.free_bytes() - 6 * MiB);
    s.how.keep.free.bytes = 20 * MiB;
    recorder_thread recorder(s.on, s.how);
    wait_until([&] { return s.said.count("something else fills the disk") != 0; });
    CHECK(segments().front().first == 1);
    CHECK(s.said.count("retention: ") == 0);
    while (s.said.count("retention: ") < 10) pen.publish(500); // for each new segment an old one
    CHECK(segments().size() + 2 >= had);
    CHECK(recorder.stop().state == recorder_state::ended);
    CHECK(s.said.count("something else fills the disk") == 1);
    check_sum(s, pen.count(), "retention");
}

TEST_CASE("space: over a quota or a file size limit it is as on a full disk") {
    for (const int error : {EDQUOT, EFBIG}) {
        CAPTURE(error);
        world w({.slots = 64, .pacing = pacing::paced});
        const bus on = w.bus();
        author pen(on, 1);
        recorder::options how;
        {
            recorder_thread recorder(on, how);
            pen.publish(10);
            REQUIRE(on.wait_written(10, ages));
            disk_seam::write_error = error;
            pen.publish(10);
            CHECK(recorder.join().state == recorder_state::no_space);
        }
        how.full = recorder::on_full::lose;
        disk_seam::write_error = 0;
        recorder_thread recorder(on, how);
        REQUIRE(on.wait_written(20, ages));
        disk_seam::write_error = error;
        pen.publish(100);
        wait_until([&] { return on.frontier().state == recorder_state::waiting_space; });
        disk_seam::write_error = 0;
        wait_until([&] { return on.frontier().state == recorder_state::recording; });
        CHECK(recorder.stop().state == recorder_state::ended);
        const ledger l = w.whole_log();
        INFO(l.text());
        CHECK(l.gaps == lines{"21-120 recorder lost"});
    }
}

namespace {

/// Reads the log from its beginning in a process of its own: stops after one event until it is told to go on,
/// and ends when it has `last`. What it was given stands on the board.
int read_slowly(const ring_test::board& b, const world& w, seq_t last) {
    consumer in(bus::open(w.name()), {.from = from::oldest()});
    ledger l(longest);
    bool only_retention = true;
    while (in.next() <= last) {
        const consume_status s = in.poll([&](const event& e) { l.event(e); },
                                         [&](const gap& g) {
                                             l.gap(g);
                                             only_retention = only_retention && g.cause == gap_cause::retention;
                                         },
                                         {.max_events = 1});
        if (s == consume_status::log_failed) return 2;
        if (l.events == 1 && b[0] == 0) {
            b[0].store(1);
            b.wait_for(1, 1);
        }
    }
    b[2].store(l.events);
    b[3].store(l.in_gaps);
    return only_retention && l.faults.empty() && l.gaps.size() == 1 && adds_up(in, 1) ? 0 : 1;
}

} // namespace

TEST_CASE("space: a reader in another process that reads what is being deleted gets a gap of retention, and all the rest") {
    const small_disk disk(32);
    NEEDS_DISK(disk);
    small_world s(disk, pacing::strict);
    author pen(s.on, 1, longest);
    s.how.keep.segments = 3;
    recorder_thread recorder(s.on, s.how);
    pen.publish(2000);
    REQUIRE(s.on.wait_written(pen.last(), ages));
    constexpr seq_t all = 40'000;
    const ring_test::board board;
    ring_test::child reader([&] { return read_slowly(board, s.w, all); });
    board.wait_for(0, 1);
    pen.publish(all - pen.count());
    REQUIRE(s.on.wait_written(all, ages));
    wait_until([&] { return s.said.count("retention: ") != 0; });
    board[1].store(1);
    CHECK(reader.wait() == 0);
    CHECK(board[2].load() + board[3].load() == all);
    CHECK(board[3].load() != 0);
    CHECK(recorder.stop().state == recorder_state::ended);
}
