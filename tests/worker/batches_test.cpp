// Handlers that take several events at once.
#include "tests/worker/worker_fixture.hpp"

#include <stdexcept>

using namespace worker_test;

namespace {

/// A worker whose handler writes each batch down as one line: "1 2 3".
struct batch_stage : stage {
    using answers = std::function<outcome(event_batch&)>;
    [[nodiscard]] worker start_batches(answers answer = {}) {
        return worker(on, how, [this, answer](event_batch& b) -> outcome {
            std::string line;
            for (std::size_t i = 0; i < b.size(); ++i) {
                const attempt& a = b.attempt(i);
                line += (line.empty() ? "" : " ") + std::string(b[i].text()) + (a.number > 1 ? "#" + std::to_string(a.number) : "") + (a.may_repeat ? "?" : "");
            }
            add(line);
            return answer ? answer(b) : outcome(next);
        });
    }
    void add(const std::string& line) {
        const std::lock_guard guard(mutex);
        batches.push_back(line);
    }
    [[nodiscard]] lines got() const {
        const std::lock_guard guard(mutex);
        return batches;
    }
    mutable std::mutex mutex;
    lines batches;
};

} // namespace

TEST_CASE("batches: as many as there are, and no more than asked for") {
    batch_stage s;
    s.how.batch = 4;
    s.publish_numbers(1, 10);
    worker w = s.start_batches();
    wait_until([&] { return w.stats().handled == 10; });
    CHECK(end_of(w) == "");
    CHECK(s.got() == lines{"1 2 3 4", "5 6 7 8", "9 10"});
    CHECK(s.saved().place.next == 11);
}

TEST_CASE("batches: bounded by bytes as well, and whole in every part") {
    batch_stage s;
    s.how.batch_bytes = 100;
    const topic t("a.b");
    publisher pen(s.on);
    headers h;
    h.add("key", "value");
    for (int i = 0; i < 6; ++i) REQUIRE(pen.publish(t, std::string(40, static_cast<char>('a' + i)), {.headers = h}));
    std::size_t checked = 0, largest = 0;
    worker w = s.start_batches([&](event_batch& b) {
        largest = std::max(largest, b.size());
        for (std::size_t i = 0; i < b.size(); ++i) {
            const event e = b[i];
            CHECK(e.topic() == "a.b");
            CHECK(e.text() == std::string(40, static_cast<char>('a' + checked)));
            CHECK(e.headers().find("key") == "value");
            CHECK(e.topic_hash() == t.hash());
            CHECK(e.published() != 0);
            CHECK(reinterpret_cast<std::uintptr_t>(e.payload().data()) % 8 == 0);
            ++checked;
        }
        return next;
    });
    wait_until([&] { return w.stats().handled == 6; });
    CHECK(end_of(w) == "");
    CHECK(checked == 6);
    CHECK(largest == 2);
}

TEST_CASE("batches: single events fail, and the rest is handled") {
    batch_stage s;
    s.publish_numbers(1, 5);
    worker w = s.start_batches([](event_batch& b) {
        for (std::size_t i = 0; i < b.size(); ++i) {
            if (b[i].text() == "2" && b.attempt(i).number == 1) b.fail(i, retry("busy"));
            if (b[i].text() == "4") b.fail(i, dead("bad"));
        }
        return next;
    });
    wait_until([&] { return w.stats().handled == 4; });
    CHECK(end_of(w) == "");
    CHECK(s.got() == lines{"1 2 3 4 5", "2#2"});
    CHECK(s.letters() == lines{"4 dead 1: bad"});
    CHECK(w.stats().retries == 1);
}

TEST_CASE("batches: what is returned holds for all of which nothing was said") {
    batch_stage s;
    s.how.retry.attempts = 1;
    s.publish_numbers(1, 3);
    worker w = s.start_batches([](event_batch& b) {
        b.fail(1, retry);
        return dead("all bad");
    });
    wait_until([&] { return w.stats().dead == 3; });
    CHECK(end_of(w) == "");
    CHECK(s.letters() == lines{"1 dead 1: all bad", "2 dead 1: the handler gave no reason", "3 dead 1: all bad"});
}

TEST_CASE("batches: a rollback gives the batch again, announced; stop ends behind it") {
    batch_stage s;
    s.how.batch = 3;
    s.how.save = {.events = 3, .every = 1h, .ahead = 0};
    s.publish_numbers(1, 7);
    int left = 1;
    worker w = s.start_batches([&](event_batch& b) {
        if (b[0].text() == "4" && left-- > 0) return rollback("once");
        return b[0].text() == "4" ? outcome(evbus::stop) : outcome(next);
    });
    CHECK(join(w) == "");
    CHECK(s.got() == lines{"1 2 3", "4 5 6", "4? 5? 6?"});
    CHECK(s.saved().place.next == 7);
    CHECK(s.saved().notes.may_repeat == 0);
}

TEST_CASE("batches: fail() says when it is asked for nonsense, as an exception does") {
    batch_stage s;
    s.how.thrown = thrown::dies;
    s.publish_numbers(1, 2);
    worker w = s.start_batches([](event_batch& b) {
        CHECK_THROWS_AS(b.fail(b.size(), dead), std::invalid_argument);
        CHECK_THROWS_AS(b.fail(0, next), std::invalid_argument);
        CHECK_THROWS_AS(b.fail(0, rollback), std::invalid_argument);
        b.fail(99, dead);
        return next;
    });
    wait_until([&] { return w.stats().dead == 2; });
    CHECK(end_of(w) == "");
    CHECK(s.letters().front() == "1 dead 1: event_batch::fail: no such event");
}

TEST_CASE("batches: with order by topic, what came behind a failure of its topic is given again behind it") {
    batch_stage s;
    s.how.order = order::by_topic;
    s.publish("a", {"a1", "a2"});
    s.publish("b", {"b1"});
    s.publish("a", {"a3"});
    worker w = s.start_batches([](event_batch& b) {
        for (std::size_t i = 0; i < b.size(); ++i)
            if (b[i].text() == "a1" && b.attempt(i).number == 1) b.fail(i, retry("later"));
        return next;
    });
    wait_until([&] { return w.stats().handled == 4; });
    CHECK(end_of(w) == "");
    CHECK(s.got() == lines{"a1 a2 b1 a3", "a1#2", "a2?", "a3?"}); // only what failed was tried for the second time
}


TEST_CASE("batches: an event that is to wait behind its topic is kept also when what came before it leaves no room for more") {
    batch_stage s;
    s.how.order = order::by_topic;
    s.how.retry.first_delay = s.how.retry.max_delay = 1h;
    s.publish("a", {"a1"});
    {
        worker w = s.start_batches([](event_batch&) { return retry("later"); });
        wait_until([&] { return w.stats().waiting == 1; });
        CHECK(end_of(w) == "");
    }
    s.how.max_waiting_bytes = 100; // room for a1 and a2, and not for b1 as well
    s.how.retry.first_delay = 0ns;
    const std::string b1 = "b1" + std::string(48, '.');
    s.publish("b", {b1});
    s.publish("a", {"a2"});
    s.publish("b", {"b2"});
    worker w = s.start_batches([&](event_batch& b) { return b[0].text() == b1 && b.attempt(0).number == 1 ? retry("later") : outcome(next); });
    wait_until([&] { return w.stats().handled == 2; });
    CHECK(end_of(w) == "");
    CHECK(s.got() == lines{"a1", b1, b1 + "#2", "b2"});
    CHECK(s.letters() == lines{"a1 waiting 1: later", "a2 waiting 0: behind an earlier event of its topic"});
}
