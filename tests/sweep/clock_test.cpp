// The clock's keepers: killed and stopped at each step of appending a piece. Others convert on, time never
// goes back, and the pen comes back within a second and a bit.
#include "tests/sweep/world.hpp"

#include <evbus/detail/cpu.hpp>
#include <evbus/ring/clock.hpp>

using namespace sweep_test;

namespace {

using ring::clock_keeper;

/// Appends a piece whatever the age of the newest.
void keep(const ring::attachment& at) { clock_keeper::maintain(at.ring().clock, 0); }

case_result run(const std::optional<strike>& at, std::array<std::uint64_t, probe_count>* hits = nullptr) {
    case_result out;
    world w({.stamps = ring::stamp_mode::counter});
    const ring::clock_table& clock = w.t.at().ring().clock;
    victim v(w.page, at, [&] {
        const auto mine = ring::attachment::open(w.t.name(), ring::access::read_write);
        keep(*mine);
        return 0;
    });
    while (v.runs()) w.step();
    out.struck = v.was_struck();
    const std::uint64_t pieces = clock.count.load();
    if (out.struck) {
        // Others may not append at once, and need not: what is there goes on converting.
        ring::clock_view early(clock, ring::stamp_mode::counter), late(clock, ring::stamp_mode::counter);
        std::int64_t last = 0;
        for (int i = 0; i < 1000; ++i) {
            const auto now = static_cast<std::int64_t>(evbus::detail::read_counter());
            const std::int64_t ns = early.to_ns(now);
            w.wrong.expect(ns >= last && ns == late.to_ns(now), "two readers disagree about a time, or it went back");
            last = ns;
        }
        wait_until([&] {
            w.step();
            keep(w.t.at());
            return clock.count.load() > pieces;
        });
        // The other's piece begins in the future; a piece of a late victim may not spoil it.
        if (v.now() == victim::state::stopped) {
            if (at->what == fault::for_ever)
                v.kill();
            else
                v.go_on();
            while (v.runs()) w.step();
        }
        ring::clock_line piece;
        w.wrong.expect(ring::read_piece(clock, clock.count.load() - 1, piece) ||
                           ring::read_piece(clock, clock.count.load() - 2, piece),
                       "neither of the newest two pieces is whole");
        const std::int64_t error = ring::clock_view(clock, ring::stamp_mode::counter)
                                       .to_ns(static_cast<std::int64_t>(evbus::detail::read_counter())) -
                                   evbus::detail::wall_ns();
        w.wrong.expect(std::abs(error) < 1'000'000'000, "the clock is off by " + std::to_string(error) + " ns");
    }
    if (v.now() == victim::state::ended) w.wrong.same(v.code(), 0, "the keeper's exit code");
    w.go_on(64);
    w.check_aftermath(true);
    sweep_table::instance().reached(*w.page);
    if (hits != nullptr)
        for (std::size_t p = 0; p < probe_count; ++p) (*hits)[p] = w.page->hits[p].load();
    out.wrong = w.wrong;
    return out;
}

} // namespace

TEST_CASE("sweep: a keeper of the clock is killed and stopped at each step") {
    std::array<std::uint64_t, probe_count> hits{};
    const case_result counted = run(std::nullopt, &hits);
    CHECK_MESSAGE(counted.wrong.none(), counted.wrong.text());
    for (const probe p : {probe::clock_pen_taken, probe::clock_piece_stored, probe::clock_piece_counted}) {
        CHECK(hits[static_cast<std::size_t>(p)] != 0);
        for (const fault f : {fault::killed, fault::stopped, fault::for_ever}) {
            if (f == fault::for_ever && std::getenv("EVBUS_ROUNDS") == nullptr) continue;
            const strike at{p, f, 0}; // each costs the second after which a pen is taken from the dead
            const case_result seen = run(at);
            CHECK_MESSAGE(seen.struck, text_of(at));
            CHECK_MESSAGE(seen.wrong.none(), text_of(at), ":", seen.wrong.text());
            sweep_table::instance().count("keeper of the clock", p, to_string(f), seen.wrong.none());
        }
    }
}

TEST_CASE("sweep: reached all that the document says") {
    CHECK(promised_but_not_reached("sweep_clock") == std::vector<std::string>{});
}
