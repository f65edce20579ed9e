// The byte budget of a reader: what it holds for large events is bounded, and with a log it costs no event.
#include "interleaved.hpp"
#include "recorder_fixture.hpp"

#include "tests/support/random.hpp"

#include <evbus/subscriber.hpp>

#include <poll.h>

using namespace recorder_test;

namespace {

/// Everything that can be told of an event.
std::string text_of(const event& e) {
    std::string out = std::to_string(e.first_seq()) + "-" + std::to_string(e.seq()) + " " + std::string(e.topic()) + " @" +
                      std::to_string(e.published()) + " by " + std::to_string(to_u16(e.publisher().number)) + " ";
    for (const header& h : e.headers()) out += std::string(h.key) + "=" + std::string(h.value) + " ";
    return out + std::string(e.text());
}
std::string text_of(const gap& g) {
    return "gap " + std::to_string(g.range.first) + "-" + std::to_string(g.range.last) + " " + to_string(g.cause) + " " + std::to_string(g.seqs);
}

/// A consumer with a budget, and what it was given.
struct reading {
    reading(const bus& on, std::size_t bytes, from where = from::seq(1))
        : budget(bytes), start(where.place().walk_from), c(on, {.from = where, .max_buffered_bytes = bytes}) {}
    consume_status poll(std::size_t events = 256) {
        const consume_status s = c.poll([&](const event& e) { given.push_back(text_of(e)); }, [&](const gap& g) { given.push_back(text_of(g)); },
                                        {.max_events = events});
        REQUIRE(s != consume_status::log_failed);
        if (c.next() > start) REQUIRE(adds_up(c, start));
        return s;
    }
    void read_to(seq_t last) {
        wait_until([&] {
            if (poll() != consume_status::delivered && c.next() <= last) (void)c.wait(std::chrono::milliseconds(5));
            return c.next() > last;
        });
    }
    std::size_t budget;
    seq_t start;
    consumer c;
    lines given;
};

std::string letters(std::size_t bytes, char first) {
    std::string out(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<char>('a' + (static_cast<std::size_t>(first) + i * 7 + i / 26) % 26);
    return out;
}

/// Two events whose parts alternate, `parts` frames each; the second is shed by a reader that holds one alone.
struct two_events {
    explicit two_events(const bus& on) : a(on, "a"), b(on, "b") {}
    void begin(std::size_t parts) {
        a.begin(letters(parts * a.part_bytes(), 'a'));
        b.begin(letters(parts * b.part_bytes(), 'b'), {});
    }
    void alternate(std::size_t parts) {
        for (std::size_t i = 0; i < parts; ++i) a.part(), b.part();
    }
    scribe a, b;
};

/// A recorder that lives and writes nothing: its byte is held.
struct standing_recorder {
    explicit standing_recorder(const bus& on)
        : at(on.attach(ring::access::read_write)), byte(ring::held_byte::try_take(at->ctl_name(), ring::recorder_lock_byte)) {
        REQUIRE(byte);
    }
    std::shared_ptr<ring::attachment> at;
    ring::held_byte byte;
};

} // namespace

TEST_CASE("budget: a shed event comes whole and in its place, from the ring while that has it") {
    world w({.slots = 64, .pacing = pacing::overwrite});
    const bus on = w.bus();
    reading all(on, default_buffered_bytes), little(on, 1);
    two_events two(on);
    two.begin(6);
    two.alternate(6);
    author pen(on, 1);
    pen.publish(1);
    all.read_to(pen.last());
    little.read_to(pen.last());
    CHECK(all.given.size() == 3);
    CHECK(little.given == all.given);
    CHECK(all.c.account().shed == 0);
    CHECK(little.c.account().shed == 1);
    CHECK(little.c.from_log() == 0);
    CHECK(ring::read_member(*on.attach(ring::access::read_only), little.c.number()).shed == 1);
}

TEST_CASE("budget: one event alone may pass it, however large") {
    world w({.slots = 64, .pacing = pacing::overwrite});
    const bus on = w.bus();
    reading little(on, 1);
    scribe a(on, "a");
    a.begin(letters(1000, 'x'));
    little.read_to(a.finish());
    CHECK(little.given.size() == 1);
    CHECK(little.c.account().shed == 0);
}

TEST_CASE("budget: of nothing is refused with the way out") {
    world w({.slots = 64});
    try {
        consumer c(w.bus(), {.max_buffered_bytes = 0});
        FAIL("accepted");
    } catch (const error& e) {
        CHECK(e.kind() == errc::bad_option);
        CHECK(std::string(e.what()).find("max_buffered_bytes 0") != std::string::npos);
    }
}

TEST_CASE("budget: a reader without a log loses what is over it, as one gap in its place") {
    world w({.slots = 64, .with_log = false});
    const bus on = w.bus();
    reading logless(on, 1);
    subscriber sub(on, {.from = from::seq(1), .max_buffered_bytes = 1});
    two_events two(on);
    two.begin(6);
    two.alternate(6);
    logless.read_to(12);
    lines given;
    sub.poll([&](const event& e) { given.push_back(text_of(e)); }, [&](const gap& g) { given.push_back(text_of(g)); });
    REQUIRE(given.size() == 2);
    CHECK(given[0].starts_with("1-11 a"));
    CHECK(given[1] == "gap 2-12 incomplete 6");
    CHECK(logless.given == given);
    CHECK(sub.losses().walked() == 12);
    CHECK(sub.losses().shed == 1);
}

TEST_CASE("budget: what is gone from the ring comes from the log, and is waited for while the recorder is behind") {
    world w({.slots = 64, .pacing = pacing::overwrite});
    const bus on = w.bus();
    reading all(on, default_buffered_bytes), little(on, 1);
    two_events two(on);
    author pen(on, 1);
    seq_t last = no_seq;
    {
        recorder_thread recorder(on);
        two.begin(6);
        two.alternate(5);
        for (int i = 0; i < 3; ++i) { // the ring goes round, and both are at its head
            pen.publish(40);
            all.read_to(pen.last());
            little.read_to(pen.last());
            REQUIRE(on.wait_written(pen.last(), ages));
        }
        two.a.finish();
        last = two.b.finish();
        REQUIRE(on.wait_written(last, ages));
    }
    standing_recorder stands(on);
    ring::frontier_words& f = stands.at->ctl().frontier;
    f.written.store(1);
    all.read_to(last);
    while (little.poll() == consume_status::delivered) {}
    CHECK(little.poll() == consume_status::recorder_behind);
    CHECK(little.c.next() == last); // its last frame is not walked yet
    CHECK(little.c.place() == cursor_place{last, 2});
    CHECK(little.c.pressure_state() == pressure::suspended);
    CHECK_FALSE(little.c.wait(std::chrono::milliseconds(0)));
    const std::size_t so_far = little.given.size();
    CHECK(so_far + 1 == all.given.size());

    SUBCASE("it comes on") {
        f.written.store(last);
        CHECK(little.c.wait(ages));
        little.read_to(last);
        CHECK(little.given == all.given);
        CHECK(little.c.from_log() == 1);
        CHECK(little.c.account().lost() == 0);
    }
    SUBCASE("it writes only a part of it, and then the rest") {
        f.written.store(5);
        CHECK(little.poll() == consume_status::recorder_behind);
        f.written.store(last);
        little.read_to(last);
        CHECK(little.given == all.given);
    }
    SUBCASE("who goes on from that place gets it too") {
        f.written.store(last);
        reading later(on, 1, from::place(little.c.place()));
        later.read_to(last);
        CHECK(later.given == lines{all.given.back()});
    }
    SUBCASE("its descriptor rests meanwhile, and tells when it can go on") {
        const int fd = little.c.fd();
        (void)little.poll();
        pollfd p{fd, POLLIN, 0};
        while (::poll(&p, 1, 0) == 1) (void)little.poll(); // it may be readable once for nothing
        f.written.store(last);
        ring::doorbell(stands.at->ctl().frontier_bell).ring(little.c.number());
        CHECK(::poll(&p, 1, -1) == 1);
        little.read_to(last);
        CHECK(little.given == all.given);
    }
}

TEST_CASE("budget: what neither ring nor log has is a gap, once the recorder is proven dead and not before") {
    world w({.slots = 64, .pacing = pacing::overwrite});
    const bus on = w.bus();
    reading little(on, 1);
    two_events two(on);
    author pen(on, 1);
    two.begin(6);
    two.alternate(5);
    for (int i = 0; i < 3; ++i) {
        pen.publish(40);
        little.read_to(pen.last());
    }
    two.a.finish();
    const seq_t last = two.b.finish();
    {
        standing_recorder stands(on);
        while (little.poll() == consume_status::delivered) {}
        CHECK(little.poll() == consume_status::recorder_behind);
    }
    little.read_to(last);
    CHECK(little.given.back() == "gap 2-" + std::to_string(last) + " incomplete 6");
    CHECK(little.c.next() == last + 1);
}

TEST_CASE("budget: an event that was shed and never finished was never published") {
    world w({.slots = 64, .pacing = pacing::overwrite});
    const bus on = w.bus();
    reading all(on, default_buffered_bytes), little(on, 1);
    two_events two(on);
    two.begin(6);
    two.alternate(4);
    two.b.begin("short");
    const seq_t last = two.b.finish();
    all.read_to(last);
    little.read_to(last);
    CHECK(little.given == all.given);
    CHECK(little.c.account().shed == 1);
    CHECK(little.c.account().voids == 4);
}

TEST_CASE("budget: who reads the log alone has everything too") {
    world w({.slots = 64, .pacing = pacing::strict});
    const bus on = w.bus();
    {
        recorder_thread recorder(on);
        two_events two(on);
        two.begin(6);
        two.alternate(6);
        REQUIRE(on.wait_written(12, ages));
    }
    for (const std::size_t budget : {std::size_t{1}, default_buffered_bytes}) {
        lines given;
        log_walk walk(log::posix(), w.log_dir(), {});
        filter_set everything = filter_set::everything();
        delivery deliver(budget);
        const auto on_event = [&](const event& e) { given.push_back(text_of(e)); };
        const auto on_gap = [&](const gap& g) { given.push_back(text_of(g)); };
        seq_t next = 1;
        while (walk.poll(next, max_seq, everything, deliver, on_event, on_gap, [](const auto&) {}, {}) == log_rest::limits) {}
        REQUIRE(given.size() == 2);
        CHECK(given[0].starts_with("1-11 a"));
        CHECK(given[1].starts_with("2-12 b"));
        CHECK(deliver.account().walked() == 12);
        CHECK(deliver.account().shed == (budget == 1 ? 1 : 0));
    }
}

TEST_CASE("budget: whatever it is, and however events lie between each other, a consumer is given what one without is") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    for (int round = 0; round < rounds(16, 4); ++round) {
        CAPTURE(round);
        world w({.slots = 64, .pacing = pacing::strict});
        const bus on = w.bus();
        std::optional<recorder_thread> recorder(on);
        std::vector<std::unique_ptr<scribe>> scribes;
        for (int i = 0; i < 6; ++i) scribes.push_back(std::make_unique<scribe>(on, "big." + std::to_string(i % 4)));
        const std::size_t part = scribes[0]->part_bytes();
        author pen(on, 1);
        reading all(on, default_buffered_bytes);
        std::vector<std::unique_ptr<reading>> readers;
        for (const std::size_t budget : {std::size_t{1}, part, 3 * part, 10 * part, 20 * part, 1 + random.below(60 * part)})
            readers.push_back(std::make_unique<reading>(on, budget));
        reading& heir_of = *readers[random.below(readers.size())];
        std::unique_ptr<reading> heir; ///< goes on from where that one was, at some time
        std::size_t heir_begins = 0;
        seq_t last = no_seq;
        for (int step = 0; step < 600; ++step) {
            scribe& s = *scribes[random.below(scribes.size())];
            if (!s.is_under_way() || random.one_in(60)) {
                headers h;
                if (random.one_in(2)) h.add("k", std::to_string(step));
                s.begin(letters(part + 1 + random.below(15 * part), static_cast<char>('a' + step % 26)), h);
            }
            last = s.part();
            if (random.one_in(10)) pen.publish(1), last = pen.last();
            if (random.one_in(6)) (void)readers[random.below(readers.size())]->poll(1 + random.below(4));
            if (random.one_in(6)) (void)all.poll(1 + random.below(4));
            if (!heir && step > 200 && random.one_in(100)) {
                heir_begins = heir_of.given.size();
                heir = std::make_unique<reading>(on, heir_of.budget, from::place(heir_of.c.place()));
            }
        }
        // The end of some may come from the ring of a bus without a recorder.
        if (random.one_in(2)) recorder.reset();
        all.read_to(last);
        REQUIRE(all.c.account().events > 20);
        REQUIRE(all.c.account().shed == 0);
        for (const auto& r : readers) {
            CAPTURE(r->budget);
            r->read_to(last);
            REQUIRE(r->given == all.given);
            REQUIRE(r->c.account().lost() == all.c.account().lost());
            REQUIRE(r->c.account().voids == all.c.account().voids);
            REQUIRE(r->c.account().open == all.c.account().open);
        }
        CHECK(readers[0]->c.account().shed > 0);
        if (!heir) continue;
        heir->read_to(last);
        REQUIRE(heir->given == lines(heir_of.given.begin() + static_cast<std::ptrdiff_t>(heir_begins), heir_of.given.end()));
    }
}
