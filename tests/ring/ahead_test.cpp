// Readers that were told to start at a seq which has not come yet: they are given it when it comes, and the
// ring's end when that comes first.
#include "process_fixture.hpp"
#include "ring_fixture.hpp"

#include <evbus/consumer.hpp>
#include <evbus/ring/retire.hpp>

#include <thread>

using namespace ring_test;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::hours ages{10};

} // namespace

TEST_CASE("ahead: a reader ahead of the closed seq is told `retired`, by polls alone") {
    for (const seq_t start : {seq_t{8}, seq_t{70}, seq_t{71}, seq_t{72}, seq_t{1000}, seq_t{1} << 40}) {
        CAPTURE(start);
        test_bus t;
        test_reader r(t.bus(), {.from = from::seq(start)});
        consumer c(t.bus(), {.from = from::seq(start)});
        CHECK(r.drain().empty());
        CHECK(c.poll([](const event&) {}) == consume_status::caught_up);
        t.publish_many(6);
        CHECK(r.drain().empty());
        REQUIRE(ring::retire(t.at(), 1s) == 7);
        CHECK_FALSE(r.sub.retired());
        CHECK(r.drain().empty());
        CHECK(r.sub.retired());
        CHECK(c.poll([](const event&) {}) == consume_status::retired);
        CHECK_FALSE(r.sub.wait(ages));
        CHECK(r.sub.next() == start);
        CHECK(r.law_holds());
    }
}

TEST_CASE("ahead: a reader that sleeps ahead of the head wakes at the ring's end, in every strategy") {
    for (const wait_strategy how : {wait_strategy::spin, wait_strategy::yield, wait_strategy::back_off, wait_strategy::block}) {
        CAPTURE(static_cast<int>(how));
        test_bus t;
        t.publish_many(3);
        std::atomic<int> waiting{0};
        const auto wait_ahead = [&](auto reader) {
            ++waiting;
            CHECK(reader.wait(ages)); // hangs when it is not told
            return reader;
        };
        std::thread one([&] {
            subscriber s = wait_ahead(subscriber(t.bus(), {.from = from::seq(100), .wait = how}));
            CHECK(s.poll([](const event&) {}) == 0);
            CHECK(s.retired());
        });
        std::thread two([&] {
            consumer c = wait_ahead(consumer(t.bus(), {.from = from::seq(5), .wait = how}));
            CHECK(c.poll([](const event&) {}) == consume_status::retired);
        });
        wait_until([&] { return waiting.load() == 2; });
        ::usleep(2'000);
        CHECK(ring::retire(t.at(), 1s) == 4);
        one.join();
        two.join();
    }
}

TEST_CASE("ahead: what comes to the seq waited for is given, from there on; the time-out is kept before that") {
    test_bus t;
    test_reader r(t.bus(), {.from = from::seq(100)});
    CHECK_FALSE(r.sub.wait(1ms));
    t.publish_many(50);
    CHECK_FALSE(r.sub.wait(1ms));
    CHECK_FALSE(r.sub.wait(0ns));
    CHECK_FALSE(r.sub.wait(-1ns));
    std::thread pen([&] {
        for (int i = 0; i < 60; ++i) {
            t.publish_many(1);
            ::usleep(100);
        }
    });
    CHECK(r.sub.wait(ages));
    CHECK(ring::find_head(t.at()) > 100);
    pen.join();
    const lines got = r.drain();
    REQUIRE(got.size() == 11);
    CHECK(got.front() == "100 x 100");
    CHECK(got.back() == "110 x 110");
    CHECK(r.law_holds());
}
