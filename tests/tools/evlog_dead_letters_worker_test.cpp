// evlog dead-letters beside the worker whose letters they are, while that runs.
#include "tests/tools/letters_fixture.hpp"

#include <evbus/worker.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include <unistd.h>

using namespace tools_test;

namespace {

/// Waits for what must come; the cap is no verdict but an end for a test that hangs.
void until(const std::function<bool()>& there) {
    const auto cap = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!there() && std::chrono::steady_clock::now() < cap) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    REQUIRE(there());
}

/// A worker that gives every event up while its bank is closed.
struct closed_bank : letters_fixture {
    std::atomic<bool> open = false;
    std::atomic<int> billed = 0;
    std::atomic<int> requeued = 0;
    std::atomic<std::uint32_t> last_try = 0;

    evbus::worker start() {
        return evbus::worker(*bus, {.cursor = "billing", .retry = {.attempts = 1}}, [this](const evbus::event&, const evbus::attempt& now) -> evbus::outcome {
            if (!open) return evbus::retry("the bank is closed");
            requeued += now.requeued;
            last_try = now.number;
            ++billed;
            return evbus::next;
        });
    }
};

} // namespace

TEST_CASE("evlog dead-letters: a running worker is given back what was requeued, and told so") {
    closed_bank t;
    evbus::worker w = t.start();
    t.publish("orders.new", "tea");
    t.publish("orders.new", "coffee");
    until([&] { return t.open_letters("billing") == "1 dead, 2 dead"; });
    CHECK(has(t.dead_letters().out, "the bank is closed"));

    CHECK(t.dead_letters({"requeue", "billing", "1"}).code == 0); // still closed: it dies again
    until([&] {
        const letters::story s = t.story("billing", 1);
        return s.state == letter_state::dead && s.requeued;
    });

    t.open = true;
    const finished f = t.dead_letters({"requeue", "billing", "--all"});
    CHECK(f.code == 0);
    CHECK(has(f.err, "evlog: billing: 2 dead letters go back to it; tried at once by process " + std::to_string(::getpid())));
    until([&] { return t.billed == 2; });
    CHECK(t.requeued == 2);
    CHECK(t.last_try == 1);
    w.stop();
    w.join();
    CHECK(t.open_letters("billing").empty());
    CHECK(t.dead_letters().code == 1);
}

TEST_CASE("evlog dead-letters: what was dropped or published again beside a running worker is not handled under its old seq") {
    closed_bank t;
    process recorder = t.record();
    evbus::worker w = t.start();
    for (int i = 0; i < 3; ++i) t.publish("orders.new", std::to_string(i));
    until([&] { return t.open_letters("billing") == "1 dead, 2 dead, 3 dead"; });
    CHECK(t.dead_letters({"drop", "billing", "1", "--yes"}).code == 0);
    t.open = true;
    CHECK(t.dead_letters({"requeue", "billing", "2", "--publish"}).code == 0);
    until([&] { return t.billed == 1; }); // the new event
    CHECK(t.requeued == 0);
    w.stop();
    w.join();
    CHECK(t.open_letters("billing") == "3 dead");
    CHECK(evtail_fixture::end(recorder) == 0);
    evbus::worker again = t.start();
    CHECK(t.dead_letters({"requeue", "billing", "3"}).code == 0);
    until([&] { return t.billed == 2; });
    again.stop();
    again.join();
    CHECK(t.billed == 2); // neither 1 nor 2 came back
    CHECK(t.open_letters("billing").empty());
}

TEST_CASE("evlog dead-letters: requeued while nobody works, tried when the worker starts") {
    closed_bank t;
    {
        evbus::worker w = t.start();
        t.publish("orders.new", "coffee");
        until([&] { return t.open_letters("billing") == "1 dead"; });
        w.stop();
        w.join();
    }
    t.open = true;
    CHECK(has(t.dead_letters({"requeue", "billing", "1"}).err, "tried when it starts: nobody works under that name now"));
    evbus::worker w = t.start();
    until([&] { return t.billed == 1; });
    CHECK(t.requeued == 1);
    w.stop();
    w.join();
    CHECK(t.open_letters("billing").empty());
}
