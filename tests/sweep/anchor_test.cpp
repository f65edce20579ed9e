// Anchors while the recorder is killed at every place that a request passes: whoever was told "put" finds its
// anchor in the log, no anchor stands there twice or out of order, and nobody waits for a dead one.
#include "tests/sweep/recorder_points.hpp"

#include <evbus/anchor.hpp>

#include <csignal>

using namespace recorder_sweep;

namespace {

constexpr const char* binary = "anchor";

struct books {
    static constexpr std::size_t most = 1u << 16;
    std::atomic<std::uint64_t> quit;
    std::atomic<std::uint64_t> asked; ///< the last seq that was asked for
    std::atomic<std::uint64_t> puts;
    std::array<std::atomic<std::uint64_t>, most> told; ///< seqs that were put, in order
};

/// Puts anchors as fast as the log becomes durable, whether there is a recorder or not.
int ask_on(const std::string& name, books& b) {
    const bus on = bus::open(name);
    seq_t last = no_seq;
    while (b.quit.load() == 0) {
        const seq_t seq = on.frontier().durable;
        if (seq == no_seq || seq == last) {
            ::usleep(200);
            continue;
        }
        b.asked.store(seq);
        try {
            put_anchor(on, {.seq = seq, .reference = "state at " + std::to_string(seq), .content_hash = seq * 3}, std::chrono::milliseconds(200));
        } catch (const error& e) {
            // A recorder that comes begins with a `durable` that counts from what it has looked at.
            if (e.kind() == errc::no_recorder || e.kind() == errc::timed_out || e.kind() == errc::busy || e.kind() == errc::not_durable) {
                ::usleep(200);
                continue;
            }
            std::fprintf(stderr, "asker: %s\n", e.what());
            return 4;
        }
        last = seq;
        const std::uint64_t n = b.puts.load();
        if (n >= books::most) return 5;
        b.told[n].store(seq);
        b.puts.store(n + 1);
    }
    return 0;
}

void compare(recorded_world& s, const books& b) {
    const std::vector<anchor> all = log::list_anchors(log::posix(), {s.place().log_dir()}, {s.on().id()});
    for (std::size_t i = 0; i < all.size(); ++i) {
        const anchor& a = all[i];
        if (i != 0) s.wrong.expect(a.seq > all[i - 1].seq, "an anchor twice or out of order at seq " + std::to_string(a.seq));
        s.wrong.expect(a.reference == "state at " + std::to_string(a.seq) && a.content_hash == a.seq * 3, "an anchor that nobody put");
    }
    std::size_t at = 0;
    for (std::uint64_t n = 0; n < b.puts.load(); ++n) {
        const seq_t seq = b.told[n].load();
        while (at < all.size() && all[at].seq < seq) ++at;
        s.wrong.expect(at < all.size() && all[at].seq == seq, "the anchor at seq " + std::to_string(seq) + " was put, and is not in the log");
    }
}

void sweep(pacing pace, recorder::sync_policy sync) {
    recorded_world s({.pace = pace, .sync = sync});
    shared<books> b;
    s.begin_authors(1, 500);
    child asker([&] { return ask_on(s.place().name(), *b); });
    for (const probe p : {probe::batch_given, probe::batch_taken, probe::commit_written, probe::written_moved, probe::synced, probe::durable_moved,
                          probe::bell_answered, probe::bell_woken, probe::segment_sealed, probe::segment_made, probe::record_begun}) {
        for (const std::uint64_t before : {std::uint64_t{0}, std::uint64_t{7}}) {
            if (before != 0 && (is_short() || p == probe::record_begun)) continue;
            INFO("killed at ", std::string(to_string(p)), " after ", before);
            // What comes of anchors alone does not lead everywhere: each life is ended after some of them.
            victim r = s.recorder(blow{p, SIGKILL, before});
            const std::uint64_t had = b->puts.load();
            s.await(r, [&] {
                if (b->puts.load() > had + 200) s.ask_to_stop();
            });
            s.check_log();
            compare(s, *b);
            CHECK(s.wrong.text() == "");
            if (r.was_struck()) sweep_table::instance().count(binary, p, "killed", s.wrong.none());
        }
    }
    victim last = s.recorder();
    const std::uint64_t had = b->puts.load();
    s.await(last, [&] {
        if (b->puts.load() < had + 20) return;
        b->quit.store(1);
        s.ask_to_stop();
    });
    CHECK(last.code() == 0);
    CHECK(asker.wait() == 0);
    s.check_log();
    compare(s, *b);
    CHECK(s.wrong.text() == "");
    CHECK(b->puts.load() >= 20);
    s.end_authors();
}

} // namespace

TEST_CASE("sweep: anchors while the recorder is killed at each probe, synced now and then: what was put is there, once and in order") {
    sweep(pacing::overwrite, recorder::sync_policy::interval);
}
TEST_CASE("sweep: anchors while the recorder of a paced bus is killed at each probe, each commit synced") {
    sweep(pacing::paced, recorder::sync_policy::commit);
}
