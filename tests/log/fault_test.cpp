// A file system that fails: whatever call it is, what append reported as written is there afterwards,
// nothing else is, and the log can be written again.
#include "tests/log/log_fixture.hpp"

#include "tests/support/failing_fs.hpp"
#include "tests/support/fault_table.hpp"

#include <atomic>
#include <thread>

using namespace log_test;
using evbus_test::failing_file_system;
using evbus_test::fault;
namespace calls = evbus_test::calls;

namespace {

/// Writes 12 events through `files`, an append each, retrying once when `retry`. Counts what append
/// reported as written.
seq_t run(test_log& t, failing_file_system& files, bool retry, log::append_status expected) {
    seq_t written = 0;
    try {
        t.reopen(files);
        for (seq_t s = 1; s <= 12; ++s) {
            t.event("a", std::to_string(s), static_cast<std::int64_t>(s));
            log::append_result r = t.try_write();
            if (!r.ok()) {
                CHECK((r.status == expected || r.status == log::append_status::sync_failed));
                if (retry) r = t.try_write();
            }
            t.forget_batch();
            if (!r.ok()) break;
            written = s;
        }
    } catch (const evbus::error&) {
        // Opening failed: nothing was promised.
    }
    t.crash();
    t.forget_batch();
    return written;
}

/// What stands in the log after `written` was reported, and that it can be gone on with. `tidy`: partial bytes were
/// cut back at once, not left to recovery.
bool is_sound(test_log& t, seq_t written, bool tidy) {
    t.reopen();
    bool fine = t.writer().next_seq() == written + 1;
    if (tidy) fine = fine && t.quarantine().empty();
    t.event("a", "after").write();
    const lines got = t.read();
    fine = fine && got.size() == written + 1;
    for (seq_t s = 1; fine && s <= written; ++s)
        fine = got[s - 1] == std::to_string(s) + " a " + std::to_string(s) + " @" + std::to_string(s);
    fine = fine && got.back() == std::to_string(written + 1) + " a after @0";
    t.reopen();
    for (const notice& n : t.notices) fine = fine && n.kind != notice_kind::repaired;
    return fine;
}

void sweep(fault how, int error, log::append_status expected, unsigned which = calls::changes) {
    for (int k = 1;; ++k) {
        failing_file_system files(k, how, error, which);
        test_log t(500);
        CAPTURE(k);
        const seq_t written = run(t, files, how == fault::once && which == calls::changes, expected);
        CAPTURE(std::string(calls::name_of(files.struck())));
        const bool fine = is_sound(t, written, which == calls::changes);
        CHECK(fine);
        evbus_test::fault_table::instance().count("log writer", calls::name_of(files.struck()),
                                                  std::string("call fails: ") + evbus_test::fault_names[static_cast<int>(how)], fine);
        if (how == fault::short_io) CHECK(written == 12);
        if (!files.reached()) {
            CHECK(written == 12);
            CHECK(k > 20);
            break;
        }
    }
}

} // namespace

TEST_CASE("faults: the k-th call fails for want of space, once or for good: what was reported is there") {
    sweep(fault::once, ENOSPC, log::append_status::no_space);
    sweep(fault::for_good, ENOSPC, log::append_status::no_space);
    sweep(fault::once, EDQUOT, log::append_status::no_space);
}

TEST_CASE("faults: the same with an error of the disk") {
    sweep(fault::once, EIO, log::append_status::io_failed);
    sweep(fault::for_good, EIO, log::append_status::io_failed);
}

TEST_CASE("faults: the same whatever call it is: reading, looking, opening and cutting back as well") {
    sweep(fault::once, EIO, log::append_status::io_failed, calls::all);
    sweep(fault::for_good, EIO, log::append_status::io_failed, calls::all);
}

TEST_CASE("faults: reads and writes that do half of what they are asked to are gone on with") {
    sweep(fault::short_io, 0, log::append_status::ok, calls::all);
}

TEST_CASE("faults: every call of a start over a torn log fails: the next start has all of it") {
    for (const fault how : {fault::once, fault::for_good}) {
        for (int k = 1;; ++k) {
            CAPTURE(k);
            test_log t(500);
            for (int s = 1; s <= 5; ++s) t.event("a", std::to_string(s), s).write();
            t.crash();
            t.append_bytes(t.segments().size() - 1, "half a commit");
            failing_file_system files(k, how, EIO, calls::all);
            try {
                t.reopen(files);
            } catch (const evbus::error& e) {
                CHECK(std::string(e.what()).find(fs::path(t.dir).parent_path().string()) != std::string::npos); // says where
            }
            t.crash();
            t.forget_batch();
            CHECK(is_sound(t, 5, false));
            CHECK(t.quarantine().size() == 1);
            if (!files.reached()) break;
        }
    }
}

TEST_CASE("faults: once a sync has failed no other thread's succeeds: the system tells of a lost write once alone") {
    failing_file_system files(0, fault::once, EIO);
    test_log t;
    t.reopen(files);
    t.event("a", "1").write();
    const log::sync_point mine = t.writer().current();
    files.fail_from_now_on();
    CHECK(mine.sync() == -EIO);
    files.heal();
    CHECK(mine.sync() == -EIO);
    CHECK(t.writer().sync().status == log::append_status::sync_failed);
    CHECK(t.writer().close().status == log::append_status::sync_failed);
    CHECK(t.writer().synced() == no_seq);
}

TEST_CASE("faults: after a failed sync nothing more is accepted") {
    int calls = 0;
    for (int k = 1; k < 40; ++k) {
        failing_file_system f(k, fault::once, EIO);
        test_log v;
        try {
            v.reopen(f);
            v.event("a", "1");
            if (!v.try_write().ok()) continue;
        } catch (const evbus::error&) {
            continue;
        }
        const log::append_result r = v.writer().sync();
        if (r.ok()) continue;
        ++calls;
        CHECK(r.status == log::append_status::sync_failed);
        v.event("a", "2");
        CHECK(v.try_write().status == log::append_status::sync_failed);
        CHECK(v.writer().synced() == no_seq);
    }
    CHECK(calls == 1);
}

TEST_CASE("faults: when partial bytes cannot be cut back nothing is appended behind them") {
    failing_file_system files(0, fault::once, ENOSPC);
    test_log t;
    t.reopen(files);
    t.event("a", "1").write();
    files.fail_from_now_on();
    files.stuck = true;
    t.event("a", "2");
    CHECK(t.try_write().status == log::append_status::no_space);
    files.heal();
    files.stuck = false;
    CHECK(t.try_write().status == log::append_status::io_failed);
    CHECK(!t.writer().close().ok());
    t.crash();
    t.reopen();
    CHECK(t.quarantine().size() == 1);
    CHECK(t.try_write().ok());
    CHECK(t.read() == lines{"1 a 1 @0", "2 a 2 @0"});
}

TEST_CASE("threads: a reader beside the writer gets every event once, in order, through many segments") {
    constexpr seq_t total = 20'000;
    test_log t(40'000);
    t.event("a", "1").write();
    std::atomic<bool> wrong{false};
    std::atomic<seq_t> synced{0};
    std::thread reader([&] {
        log::log_reader r(log::posix(), t.dir);
        log::entry e;
        seq_t next = 1;
        while (next <= total && !wrong) {
            const seq_t last = r.last_seq();
            if (last + 1 < next) wrong = true;
            log::step s;
            while ((s = r.next(e)) == log::step::entry) {
                if (e.kind != log::entry_kind::frame || e.seq() != next++) wrong = true;
            }
            if (s == log::step::failed) wrong = true;
        }
    });
    for (seq_t s = 2; s <= total; ++s) {
        t.event("a", std::string(s % 50, 'x'));
        if (s % 7 == 0 || s == total) t.write();
    }
    const log::sync_point p = t.writer().current();
    std::thread other([&] {
        if (p.sync() == 0) synced = p.last;
    });
    other.join();
    CHECK(synced == total);
    reader.join();
    CHECK(!wrong);
}
