// Consumers that go on from a cursor, over ring and log.
#include "recorder_fixture.hpp"

#include "tests/support/random.hpp"

#include <evbus/cursor.hpp>

using namespace recorder_test;

TEST_CASE("cursor: consumers that take turns at one place give every event once, those larger than a slot too") {
    const std::uint64_t each = rounds<std::uint64_t>(4'000, 1'000);
    evbus_test::random_source random;
    CAPTURE(random.seed());
    world w({.slots = 256, .pacing = pacing::strict});
    const bus on = w.bus();
    recorder_thread recorder(on);
    std::atomic<int> at_work{3};
    std::vector<std::thread> authors;
    for (std::uint32_t who = 1; who <= 3; ++who)
        authors.emplace_back([&on, &at_work, who, each] {
            author pen(on, who, 1500);
            pen.publish(each);
            --at_work;
        });
    ledger l(1500);
    bool more = true;
    int lives = 0;
    while (more) {
        cursor place(on, "turns");
        consumer c(on, {.from = place.start()});
        const seq_t walked_from = c.next();
        const seq_t first = c.place().next; // an author that was kept waiting leaves its event open for long
        for (std::size_t polls = random.below(20); (polls > 0 || c.next() < first) && more; polls -= polls > 0 ? 1u : 0u) {
            const bool was_last = at_work == 0;
            const consume_status s = c.poll([&](const event& e) { l.event(e); }, [&](const gap& g) { l.gap(g); },
                                            {.max_events = 1 + random.below(60)});
            if (s == consume_status::caught_up) more = !was_last || c.next() < on.head();
            if (s == consume_status::recorder_behind) (void)c.wait(std::chrono::milliseconds(20));
        }
        place.save(c.place());
        CHECK(c.account().walked() == c.next() - walked_from);
        ++lives;
    }
    for (std::thread& t : authors) t.join();
    INFO(l.text());
    CHECK(l.all_of({{1, each}, {2, each}, {3, each}}));
    CHECK(l.events == 3 * each);
    CHECK(lives > 1);
}

TEST_CASE("cursor: a consumer that has not come to its place yet stands at it") {
    world w({.slots = 64});
    const bus on = w.bus();
    author pen(on, 1);
    pen.publish(20);
    const cursor_place at{15, 7};
    consumer c(on, {.from = from::place(at)});
    CHECK(c.next() == 7);
    CHECK(c.place() == at);
    ledger l;
    while (c.poll([&](const event& e) { l.event(e); }, {.max_events = 3, .last = 11}) == consume_status::delivered) {}
    CHECK(l.events == 0);
    CHECK(c.place() == at);
    CHECK(read_to(c, l, 20) == consume_status::delivered);
    CHECK(l.events == 6);
    CHECK(l.first_of.at(1) == 15);
    CHECK(c.place() == cursor_place{21, 21});
    CHECK(c.account().filtered == 8);
    CHECK(adds_up(c, 7));
}

TEST_CASE("cursor: a gap is given as far as a poll may walk, and the rest by the next") {
    world w({.slots = 64});
    const bus on = w.bus();
    author pen(on, 1);
    pen.publish(200);
    consumer c(on, {.from = from::place({40, 5})});
    ledger l;
    const auto poll_to = [&](seq_t last) {
        while (c.poll([&](const event& e) { l.event(e); }, [&](const gap& g) { l.gap(g); }, {.last = last}) == consume_status::delivered) {}
    };
    poll_to(60);
    CHECK(c.next() == 61);
    CHECK(l.gaps == lines{"40-60 overwritten"});
    poll_to(200);
    CHECK(l.in_gaps == 200 - 64 - 40 + 1);
    CHECK(l.events == 64);
    CHECK(adds_up(c, 5));
}

TEST_CASE("cursor: a bus without a log keeps none, and one whose head is below a place refuses it") {
    world w({.slots = 64});
    const bus on = w.bus();
    author(on, 1).publish(10);
    {
        cursor c(on, "a");
        c.save({11, 11});
    }
    CHECK(cursor(on, "a").place()->next == 11);
    {
        cursor c(on, "a");
        c.save({12, 12});
    }
    CHECK_THROWS_WITH_AS(cursor(on, "a"), doctest::Contains("lies ahead of ring and log"), error);
    support::scratch_bus alone;
    const bus without = bus::create(alone.name(), {.with_log = false});
    CHECK_THROWS_WITH_AS(cursor(without, "a"), doctest::Contains("it has no log"), error);
}
