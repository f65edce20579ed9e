// A worker killed at each of its probes, and stopped there for more than a lap: the next life goes on, every event is
// handled or a dead letter, in order, and only what was announced comes twice (tests/worker/judge.hpp).
#include "tests/worker/lives_fixture.hpp"

using namespace lives_test;

namespace {

constexpr std::uint64_t slots = 64;

/// A worker's own steps; the others have sweeps of their own, and are struck here in long runs.
bool is_of_worker(const std::string& name) {
    return name.starts_with("cursor_") || name.starts_with("letter") || name.starts_with("event_");
}
worker_shape busy(order o, std::size_t batch = 0) {
    return {.seed = 5, .order = o, .save_events = 5, .how_often = {.retry = 300, .dead = 60, .throws = 60, .rolls_back = 10}, .batch = batch, .slots = slots};
}

/// A life in which much happens; lives that end before the strike came are followed by another one.
void strike_one(worker_world& w, const strike& s) {
    for (int life = 0; life < 20; ++life) {
        w.publish(30);
        w.live({.at = s, .publish = 20, .while_stopped = 2 * slots, .requeue = true});
        if (w.was_struck() || !w.wrong().empty()) return;
    }
    FAIL("no life came to " << text_of(s));
}

void sweep(const char* role, const worker_shape& shape) {
    worker_world w(shape);
    strike_one(w, {probe::attach_opened, fault::killed}); // before anything is there
    for (int life = 0; life < 3; ++life) { // without a fault: what a life comes to, and dead letters that may come back
        w.publish(60);
        w.live({.publish = 20, .requeue = true});
    }
    std::array<std::uint64_t, sweep_test::probe_count> hits{};
    for (std::size_t p = 0; p < hits.size(); ++p) hits[p] = w.page()->hits[p].load();
    for (std::size_t p = 0; p < hits.size(); ++p) {
        const std::string name = evbus::probe_names[p];
        if (hits[p] == 0 || (std::getenv("EVBUS_ROUNDS") == nullptr && !is_of_worker(name))) continue;
        for (const std::uint64_t before : sweep_test::places_among(std::min<std::uint64_t>(hits[p], 20))) {
            for (const fault f : {fault::killed, fault::lapped}) {
                if (f == fault::lapped && before != 0) continue;
                const strike s{static_cast<probe>(p), f, before};
                INFO(std::string(role), ", ", text_of(s));
                strike_one(w, s);
                const bool passed = w.wrong().empty();
                sweep_table::instance().count(role, s.at, to_string(f), passed);
                CHECK(w.wrong() == "");
                if (!passed) return;
            }
        }
    }
    w.publish(1);
    w.finish();
    CHECK(w.wrong() == "");
}

} // namespace

TEST_CASE("sweep: a worker killed and stopped at each probe, retries in any order: nothing is lost, and repeats are announced") {
    sweep("worker", busy(order::any));
}
TEST_CASE("sweep: a worker killed and stopped at each probe, topics in order: nothing is lost or out of turn") {
    sweep("worker that keeps topics in order", busy(order::by_topic));
}
TEST_CASE("sweep: a worker killed and stopped at each probe, a handler of batches: nothing is lost") {
    sweep("worker that takes batches", busy(order::by_topic, 8));
}

TEST_CASE("sweep: who cleans a worker's letters is killed in the midst of it: none is lost, and the worker goes on") {
    worker_world w(busy(order::by_topic));
    w.publish(100);
    w.live();
    // Notes without news, until the journal has more of them than of letters.
    const auto clean = [](evbus::letters::journal& journal) {
        for (int round = 0; round < 4000; ++round) {
            for (const auto& [seq, story] : std::map(journal.open_letters()))
                if (journal.change(story) != 0) return 5;
            if (journal.write() != 0) return 6;
            if (round % 20 == 19 && journal.clean(no_seq) != 0) return 7;
        }
        return 0;
    };
    for (const probe p : {probe::letter_written, probe::letter_synced, probe::letter_moved, probe::letters_cut}) {
        for (const std::uint64_t before : {0u, 1u}) {
            const strike s{p, fault::killed, before};
            INFO(text_of(s));
            CHECK(w.strike_other(s, clean));
            w.publish(20);
            w.live({.publish = 10});
            const bool passed = w.wrong().empty();
            sweep_table::instance().count("cleaner of letters", s.at, to_string(s.what), passed);
            CHECK(w.wrong() == "");
            if (!passed) return;
        }
    }
    w.publish(1);
    w.finish();
    CHECK(w.wrong() == "");
}

TEST_CASE("sweep: workers reach every probe that docs/failure-modes.md names them for") {
    CHECK(sweep_test::promised_but_not_reached("sweep_worker") == recorder_test::lines{});
}
