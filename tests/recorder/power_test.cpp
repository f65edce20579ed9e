// Power losses at every call of a whole recording, its manifest, its list of epochs and its restart included; and a
// recording whose sync failed, followed by one that sees the page cache.
#include "tests/recorder/recorder_fixture.hpp"

#include "tests/log/power_fixture.hpp"

#include <evbus/log/epochs.hpp>
#include <evbus/log/seq_floor.hpp>

using namespace recorder_test;
using evbus_test::crash_file_system;
using evbus_test::disk_image;
using evbus_test::random_choice;
using evbus_test::random_source;
using log_test::scratch_dir;

namespace {

constexpr std::size_t longest = 400;

/// A bus whose log stands on a disk that can lose power.
class powered_world {
public:
    explicit powered_world(random_source& random)
        : random_(random), on(w.bus()), pen(on, 1, longest), files(w.log_dir()) {
        how.files = &files;
        how.sync = recorder::sync_policy::commit;
        how.segment_bytes = 6000;
    }
    /// Before each call that changes something: `losses` power losses, each looked at.
    void lose_power(const char* who, int losses) {
        files.before_change = [this, who, losses](int step) {
            // What is durable before the image is taken must be in the image.
            const seq_t durable = on.frontier().durable;
            for (int i = 0; i < losses && wrong.empty(); ++i) {
                const scratch_dir place;
                random_choice choose(random_);
                files.image().lose_power(place.path(), choose);
                wrong = wrong_with_log(place.path(), durable);
                evbus_test::fault_table::instance().count(who, "any call", "power lost", wrong.empty());
                if (!wrong.empty()) wrong = "before call " + std::to_string(step) + ": " + wrong;
            }
        };
    }
    /// Publishes in pieces that are written, and some synced, one after the other.
    recorder::outcome record(std::uint64_t count) {
        recorder_thread recorder(on, how);
        for (std::uint64_t i = 0; i < count; i += 4) {
            pen.publish(4);
            wait_until([&] { return recorder.is_over() || on.frontier().written >= pen.last(); });
            if (random_.one_in(2)) wait_until([&] { return recorder.is_over() || on.frontier().durable >= pen.last(); });
        }
        return recorder.stop();
    }
    /// What is wrong with the log in `dir`; empty when nothing is. The author's n-th event is seq n.
    std::string wrong_with_log(const std::string& dir, seq_t durable) const {
        const std::vector<log::epoch_record> epochs = log::read_epochs(log::posix(), {dir});
        if (epochs.empty() || epochs.front().epoch != on.epoch()) return "the ring's epoch is forgotten";
        if (log::seq_floor(log::posix(), dir).next <= durable) return "a seq would come back";
        if (!recorder::load_manifests(log::posix(), {dir}).unreadable.empty()) return "half a manifest";
        if (!std::filesystem::is_directory(dir + "/segments")) return durable == 0 ? "" : "no segments";
        log::log_reader r(log::posix(), dir, {on.id()});
        r.seek(1);
        log::entry e;
        seq_t next = 1;
        log::step s;
        while ((s = r.next(e)) == log::step::entry) {
            if (e.range.first != next) return "out of order at " + std::to_string(next);
            next = e.range.last + 1;
            if (e.kind == log::entry_kind::gap && e.range.first <= durable) return "durable seq " + std::to_string(e.range.first) + " is a gap";
            if (e.kind != log::entry_kind::frame) continue;
            const std::string_view text(reinterpret_cast<const char*>(e.frame.payload.data()), e.frame.payload.size());
            if (e.frame.topic == "who.2") continue; // of the next boot
            if (text != payload_of(1, e.seq(), longest)) return "made up: " + std::string(text.substr(0, 20));
        }
        if (s != log::step::end) return r.failure();
        return next > durable ? "" : "durable up to " + std::to_string(durable) + ", and it ends before " + std::to_string(next);
    }

private:
    random_source& random_;

public:
    world w{{.slots = 256, .slot_bytes = 512, .pacing = pacing::paced}};
    bus on;
    author pen;
    crash_file_system files;
    recorder::options how;
    std::string wrong;
};

/// Another boot of the machine: the ring is gone with the memory, and `image` is what the disk has.
void reboot(const world& w, const disk_image& image, random_source& random, bool boot_is_known) {
    w.unlink_ring();
    std::filesystem::remove_all(w.log_dir());
    std::filesystem::create_directory(w.log_dir());
    random_choice choose(random);
    image.lose_power(w.log_dir(), choose);
    if (!boot_is_known) return;
    const std::string path = log::log_dir{w.log_dir()}.epochs();
    std::string text = log_test::test_log::slurp(path);
    const std::string boot = evbus::detail::boot_id();
    for (std::size_t at; (at = text.find(boot)) != std::string::npos;) text.replace(at, boot.size(), "an-earlier-boot");
    log_test::test_log::spit(path, text);
}

} // namespace

TEST_CASE("power: lost at any call of a recording, what was durable is there, and no seq would come back") {
    random_source random;
    SHOW_SEED(random);
    powered_world t(random);
    t.lose_power("recording", log_test::losses_a_step(3));
    CHECK(t.record(40).state == recorder_state::ended);
    CHECK(t.record(12).state == recorder_state::ended);
    CHECK(t.wrong == "");
    CHECK(t.files.changes() > 60);
}

TEST_CASE("power: lost at any call, the next boot's recorder goes on above all that was given out, and mends once") {
    random_source random;
    SHOW_SEED(random);
    std::vector<std::pair<disk_image, seq_t>> moments;
    powered_world t(random);
    t.files.before_change = [&](int) {
        const seq_t durable = t.on.frontier().durable; // first: the image may only know more
        moments.emplace_back(t.files.image(), durable);
    };
    CHECK(t.record(24).state == recorder_state::ended);
    CHECK(t.record(8).state == recorder_state::ended);
    t.files.before_change = {};
    const seq_t given_out = t.pen.last();
    const std::size_t stride = evbus_test::sweeps_all() ? 1 : moments.size() / 12;
    for (std::size_t i = random.below(stride); i < moments.size(); i += stride) {
        CAPTURE(i);
        reboot(t.w, moments[i].first, random, i / stride % 2 == 0);
        std::string failed;
        try {
            const bus on = t.w.bus();
            if (on.first_seq() <= given_out) failed += "a seq comes back; ";
            author pen(on, 2, longest);
            pen.publish(5);
            if (record_all(on).state != recorder_state::ended) failed += "not ended; ";
            failed += t.wrong_with_log(t.w.log_dir(), moments[i].second);
            const ledger l = t.w.whole_log(longest);
            if (l.last_seq != pen.last() || l.last_of.at(2) != 5 || !l.faults.empty()) failed += "new events are missing: " + l.text();
            recorder::options listens;
            listens.on_notice = [&](const notice& n) {
                if (n.kind == notice_kind::repaired) failed += "repaired again: " + n.text;
            };
            if (record_all(on, listens).state != recorder_state::ended) failed += "not ended; ";
        } catch (const evbus::error& e) {
            failed += e.what();
        }
        CHECK(failed == "");
        evbus_test::fault_table::instance().count("recording, and one of the next boot", "any call", "power lost", failed.empty());
    }
}

TEST_CASE("poison: the sync of a recording fails; the next one sees the page cache, loses nothing and calls nothing durable too soon") {
    random_source random;
    SHOW_SEED(random);
    for (int round = 0; round < (evbus_test::sweeps_all() ? 20 : 3); ++round) {
        powered_world t(random);
        CHECK(t.record(8).state == recorder_state::ended);
        t.files.fail_syncs_of = ".evseg";
        recorder::outcome end;
        {
            recorder_thread recorder(t.on, t.how);
            t.pen.publish(4);
            REQUIRE(t.on.wait_durable(t.pen.last(), ages));
            t.files.fail_syncs = true;
            t.pen.publish(2 + random.below(20));
            wait_until([&] { return recorder.is_over(); });
            end = recorder.join();
        }
        t.files.fail_syncs = false;
        CHECK(end.state == recorder_state::sync_failed);
        CHECK(end.reason.find("sync failed") != std::string::npos);
        const seq_t durable = t.on.frontier().durable;
        CHECK(durable == 12);
        CHECK(t.on.frontier().state == recorder_state::sync_failed);
        const recorder::manifest marked = t.w.runs().back();
        CHECK(marked.status == recorder::run_status::quarantined);
        CHECK(marked.durable_seq == durable);
        CHECK(marked.reason == end.reason);

        const seq_t written = log::log_reader(log::posix(), t.w.log_dir()).last_seq();
        std::string said;
        t.how.on_notice = [&](const notice& n) { said += n.text; };
        t.lose_power("recording after a failed sync", log_test::losses_a_step(2));
        CHECK(t.record(12).state == recorder_state::ended);
        CHECK(t.wrong == "");
        if (written > durable) { // else the segment before was to be sealed first, and that failed
            CHECK(said.find("seqs 13 to " + std::to_string(written)) != std::string::npos);
            CHECK(said.find("afresh") != std::string::npos);
        }
        const ledger l = t.w.whole_log(longest);
        INFO(l.text());
        CHECK(l.all_of({{1, t.pen.count()}}));
        CHECK(t.on.frontier().durable == t.pen.last());
    }
}

TEST_CASE("killed: at any call of a recording, the next one of that boot loses nothing and calls nothing durable too soon") {
    random_source random;
    SHOW_SEED(random);
    const int stride = evbus_test::sweeps_all() ? 1 : 11;
    bool whole = false;
    for (int k = 1 + static_cast<int>(random.below(static_cast<std::size_t>(stride))); !whole; k += stride) {
        CAPTURE(k);
        powered_world t(random);
        t.files.dies_at = k; // nothing it does from then on comes to anything: as good as killed
        try {
            (void)t.record(20);
            whole = t.files.changes() < k;
        } catch (const evbus::error&) {
        }
        t.pen.publish(20 - t.pen.count());
        t.files.dies_at = 0;
        t.lose_power("recording after a killed one", log_test::losses_a_step(1));
        CHECK(t.record(8).state == recorder_state::ended);
        CHECK(t.wrong == "");
        const ledger l = t.w.whole_log(longest);
        INFO(l.text());
        CHECK(l.all_of({{1, t.pen.count()}}));
        REQUIRE(k < 1000);
    }
}
