// The descriptor for event loops: readable whenever poll has something to do, until a poll has done it.
#include "process_fixture.hpp"
#include "ring_fixture.hpp"

#include "tests/support/event_loop.hpp"

#include <evbus/ring/claimer.hpp>
#include <evbus/ring/retire.hpp>

using namespace ring_test;
using namespace std::chrono_literals;
using support::event_loop;
using support::is_readable;
using support::until_readable;

namespace {

/// The first 8 of 24 bytes, written by hand as publisher `owner`.
void put_first_fragment(const test_bus& t, seq_t seq, std::uint16_t owner) {
    const topic to("big");
    ring::shared_word* w = t.at().slot(seq);
    w[1].store(to.hash());
    w[2].store(1);
    w[3].store(8 | std::uint64_t{1} << 16 | to.text().size() << 32 | std::uint64_t{frame_flags::fragment} << 40 |
               std::uint64_t{owner} << 48);
    w[4].store(24);
    ring::store_words(w + 5, to.words());
    w[5 + to.words().size()].store(0x6161616161616161);
    t.set_phase(seq, phase::committed, owner);
    t.at().ring().tail.store(seq + 1);
}

} // namespace

TEST_CASE("fd: unreadable while there is nothing, readable from an event on, until a poll has read everything") {
    test_bus t;
    test_reader r = t.reader();
    const int fd = r.sub.fd();
    CHECK_FALSE(is_readable(fd));
    t.publish_many(3);
    until_readable(fd);
    CHECK(r.sub.poll([](const event&) {}, {.max_events = 2}) == 2);
    CHECK(is_readable(fd));
    CHECK(r.drain() == lines{"3 x 3"});
    CHECK_FALSE(is_readable(fd));
    CHECK(r.drain().empty());
    CHECK_FALSE(is_readable(fd));
    CHECK(r.sub.fd() == fd);
}

TEST_CASE("fd: readable from the start when something is there already, or when the start is far below the ring") {
    test_bus t({.first_seq = 1000});
    test_reader below = t.reader(from::seq(1));
    CHECK(is_readable(below.sub.fd()));
    t.publish("x", "y");
    test_reader r = t.reader();
    CHECK(is_readable(r.sub.fd()));
    CHECK(r.drain() == lines{"1000 x y"});
    CHECK_FALSE(is_readable(r.sub.fd()));
    CHECK(below.drain() == lines{"gap 1-999 overwritten", "1000 x y"});
    CHECK_FALSE(is_readable(below.sub.fd()));
}

TEST_CASE("fd: readable for whatever a poll has to do besides giving events") {
    test_bus t;
    t.publish("x", "1");
    test_reader r = t.reader();
    r.drain();
    const int fd = r.sub.fd();
    CHECK_FALSE(is_readable(fd));
    lines expected;
    std::uint64_t voids = 0;
    std::optional<ring::held_byte> owner;
    SUBCASE("a void") {
        t.set_phase(2, phase::dead);
        voids = 1;
    }
    SUBCASE("bytes that are no frame") {
        t.set_phase(2, phase::committed, 77);
        expected = {"gap 2-2 malformed"};
    }
    SUBCASE("a dead owner's unfinished slot") {
        t.set_phase(2, phase::writing, 77);
        voids = 1;
    }
    SUBCASE("a living owner's, once a later seq is claimed") {
        owner.emplace(t.alive(77));
        t.set_phase(2, phase::writing, 77);
        t.publish("x", "3");
        expected = {"3 x 3"};
        voids = 1;
    }
    SUBCASE("a lap") {
        t.publish_many(300);
        until_readable(fd);
        const lines given = r.drain();
        CHECK(given.front().starts_with("gap 2-"));
        CHECK(given.back() == "301 x 301");
        CHECK(r.law_holds());
        CHECK_FALSE(is_readable(fd));
        return;
    }
    SUBCASE("the ring's end") {
        REQUIRE(ring::retire(t.at(), 1s) == 2);
        until_readable(fd);
        CHECK(r.drain().empty());
        CHECK(r.sub.retired());
        CHECK(is_readable(fd)); // for good: an event loop that missed it once shall not wait for ever
        return;
    }
    until_readable(fd);
    CHECK(r.drain() == expected);
    CHECK(r.sub.losses().voids == voids);
    CHECK(r.law_holds());
    CHECK_FALSE(is_readable(fd));
}

TEST_CASE("fd: a publisher killed in mid-write makes it readable, and the poll gives the void") {
    test_bus t;
    test_reader r = t.reader();
    const int fd = r.sub.fd();
    const board b;
    child writer([&] {
        const auto at = ring::attachment::open(t.name(), ring::access::read_write);
        ring::membership place(at, ring::member_kind::publisher, "w");
        ring::claimer pen(*at, place.number());
        if (pen.claim() != ring::claim_status::claimed) return 1;
        b[0].store(1);
        while (true) ::pause();
        return 0;
    });
    b.wait_for(0, 1);
    CHECK(r.drain().empty());
    CHECK_FALSE(is_readable(fd));
    writer.kill();
    until_readable(fd);
    CHECK(r.drain().empty());
    CHECK(r.sub.losses().voids == 1);
    CHECK_FALSE(is_readable(fd));
}

TEST_CASE("fd: an event whose author died in the midst of it is ended by a poll that the descriptor asks for") {
    test_bus t;
    test_reader r = t.reader();
    const int fd = r.sub.fd();
    {
        const ring::held_byte owner = t.alive(77);
        put_first_fragment(t, 1, 77);
        until_readable(fd);
        CHECK(r.drain().empty());
        CHECK(r.sub.losses().open == 1);
        CHECK_FALSE(is_readable(fd));
    }
    while (r.sub.losses().open != 0) {
        until_readable(fd);
        CHECK(r.drain().empty());
    }
    CHECK(r.sub.losses().voids == 1);
    CHECK(r.law_holds());
    r.drain();
    CHECK_FALSE(is_readable(fd));
}

TEST_CASE("fd: who starts ahead of the head is woken by its own seq, or by the end of the ring below it") {
    test_bus t;
    test_reader r = t.reader(from::seq(20));
    const int fd = r.sub.fd();
    t.publish_many(19);
    CHECK_FALSE(is_readable(fd));
    SUBCASE("its own") {
        t.publish_many(1);
        until_readable(fd);
        CHECK(r.drain() == lines{"20 x 20"});
        CHECK_FALSE(is_readable(fd));
    }
    SUBCASE("the end, right before it") {
        REQUIRE(ring::retire(t.at(), 1s) == 20);
        until_readable(fd);
        r.drain();
        CHECK(r.sub.retired());
    }
    SUBCASE("the end, below it") {
        test_reader later = t.reader(from::seq(50));
        const int its_fd = later.sub.fd();
        REQUIRE(ring::retire(t.at(), 1s) == 20);
        until_readable(its_fd);
        later.drain();
        CHECK(later.sub.retired());
    }
}

TEST_CASE("fd: an onlooker's works by timer, and sets no flag") {
    test_bus t;
    test_reader r(bus::observe(t.name()), {.from = from::oldest()});
    const int fd = r.sub.fd();
    CHECK_FALSE(is_readable(fd));
    t.publish("x", "y");
    CHECK(t.at().ctl().data_bell.rings.load() == 0);
    until_readable(fd);
    CHECK(r.drain() == lines{"1 x y"});
    t.set_phase(2, phase::writing, 77); // it may not mend that, but prove it
    t.at().ring().tail.store(3);
    while (r.sub.next() == 2) {
        until_readable(fd);
        CHECK(r.drain().empty());
    }
    CHECK(r.sub.losses().voids == 1);
    CHECK_FALSE(is_readable(fd));
}

TEST_CASE("fd: two handles of two buses in one event loop, each told of its own") {
    test_bus one, two;
    test_reader a = one.reader(), b = two.reader();
    const event_loop loop({a.sub.fd(), b.sub.fd()});
    for (int i = 1; i <= 100; ++i) {
        test_bus& to = i % 3 == 0 ? one : two;
        test_reader& from = i % 3 == 0 ? a : b;
        to.publish("x", "y");
        CHECK(loop.wait() == from.sub.fd());
        CHECK(from.drain().size() == 1);
    }
    one.publish("x", "y");
    two.publish("x", "y");
    std::size_t given = 0;
    while (given < 2) {
        const int ready = loop.wait();
        given += (ready == a.sub.fd() ? a : b).drain().size();
    }
    CHECK_FALSE(is_readable(a.sub.fd()));
    CHECK_FALSE(is_readable(b.sub.fd()));
}

TEST_CASE("fd: who reads it as an eventfd is read, or waits and polls without it, loses nothing") {
    test_bus t;
    test_reader r = t.reader();
    const int fd = r.sub.fd();
    std::uint64_t count = 0;
    for (int i = 0; i < 100; ++i) {
        t.publish_many(2);
        until_readable(fd);
        if (i % 2 == 0) CHECK(::read(fd, &count, sizeof count) == sizeof count);
        CHECK(r.sub.poll([](const event&) {}, {.max_events = 1}) == 1);
        CHECK(is_readable(fd));
        if (i % 3 == 0) CHECK(r.sub.wait(1h));
        CHECK(r.sub.poll([](const event&) {}) == 1);
        CHECK_FALSE(is_readable(fd));
    }
    t.publish("x", "y");
    until_readable(fd);
    CHECK_THROWS_AS(r.sub.poll([](const event&) { throw 1; }), int);
    CHECK(is_readable(fd)); // a poll that a handler ended has not read everything, as far as it knows
    r.drain();
    CHECK_FALSE(is_readable(fd));
}

TEST_CASE("fd: a repair that its thread made is told on the thread that polls") {
    test_bus t;
    std::vector<std::string> heard;
    subscriber sub(t.bus(), {.on_notice = [&, home = ::gettid()](const notice& n) {
                       heard.push_back(std::string(to_string(n.kind)) + " " + std::to_string(n.seq) + (::gettid() == home ? "" : " elsewhere"));
                   }});
    const int fd = sub.fd();
    t.set_phase(1, phase::writing, 77);
    until_readable(fd);
    sub.poll([](const event&) {});
    CHECK(sub.losses().voids == 1);
    CHECK(heard == lines{"reaped 1"});
    CHECK(t.at().ctl().notices[static_cast<std::size_t>(notice_kind::reaped)].load() == 1);
}
