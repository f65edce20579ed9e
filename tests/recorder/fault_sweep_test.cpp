// A whole recording on a disk whose k-th call fails, whatever call it is, once, for good or half done. What was told
// holds afterwards, the recording ends as it should, and the next one has everything.
#include "tests/recorder/recorder_fixture.hpp"

#include "tests/support/failing_fs.hpp"
#include "tests/support/fault_table.hpp"
#include "tests/support/random.hpp"

using namespace recorder_test;
using evbus_test::failing_file_system;
using evbus_test::fault;
namespace calls = evbus_test::calls;

namespace {

constexpr std::uint64_t events = 30;

struct life {
    std::optional<recorder::outcome> end; ///< nothing when the recorder did not come to record
    std::string refused;
};

/// Records what two thirds of the events are published before and while, on `files`, with a stop at the end.
life live(const bus& on, author& pen, log::file_system& files) {
    recorder::options how;
    how.files = &files;
    how.sync = recorder::sync_policy::commit;
    how.segment_bytes = 2500;
    life out;
    pen.publish(events / 3);
    try {
        recorder_thread recorder(on, how);
        pen.publish(events / 3);
        wait_until([&] { return recorder.is_over() || on.frontier().written >= pen.last(); });
        pen.publish(events / 3);
        out.end = recorder.stop();
    } catch (const evbus::error& e) {
        out.refused = e.what();
    }
    pen.publish(events - pen.count());
    return out;
}

/// A full disk, a disk that cannot sync and one that cannot write are told apart.
bool is_right(recorder_state s, unsigned struck, fault how, int error) {
    const bool full = error == ENOSPC || error == EDQUOT;
    switch (s) {
    case recorder_state::ended: return true; // what had to be written was
    case recorder_state::sync_failed: return struck == calls::datasyncs || how == fault::for_good;
    case recorder_state::no_space: return full && struck != calls::datasyncs;
    case recorder_state::write_failed: return !full || struck == calls::truncates || how == fault::for_good;
    default: return false;
    }
}

void sweep(fault how, int error, const char* error_name) {
    evbus_test::random_source random;
    SHOW_SEED(random);
    const int stride = evbus_test::sweeps_all() ? 1 : 13;
    for (int k = 1 + static_cast<int>(random.below(static_cast<std::size_t>(stride)));; k += stride) {
        world w({.slots = 64, .pacing = pacing::paced});
        const bus on = w.bus();
        author pen(on, 1, 90);
        failing_file_system files(k, how, error, calls::all);
        const life l = live(on, pen, files);
        const frontiers told = on.frontier();
        const std::string what = std::string(error_name) + " " + evbus_test::fault_names[static_cast<int>(how)];
        CAPTURE(k);
        CAPTURE(what);
        CAPTURE(std::string(calls::name_of(files.struck())));
        CAPTURE(l.refused);
        bool fine = told.durable <= told.written && told.written <= pen.last();
        if (told.written != 0) fine = fine && log::log_reader(log::posix(), w.log_dir()).last_seq() >= told.written;
        CHECK(fine);
        if (l.end) {
            CAPTURE(l.end->reason);
            const bool right = is_right(l.end->state, files.struck(), how, error) &&
                               l.end->reason.empty() == (l.end->state == recorder_state::ended) && on.frontier().state == l.end->state;
            CHECK(right);
            if (how == fault::short_io) CHECK(l.end->state == recorder_state::ended);
            if (how == fault::once && l.end->state != recorder_state::ended && files.struck() != calls::renames) {
                const std::vector<recorder::manifest> runs = w.runs();
                const bool marked = !runs.empty() && runs.back().status == recorder::run_status::quarantined &&
                                    runs.back().reason == l.end->reason && runs.back().durable_seq == told.durable;
                CHECK(marked);
                fine = fine && marked;
            }
            fine = fine && right;
        } else {
            CHECK(l.refused.find(w.place().dir()) != std::string::npos); // says where
        }
        const recorder::outcome mended = record_all(on);
        CHECK(mended.state == recorder_state::ended);
        const ledger all = w.whole_log(90);
        INFO(all.text());
        const bool whole = all.all_of({{1, events}}) && on.frontier().durable == pen.last();
        CHECK(whole);
        std::string again;
        recorder::options listens;
        listens.on_notice = [&](const notice& n) { again += n.text + "\n"; };
        CHECK(record_all(on, listens).state == recorder_state::ended);
        CHECK(again == "");
        evbus_test::fault_table::instance().count("recording", calls::name_of(files.struck()), "call fails: " + what,
                                                  fine && whole && again.empty());
        if (!files.reached()) {
            CHECK(k > 10);
            break;
        }
    }
}

} // namespace

TEST_CASE("faults: the k-th call of a recording finds the disk full") {
    sweep(fault::once, ENOSPC, "ENOSPC");
    sweep(fault::for_good, EDQUOT, "EDQUOT");
}

TEST_CASE("faults: the k-th call of a recording finds the disk broken") {
    sweep(fault::once, EIO, "EIO");
    sweep(fault::for_good, EIO, "EIO");
}

TEST_CASE("faults: from the k-th call on reads and writes come in pieces: nothing halts") { sweep(fault::short_io, 0, "none"); }
