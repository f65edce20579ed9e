// A worker is watched, stopped and waited for from other threads.
#include "tests/worker/worker_fixture.hpp"

using namespace worker_test;

TEST_CASE("threads: many watch, some stop, one joins") {
    stage s;
    s.how.retry.first_delay = 0ns;
    for (int turn = 0; turn < 3; ++turn) {
        worker w = s.start([](const event& e, const attempt& a) { return e.seq() % 7 == 0 && a.number == 1 ? retry : next; });
        std::atomic<bool> over{false};
        std::atomic<std::uint64_t> looks{0};
        std::vector<std::thread> watchers;
        for (int i = 0; i < 2; ++i)
            watchers.emplace_back([&] {
                std::uint64_t handled = 0;
                while (!over) {
                    const worker_stats now = w.stats();
                    if (now.handled < handled) looks = 1'000'000'000; // went back
                    handled = now.handled;
                    ++looks;
                    std::this_thread::yield();
                }
            });
        for (int i = 0; i < 50; ++i) s.publish_numbers(1, 10);
        s.until(500);
        std::thread stopper([&] { w.stop(); });
        CHECK(join(w) == "");
        CHECK(w.join_for(0ns));
        stopper.join();
        over = true;
        for (std::thread& t : watchers) t.join();
        CHECK(looks < 1'000'000'000);
        CHECK(w.stats().is_over);
        s.forget();
    }
}

TEST_CASE("threads: a worker that is asked to stop wakes from a pause") {
    stage s;
    s.publish_numbers(1, 1);
    s.how.max_waiting_bytes = 1; // one letter is too much already: it reads no further
    s.how.retry.first_delay = s.how.retry.max_delay = 1h;
    worker w = s.start([](const event&, const attempt&) { return retry; });
    wait_until([&] { return w.stats().waiting == 1; });
    CHECK(!w.join_for(1ms));
    CHECK(end_of(w) == "");
}

TEST_CASE("threads: joined by its own handler, it says that this cannot be") {
    stage s;
    std::atomic<worker*> self{nullptr};
    std::string said;
    s.publish_numbers(1, 1);
    worker w = s.start([&](const event&, const attempt&) {
        wait_until([&] { return self.load() != nullptr; });
        try {
            self.load()->join();
        } catch (const error& e) {
            said = words_of(e);
        }
        return evbus::stop;
    });
    self = &w;
    CHECK(join(w) == "");
    CHECK(has(said, "would wait for itself"));
}
