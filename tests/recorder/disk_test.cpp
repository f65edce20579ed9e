// `written` and `durable` move only after the fact; and what a slow, failing or full disk does.
#include "disk_seam.hpp"
#include "recorder_fixture.hpp"

#include "tests/ring/process_fixture.hpp"

#include <cerrno>

using namespace recorder_test;

namespace {

/// The seam as it should be, before and after each test.
struct calm_disk {
    calm_disk() { reset(); }
    ~calm_disk() { reset(); }
    static void reset() {
        disk_seam::sync_delay_ms = 0;
        disk_seam::sync_error = 0;
        disk_seam::write_error = 0;
    }
};

recorder::options with_sync(recorder::sync_policy policy) {
    recorder::options how;
    how.sync = policy;
    return how;
}

bool reads_up_to(const std::string& dir, seq_t last) {
    log::log_reader reader(log::posix(), dir);
    return reader.last_seq() >= last;
}

} // namespace

TEST_CASE("written: what it says can be read in the log at that moment, again and again") {
    const calm_disk calm;
    world w({.slots = 1024});
    const bus on = w.bus();
    recorder_thread recorder(on);
    std::atomic<bool> enough{false};
    std::thread busy([&] {
        author pen(on, 1);
        while (!enough.load()) pen.publish(10);
    });
    for (int i = 0; i < rounds(300, 50); ++i) {
        const seq_t before = on.frontier().written;
        REQUIRE(on.wait_written(before + 1, ages));
        const seq_t written = on.frontier().written;
        REQUIRE(reads_up_to(w.log_dir(), written));
        REQUIRE(on.frontier().durable <= on.frontier().written);
    }
    enough.store(true);
    busy.join();
}

TEST_CASE("durable: it stands still while the disk syncs, and capture and `written` go on meanwhile") {
    const calm_disk calm;
    world w({.slots = 256});
    const bus on = w.bus();
    recorder_thread recorder(on, with_sync(recorder::sync_policy::commit));
    author pen(on, 1);
    pen.publish(1);
    REQUIRE(on.wait_durable(1, ages));
    disk_seam::sync_delay_ms = 600;
    const std::uint64_t begun = disk_seam::syncing;
    pen.publish(1);
    wait_until([&] { return disk_seam::syncing.load() > begun; });
    const std::uint64_t returned = disk_seam::syncs;
    for (int i = 0; i < 50; ++i) { // several laps of a paced ring
        pen.publish(20);
        REQUIRE(on.wait_written(pen.last(), ages));
    }
    // Unless the machine was slower than the disk, nothing was durable in that time.
    const seq_t durable = on.frontier().durable;
    if (disk_seam::syncs.load() == returned) CHECK(durable == 1);
    disk_seam::sync_delay_ms = 0;
    CHECK(on.wait_durable(pen.last(), ages));
    CHECK(disk_seam::syncs.load() > returned);
}

TEST_CASE("durable: by policy none it moves at the end alone, by interval and commit by itself") {
    const calm_disk calm;
    for (const auto policy : {recorder::sync_policy::none, recorder::sync_policy::interval, recorder::sync_policy::commit}) {
        world w;
        const bus on = w.bus();
        recorder_thread recorder(on, with_sync(policy));
        author pen(on, 1);
        pen.publish(5);
        REQUIRE(on.wait_written(5, ages));
        if (policy == recorder::sync_policy::none) {
            CHECK_FALSE(on.wait_durable(5, std::chrono::milliseconds(50)));
            CHECK(on.frontier().durable == 0);
        } else {
            CHECK(on.wait_durable(5, ages));
        }
        CHECK(recorder.stop().state == recorder_state::ended);
        CHECK(on.frontier().durable == 5);
    }
}

TEST_CASE("durable: every sync covers what was in the file when it began") {
    const calm_disk calm;
    world w({.slots = 1024});
    const bus on = w.bus();
    recorder_thread recorder(on, with_sync(recorder::sync_policy::commit));
    author pen(on, 1);
    for (int i = 0; i < rounds(200, 40); ++i) {
        pen.publish(3);
        REQUIRE(on.wait_durable(pen.last(), ages));
        // The synced length holds commits up to `durable` at the least.
        const seq_t durable = on.frontier().durable;
        const std::string segment = log::segment_path({w.log_dir()}, 1);
        const std::string copy = w.place().dir() + "/synced";
        std::filesystem::create_directories(copy + "/segments");
        const std::string to = log::segment_path({copy}, 1);
        std::filesystem::copy_file(segment, to, std::filesystem::copy_options::overwrite_existing);
        std::filesystem::resize_file(to, disk_seam::synced_bytes.load());
        REQUIRE(reads_up_to(copy, durable));
    }
}

TEST_CASE("wait_written and wait_durable wake another process") {
    const calm_disk calm;
    world w;
    const bus on = w.bus();
    ring_test::board board;
    ring_test::child waits([&] {
        const bus there = bus::open(w.name());
        board[0] = 1;
        if (!there.wait_written(10, ages)) return 1;
        board[1] = there.frontier().written;
        if (!there.wait_durable(10, ages)) return 2;
        board[2] = there.frontier().durable;
        return there.wait_durable(1'000'000, std::chrono::milliseconds(1)) ? 3 : 0;
    });
    board.wait_for(0, 1);
    recorder_thread recorder(on);
    author pen(on, 1);
    pen.publish(10);
    CHECK(waits.wait() == 0);
    CHECK(board[1] >= 10);
    CHECK(board[2] >= 10);
}

TEST_CASE("sync failed: the frontier freezes and the recorder halts, also while nothing comes") {
    const calm_disk calm;
    world w;
    const bus on = w.bus();
    recorder_thread recorder(on, with_sync(recorder::sync_policy::commit));
    author pen(on, 1);
    pen.publish(1);
    REQUIRE(on.wait_durable(1, ages));
    disk_seam::sync_error = EIO;
    pen.publish(1);
    wait_until([&] { return recorder.is_over(); }); // hangs when it waits for another event to notice
    const recorder::outcome end = recorder.join();
    CHECK(end.state == recorder_state::sync_failed);
    CHECK(end.reason.find("sync failed") != std::string::npos);
    CHECK(on.frontier().state == recorder_state::sync_failed);
    CHECK(on.frontier().durable == 1);
    REQUIRE(w.runs().size() == 1);
}

TEST_CASE("sync failed: once just before the stop is no clean end, although the last sync went well") {
    const calm_disk calm;
    world w;
    const bus on = w.bus();
    recorder_thread recorder(on, with_sync(recorder::sync_policy::commit));
    author pen(on, 1);
    pen.publish(1);
    REQUIRE(on.wait_durable(1, ages));
    disk_seam::sync_delay_ms = 300;
    disk_seam::sync_error = EIO;
    const std::uint64_t begun = disk_seam::syncing;
    pen.publish(1);
    wait_until([&] { return disk_seam::syncing.load() > begun; });
    disk_seam::sync_error = 0;
    recorder.ask_to_stop();
    const recorder::outcome end = recorder.join();
    CHECK(end.state == recorder_state::sync_failed);
    CHECK_FALSE(end.reason.empty());
    CHECK(on.frontier().durable == 1);
}

TEST_CASE("full disk, halt: the reason stands in ctl and in the outcome; publishers go on; mended, the rest is taken") {
    const calm_disk calm;
    world w({.slots = 64, .pacing = pacing::paced});
    const bus on = w.bus();
    author pen(on, 1);
    {
        recorder_thread recorder(on);
        pen.publish(10);
        REQUIRE(on.wait_written(10, ages));
        disk_seam::write_error = ENOSPC;
        pen.publish(10);
        const recorder::outcome end = recorder.join();
        CHECK(end.state == recorder_state::no_space);
        CHECK(end.reason.find("no space") != std::string::npos);
        CHECK(on.frontier().state == recorder_state::no_space);
        CHECK(w.runs().at(0).status == recorder::run_status::quarantined);
        CHECK(w.runs().at(0).reason == end.reason);
    }
    pen.publish(30); // nobody holds it up
    calm_disk::reset();
    CHECK(record_all(on).state == recorder_state::ended);
    const ledger l = w.whole_log();
    INFO(l.text());
    CHECK(l.all_of({{1, 50}}));
}

TEST_CASE("full disk, lose: it goes on, and says in the log what is lost as soon as there is space, names included") {
    const calm_disk calm;
    world w({.slots = 64, .pacing = pacing::paced});
    const bus on = w.bus();
    recorder::options how;
    how.full = recorder::on_full::lose;
    recorder_thread recorder(on, how);
    author pen(on, 1);
    pen.publish(10);
    REQUIRE(on.wait_written(10, ages));
    disk_seam::write_error = ENOSPC;
    author late(on, 2); // its name comes while there is no space
    late.publish(20);
    pen.publish(70);
    const auto at = on.attach(ring::access::read_only);
    wait_until([&] { return on.frontier().state == recorder_state::waiting_space && at->ctl().frontier.captured.load() >= 100; });
    CHECK(on.frontier().written == 10);
    CHECK_FALSE(on.wait_written(11, std::chrono::nanoseconds(0))); // lost is not recorded
    calm_disk::reset();
    // Also when nothing more is published.
    wait_until([&] { return on.frontier().state == recorder_state::recording; });
    CHECK(reads_up_to(w.log_dir(), 100));
    late.publish(200);
    const recorder::outcome end = recorder.stop();
    CHECK(end.state == recorder_state::ended);
    CHECK(end.lost == 90);
    const ledger l = w.whole_log();
    INFO(l.text());
    CHECK(l.gaps == lines{"11-100 recorder lost"});
    CHECK(l.events == 210);
    CHECK(has(w.records(), "joined 2 author-2"));
}

TEST_CASE("full disk, lose: an end without space is a halt that says why") {
    const calm_disk calm;
    world w({.slots = 64, .pacing = pacing::paced});
    const bus on = w.bus();
    recorder::options how;
    how.full = recorder::on_full::lose;
    recorder_thread recorder(on, how);
    author pen(on, 1);
    disk_seam::write_error = ENOSPC;
    pen.publish(20);
    wait_until([&] { return on.frontier().state == recorder_state::waiting_space; });
    const recorder::outcome end = recorder.stop();
    CHECK(end.state == recorder_state::no_space);
    CHECK(end.reason.find("no space") != std::string::npos);
}

TEST_CASE("a write that fails for another reason halts, whatever is to be done when the disk is full") {
    const calm_disk calm;
    world w({.slots = 64, .pacing = pacing::paced});
    const bus on = w.bus();
    recorder::options how;
    how.full = recorder::on_full::lose;
    recorder_thread recorder(on, how);
    author pen(on, 1);
    disk_seam::write_error = ENOSPC;
    pen.publish(20);
    wait_until([&] { return on.frontier().state == recorder_state::waiting_space; });
    disk_seam::write_error = EIO;
    pen.publish(1);
    const recorder::outcome end = recorder.join();
    CHECK(end.state != recorder_state::ended);
    CHECK(end.state != recorder_state::no_space);
    CHECK_FALSE(end.reason.empty());
}
