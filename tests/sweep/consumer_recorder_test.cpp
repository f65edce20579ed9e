// A consumer whose recorder is stopped or killed while it needs it: it waits with a bound and says what for,
// calls nothing lost that may still come, and once that is proven, no more than is gone.
#include "tests/sweep/recorder_points.hpp"

using namespace recorder_sweep;

namespace {

constexpr const char* binary = "consumer_recorder";
constexpr std::uint64_t slots = 64;

/// One author in this process, on a bus that never waits.
struct scene {
    scene() : pen(s.on()), who(s.new_author()) {}

    void write(std::uint64_t count) { REQUIRE(s.write(who, pen, count) == 0); }
    /// Published and recorded, so that nothing is lost.
    void write_recorded(std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; i += 10) {
            write(10);
            REQUIRE(s.on().wait_written(s.on().head() - 1, ages));
        }
    }
    void end(victim& r) {
        s.ask_to_stop();
        s.await(r);
        CHECK(r.code() == 0);
        s.check_log();
    }
    void record(std::uint64_t count) {
        victim r = s.recorder();
        write_recorded(count);
        end(r);
    }
    recorded_world s{{.pace = pacing::overwrite, .sync = recorder::sync_policy::commit, .slots = slots, .longest = 30, .segment_bytes = 4096}};
    publisher pen;
    std::uint64_t who;
};

std::string text_of(const gap& g) {
    return std::to_string(g.range.first) + "-" + std::to_string(g.range.last) + " " + to_string(g.cause);
}
lines text_of(const std::vector<gap>& gaps) {
    lines out;
    for (const gap& g : gaps) out.push_back(text_of(g));
    return out;
}

void recorder_fails_its_reader(probe at, bool killed) {
    scene x;
    recorded_world& s = x.s;
    x.record(100);
    consumer c(s.on(), {.from = from::seq(1)});
    const auto poll = [&] {
        return c.poll([&](const event& e) { s.by_reader().event(e); }, [&](const gap& g) { s.by_reader().gap(g); });
    };
    victim r = s.recorder(blow{at, SIGSTOP});
    s.await(r, [&] {
        if (s.on().head() <= s.on().frontier().written + slots / 2) x.write(1);
    });
    REQUIRE(r.was_struck());
    x.write(200);
    s.check_log();
    const seq_t written = s.on().frontier().written, logged = s.log_next() - 1, head = s.on().head();

    // The recorder lives, and may have what is not to be seen yet.
    consume_status status = poll();
    while (status == consume_status::delivered) status = poll();
    CHECK(status == consume_status::recorder_behind);
    CHECK(c.next() == written + 1);
    for (int i = 0; i < 3; ++i) {
        (void)c.wait(std::chrono::milliseconds(2)); // comes back, though nothing happens
        CHECK(poll() == consume_status::recorder_behind);
    }
    CHECK(s.by_reader().gaps.empty());
    CHECK(adds_up(c, 1));

    if (killed) {
        r.kill();
        s.read_to_head(c);
        // All that the log has, also what no frontier vouched for; and the ring from its oldest on.
        CHECK(text_of(s.by_reader().gaps) == lines{text_of(gap{{logged + 1, head - slots - 1}, gap_cause::overwritten, 0})});
    } else {
        r.go_on();
        s.await(r, [&] {
            s.read_on(c);
            if (s.on().frontier().written + 1 >= head) s.ask_to_stop();
        });
        CHECK(r.code() == 0);
        s.check_log();
        s.read_to_head(c);
        CHECK(text_of(s.by_reader().gaps) == text_of(s.in_log().gaps));
        CHECK(s.by_reader().given == s.in_log().given);
        for (const gap& g : s.by_reader().gaps) CHECK(g.cause == gap_cause::recorder_lost);
    }
    CHECK(s.by_reader().compare(s.all(), 1, head, "the reader") != 0);
    CHECK(s.by_reader().wrong.text() == "");
    CHECK(s.wrong.text() == "");
    sweep_table::instance().count(binary, at, killed ? "recorder killed under its reader" : "recorder stopped under its reader",
                                  s.wrong.none() && s.by_reader().wrong.none());
}

/// What a consumer in a process of its own was given.
struct given_words {
    std::atomic<std::uint64_t> next; ///< where the consumer is
    std::atomic<std::uint64_t> until, lost, faults, gaps;
    std::array<std::atomic<std::uint64_t>, 16> first, last;
    [[nodiscard]] lines text() const {
        lines out;
        for (std::size_t i = 0; i < gaps.load() && i < first.size(); ++i) out.push_back(std::to_string(first[i].load()) + "-" + std::to_string(last[i].load()));
        return out;
    }
};

int read(const recorded_world& s, given_words& given, probe at) {
    probe_test::arm(at, SIGSTOP);
    account mine(s.longest());
    const bus there = bus::open(s.place().name());
    consumer c(there, {.from = from::seq(1)});
    std::uint64_t handled = 0;
    const auto on_event = [&](const event& e) {
        mine.event(e);
        if (++handled % 50 == 0 && given.until.load() == 0) ::usleep(3000); // so that it is lapped
    };
    while (given.until.load() == 0 || c.next() < given.until.load()) {
        given.next.store(c.next());
        if (c.poll(on_event, [&](const gap& g) { mine.gap(g); }) != consume_status::delivered)
            (void)c.wait(std::chrono::milliseconds(5));
    }
    given.lost.store(mine.compare(s.all(), 1, given.until.load(), "the consumer"));
    if (!mine.wrong.none()) std::fprintf(stderr, "consumer: %s\n", mine.wrong.text().c_str());
    given.gaps.store(mine.gaps.size());
    for (std::size_t i = 0; i < mine.gaps.size() && i < given.first.size(); ++i) {
        given.first[i].store(mine.gaps[i].range.first);
        given.last[i].store(mine.gaps[i].range.last);
    }
    return mine.wrong.none() && adds_up(c, 1) ? 0 : 5;
}

} // namespace

TEST_CASE("sweep: a consumer waits for a recorder that is stopped, and calls nothing lost before the log does") {
    for (const probe at : {probe::record_locked, probe::join_entered, probe::record_recovered, probe::record_frontier_set, probe::record_begun,
                           probe::batch_given, probe::batch_taken, probe::commit_written, probe::written_moved, probe::segment_sealed,
                           probe::segment_made, probe::synced, probe::durable_moved}) {
        INFO(std::string(to_string(at)));
        recorder_fails_its_reader(at, false);
    }
}
TEST_CASE("sweep: a consumer whose recorder is killed gets all that log and ring have, and one gap for the rest") {
    for (const probe at : {probe::record_locked, probe::join_entered, probe::record_recovered, probe::record_frontier_set, probe::record_begun,
                           probe::batch_given, probe::batch_taken, probe::commit_written, probe::written_moved, probe::segment_sealed,
                           probe::segment_made, probe::synced, probe::durable_moved}) {
        INFO(std::string(to_string(at)));
        recorder_fails_its_reader(at, true);
    }
}

TEST_CASE("sweep: a recorder that begins while a consumer is about to name a gap keeps nothing that is then called lost") {
    scene x;
    x.record(20);
    x.write(200);
    const shared<given_words> given;
    const shared_page page;
    victim reader(page, std::nullopt, [&] { return read(x.s, *given, probe::loss_proven); });
    x.s.await(reader);
    REQUIRE(reader.was_struck());
    const seq_t oldest = x.s.on().head() - slots;
    victim r = x.s.recorder();
    REQUIRE(x.s.on().wait_written(x.s.on().head() - 1, ages));
    x.write_recorded(200);
    given->until.store(x.s.on().head());
    reader.go_on();
    x.s.await(reader);
    CHECK(reader.code() == 0);
    CHECK(given->text() == lines{"21-" + std::to_string(oldest - 1)});
    CHECK(given->lost.load() == oldest - 21);
    x.end(r);
    CHECK(x.s.wrong.text() == "");
    sweep_table::instance().reached(*page);
    sweep_table::instance().count(binary, probe::loss_proven, "stopped, and a recorder begins", given->lost.load() == oldest - 21);
}

TEST_CASE("sweep: a consumer stopped at its turn while the recorder is killed and another one takes over: nothing is lost") {
    for (const probe at : {probe::turn_to_log, probe::turn_to_ring})
        for (const probe fatal : {probe::commit_written, probe::segment_sealed, probe::record_frontier_set}) {
            INFO("consumer at ", std::string(to_string(at)), ", recorder at ", std::string(to_string(fatal)));
            scene x;
            x.record(20);
            const shared<given_words> given;
            const shared_page page;
            victim reader(page, std::nullopt, [&] { return read(x.s, *given, at); });
            victim first = x.s.recorder(blow{fatal, SIGKILL, fatal == probe::commit_written ? 5u : 0u});
            x.s.await(first, [&] {
                if (x.s.on().head() <= x.s.on().frontier().written + slots / 2) x.write(1);
            });
            victim second = x.s.recorder();
            // Laps ahead of the consumer, then rest until it has come near, however fast either is: both turns come.
            bool resting = false;
            x.s.await(reader, [&] {
                const seq_t behind = x.s.on().head() - given->next.load();
                if (behind > 8 * slots) resting = true;
                if (behind < 16) resting = false;
                if (!resting && x.s.on().wait_written(x.s.on().head() - 1, std::chrono::milliseconds(1))) x.write(40);
                else ::usleep(200);
            });
            REQUIRE(reader.was_struck());
            // Stopped at the turn: this one's recorder dies as well, and the next one is a lap further.
            second.kill();
            x.s.check_log();
            victim third = x.s.recorder();
            x.write_recorded(200);
            given->until.store(x.s.on().head());
            reader.go_on();
            x.s.await(reader);
            CHECK(reader.code() == 0);
            CHECK(given->text() == lines{});
            x.end(third);
            CHECK(x.s.in_log().gaps.empty());
            CHECK(x.s.wrong.text() == "");
            sweep_table::instance().reached(*page);
            sweep_table::instance().count(binary, at, "stopped, and its recorder killed", given->gaps.load() == 0);
        }
}

TEST_CASE("sweep: consumers and recorders together reach what docs/failure-modes.md names them for") {
    CHECK(sweep_test::promised_but_not_reached("sweep_consumer_recorder") == lines{});
}
