// How hard pressed a reader is: by its lag, by what it holds, by what its program holds; in ctl, and by word.
#include "interleaved.hpp"
#include "recorder_fixture.hpp"

#include <evbus/subscriber.hpp>

#include <stdexcept>

using namespace recorder_test;

namespace {

/// A consumer of a ring of 64 slots without a recorder, and what it was told.
struct watched {
    explicit watched(bus_options how = {.slots = 64, .pacing = pacing::overwrite}, read_options reads = {}) : w(std::move(how)), on(w.bus()) {
        reads.from = from::seq(1);
        reads.on_pressure = [this](const pressure_change& p) {
            CHECK(p.before == last);
            CHECK(p.state != last);
            last = p.state;
            told.push_back(std::string(to_string(p.state)) + " " + std::to_string(p.lag));
        };
        c.emplace(on, reads);
        CHECK(in_ctl() == pressure::normal);
    }
    void poll(std::size_t events = 256) {
        (void)c->poll([](const event&) {}, {.max_events = events});
        CHECK(in_ctl() == c->pressure_state());
        CHECK(last == c->pressure_state());
    }
    /// Polls one by one until it has read `seq`; the head is looked at now and then only.
    void read_to(seq_t seq) {
        while (c->next() <= seq) poll(1);
    }
    /// Polls without taking anything until it has looked at the head again.
    void look_until(pressure p) {
        wait_until([&] {
            (void)c->poll([](const event&) {}, {.last = c->next() - 1});
            return c->pressure_state() == p;
        });
    }
    [[nodiscard]] pressure in_ctl() const {
        return static_cast<pressure>(ring::read_member(*on.attach(ring::access::read_only), c->number()).pressure);
    }
    world w;
    bus on;
    pressure last = pressure::normal;
    lines told;
    std::optional<consumer> c;
};

} // namespace

TEST_CASE("reader pressure: lag makes it throttled, being lapped suspended, and catching up normal again") {
    watched r;
    author pen(r.on, 1);
    pen.publish(31);
    r.poll(1); // 30 of 64 behind
    r.look_until(pressure::normal);
    CHECK(r.told.empty());
    pen.publish(2);
    r.look_until(pressure::throttled);
    CHECK(r.told == lines{"throttled 32"});
    r.read_to(8);
    r.look_until(pressure::throttled); // 25 behind: not yet far enough down
    pen.publish(100);
    r.poll(); // lapped: turns to the log
    CHECK(r.c->mode() == consumer_mode::catch_up);
    CHECK(r.c->pressure_state() == pressure::suspended);
    CHECK(r.told.size() == 2);
    CHECK(r.told[1].starts_with("suspended "));
    r.poll(); // no recorder: a gap up to what the ring has
    r.read_to(pen.last());
    r.poll();
    CHECK(r.c->pressure_state() == pressure::normal);
    CHECK(r.told.back() == "normal 0");
}

TEST_CASE("reader pressure: marks can be chosen, and are checked") {
    watched r({.slots = 64, .pacing = pacing::overwrite}, {.marks = {.throttle = 0.1, .suspend = 0.2, .resume = 0.15, .relax = 0.05}});
    author pen(r.on, 1);
    pen.publish(13);
    r.look_until(pressure::suspended);
    r.read_to(4);
    r.look_until(pressure::throttled);
    r.read_to(10);
    r.look_until(pressure::normal);
    CHECK_THROWS_AS(consumer(r.on, {.marks = {.throttle = 2}}), error);
    CHECK_THROWS_AS(subscriber(r.on, {.marks = {.relax = 0.9}}), error);
}

TEST_CASE("reader pressure: bytes held for large events count, and a shed event suspends until it is given") {
    watched r({.slots = 64, .pacing = pacing::overwrite}, {.max_buffered_bytes = 400});
    scribe a(r.on, "a"), b(r.on, "b");
    const std::size_t part = a.part_bytes();
    REQUIRE(part == 80);
    a.begin(std::string(6 * part, 'a'));
    b.begin(std::string(8 * part, 'b'));
    a.part(), a.part();
    r.poll();
    CHECK(r.c->pressure_state() == pressure::normal); // 160 of 400
    b.part();
    r.poll();
    CHECK(r.c->pressure_state() == pressure::throttled); // 240
    a.part(), a.part(), b.part();
    r.poll();
    CHECK(r.c->account().shed == 1); // b
    CHECK(r.c->pressure_state() == pressure::suspended);
    a.finish();
    r.poll();
    CHECK(r.c->pressure_state() == pressure::suspended); // b is to come
    b.finish();
    r.poll();
    r.poll();
    CHECK(r.c->account().events == 2);
    r.poll();
    CHECK(r.c->pressure_state() == pressure::normal);
    CHECK(r.told.back() == "normal 0");
}

TEST_CASE("reader pressure: what the program holds counts as lag does, and is told of at once") {
    watched r;
    r.c->set_load(0.6);
    CHECK(r.told == lines{"throttled 0"});
    CHECK(r.in_ctl() == pressure::throttled);
    r.c->set_load(7);
    CHECK(r.in_ctl() == pressure::suspended);
    r.poll(); // the ring is read to its head, and still
    CHECK(r.c->pressure_state() == pressure::suspended);
    r.c->set_load(std::numeric_limits<double>::quiet_NaN()); // says nothing is held
    CHECK(r.in_ctl() == pressure::normal);
    r.c->set_load(-1);
    CHECK(r.in_ctl() == pressure::normal);
}

TEST_CASE("reader pressure: what the hook throws ends the poll; the state has changed all the same, and nothing is given twice") {
    world w({.slots = 64, .pacing = pacing::overwrite});
    const bus on = w.bus();
    consumer c(on, {.from = from::seq(1), .on_pressure = [](const pressure_change&) { throw std::runtime_error("no"); }});
    CHECK_THROWS_AS(c.set_load(1), std::runtime_error);
    CHECK(c.pressure_state() == pressure::suspended);
    author pen(on, 1);
    pen.publish(3);
    ledger l;
    CHECK(read_to(c, l, 3) == consume_status::delivered);
    CHECK_THROWS_AS(c.set_load(0), std::runtime_error);
    CHECK(l.all_of({{1, 3}}));
}

TEST_CASE("reader pressure: a subscriber tells of its lag too, before it loses") {
    world w({.slots = 64, .with_log = false});
    const bus on = w.bus();
    lines told;
    subscriber sub(on, {.from = from::seq(1), .on_pressure = [&](const pressure_change& p) { told.push_back(to_string(p.state)); }});
    author pen(on, 1);
    pen.publish(40);
    wait_until([&] {
        (void)sub.poll([](const event&) {}, {.last = sub.next() - 1});
        return !told.empty();
    });
    CHECK(told == lines{"throttled"});
    CHECK(sub.poll([](const event&) {}) == 40);
    CHECK(told == lines{"throttled", "normal"});
    const ring::member_info entry = ring::read_member(*on.attach(ring::access::read_only), sub.number());
    CHECK(entry.pressure == 0);
}

TEST_CASE("reader pressure: a number's next owner begins with a clean entry") {
    watched r;
    const member_no number = r.c->number();
    r.c->set_load(1);
    CHECK(r.in_ctl() == pressure::suspended);
    r.c.reset();
    consumer next(r.on, {});
    REQUIRE(next.number() == number);
    CHECK(ring::read_member(*r.on.attach(ring::access::read_only), number).pressure == 0);
}
