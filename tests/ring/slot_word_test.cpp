// The slot word and where seqs live: arithmetic that everything else rests on.
#include "ring_fixture.hpp"

#include "tests/support/random.hpp"

using namespace ring_test;
using ring::geometry;

TEST_CASE("slot word: lap, owner and phase come back as they were packed") {
    const slot_word w(0x123456789abc, member_no{8191}, phase::stalled);
    CHECK(w.lap() == 0x123456789abc);
    CHECK(w.owner() == member_no{8191});
    CHECK(w.phase() == phase::stalled);
    CHECK(w.bits() == (std::uint64_t{0x123456789abc} << 16 | 8191U << 3 | 4U));
}

TEST_CASE("slot word: another phase or lap leaves the rest alone") {
    const slot_word w(7, member_no{42}, phase::writing);
    CHECK(w.with(phase::dead) == slot_word(7, member_no{42}, phase::dead));
    CHECK(w.next_lap() == slot_word(8, member_no{42}, phase::writing));
    CHECK(slot_word(geometry::lap_mask, member_no{42}, phase::stalled).next_lap() ==
          slot_word(0, member_no{42}, phase::stalled));
}

TEST_CASE("slot word: laps are compared by signed difference, across the wrap of the field") {
    const auto ahead = [](std::uint64_t word_lap, std::uint64_t lap) {
        return slot_word(word_lap, member_no{8191}, phase::closed).laps_ahead_of(lap);
    };
    CHECK(ahead(5, 5) == 0);
    CHECK(ahead(6, 5) == 1);
    CHECK(ahead(4, 5) == -1);
    CHECK(ahead(0, geometry::lap_mask) == 1);
    CHECK(ahead(geometry::lap_mask, 0) == -1);
    CHECK(ahead(3, geometry::lap_mask - 2) == 6);
    constexpr std::int64_t half = std::int64_t{1} << 47;
    CHECK(ahead(half - 1, 0) == half - 1);
    CHECK(ahead(half, 0) == -half);
}

TEST_CASE("geometry: seqs fill slot after slot, lap after lap, at any place of the seq's range") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    for (const std::uint64_t slots : {64ULL, 16384ULL, 1ULL << 24}) {
        const geometry shape(slots, 256);
        for (int i = 0; i < 2000; ++i) {
            const seq_t seq = (random.word() >> random.below(38)) | 1 << 25;
            CHECK(shape.index(seq) == seq % slots);
            CHECK(shape.lap(seq) == ((seq / slots + 1) & geometry::lap_mask));
            const slot_word there(shape.lap(seq), member_no{1}, phase::committed);
            CHECK(there.laps_ahead_of(shape.lap(seq + slots)) == -1);
            CHECK(there.laps_ahead_of(shape.lap(seq - slots)) == 1);
            CHECK(shape.laps_from(seq, 3) == seq + 3 * slots);
            CHECK(shape.laps_from(seq, -2) == seq - 2 * slots);
        }
    }
}

TEST_CASE("geometry: slots are powers of two, slot bytes whole cache lines, both within bounds") {
    for (const std::uint64_t fine : {64ULL, 128ULL, 1ULL << 24}) CHECK(ring::valid_slots(fine));
    for (const std::uint64_t bad : {0ULL, 1ULL, 32ULL, 63ULL, 65ULL, 96ULL, 1ULL << 25, ~0ULL}) CHECK_FALSE(ring::valid_slots(bad));
    for (const std::uint64_t fine : {128ULL, 192ULL, 65536ULL}) CHECK(ring::valid_slot_bytes(fine));
    for (const std::uint64_t bad : {0ULL, 64ULL, 127ULL, 130ULL, 65600ULL, ~0ULL}) CHECK_FALSE(ring::valid_slot_bytes(bad));
}

TEST_CASE("first seq: a ring may begin at any seq, and is read in order from there over several laps") {
    constexpr seq_t lap_wrap = (std::uint64_t{1} << 48) * 64; // lap(seq) becomes 0 in the lap before
    for (const seq_t first : {seq_t{1}, seq_t{2}, seq_t{63}, seq_t{64}, seq_t{65}, (seq_t{1} << 40) - 3, seq_t{1} << 40,
                              (seq_t{1} << 54) - 7, lap_wrap - 64 - 5, lap_wrap - 64, lap_wrap - 1, lap_wrap + 17,
                              (seq_t{1} << 62) + 33}) {
        CAPTURE(first);
        test_bus t({.first_seq = first});
        CHECK(ring::find_head(t.at()) == first);
        CHECK(ring::head_by_scan(t.at()) == first);
        CHECK(ring::oldest_for(t.at(), first) == first);
        test_reader r = t.reader();
        CHECK(r.sub.next() == first);
        for (seq_t seq = first; seq < first + 300; ++seq) {
            const published p = t.publish("x", "y");
            REQUIRE(p);
            REQUIRE(p.seq == seq);
            REQUIRE(r.drain() == lines{std::to_string(seq) + " x y"});
        }
        CHECK(ring::head_by_scan(t.at()) == first + 300);
        CHECK(t.reader().sub.next() == first + 300 - 64);
        test_reader late(t.bus(), {.from = evbus::from::seq(first)});
        const lines got = late.drain();
        REQUIRE(got.size() > 1);
        CHECK(got[0].starts_with("gap " + std::to_string(first) + "-"));
        CHECK(got.back() == std::to_string(first + 299) + " x y");
        CHECK(late.law_holds());
    }
}

TEST_CASE("first seq: nobody takes or is given a seq below it") {
    test_bus t({.first_seq = 64 * 10 + 20});
    CHECK(t.publish("x", "first").seq == 660);
    test_reader r(t.bus(), {.from = evbus::from::seq(600)});
    CHECK(r.drain() == lines{"gap 600-659 overwritten", "660 x first"});
    CHECK(r.law_holds());
}

TEST_CASE("first seq: whoever waits below it is told at once, however far below") {
    test_bus t({.first_seq = (seq_t{1} << 53) + 5}); // 2^47 laps of 64 slots above seq 1: half the field
    test_reader r(t.bus(), {.from = evbus::from::seq(1)});
    CHECK(r.sub.wait(std::chrono::milliseconds(1)));
    CHECK(r.drain() == lines{"gap 1-" + std::to_string(seq_t{1} << 53 | 4) + " overwritten"});
    CHECK(r.law_holds());
}
