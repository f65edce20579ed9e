// Exceptions and rollbacks: what they mean, what is given again, and when the worker gives up.
#include "tests/worker/worker_fixture.hpp"

#include <stdexcept>

using namespace worker_test;

namespace {

struct wordless : std::exception {
    const char* what() const noexcept override { return ""; }
};

/// What join() threw, when it is a worker_error.
std::optional<worker_error> failure_of(worker& w) {
    try {
        w.join();
    } catch (const worker_error& e) {
        return e;
    }
    return std::nullopt;
}

} // namespace

TEST_CASE("worker: an exception goes back to the place saved last, and what was given since is announced") {
    stage s;
    s.how.save = {.events = 4, .every = 1h, .ahead = 0};
    s.how.restart = restart::once{};
    s.publish_numbers(1, 8);
    bool thrown_once = false;
    worker w = s.start([&](const event& e, const attempt&) {
        if (e.text() == "6" && !std::exchange(thrown_once, true)) throw std::runtime_error("no database");
        return next;
    });
    s.until(10);
    CHECK(end_of(w) == "");
    CHECK(s.given() == lines{"1", "2", "3", "4", "5", "6", "5 repeat?", "6 repeat?", "7", "8"});
    CHECK(w.stats().restarts == 1);
    CHECK(w.stats().repeats == 2);
    CHECK(s.saved().notes.may_repeat == 0);
}

TEST_CASE("worker: a rollback does the same") {
    stage s;
    s.how.save = {.events = 1000, .every = 1h, .ahead = 0};
    s.publish_numbers(1, 3);
    int left = 2;
    worker w = s.start([&](const event& e, const attempt&) { return e.text() == "3" && left-- > 0 ? rollback : next; });
    s.until(9);
    CHECK(end_of(w) == "");
    CHECK(s.given() == lines{"1", "2", "3", "1 repeat?", "2 repeat?", "3 repeat?", "1 repeat?", "2 repeat?", "3 repeat?"});
    CHECK(w.stats().restarts == 2);
}

TEST_CASE("worker: with its restarts used up it ends with the event, the words and how often") {
    stage s;
    s.publish_numbers(1, 3);
    SUBCASE("never") {
        s.how.restart = restart::never{};
        worker w = s.start([](const event& e, const attempt&) -> outcome {
            if (e.text() == "2") throw std::runtime_error("no database");
            return next;
        });
        const auto failure = failure_of(w);
        REQUIRE(failure);
        CHECK(failure->kind() == errc::handler_failed);
        CHECK(failure->topic() == "n");
        CHECK(failure->text() == "no database");
        CHECK(failure->attempts() == 1);
        CHECK(has(failure->what(), "worker billing: event " + std::to_string(failure->seq()) + " on n: no database; mend the handler"));
        CHECK(failure_of(w)); // as often as it is asked
    }
    SUBCASE("so many within a time") {
        s.how.restart = restart::bounded{.times = 3, .within = 1h};
        worker w = s.start([](const event& e, const attempt&) { return e.text() == "2" ? rollback("not today") : outcome(next); });
        const auto failure = failure_of(w);
        REQUIRE(failure);
        CHECK(failure->attempts() == 4);
        CHECK(has(failure->what(), "not today (4 times in a row)"));
        CHECK(w.stats().restarts == 3);
    }
    // The next life is told what may be a repeat, and of nothing more than was promised.
    s.forget();
    s.how.save.events = 2;
    worker w = s.start();
    wait_until([&] { return w.stats().handled >= 2; });
    CHECK(end_of(w) == "");
    CHECK(s.given().back() == "3 repeat?");
}

TEST_CASE("worker: restarts that are long ago count no more") {
    stage s;
    s.how.restart = restart::bounded{.times = 1, .within = 1ns};
    s.publish_numbers(1, 3);
    int left = 20;
    worker w = s.start([&](const event& e, const attempt&) { return e.text() == "3" && left-- > 0 ? rollback : next; });
    wait_until([&] { return w.stats().restarts == 20 && w.stats().next > 3; });
    CHECK(end_of(w) == "");
}

TEST_CASE("worker: exceptions may mean a retry, or a dead letter; what has no words is given some") {
    stage s;
    s.publish_numbers(1, 3);
    const auto throwing = [](const event& e, const attempt&) -> outcome {
        if (e.text() == "1") throw std::runtime_error("odd");
        if (e.text() == "2") throw wordless();
        throw 7;
    };
    SUBCASE("dies") {
        s.how.thrown = thrown::dies;
        worker w = s.start(throwing);
        wait_until([&] { return w.stats().dead == 3; });
        CHECK(end_of(w) == "");
        CHECK(s.letters() == lines{"1 dead 1: odd", "2 dead 1: the handler threw an exception without words",
                                   "3 dead 1: the handler threw something that is no std::exception"});
    }
    SUBCASE("retries") {
        s.how.thrown = thrown::retries;
        worker w = s.start(throwing);
        wait_until([&] { return w.stats().dead == 3; });
        CHECK(end_of(w) == "");
        CHECK(s.letters().front() == "1 dead 3: odd");
        CHECK(w.stats().retries == 6);
        CHECK(w.stats().restarts == 0);
    }
    SUBCASE("restarts") {
        s.how.restart = restart::never{};
        worker w = s.start([](const event&, const attempt&) -> outcome { throw wordless(); });
        CHECK(has(join(w), "handler failed: worker billing: event 1 on n: the handler threw an exception without words; mend"));
    }
}

TEST_CASE("worker: a poison event ends as a dead letter, and everything else is handled") {
    stage s;
    s.how.thrown = thrown::retries;
    s.publish_numbers(1, 200);
    worker w = s.start([](const event& e, const attempt&) -> outcome {
        if (e.text() == "77") throw std::runtime_error("poison");
        return next;
    });
    wait_until([&] { return w.stats().dead == 1 && w.stats().handled == 199; });
    CHECK(end_of(w) == "");
    CHECK(s.letters() == lines{"77 dead 3: poison"});
    CHECK(s.given().size() == 202);
}

TEST_CASE("worker: a letter whose try ends with a rollback is tried again, announced") {
    stage s;
    s.how.restart = restart::bounded{.times = 5, .within = 1h};
    s.publish_numbers(1, 1);
    int left = 1;
    worker w = s.start([&](const event&, const attempt& a) { return a.number == 1 ? evbus::retry : left-- > 0 ? rollback : next; });
    s.until(3);
    wait_until([&] { return w.stats().waiting == 0; });
    CHECK(end_of(w) == "");
    CHECK(s.given() == lines{"1", "1 #2", "1 #2 repeat?"});
}
