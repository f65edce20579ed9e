// Delays, restarts, saves: the worker's rules as plain arithmetic, with times that the test makes up.
#include "tests/support/random.hpp"

#include <evbus/work/backoff.hpp>
#include <evbus/work/restart_budget.hpp>
#include <evbus/work/save_due.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <vector>

using namespace evbus;
using namespace std::chrono_literals;
using work::delay_ns;
using work::longest_delay_ns;

namespace {

constexpr std::int64_t ms = 1'000'000;
constexpr auto longest = std::chrono::nanoseconds::max();

} // namespace

TEST_CASE("backoff: delays grow by the factor, up to the cap") {
    const retry_policy p{.first_delay = 100ms, .factor = 2, .max_delay = 1s};
    const std::vector<std::int64_t> expected{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1000 * ms, 1000 * ms};
    for (std::uint32_t failed = 1; failed <= expected.size(); ++failed)
        CHECK(longest_delay_ns(p, failed) == expected[failed - 1]);
    CHECK(longest_delay_ns(p, std::numeric_limits<std::uint32_t>::max()) == 1000 * ms);
}

TEST_CASE("backoff: a factor of 1 repeats the first delay, and a smaller one does not shrink it") {
    CHECK(longest_delay_ns({.first_delay = 70ms, .factor = 1}, 1000) == 70 * ms);
    CHECK(longest_delay_ns({.first_delay = 70ms, .factor = 0.5}, 3) == 70 * ms);
    CHECK(longest_delay_ns({.first_delay = 70ms, .factor = std::nan("")}, 3) >= 70 * ms);
}

TEST_CASE("backoff: no delay, and a cap below the first delay") {
    CHECK(longest_delay_ns({.first_delay = 0ns, .factor = 1e300}, 9) == 0);
    CHECK(longest_delay_ns({.first_delay = -5ms}, 2) == 0);
    CHECK(longest_delay_ns({.first_delay = 10s, .max_delay = 1s}, 1) == 1000 * ms);
    CHECK(longest_delay_ns({.first_delay = 10s, .max_delay = -1s}, 1) == 0);
}

TEST_CASE("backoff: whatever the numbers, nothing overflows") {
    const retry_policy huge{.first_delay = longest, .factor = std::numeric_limits<double>::infinity(), .max_delay = longest};
    for (const std::uint32_t failed : {0u, 1u, 2u, 64u, 1100u, std::numeric_limits<std::uint32_t>::max()}) {
        CHECK(longest_delay_ns(huge, failed) == INT64_MAX);
        for (const double draw : {0.0, 0.5, 1.0}) CHECK(delay_ns(huge, failed, draw) >= 0);
    }
    retry_policy all_jitter = huge;
    all_jitter.jitter = 1;
    CHECK(delay_ns(all_jitter, 1, 1.0) == 0);
    CHECK(work::due_ns(huge, 1, 0, 1) == INT64_MAX);
    CHECK(work::due_ns({.first_delay = 1ms}, 1, 0, 41 * ms) == 42 * ms);
}

TEST_CASE("backoff: the spread shortens a delay by the jitter at most, and never lengthens it") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    for (int round = 0; round < 20'000; ++round) {
        retry_policy p{.first_delay = std::chrono::nanoseconds(1 + random.below(std::size_t{1} << random.below(60)))};
        p.max_delay = std::chrono::nanoseconds(1 + random.below(std::size_t{1} << random.below(62)));
        p.factor = 1 + static_cast<double>(random.below(50)) / 10;
        p.jitter = static_cast<double>(random.below(101)) / 100;
        const auto failed = static_cast<std::uint32_t>(1 + random.below(200));
        const double draw = static_cast<double>(random.below(1000)) / 1000;
        const std::int64_t whole = longest_delay_ns(p, failed);
        const std::int64_t spread = delay_ns(p, failed, draw);
        REQUIRE(whole <= p.max_delay.count());
        REQUIRE(whole <= longest_delay_ns(p, failed + 1));
        REQUIRE(spread <= whole);
        const double least = static_cast<double>(whole) * (1 - p.jitter);
        REQUIRE(static_cast<double>(spread) >= least - 1e-9 * static_cast<double>(whole) - 1);
    }
}

TEST_CASE("backoff: other draws give other delays") {
    const retry_policy p{.first_delay = 1s, .jitter = 0.2};
    CHECK(delay_ns(p, 1, 0.0) == 1000 * ms);
    CHECK(delay_ns(p, 1, 0.5) == 900 * ms);
    CHECK(delay_ns(p, 1, 0.25) == 950 * ms);
}

TEST_CASE("restart budget: never, once") {
    work::restart_budget never{restart::never{}};
    CHECK_FALSE(never.spend(0));
    CHECK(never.left(0) == 0);
    work::restart_budget once{restart::once{}};
    CHECK(once.left(0) == 1);
    CHECK(once.spend(5));
    CHECK_FALSE(once.spend(5));
    CHECK_FALSE(once.spend(INT64_MAX)); // however much later
}

TEST_CASE("restart budget: so many within a stretch of time, and the stretch slides") {
    work::restart_budget b{restart::bounded{2, 10s}};
    CHECK(b.spend(0));
    CHECK(b.spend(9'000 * ms));
    CHECK_FALSE(b.spend(9'999 * ms));
    CHECK(b.spend(10'000 * ms)); // the first is 10 s old; what was refused counts for nothing
    CHECK_FALSE(b.spend(18'999 * ms));
    CHECK(b.spend(19'000 * ms));
    CHECK(b.left(19'000 * ms) == 0);
    CHECK(b.left(60'000 * ms) == 2);
}

TEST_CASE("restart budget: none at all, and for ever") {
    work::restart_budget none{restart::bounded{0, 10s}};
    CHECK_FALSE(none.spend(0));
    work::restart_budget ever{restart::bounded{3, longest}};
    for (int i = 0; i < 3; ++i) CHECK(ever.spend(i));
    CHECK_FALSE(ever.spend(INT64_MAX));
}

TEST_CASE("restart budget: no stretch of its length ever holds more than it grants") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    for (int round = 0; round < 200; ++round) {
        const auto times = static_cast<unsigned>(random.below(5));
        const auto within = static_cast<std::int64_t>(1 + random.below(50));
        work::restart_budget b{restart::bounded{times, std::chrono::nanoseconds(within)}};
        std::vector<std::int64_t> granted;
        std::int64_t now = 0;
        for (int i = 0; i < 200; ++i) {
            now += static_cast<std::int64_t>(random.below(12));
            std::size_t counting = 0; // of the naive model: all that were granted less than `within` ago
            for (const std::int64_t t : granted) counting += now - t < within;
            REQUIRE(b.left(now) == times - counting);
            REQUIRE(b.spend(now) == (counting < times));
            if (counting < times) granted.push_back(now);
        }
    }
}

TEST_CASE("save due: by count, without a clock") {
    work::save_due d({.events = 3, .every = 1h}, 0);
    CHECK_FALSE(d.is_full());
    CHECK(d.room() == 3);
    d.handled(2);
    CHECK_FALSE(d.is_full());
    CHECK(d.room() == 1);
    d.handled(2); // a batch may go over
    CHECK(d.is_full());
    CHECK(d.room() == 0);
    CHECK(d.is_due(0));
    d.saved(0);
    CHECK(d.pending() == 0);
    CHECK_FALSE(d.is_full());
}

TEST_CASE("save due: by time, but only when something was handled") {
    work::save_due d({.events = 1000, .every = 100ms}, 0);
    CHECK(d.due_ns() == INT64_MAX);
    CHECK_FALSE(d.is_due(INT64_MAX - 1));
    d.handled();
    CHECK(d.due_ns() == 100 * ms);
    CHECK_FALSE(d.is_due(100 * ms - 1));
    CHECK(d.is_due(100 * ms));
    d.saved(150 * ms);
    d.handled();
    CHECK_FALSE(d.is_due(249 * ms));
    CHECK(d.is_due(250 * ms));
}

TEST_CASE("save due: what comes after a long pause is saved at once") {
    work::save_due d({.events = 1000, .every = 100ms}, 0);
    d.handled();
    CHECK(d.is_due(5'000 * ms));
}

TEST_CASE("save due: a failed save leaves everything pending, and rests before the next by time") {
    work::save_due d({.events = 10, .every = 100ms}, 0);
    d.handled(4);
    d.failed(100 * ms);
    CHECK(d.pending() == 4);
    CHECK(d.room() == 6);
    CHECK_FALSE(d.is_due(150 * ms));
    CHECK(d.is_due(200 * ms));
    d.handled(6);
    d.failed(200 * ms);
    CHECK(d.is_full()); // nothing more may be handled before one succeeds
    CHECK(d.room() == 0);
}

TEST_CASE("save due: limits at their ends") {
    work::save_due each({.events = 0, .every = longest}, 7);
    each.handled();
    CHECK(each.is_full());
    work::save_due always({.events = 1000, .every = -1s}, 7);
    CHECK_FALSE(always.is_due(7));
    always.handled();
    CHECK(always.is_due(7));
    work::save_due never({.events = 1000, .every = longest}, 7);
    never.handled();
    CHECK(never.due_ns() == INT64_MAX);
}
