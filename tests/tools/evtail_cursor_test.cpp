// evtail --cursor: runs that go on where the last one ended, however that was.
#include "tests/tools/evtail_fixture.hpp"

#include "tests/support/random.hpp"

#include <evbus/log/cursor_file.hpp>

#include <algorithm>

#include <unistd.h>

using namespace tools_test;

namespace {

struct cursor_fixture : evtail_fixture {
    /// strict: what is not recorded yet is not overwritten, however slow the recorder is.
    explicit cursor_fixture(evbus::pacing how = evbus::pacing::overwrite) {
        create({.slots = 64, .slot_bytes = 256, .pacing = how, .log_dir = log()});
    }

    [[nodiscard]] finished next(words more = {}) const {
        more.insert(more.begin(), {"--cursor", "audit", "-o", "cat"});
        return tail(std::move(more));
    }
    /// What one run shows.
    [[nodiscard]] lines shown(words more = {}) const { return next(std::move(more)).out_lines(); }
    [[nodiscard]] evbus::log::cursor_paths paths() const { return {evbus::log::log_dir{log()}, "audit"}; }
    [[nodiscard]] evbus::log::cursor_copies saved() const { return read_cursor(evbus::log::posix(), paths()); }
    [[nodiscard]] std::uint64_t saves() const {
        const evbus::log::cursor_copies found = saved();
        return found.best() == nullptr ? 0 : found.best()->saves;
    }
};

} // namespace

TEST_CASE("evtail --cursor: the first run shows all there is, the next what came since, then nothing") {
    cursor_fixture t;
    t.publish_numbers(20);
    t.record_all();
    CHECK(t.shown() == numbers(1, 20));
    t.publish_numbers(5, 21);
    CHECK(t.shown() == numbers(21, 25)); // the ring has them, the log not yet
    const finished none = t.next();
    CHECK(none.code == 1);
    CHECK(none.out.empty());
    t.record_all();
    t.remove_ring_files();
    CHECK(t.tail_of({"--log", t.log(), "--cursor", "audit"}).code == 1);
    CHECK(t.tail_of({"--log", t.log(), "--cursor", "other", "-o", "cat"}).out_lines() == numbers(1, 25));
}

TEST_CASE("evtail --cursor: -c and --to end it at exactly that place") {
    cursor_fixture t;
    t.publish_numbers(20);
    t.record_all();
    CHECK(t.shown({"-c", "3"}) == numbers(1, 3));
    CHECK(t.shown({"-c", "4"}) == numbers(4, 7));
    CHECK(t.shown({"--to", "9"}) == numbers(8, 9));
    CHECK(t.shown({"--source", "log", "-c", "1"}) == numbers(10, 10));
    CHECK(t.shown({"-f", "-c", "2"}) == numbers(11, 12));
    CHECK(t.shown({"-f", "-e"}) == numbers(13, 20));
}

TEST_CASE("evtail --cursor: a filter and --grep decide what it is about, and another one is refused") {
    cursor_fixture t;
    t.publish_numbers(20);
    t.record_all();
    const auto with = [&](words more) {
        more.insert(more.end(), {"--cursor", "audit", "-o", "cat"});
        return t.tail(std::move(more));
    };
    CHECK(with({"a.b", "-g", "^1", "-c", "2"}).out_lines() == lines{"1", "10"});
    CHECK(with({"a.b", "-g", "^1"}).out_lines() == numbers(11, 19));
    for (const words& other : {words{"a.b"}, words{"a.b", "-g", "^2"}, words{"a.*", "-g", "^1"}, words{"a.b", "-g", "^1", "-x", "b"}}) {
        const finished f = with(other);
        CHECK(f.code == 2);
        CHECK(has(f.err, "it was saved with the filter 'a.b -g ^1', and not with"));
        CHECK(f.out.empty());
    }
}

TEST_CASE("evtail --cursor: what contradicts it is refused") {
    cursor_fixture t;
    t.publish_numbers(1);
    for (const words& more : {words{"-n", "3"}, words{"--from", "begin"}, words{"--from", "7"}, words{"-S", "-5m"}, words{"-U", "now"},
                              words{"-r"}, words{"--source", "ring"}}) {
        const finished f = t.next(more);
        CHECK(f.code == 2);
        CHECK(has(f.err, "--cursor"));
    }
    CHECK(t.tail({"--cursor", "../x"}).code == 2);
    cursor_fixture without_log;
    without_log.remove_ring_files();
    without_log.create_ring();
    const finished f = without_log.next();
    CHECK(f.code == 2);
    CHECK(has(f.err, "it has no log, and cursors are kept beside the log"));
}

TEST_CASE("evtail -f --cursor: ended by a signal, nothing is shown twice and nothing left out") {
    cursor_fixture t(evbus::pacing::strict);
    process recorder = t.record();
    lines all;
    int n = 0;
    for (const int signal : {SIGTERM, SIGINT, SIGTERM}) {
        process p = t.start({"-f", "--cursor", "audit", "-o", "cat"});
        t.publish_numbers(30, n + 1);
        n += 30;
        p.wait_for_out("\n" + std::to_string(n) + "\n");
        t.publish_numbers(7, n + 1); // some of them it shows, and the rest the next run
        n += 7;
        p.signal(signal);
        const finished f = p.wait();
        CHECK(f.code == 0);
        for (const std::string& line : f.out_lines()) all.push_back(line);
    }
    for (const std::string& line : t.shown()) all.push_back(line);
    CHECK(all == numbers(1, n));
    CHECK(evtail_fixture::end(recorder) == 0);
}

TEST_CASE("evtail -f --cursor: killed at any moment, nothing is left out, and what comes twice follows in order") {
    cursor_fixture t(evbus::pacing::strict);
    process recorder = t.record();
    evbus_test::random_source random;
    CAPTURE(random.seed());
    int n = 0;
    int seen = 0; // all up to here was written by some run
    for (int round = 0; round < 9; ++round) {
        CAPTURE(round);
        process p = t.start({"-f", "--cursor", "audit", "-o", "cat"});
        const std::uint64_t saves = t.saves();
        t.publish_numbers(200, n + 1);
        n += 200;
        // Every third one lives until it has saved a place on its way, the others die at once or somewhere.
        const std::size_t enough = random.below(800); // 200 lines of three digits have as much
        while (round % 3 == 0 && t.saves() <= saves) {
            t.publish_numbers(1, ++n);
            ::usleep(2000);
        }
        if (round % 3 == 1) p.wait_until([&](const std::string& out, const std::string&) { return out.size() >= enough; });
        p.kill();
        std::string out = p.wait().out;
        out.resize(out.rfind('\n') == std::string::npos ? 0 : out.rfind('\n') + 1);
        int last = 0;
        for (const std::string& line : finished{0, 0, out, {}}.out_lines()) {
            const int i = std::stoi(line);
            if (last == 0) CHECK(i <= seen + 1);
            else CHECK(i == last + 1);
            last = i;
        }
        seen = std::max(seen, last);
        // Its place is not past what it wrote.
        const evbus::log::cursor_copies found = t.saved();
        if (found.best() != nullptr) CHECK(found.best()->place.next <= static_cast<evbus::seq_t>(seen) + 1);
    }
    const lines rest = t.shown();
    if (rest.empty()) CHECK(seen == n);
    else CHECK(rest == numbers(std::stoi(rest.front()), n));
    if (!rest.empty()) CHECK(std::stoi(rest.front()) <= seen + 1);
    CHECK(t.next().code == 1);
    CHECK(evtail_fixture::end(recorder) == 0);
}

TEST_CASE("evtail --cursor: an output that takes nothing moves no place") {
    cursor_fixture t;
    t.publish_numbers(20);
    const std::string run = support::tool("evtail") + " " + t.name() + " --cursor audit -o cat";
    const finished full = support::run({"bash", "-c", run + " >/dev/full"});
    CHECK(full.code == 2);
    CHECK(has(full.err, "standard output"));
    // Into a pipe that nobody reads any more.
    const finished cut = support::run({"bash", "-c", "exec > >(:); wait $!; " + run});
    CHECK(cut.code == 0);
    CHECK(t.shown() == numbers(1, 20));
    CHECK(t.shown() == lines{});
}

TEST_CASE("evtail --cursor: one user at a time, who is named") {
    cursor_fixture t;
    t.publish_numbers(3);
    process first = t.start({"-f", "--cursor", "audit", "-o", "cat"});
    first.wait_for_out("3\n");
    const finished f = t.next();
    CHECK(f.code == 2);
    CHECK(has(f.err, "in use by process " + std::to_string(first.pid()) + " (evtail)"));
    CHECK(evtail_fixture::end(first) == 0);
    CHECK(t.next().code == 1);
}

TEST_CASE("evtail --cursor: a place behind what is kept is gone on from, with a gap") {
    cursor_fixture t;
    t.publish_numbers(10);
    CHECK(t.shown({"-c", "5"}) == numbers(1, 5));
    t.publish_numbers(64, 11); // no recorder: the ring goes round
    const finished stop = t.tail({"--cursor", "audit", "--on-gap", "error"});
    CHECK(stop.code == 3);
    CHECK(t.tail({"--cursor", "audit", "--on-gap", "error"}).out == stop.out); // it stays in front of the gap
    const finished f = t.next();
    CHECK(f.code == 3);
    CHECK(has(f.err, "gap: seqs 6..10 (5) cannot be had: overwritten"));
    CHECK(f.out_lines() == numbers(11, 74));
    CHECK(t.next().code == 1);
}

TEST_CASE("evtail --cursor: the newest file damaged, it says so and goes on from the one before; both, and it refuses") {
    cursor_fixture t;
    t.publish_numbers(20);
    CHECK(t.shown({"-c", "5"}) == numbers(1, 5));
    CHECK(t.shown({"-c", "5"}) == numbers(6, 10));
    t.write("damage", "damage");
    const auto damage = [&](const std::string& path) {
        std::filesystem::copy_file(t.file("damage"), path, std::filesystem::copy_options::overwrite_existing);
    };
    damage(t.paths().current);
    const finished f = t.next();
    CHECK(has(f.err, "cursor audit: its newest file is damaged: the one before stands in for it"));
    CHECK(f.out_lines() == numbers(6, 20));
    damage(t.paths().current);
    damage(t.paths().before());
    const finished refused = t.next();
    CHECK(refused.code == 2);
    CHECK(has(refused.err, "damaged, and so is the one saved before it"));
    CHECK(refused.out.empty());
}

TEST_CASE("evtail --cursor: an event larger than a slot that is half there at the end of a run is shown by the next") {
    cursor_fixture t;
    const std::string large(3000, 'x');
    t.publish_numbers(3);
    t.publish("a.large", large);
    t.publish_numbers(2, 4);
    t.record_all();
    CHECK(t.shown({"--to", "6"}) == numbers(1, 3)); // seq 6 is within the large one
    const evbus::log::cursor_copies found = t.saved();
    REQUIRE(found.best() != nullptr);
    CHECK(found.best()->place == evbus::cursor_place{7, 4});
    CHECK(t.shown() == lines{large, "4", "5"});
}

TEST_CASE("evtail -f --cursor: goes on with a bus that is created anew, and a run after it too") {
    cursor_fixture t;
    t.publish_numbers(10);
    t.record_all();
    process p = t.start({"-f", "--cursor", "audit", "-o", "cat"});
    p.wait_for_out("10\n");
    t.remove_ring_files();
    t.create_logged();
    t.publish_numbers(5, 11);
    p.wait_for_out("15\n");
    CHECK(evtail_fixture::end(p) == 0);
    t.publish_numbers(5, 16);
    CHECK(t.shown() == numbers(16, 20));
}
