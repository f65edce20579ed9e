// Seqs start anywhere: across 2^40, in mid-lap, where the lap field of the slot words wraps, and as far up as a
// bus may begin. Publishers that are killed at random, a recorder, a subscriber and a consumer get over it
// as over any other seq.
#include "recorder_process.hpp"

#include "tests/support/random.hpp"

#include <evbus/ring/create.hpp>
#include <evbus/subscriber.hpp>

using namespace recorder_test;

namespace {

/// The first seq whose lap is 0 again.
constexpr seq_t lap_wrap(std::uint64_t slots) { return ((std::uint64_t{1} << 48) - 1) * slots; }

struct place {
    std::uint64_t slots;
    seq_t first;
    seq_t boundary; ///< to be passed by all of them
};

/// A bus with a log that begins where it is told.
void create_at(const world& w, const place& at) {
    std::filesystem::create_directories(w.log_dir());
    ring::creation c;
    c.name = w.name();
    c.slots = at.slots;
    c.slot_bytes = 128;
    c.pacing = pacing::paced;
    c.stall_limit_ns = 3'600'000'000'000;
    c.id = detail::random_bus_id();
    c.epoch = static_cast<epoch_t>(detail::random_u64());
    c.first_seq = at.first;
    c.log_dir = w.log_dir();
    REQUIRE(ring::create_ring(c));
}

/// Field `who` of the board counts what it was told is published.
child publishing(const world& w, const board& b, std::uint32_t who) {
    return child([&w, &b, who] {
        author pen(bus::open(w.name()), who, 150);
        while (b[0].load() == 0) {
            pen.publish();
            b[who].store(pen.count());
        }
        return 0;
    });
}

/// Each author's events from the first to the last that it was told of; at most one more, of which it was not.
void check_all(const ledger& l, const board& b, std::uint32_t authors) {
    INFO(l.text());
    CHECK(l.faults.empty());
    CHECK(l.missing == 0);
    for (std::uint32_t who = 1; who <= authors; ++who) {
        const auto last = l.last_of.find(who);
        const std::uint64_t had = last == l.last_of.end() ? 0 : last->second;
        CHECK(had >= b[who].load());
        CHECK(had <= b[who].load() + 1);
        if (had != 0) CHECK(l.first_of.at(who) == 1);
    }
}

void run(evbus_test::random_source& random, const place& at) {
    const world w({.slots = at.slots, .pacing = pacing::paced});
    create_at(w, at);
    const bus on = bus::open(w.name());
    REQUIRE(on.first_seq() == at.first);
    recorder_process recorder(w);
    const board b;
    std::uint32_t authors = 0;
    std::vector<std::unique_ptr<child>> pens;
    for (int i = 0; i < 3; ++i) pens.push_back(std::make_unique<child>(publishing(w, b, ++authors)));

    consumer c(on, {.from = from::this_epoch()});
    subscriber s(on, {.from = from::this_epoch()});
    ledger all(150), some(150);
    const auto read = [&] {
        (void)c.poll([&](const event& e) { all.event(e); }, [&](const gap& g) { all.gap(g); });
        s.poll([&](const event& e) { some.event(e); }, [&](const gap& g) { some.gap(g); });
        REQUIRE(adds_up(c, at.first));
        REQUIRE(s.losses().walked() == s.next() - at.first);
    };
    const seq_t enough = at.boundary + 6 * at.slots;
    while (c.next() < enough || on.head() < enough) {
        for (std::size_t polls = random.below(40) + 1; polls != 0; --polls) read();
        if (authors + 1 >= board::fields) continue;
        std::unique_ptr<child>& victim = pens[random.below(pens.size())];
        victim->kill();
        victim = std::make_unique<child>(publishing(w, b, ++authors));
    }
    b[0].store(1);
    for (auto& p : pens) CHECK(p->wait() == 0);
    const seq_t head = on.head();
    wait_until([&] {
        read();
        return c.next() == head && s.next() == head;
    });
    CHECK(recorder.end() == 0);
    check_all(all, b, authors);
    CHECK(all.gaps.empty());
    CHECK(some.faults.empty());
    CHECK(some.last_of.size() > 0);

    ledger kept(150);
    seq_t next = at.first;
    const tally t = walk_log(w.log_dir(), kept, next);
    CHECK(next == head);
    CHECK(t.walked() == head - at.first);
    check_all(kept, b, authors);
    CHECK(kept.gaps.empty());
    // And once more from the log alone, across the boundary.
    consumer again(on, {.from = from::seq(at.boundary - 1)});
    ledger rest(150);
    read_to(again, rest, head - 1);
    CHECK(rest.faults.empty());
    CHECK(rest.gaps.empty());
    CHECK(adds_up(again, at.boundary - 1));
}

} // namespace

TEST_CASE("wrap: publishers killed at random, a recorder and readers get over every boundary; nothing lost, twice or out of order") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    constexpr seq_t tera = seq_t{1} << 40;
    constexpr seq_t highest = seq_t{1} << 63; // detail::last_first_seq
    const std::uint64_t off = random.below(64);
    const place places[] = {
        {64, tera - 200 - off, tera},
        {256, tera + 37, tera + 256},
        {64, lap_wrap(64) - 150 - off, lap_wrap(64)},
        {64, lap_wrap(64) + off, lap_wrap(64) + 64},
        {256, lap_wrap(256) - 300 - off, lap_wrap(256)},
        {1024, lap_wrap(1024) - 1, lap_wrap(1024)},
        {std::uint64_t{1} << 12, lap_wrap(std::uint64_t{1} << 12) - 3000 - off, lap_wrap(std::uint64_t{1} << 12)},
        {64, (seq_t{1} << 48) - 100 - off, seq_t{1} << 48}, // where the verdict's frontier wraps
        {64, highest - off, highest + 64},
        {256, highest - 100 - off, highest},
    };
    for (const place& at : places) {
        INFO(at.slots, " slots from seq ", at.first);
        run(random, at);
    }
}

TEST_CASE("wrap: laps are told apart by signed difference in every geometry, up to the last seq that a bus can come to") {
    for (std::uint64_t slots = ring::min_slots; slots <= ring::max_slots; slots *= 2) {
        const ring::geometry shape(slots, 128);
        // Where laps wrap, for as many slots as that is within reach; and the highest first seq.
        const bool wraps = slots <= std::uint64_t{1} << 15;
        for (const seq_t middle : {seq_t{1} << 40, seq_t{1} << 63, wraps ? lap_wrap(slots) : (seq_t{1} << 63) + slots}) {
            CAPTURE(slots);
            CAPTURE(middle);
            for (std::uint64_t laps = 1; laps <= 3; ++laps) {
                const seq_t near = middle + 5, far = near + laps * slots;
                const ring::slot_word word(shape.lap(far), static_cast<member_no>(1), ring::phase::committed);
                CHECK(shape.index(near) == shape.index(far));
                CHECK(word.laps_ahead_of(shape.lap(near)) == static_cast<std::int64_t>(laps));
                CHECK(ring::slot_word(shape.lap(near), static_cast<member_no>(1), ring::phase::dead).laps_ahead_of(shape.lap(far)) ==
                      -static_cast<std::int64_t>(laps));
                CHECK(shape.laps_from(near, static_cast<std::int64_t>(laps)) == far);
                CHECK(shape.laps_from(far, -static_cast<std::int64_t>(laps)) == near);
            }
            CHECK(shape.lap(middle + slots) == ((shape.lap(middle) + 1) & ring::geometry::lap_mask));
            if (wraps) CHECK(shape.lap(lap_wrap(slots)) == 0);
        }
    }
}
