// Letters and power losses: at every call that changes something, whatever of it the disk took.
#include "tests/letters/letters_promise.hpp"
#include "tests/support/crash_fs.hpp"
#include "tests/support/fault_table.hpp"
#include "tests/support/rounds.hpp"

using namespace letters_test;
using namespace evbus_test;

namespace {

/// Looks at what a power loss may leave at this moment.
void lose_power(const disk_image& image, const promise& p, chooser& choose, const journal_options& options, int times, const char* what) {
    for (int i = 0; i < times; ++i) {
        letter_box after;
        after.options.segment_bytes = options.segment_bytes;
        image.lose_power(after.dir, choose);
        const std::string wrong = wrong_with(after, p);
        CHECK(wrong == "");
        fault_table::instance().count("letters", "any call", what, wrong.empty());
    }
}

} // namespace

TEST_CASE("letters: a power loss at every call leaves what was kept, and nothing else") {
    letter_box box;
    box.options.segment_bytes = small_segments;
    promise p;
    {
        journal j = box.open();
        live(j, p, 1, 20, [](int) { return false; });
    }
    crash_file_system disk(box.dir);
    random_source random;
    CAPTURE(random.seed());
    random_choice choose(random);
    const int times = support::rounds(sweeps_all() ? 40 : 3, 1);
    disk.before_change = [&](int k) {
        CAPTURE(k);
        if (k % support::rounds(1, 7) == 0) lose_power(disk.image(), p, choose, box.options, times, "power lost");
    };
    journal j = box.open(disk);
    live(j, p, 21, 70, [](int) { FAIL("a call failed"); return false; });
    CHECK(disk.changes() > 200);
    CHECK(box.segments().front() != "00000000000000000001.evseg"); // the first letter was moved
    CHECK(j.open_letters().contains(1));
}

TEST_CASE("letters: killed at any call, and without power in the life after it") {
    const int stride = support::rounds(sweeps_all() ? 1 : 5, 31);
    for (int k = 1;; k += stride) {
        CAPTURE(k);
        letter_box box;
        box.options.segment_bytes = small_segments;
        promise p;
        crash_file_system disk(box.dir);
        disk.dies_at = k;
        bool died = false;
        try {
            journal j = box.open(disk);
            live(j, p, 1, 40, [&](int) { died = true; return false; });
        } catch (const error&) {
            died = true;
        }
        disk.dies_at = 0;
        random_source random;
        CAPTURE(random.seed());
        random_choice choose(random);
        journal j = box.open(disk);
        CHECK(p.wrong_with(j) == "");
        p.go_on_from(j); // what it shows is durable by now
        lose_power(disk.snapshot(), p, choose, box.options, 3, "killed, then power lost");
        if (!died) return;
    }
}

TEST_CASE("letters: after a sync that failed, the page cache shows what the disk has not: the next life writes it afresh before it counts") {
    for (const bool other_process : {false, true}) {
        letter_box box;
        crash_file_system disk(box.dir);
        random_source random;
        CAPTURE(random.seed());
        random_choice choose(random);
        promise p;
        journal j = box.open(disk);
        live(j, p, 1, 5, [](int) { return false; });
        REQUIRE(p.step(j, 30, letter_state::dead));
        REQUIRE(j.write() == 0);
        disk.fail_syncs = true;
        const int r = j.sync();
        REQUIRE(r == -EIO);
        disk.fail_syncs = false;
        CHECK(j.sync() == -EIO);
        CHECK(j.write() == -EIO);
        CHECK(j.clean(0) == -EIO);
        CHECK(j.add(make_event(31, "x").view(), make_story(31)) == -EIO);
        CHECK(std::string(j.failure(-EIO).what()).find("a sync failed") != std::string::npos);
        lose_power(disk.snapshot(), p, choose, box.options, 10, "sync failed, then power lost");

        if (!other_process) j = box.open(disk);
        journal next = other_process ? box.open(disk) : std::move(j);
        CHECK(next.open_letters().contains(30));
        p.kept_in(next); // it was read, and built upon
        lose_power(disk.snapshot(), p, choose, box.options, 30, "sync failed, written afresh, then power lost");
        CHECK(p.step(next, 40, letter_state::waiting));
        CHECK(p.keep(next) == 0);
        lose_power(disk.snapshot(), p, choose, box.options, 10, "sync failed, gone on with, then power lost");
    }
}

TEST_CASE("letters: what another process has written and not synced is durable before we build on it") {
    letter_box box;
    crash_file_system disk(box.dir);
    random_source random;
    CAPTURE(random.seed());
    random_choice choose(random);
    promise p;
    journal worker = box.open(disk);
    live(worker, p, 1, 5, [](int) { return false; });
    journal tool = box.open(disk);
    for (const bool refreshes : {true, false}) {
        const seq_t seq = refreshes ? 50 : 60;
        REQUIRE(p.step(tool, seq, letter_state::dead));
        REQUIRE(tool.write() == 0);
        if (refreshes) CHECK(worker.refresh() == std::vector<seq_t>{seq});
        else REQUIRE(p.step(worker, seq + 1, letter_state::waiting));
        REQUIRE(p.keep(worker) == 0);
        CHECK(worker.synced() == worker.last());
        lose_power(disk.snapshot(), p, choose, box.options, 30, "two processes, then power lost");
        static_cast<void>(tool.refresh());
    }
}
