// Power losses at every moment of a log's writing and recovery, with what was not synced there or not.
#include "tests/log/power_fixture.hpp"

using namespace log_test;

namespace {

/// A log on a disk that can lose power, and what was promised about it.
class powered_log {
public:
    explicit powered_log(std::uint64_t segment_bytes) : files(place.path()) {
        how.bus = test_bus;
        how.epoch = epoch_t{1};
        how.segment_bytes = segment_bytes;
    }
    void open() {
        writer.reset();
        writer = std::make_unique<log::log_writer>(
            log::log_writer::open(files, place.path(), how, [this](const notice& n) { notices.push_back(n.text); }));
    }
    void kill() { writer.reset(); }
    /// Appends events of about `bytes` each, `count` at once.
    log::append_result append(std::size_t count, std::size_t bytes) {
        log::batch b;
        for (std::size_t i = 0; i < count; ++i) {
            const seq_t s = writer->next_seq() + i;
            const std::string text = std::to_string(s) + std::string(bytes, static_cast<char>('a' + s % 26));
            static_cast<void>(b.add_frame(s, static_cast<std::int64_t>(s), make_frame("t", text)));
            was[s] = std::to_string(s) + " t " + text + " @" + std::to_string(s);
        }
        return promised(writer->append(b));
    }
    log::append_result note() {
        log::batch b(log::batch::least_capacity);
        static_cast<void>(b.add_run({7, log::run_change::start, 5}));
        return promised(writer->append(b));
    }
    log::append_result sync() { return promised(writer->sync()); }
    log::append_result close() { return promised(writer->close()); }
    /// A writer whose sync fails. What it wrote since the last good one reads back, and is not on the disk.
    void poison() {
        files.fail_syncs = true;
        CHECK(sync().status == log::append_status::sync_failed);
        CHECK(append(1, 10).status == log::append_status::sync_failed);
        was.erase(writer->next_seq());
        CHECK(close().status == log::append_status::sync_failed);
        files.fail_syncs = false;
        kill();
    }
    /// From now on power is lost before each call that changes something, `losses` times each.
    void lose_power(const char* who, random_source& random, int losses) {
        files.before_change = [this, who, &random, losses](int step) {
            random_choice choose(random);
            for (int i = 0; i < losses && wrong.empty(); ++i) {
                ++tried;
                wrong = wrong_after_power_loss(who, files.image(), was, durable, choose);
                if (!wrong.empty()) wrong = "before call " + std::to_string(step) + ": " + wrong;
            }
        };
    }

    scratch_dir place;
    crash_file_system files;
    log::log_options how;
    std::unique_ptr<log::log_writer> writer;
    history was;
    seq_t durable = 0;
    std::vector<std::string> notices;
    std::string wrong;
    int tried = 0;

private:
    log::append_result promised(log::append_result r) {
        durable = std::max(durable, writer->synced());
        return r;
    }
};

/// Some life of a log: small and large commits, notes, rolls, ends good and bad.
void live(powered_log& t) {
    t.open();
    CHECK(t.note().ok());
    for (const std::size_t bytes : {10u, 700u, 5000u, 10u}) CHECK(t.append(2, bytes).ok());
    CHECK(t.sync().ok());
    CHECK(t.append(3, 3000).ok());
    CHECK(t.append(1, 20'000).ok());
    t.kill();
    t.open();
    CHECK(t.sync().ok());
    CHECK(t.append(4, 2000).ok());
    CHECK(t.close().ok());
    t.open();
    CHECK(t.append(1, 10).ok());
    CHECK(t.note().ok());
    CHECK(t.sync().ok());
    CHECK(t.append(1, 10).ok());
}

} // namespace

TEST_CASE("power: lost at any moment, what was durable is there, nothing is made up, and one start mends the rest") {
    random_source random;
    SHOW_SEED(random);
    for (const std::uint64_t segment_bytes : {std::uint64_t{1} << 20, std::uint64_t{9000}}) {
        CAPTURE(segment_bytes);
        powered_log t(segment_bytes);
        t.lose_power("log writer", random, losses_a_step(6));
        live(t);
        CHECK(t.wrong == "");
        CHECK(t.durable == t.writer->last_seq() - 1);
        CHECK(t.tried > 150);
    }
}

namespace {

/// How a writer can end badly, with more or less of it on the disk.
struct bad_end {
    const char* name;
    std::uint64_t segment_bytes;
    void (*write)(powered_log&);
};
const bad_end bad_ends[] = {
    {"behind a good sync", 1 << 20,
     [](powered_log& t) {
         CHECK((t.append(2, 100).ok() && t.note().ok() && t.append(2, 3000).ok() && t.sync().ok()));
         CHECK((t.append(2, 3000).ok() && t.note().ok() && t.append(3, 5000).ok()));
     }},
    {"before any sync", 1 << 20, [](powered_log& t) { CHECK((t.note().ok() && t.append(2, 3000).ok() && t.append(2, 6000).ok())); }},
    {"in a later segment", 9000,
     [](powered_log& t) {
         for (int i = 0; i < 4; ++i) CHECK(t.append(2, 2500).ok());
     }},
    {"with notes alone behind a good sync", 1 << 20,
     [](powered_log& t) {
         CHECK((t.append(2, 3000).ok() && t.sync().ok()));
         for (int i = 0; i < 200; ++i) CHECK(t.note().ok());
     }},
};

/// The next writer knows what was durable, and goes on.
void go_on(powered_log& t) {
    t.how.end.durable = t.durable;
    t.open();
    CHECK(t.sync().ok());
    CHECK(t.durable == t.writer->last_seq());
    CHECK(t.append(2, 3000).ok());
    CHECK(t.sync().ok());
    CHECK(t.append(1, 10).ok());
    CHECK(t.close().ok());
}

} // namespace

TEST_CASE("poison: what a failed sync left reads back and is not on the disk; the next writer puts it there before it says so") {
    random_source random;
    SHOW_SEED(random);
    for (const bad_end& end : bad_ends) {
        CAPTURE(end.name);
        powered_log t(end.segment_bytes);
        t.open();
        end.write(t);
        t.poison();
        const seq_t written = t.was.rbegin()->first;
        CHECK(t.durable < written + (end.name == bad_ends[3].name ? 1 : 0));
        CHECK(wrong_with(t.place.path(), t.was, written) == "");
        t.lose_power("log writer after a failed sync", random, losses_a_step(6));
        go_on(t);
        CHECK(t.wrong == "");
        CHECK(wrong_with(t.place.path(), t.was, t.was.rbegin()->first) == ""); // nothing was lost, nothing is there twice
        CHECK(std::count_if(t.notices.begin(), t.notices.end(), [](const std::string& n) { return n.find("afresh") != std::string::npos; }) == 1);
    }
}

TEST_CASE("poison: a writer that believes what reads back loses what it called durable") {
    random_source random;
    SHOW_SEED(random);
    for (const bad_end& end : bad_ends) {
        CAPTURE(end.name);
        powered_log t(end.segment_bytes);
        t.open();
        end.write(t);
        t.poison();
        t.open();
        CHECK(t.sync().ok());
        t.lose_power(nullptr, random, 1);
        CHECK(t.append(20, 3000).ok());
        CHECK(t.sync().ok());
        CHECK(t.sync().ok());
        CHECK((t.wrong != "" || end.name == bad_ends[3].name)); // the fault that the tests around this one rest on
    }
}

TEST_CASE("poison: killed at any call of the start that puts it right, the next start does") {
    random_source random;
    SHOW_SEED(random);
    for (const bad_end& end : bad_ends) {
        CAPTURE(end.name);
        bool whole = false;
        for (int k = 1; !whole; ++k) {
            CAPTURE(k);
            powered_log t(end.segment_bytes);
            t.open();
            end.write(t);
            t.poison();
            const seq_t written = t.was.rbegin()->first;
            t.how.end.durable = t.durable;
            t.files.dies_at = t.files.changes() + k;
            try {
                t.open();
                whole = t.files.changes() < t.files.dies_at;
            } catch (const evbus::error&) {
            }
            t.kill();
            t.files.dies_at = 0;
            CHECK(wrong_with(t.place.path(), t.was, written) == "");
            t.lose_power("log writer after a failed sync and a killed start", random, losses_a_step(1));
            go_on(t);
            CHECK(t.wrong == "");
            CHECK(wrong_with(t.place.path(), t.was, t.was.rbegin()->first) == "");
            REQUIRE(k < 200);
        }
    }
}

TEST_CASE("power: lost at any call of a start that mends, the next start does") {
    random_source random;
    SHOW_SEED(random);
    for (const std::uint64_t segment_bytes : {std::uint64_t{1} << 20, std::uint64_t{9000}}) {
        powered_log first(segment_bytes);
        std::vector<std::pair<disk_image, seq_t>> moments;
        first.files.before_change = [&](int) { moments.emplace_back(first.files.image(), first.durable); };
        live(first);
        std::string wrong;
        const std::size_t stride = evbus_test::sweeps_all() ? 1 : 5;
        for (std::size_t i = random.below(stride); i < moments.size() && wrong.empty(); i += stride) {
            const scratch_dir place;
            random_choice choose(random);
            moments[i].first.lose_power(place.path(), choose);
            crash_file_system files(place.path()); // another boot: what reads back is on the disk
            files.before_change = [&](int step) {
                if (!wrong.empty()) return;
                wrong = wrong_after_power_loss("log writer that starts after a power loss", files.image(), first.was, moments[i].second, choose);
                if (!wrong.empty()) wrong = "moment " + std::to_string(i) + ", call " + std::to_string(step) + ": " + wrong;
            };
            log::log_writer w = log::log_writer::open(files, place.path(), first.how);
            CHECK(w.sync().ok());
        }
        CHECK(wrong == "");
    }
}

TEST_CASE("power: every outcome of a small log's unsynced end, none left out") {
    powered_log t(1 << 20);
    t.open();
    CHECK((t.append(1, 10).ok() && t.sync().ok()));
    CHECK((t.append(1, 10).ok() && t.append(1, 300).ok()));
    evbus_test::every_choice every;
    int tried = 0;
    std::string wrong;
    do {
        wrong = wrong_after_power_loss("log writer, every outcome", t.files.snapshot(), t.was, t.durable, every);
        ++tried;
    } while (wrong.empty() && every.next());
    CHECK(wrong == "");
    CHECK(tried > 30);
}

TEST_CASE("power: lost while what is on the disk, though nobody knew, is written afresh: it stays there") {
    random_source random;
    SHOW_SEED(random);
    for (const bad_end& end : bad_ends) {
        CAPTURE(end.name);
        powered_log t(end.segment_bytes);
        t.open();
        end.write(t);
        const seq_t known = t.durable;
        CHECK(t.sync().ok());
        t.kill(); // before it could say so
        t.how.end.durable = known;
        t.lose_power("log writer that writes afresh what is on the disk", random, losses_a_step(6));
        t.open();
        CHECK(t.sync().ok());
        CHECK(t.wrong == "");
        CHECK(t.tried > 20);
    }
}

TEST_CASE("power: a log whose making was killed at any call is there after all, once something in it was durable") {
    random_source random;
    SHOW_SEED(random);
    bool whole = false;
    for (int k = 1; !whole; ++k) {
        CAPTURE(k);
        powered_log t(1 << 20);
        t.files.dies_at = k;
        try {
            t.open();
            static_cast<void>(t.append(1, 10));
            whole = t.files.changes() < k;
        } catch (const evbus::error&) {
        }
        t.kill();
        t.was.clear();
        t.files.dies_at = 0;
        t.open();
        for (seq_t s = 1; s < t.writer->next_seq(); ++s) t.was[s] = std::to_string(s) + " t " + std::to_string(s) + std::string(10, 'b') + " @1";
        t.lose_power("log writer in a log whose making was killed", random, losses_a_step(8));
        CHECK((t.append(1, 10).ok() && t.sync().ok() && t.append(1, 10).ok()));
        CHECK(t.sync().ok());
        CHECK(t.wrong == "");
        REQUIRE(k < 100);
    }
}
