// Who waits for whom while an event waits for its next try. Delays are short or longer than any test; no verdict
// hangs on how long they take.
#include "tests/worker/worker_fixture.hpp"

using namespace worker_test;

namespace {

std::size_t at(const lines& all, const std::string& what) {
    const auto found = std::find(all.begin(), all.end(), what);
    REQUIRE_MESSAGE(found != all.end(), what);
    return static_cast<std::size_t>(found - all.begin());
}

} // namespace

TEST_CASE("order: by topic, the topic's own later events wait, and no others") {
    stage s;
    s.how.order = order::by_topic;
    s.publish("a", {"a1", "a2"});
    s.publish("b", {"b1"});
    s.publish("a", {"a3"});
    s.publish("b", {"b2"});
    worker w = s.start([](const event& e, const attempt& a) { return e.text() == "a1" && a.number < 3 ? retry : next; });
    wait_until([&] { return w.stats().handled == 5; });
    s.publish("a", {"a4"});
    wait_until([&] { return w.stats().handled == 6; });
    CHECK(end_of(w) == "");
    const lines given = s.given();
    lines of_a;
    for (const std::string& g : given)
        if (g[0] == 'a') of_a.push_back(g);
    CHECK(of_a == lines{"a1", "a1 #2", "a1 #3", "a2", "a3", "a4"});
    CHECK(at(given, "b2") < at(given, "a2"));
    CHECK(s.letters().empty());
}

TEST_CASE("order: by topic, a topic whose first event waits for ever holds up nobody else, also in the next life") {
    stage s;
    s.how.order = order::by_topic;
    s.how.retry.first_delay = s.how.retry.max_delay = 1h;
    s.publish("a", {"a1", "a2"});
    s.publish("b", {"b1"});
    {
        worker w = s.start([](const event& e, const attempt&) { return e.text() == "a1" ? retry("no route") : outcome(next); });
        s.until(2);
        CHECK(end_of(w) == "");
        CHECK(w.stats().waiting == 2);
    }
    CHECK(s.given() == lines{"a1", "b1"});
    CHECK(s.letters() == lines{"a1 waiting 1: no route", "a2 waiting 0: behind an earlier event of its topic"});
    s.forget();
    s.publish("a", {"a3"});
    s.publish("b", {"b2"});
    {
        worker w = s.start();
        s.until(1);
        CHECK(end_of(w) == "");
    }
    CHECK(s.given() == lines{"b2"});
    CHECK(s.letters().size() == 3);
    s.requeue_all(); // due now, all of them
    s.forget();
    worker w = s.start();
    s.until(3);
    CHECK(end_of(w) == "");
    CHECK(s.given() == lines{"a1 requeued", "a2 requeued", "a3 requeued"});
}

TEST_CASE("order: by topic, a dead letter lets the next of its topic go on") {
    stage s;
    s.how.order = order::by_topic;
    s.how.retry.attempts = 2;
    s.publish("a", {"a1", "a2"});
    worker w = s.start([](const event& e, const attempt&) { return e.text() == "a1" ? retry("no") : outcome(next); });
    wait_until([&] { return w.stats().handled == 1; });
    CHECK(end_of(w) == "");
    CHECK(s.given() == lines{"a1", "a1 #2", "a2"});
    CHECK(s.letters() == lines{"a1 dead 2: no"});
}

TEST_CASE("order: any, a long wait holds up nobody, of its own topic neither") {
    stage s;
    s.how.retry.first_delay = s.how.retry.max_delay = 1h;
    s.publish_numbers(1, 50);
    worker w = s.start([](const event& e, const attempt&) { return std::atoi(std::string(e.text()).c_str()) % 10 == 1 ? retry : next; });
    s.until(50);
    wait_until([&] { return w.stats().handled == 45; });
    CHECK(w.stats().waiting == 5);
    CHECK(end_of(w) == "");
    CHECK(s.given().size() == 50);
    CHECK(s.letters().size() == 5);
}

TEST_CASE("order: delays grow, and are what the policy says") {
    stage s;
    s.how.retry = {.attempts = 4, .first_delay = 10s, .factor = 3, .max_delay = 60s, .jitter = 0};
    s.publish_numbers(1, 1);
    worker w = s.start([](const event&, const attempt&) { return retry; });
    wait_until([&] { return w.stats().waiting == 1; });
    CHECK(end_of(w) == "");
    const letters::story first = s.journal().open_letters().begin()->second;
    CHECK(first.due_ns - first.last_ns == 10'000'000'000);
    CHECK(first.since_ns == first.last_ns);
}
