// What a handler may take and answer, and what becomes of each answer.
#include "tests/worker/worker_fixture.hpp"

using namespace worker_test;

TEST_CASE("worker: every event is given once, in order, and the place is kept") {
    stage s;
    s.publish_numbers(1, 3);
    {
        worker w = s.start();
        s.until(3);
        s.publish_numbers(4, 5);
        s.until(5);
        CHECK(end_of(w) == "");
        CHECK(w.stats().handled == 5);
        CHECK(w.stats().is_over);
        CHECK(w.stats().next == s.saved().place.next);
    }
    CHECK(s.given() == lines{"1", "2", "3", "4", "5"});
    CHECK(s.saved().notes.may_repeat == 0);
    s.forget();
    s.publish_numbers(6, 6);
    worker w = s.start();
    s.until(1);
    CHECK(end_of(w) == "");
    CHECK(s.given() == lines{"6"});
}

TEST_CASE("worker: handlers take an event, or its attempt too, and return nothing, an answer or an outcome") {
    stage s;
    s.publish_numbers(1, 2);
    std::atomic<int> calls{0};
    const auto run = [&](const std::string& name, auto handler) {
        s.how.cursor = name;
        calls = 0;
        worker w(s.on, s.how, std::move(handler));
        wait_until([&] { return calls == 2; });
        CHECK(end_of(w) == "");
        CHECK(w.stats().handled == 2);
    };
    run("a", [&](const event&) { ++calls; });
    run("b", [&](const auto&) { ++calls; });
    run("c", [&](const event&, const attempt&) { ++calls; });
    run("d", [&](const event&) { return ++calls, next; });
    run("e", [&](const event& e) { return ++calls, e.seq() == 0 ? retry : next; });
    run("f", [&](const event&, attempt) -> outcome { return ++calls, next; });
    run("g", std::function<void(const event&)>([&](const event&) { ++calls; }));
    run("h", [&, unique = std::make_unique<int>(1)](const event&) mutable { calls += *unique; });
}

TEST_CASE("worker: stop means handled, and the end in good order") {
    stage s;
    s.publish_numbers(1, 5);
    worker w = s.start([](const event& e, const attempt&) { return e.text() == "3" ? stop : next; });
    CHECK(join(w) == "");
    CHECK(w.join_for(0ns));
    CHECK(s.given() == lines{"1", "2", "3"});
    s.forget();
    worker again = s.start();
    s.until(2);
    CHECK(end_of(again) == "");
    CHECK(s.given() == lines{"4", "5"});
}

TEST_CASE("worker: retry is tried again, told the how-manieth time, and holds up nobody") {
    stage s;
    s.publish_numbers(1, 3);
    worker w = s.start([](const event& e, const attempt& a) { return e.text() == "1" && a.number < 3 ? evbus::retry("not yet") : outcome(next); });
    s.until(5);
    wait_until([&] { return w.stats().handled == 3; });
    CHECK(end_of(w) == "");
    lines given = s.given();
    CHECK(given.front() == "1");
    CHECK(std::count(given.begin(), given.end(), "1 #2") == 1);
    CHECK(given.back() == "1 #3");
    CHECK(w.stats().retries == 2);
    CHECK(w.stats().waiting == 0);
    CHECK(s.letters().empty());
    CHECK(s.saved().notes.may_repeat == 0);
    CHECK(!s.saved().notes.unsure_letters);
}

TEST_CASE("worker: dead goes to the dead letters at once, with its words; a retry does when its attempts are used up") {
    stage s;
    s.publish_numbers(1, 4);
    worker w = s.start([](const event& e, const attempt&) -> outcome {
        if (e.text() == "2") return dead("no such account");
        if (e.text() == "3") return retry("no route");
        if (e.text() == "4") return dead;
        return next;
    });
    wait_until([&] { return w.stats().dead == 3; });
    CHECK(end_of(w) == "");
    CHECK(s.letters() == lines{"2 dead 1: no such account", "3 dead 3: no route", "4 dead 1: the handler gave no reason"});
    CHECK(w.stats().handled == 1);
    s.forget();
    s.publish_numbers(5, 5);
    worker again = s.start();
    s.until(1);
    CHECK(end_of(again) == "");
    CHECK(s.given() == lines{"5"});
}

TEST_CASE("worker: a handler that stops while letters wait leaves them to the next life, unannounced") {
    stage s;
    s.how.retry.first_delay = s.how.retry.max_delay = 1h;
    s.publish_numbers(1, 2);
    {
        worker w = s.start([](const event& e, const attempt&) { return e.text() == "1" ? retry : stop; });
        CHECK(join(w) == "");
        CHECK(w.stats().waiting == 1);
    }
    CHECK(s.letters() == lines{"1 waiting 1: the handler gave no reason"});
    CHECK(!s.saved().notes.unsure_letters);
    s.requeue_all();
    s.forget();
    worker w = s.start();
    s.until(1);
    CHECK(end_of(w) == "");
    CHECK(s.given() == lines{"1 requeued"});
}
