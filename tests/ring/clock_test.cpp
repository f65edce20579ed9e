// Publish times by counter: continuous, rising, close to the clock, and the same for everybody.
#include "ring_fixture.hpp"

#include "tests/support/random.hpp"

#include <cmath>

using namespace ring_test;
using ring::clock_keeper;
using ring::clock_view;
using ring::stamp_mode;

namespace {

/// A table alone, as it lies in a ring.
struct table_alone {
    std::unique_ptr<ring::clock_table> table = std::make_unique<ring::clock_table>();
    void piece(std::uint64_t begin, std::uint64_t ns, double ns_per_tick) const {
        const std::uint64_t k = table->count.load();
        ring::clock_piece& p = table->pieces[k % ring::clock_pieces];
        p.begin_ticks.store(begin);
        p.base_ns.store(ns);
        const auto rate = static_cast<std::uint64_t>(std::ldexp(ns_per_tick, 32));
        p.ns_per_tick.store(rate);
        p.check.store(ring::piece_check(k, begin, ns, rate));

        table->count.store(k + 1);
    }
};

std::int64_t ns_of(clock_view& view, std::uint64_t ticks) { return view.to_ns(static_cast<std::int64_t>(ticks)); }

bool has_counter() {
    if (evbus::detail::counter_is_invariant()) return true;
    MESSAGE("no invariant counter here: left out");
    return false;
}

} // namespace

TEST_CASE("clock: stamps come back within a millisecond of clock_gettime") {
    if (!has_counter()) return;
    test_bus t({.stamps = stamp_mode::counter});
    subscriber sub(t.bus());
    for (int i = 0; i < 200; ++i) {
        const std::int64_t before = evbus::detail::wall_ns();
        REQUIRE(t.publish("x", "y"));
        const std::int64_t after = evbus::detail::wall_ns();
        REQUIRE(sub.poll([&](const event& e) {
            CHECK(e.published() >= before - 1'000'000);
            CHECK(e.published() <= after + 1'000'000);
        }) == 1);
    }
}

TEST_CASE("clock: as pieces are appended time goes on without a jump, never backwards, and back to the clock") {
    if (!has_counter()) return;
    const table_alone t;
    clock_keeper::begin(*t.table);
    clock_view view(*t.table, stamp_mode::counter);
    std::int64_t last = 0;
    int wrong = 0;
    const std::int64_t until = evbus::detail::steady_ns() + rounds<std::int64_t>(1'500'000'000, 400'000'000);
    while (evbus::detail::steady_ns() < until) {
        clock_keeper::maintain(*t.table, 1'000'000);
        const std::int64_t before = evbus::detail::wall_ns();
        const std::int64_t shown = ns_of(view, evbus::detail::read_counter());
        const std::int64_t after = evbus::detail::wall_ns();
        if (shown < last || shown < before - 1'000'000 || shown > after + 1'000'000) ++wrong;
        last = shown;
    }
    CHECK(wrong == 0);
    REQUIRE(t.table->count.load() > 1);
    for (std::uint64_t k = 1; k < t.table->count.load(); ++k) {
        const ring::clock_piece &a = t.table->pieces[k - 1], &b = t.table->pieces[k];
        CHECK(b.begin_ticks.load() > a.begin_ticks.load());
        const ring::clock_line line{a.begin_ticks.load(), ~std::uint64_t{0}, a.base_ns.load(), a.ns_per_tick.load()};
        CHECK(line.to_ns(b.begin_ticks.load()) == static_cast<std::int64_t>(b.base_ns.load()));
    }
}

TEST_CASE("clock: a stamp has one time for everybody, whoever converts it, when, and in what order") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    const table_alone t;
    double ns = 1e18;
    std::vector<std::pair<std::uint64_t, std::int64_t>> told;
    clock_view early(*t.table, stamp_mode::counter);
    for (std::uint64_t k = 0; k < 100; ++k) {
        const double rate = 0.3 + 0.001 * static_cast<double>(random.below(100));
        t.piece(1000 + k * 1000, static_cast<std::uint64_t>(ns), rate);
        ns += rate * 1000;
        for (int i = 0; i < 20; ++i) {
            const std::uint64_t ticks = 1000 + random.below(static_cast<std::size_t>(k + 1) * 1000);
            told.emplace_back(ticks, ns_of(early, ticks));
        }
    }
    for (int i = 0; i < 2000; ++i) {
        const auto& [ticks, time] = told[random.below(told.size())];
        clock_view fresh(*t.table, stamp_mode::counter);
        CHECK(ns_of(fresh, ticks) == time);
        CHECK(ns_of(early, ticks) == time);
    }
}

TEST_CASE("clock: the table goes round, and stamps of pieces that are still there keep their time") {
    const table_alone t;
    for (std::uint64_t k = 0; k < 1000; ++k) t.piece(1000 + k * 1000, 5000 + k * 2000, 2.0);
    clock_view view(*t.table, stamp_mode::counter);
    for (std::uint64_t ticks = 1000 + 900 * 1000; ticks < 1000 + 1000 * 1000; ticks += 777)
        CHECK(ns_of(view, ticks) == static_cast<std::int64_t>(5000 + (ticks - 1000) * 2));
}

TEST_CASE("clock: a piece that two writers wrote half each does not count") {
    // One was stopped inside for longer than the pen is kept for it, and went on when the other was done.
    for (std::size_t word = 0; word < 3; ++word) {
        const table_alone t;
        t.piece(1000, 5000, 2.0);
        t.piece(2000, 7000, 2.0);
        clock_view view(*t.table, stamp_mode::counter);
        CHECK(ns_of(view, 2500) == 8000);
        ring::clock_piece& live = t.table->pieces[1];
        (word == 0 ? live.begin_ticks : word == 1 ? live.base_ns : live.ns_per_tick).store(1500);
        clock_view other(*t.table, stamp_mode::counter);
        CHECK(ns_of(other, 2500) == 8000); // by the piece before, whose line this one continued
        CHECK(ns_of(other, 1700) == 6400);
    }
}

TEST_CASE("clock: 0 is no stamp, and ns stay what they are") {
    const table_alone t;
    t.piece(1, 1000, 1.0);
    CHECK(clock_view(*t.table, stamp_mode::counter).to_ns(0) == 0);
    CHECK(clock_view(*t.table, stamp_mode::wall_ns).to_ns(1234567) == 1234567);
    test_bus unstamped({.stamps = stamp_mode::none});
    subscriber sub(unstamped.bus());
    unstamped.publish("x", "y");
    CHECK(sub.poll([](const event& e) { CHECK(e.published() == 0); }) == 1);
}

TEST_CASE("clock: one writer at a time; the pen of a writer that died is free again") {
    if (!has_counter()) return;
    const table_alone t;
    clock_keeper::begin(*t.table);
    const std::int64_t old = evbus::detail::steady_ns();
    while (evbus::detail::steady_ns() - old < 60'000'000) {}
    t.table->writer.store(static_cast<std::uint64_t>(evbus::detail::steady_ns()) + 900'000'000);
    clock_keeper::maintain(*t.table, 1);
    CHECK(t.table->count.load() == 1); // somebody else is at it
    t.table->writer.store(static_cast<std::uint64_t>(evbus::detail::steady_ns()) - 1);
    clock_keeper::maintain(*t.table, 1);
    CHECK(t.table->count.load() == 2);
    CHECK(t.table->writer.load() == 0);
}
