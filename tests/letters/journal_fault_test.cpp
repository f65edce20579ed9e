// Keeping letters while the system fails, at every call: what was called kept is there, what failed is staged still and
// can be tried again, and after a sync that failed nothing is believed before it was written afresh.
#include "tests/letters/letters_promise.hpp"
#include "tests/support/crash_fs.hpp"
#include "tests/support/failing_fs.hpp"
#include "tests/support/fault_table.hpp"
#include "tests/support/rounds.hpp"
#include "tests/support/small_disk.hpp"

using namespace letters_test;
using namespace evbus_test;

namespace {

/// The k-th call fails, for each k. A life before it has left something to recover.
void sweep(fault how, int error, unsigned which) {
    const int stride = support::rounds(sweeps_all() ? 1 : 5, 31);
    for (int k = 1;; k += stride) {
        CAPTURE(k);
        letter_box box;
        box.options.segment_bytes = small_segments;
        box.options.lock_wait = std::chrono::milliseconds(0);
        promise p;
        {
            journal j = box.open();
            live(j, p, 1, 20, [](int) { return false; });
        }
        failing_file_system files(k, how, error, which);
        int failures = 0;
        try {
            journal j = box.open(files);
            CHECK(p.wrong_with(j, false).empty());
            live(j, p, 21, 70, [&](int r) {
                ++failures;
                CHECK(std::string(j.failure(r).what()).size() > 20);
                if (how == fault::for_good) return false;
                const int again = p.keep(j); // once: what is staged goes through now, or a sync has failed
                if (again == 0) return true;
                CHECK(files.struck() == calls::datasyncs);
                CHECK(p.keep(j) == again);
                CHECK_FALSE(p.step(j, 5000, letter_state::waiting));
                return false;
            });
        } catch (const evbus::error& e) {
            CHECK(std::string(e.what()).find("letters of billing") != std::string::npos);
            ++failures;
        }
        const std::string wrong = wrong_with(box, p);
        CHECK(wrong == "");
        if (!files.reached()) {
            CHECK(failures == 0);
            CHECK(box.segments().front() != "00000000000000000001.evseg"); // the first letter was moved
            CHECK(box.open().open_letters().contains(1));
            CHECK(k > 100);
            return;
        }
        fault_table::instance().count("letters", calls::name_of(files.struck()),
                                      std::string("call fails: ") + fault_names[static_cast<int>(how)], wrong.empty());
    }
}

} // namespace

TEST_CASE("letters: the k-th call fails once: the same call succeeds when it is repeated, but for a sync") { sweep(fault::once, EIO, calls::all); }
TEST_CASE("letters: the k-th call and all after it fail") { sweep(fault::for_good, EIO, calls::all); }
TEST_CASE("letters: the disk is full from the k-th change on") { sweep(fault::for_good, ENOSPC, calls::changes); }
TEST_CASE("letters: reads and writes that do half of what they are asked to are gone on with") {
    letter_box box;
    box.options.segment_bytes = small_segments;
    failing_file_system files(1, fault::short_io, EIO, calls::all);
    promise p;
    {
        journal j = box.open(files);
        live(j, p, 1, 60, [](int) { FAIL("a call failed"); return false; });
    }
    CHECK(wrong_with(box, p) == "");
}

TEST_CASE("letters: a write that fails and cannot be taken back: the next one copies what is whole, and goes on") {
    letter_box box;
    failing_file_system files(0, fault::once, EIO, calls::writes);
    promise p;
    journal j = box.open(files);
    live(j, p, 1, 5, [](int) { return false; });
    REQUIRE(p.step(j, 50, letter_state::waiting));
    files.stuck = true;
    files.fail_from_now_on();
    CHECK(j.write() < 0);
    files.heal();
    files.stuck = false;
    CHECK(p.keep(j) == 0);
    REQUIRE(box.notices.size() == 1);
    CHECK(box.notices[0].text.find("quarantine/") != std::string::npos);
    CHECK(p.wrong_with(box.open()) == "");
}

TEST_CASE("letters: a sync after a write that could not be taken back is a sync of all that was written before") {
    letter_box box;
    crash_file_system disk(box.dir);
    failing_file_system files(0, fault::once, EIO, calls::writes, disk);
    promise p;
    journal j = box.open(files);
    REQUIRE(p.step(j, 1, letter_state::waiting));
    REQUIRE(j.write() == 0);
    promise first = p;
    REQUIRE(p.step(j, 2, letter_state::waiting));
    files.stuck = true;
    files.fail_from_now_on();
    CHECK(j.write() < 0);
    files.heal();
    files.stuck = false;
    REQUIRE(j.sync() == 0);
    CHECK(j.synced() == j.last());
    first.kept_in(j);
    CHECK(j.has_staged());
    random_source random;
    CAPTURE(random.seed());
    random_choice choose(random);
    for (int i = 0; i < 30; ++i) {
        letter_box after;
        disk.snapshot().lose_power(after.dir, choose);
        CHECK(first.wrong_with(after.open()) == "");
    }
}

TEST_CASE("letters: a full disk is said in words, costs nothing, and is gone on with when there is room") {
    support::small_disk disk(4);
    if (!disk.is_there()) {
        MESSAGE("not tried: " << disk.why_not());
        return;
    }
    letter_box box;
    const std::string in_memory = box.dir;
    box.dir = disk.dir();
    promise p;
    journal j = box.open();
    live(j, p, 1, 3, [](int) { return false; });
    disk.take(disk.free_bytes() - (std::uint64_t{200} << 10));
    int r = 0;
    for (seq_t s = 10; r == 0 && s < 5000; ++s) {
        REQUIRE(p.step(j, s, letter_state::dead));
        r = p.keep(j);
    }
    REQUIRE(r == -ENOSPC);
    const error e = j.failure(r);
    CHECK(e.kind() == errc::no_space);
    CHECK(std::string(e.what()).find("free space") != std::string::npos);
    CHECK(p.keep(j) == -ENOSPC);
    CHECK(whole_letters_of(box.look()).size() >= 1);
    CHECK(refusal([&] { return box.open(); }).find("space") != std::string::npos);
    disk.free();
    CHECK(p.keep(j) == 0);
    CHECK(p.wrong_with(box.open()) == "");
    box.dir = in_memory;
}
