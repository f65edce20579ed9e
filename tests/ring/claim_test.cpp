// Claiming: seqs are distinct and dense, each publisher's order is kept, and a publisher that is
// stopped or killed right after its claim costs its own event at the most.
#include "process_fixture.hpp"
#include "ring_fixture.hpp"

#include <map>

using namespace ring_test;

namespace {

/// A child that claims one slot as a publisher would and stops itself before the commit. After it is
/// let go on it commits; exits with 0 when the commit failed, 1 when it held.
child stopped_owner(const test_bus& t, const board& b) {
    child c([&] {
        const auto at = ring::attachment::open(t.name(), ring::access::read_write);
        ring::membership place(at, ring::member_kind::publisher, "stopped");
        ring::claimer pen(*at, place.number());
        if (pen.claim() != ring::claim_status::claimed) return 9;
        b[0].store(pen.seq());
        b[1].store(to_u16(place.number()));
        ::raise(SIGSTOP);
        pen.words()[2].store(0xdead, std::memory_order_relaxed); // its pen is still in the slot
        const bool held = pen.commit();
        b[2].store(1);
        ::raise(SIGSTOP);
        return held ? 1 : 0;
    });
    c.wait_stopped();
    REQUIRE(b[0].load() != 0);
    return c;
}

} // namespace

TEST_CASE("claim: a tail near the greatest seq leads no publisher there") {
    test_bus t;
    t.publish("a", "1");
    t.at().ring().tail.store(max_seq - 3);
    publisher fresh(t.bus());
    CHECK(fresh.publish(topic("a"), "2").seq == 2);
}

TEST_CASE("claim: P processes times N events are exactly P times N dense seqs, in each publisher's order") {
    constexpr std::uint64_t processes = 4;
    const std::uint64_t events = rounds<std::uint64_t>(20000, 3000);
    test_bus t({.slots = 1 << 17, .slot_bytes = 128});
    const board b;
    std::vector<child> all;
    for (std::uint64_t p = 0; p < processes; ++p)
        all.emplace_back([&, p] {
            publisher pub(bus::open(t.name()));
            const topic to("p." + std::to_string(p));
            b[0].fetch_add(1);
            wait_until([&] { return b[0].load() == processes; });
            seq_t last = no_seq;
            for (std::uint64_t i = 0; i < events; ++i) {
                const published r = pub.publish(to, std::as_bytes(std::span(&i, 1)));
                if (!r || r.seq <= last) return 1;
                last = r.seq;
            }
            return 0;
        });
    for (child& c : all) CHECK(c.wait() == 0);
    std::map<std::string, std::uint64_t, std::less<>> next;
    std::uint64_t wrong = 0;
    subscriber sub(t.bus(), {.from = from::oldest()});
    seq_t want = 1;
    while (sub.poll([&](const event& e) {
        std::uint64_t i = 0;
        std::memcpy(&i, e.payload().data(), sizeof i);
        std::uint64_t& expected = next.try_emplace(std::string(e.topic()), 0).first->second;
        if (i != expected++) ++wrong;
        if (e.seq() < want) ++wrong;
        want = e.seq() + 1;
    }) != 0) {}
    CHECK(wrong == 0);
    CHECK(next.size() == processes);
    // A publisher that was preempted may be stepped over and publish again: that seq is a void.
    CHECK(sub.losses().events == processes * events);
    CHECK(sub.losses().lost() == 0);
    CHECK(ring::find_head(t.at()) == 1 + processes * events + sub.losses().voids);
}

TEST_CASE("claim: many publishers on the smallest ring lap each other without a seq used twice") {
    constexpr std::uint64_t processes = 4;
    const std::uint64_t events = rounds<std::uint64_t>(20000, 3000);
    test_bus t;
    const board b;
    std::vector<child> all;
    for (std::uint64_t p = 0; p < processes; ++p)
        all.emplace_back([&, p] {
            publisher pub(bus::open(t.name()));
            b[0].fetch_add(1);
            wait_until([&] { return b[0].load() == processes; });
            std::uint64_t sum = 0;
            seq_t last = no_seq;
            for (std::uint64_t i = 0; i < events; ++i) {
                const published r = pub.publish(topic("x"), "y");
                if (!r || r.seq <= last) return 1;
                last = r.seq;
                sum += r.seq;
            }
            b[1 + p].store(sum);
            b[10 + p].store(pub.given_back());
            return 0;
        });
    for (child& c : all) CHECK(c.wait() == 0);
    const seq_t head = ring::find_head(t.at());
    std::uint64_t sum = 0, back = 0;
    for (std::uint64_t p = 0; p < processes; ++p) sum += b[1 + p].load(), back += b[10 + p].load();
    CHECK(head - 1 >= processes * events);
    // Every seq that nobody was given is a void, and there are no more of them than slots given back or stepped over.
    const auto notices = [&](notice_kind k) { return t.at().ctl().notices[static_cast<std::size_t>(k)].load(); };
    CHECK(notices(notice_kind::given_back) == back);
    CHECK(notices(notice_kind::stalled) >= back);
    if (head - 1 == processes * events) CHECK(sum == (head - 1) * head / 2);
}

TEST_CASE("claim: an owner stopped for ever holds up nobody who publishes, however many laps go by") {
    test_bus t;
    const board b;
    child owner = stopped_owner(t, b);
    const seq_t stuck = b[0].load();
    t.publish_many(1000);
    const lines got = t.reader(from::seq(ring::find_head(t.at()) - 60)).drain();
    CHECK(got.size() >= 59);
    CHECK(t.word(stuck).owner() == static_cast<member_no>(b[1].load()));
    CHECK(t.word(stuck).phase() == phase::stalled);

    SUBCASE("it goes on: its commit fails, nothing newer is overwritten, the slot is in use again") {
        const slot_word before = t.word(stuck);
        std::vector<std::uint64_t> neighbours;
        for (seq_t i = stuck + 1; i < stuck + 64; ++i) neighbours.push_back(t.at().slot(i)[2].load());
        owner.go_on();
        owner.wait_stopped();
        CHECK(t.word(stuck) == before.with(phase::dead));
        for (seq_t i = stuck + 1; i < stuck + 64; ++i) CHECK(t.at().slot(i)[2].load() == neighbours[i - stuck - 1]);
        owner.go_on();
        CHECK(owner.wait() == 0);
        t.publish_many(64);
        CHECK(t.word(stuck).phase() == phase::committed);
    }
    SUBCASE("it is killed: the slot is reaped and used again") {
        owner.kill();
        t.publish_many(64);
        CHECK(t.word(stuck).phase() == phase::committed);
    }
}

TEST_CASE("claim: an owner that was only slow commits as if nothing had been") {
    test_bus t;
    const board b;
    child owner = stopped_owner(t, b);
    t.publish_many(10);
    owner.go_on();
    owner.wait_stopped();
    owner.go_on();
    CHECK(owner.wait() == 1);
    CHECK(t.word(b[0].load()).phase() == phase::committed);
}

TEST_CASE("claim: a killed owner's seq becomes a void for readers, at once") {
    test_bus t;
    const board b;
    test_reader r = t.reader();
    child owner = stopped_owner(t, b);
    t.publish("x", "later");
    CHECK(r.drain().empty()); // unfinished: nobody may pass it yet
    owner.kill();
    wait_until([&] {
        (void)r.sub.wait(std::chrono::milliseconds(50));
        const lines got = r.drain();
        return got == lines{"2 x later"};
    });
    CHECK(r.sub.losses().voids == 1);
    CHECK(r.law_holds());
    CHECK(t.word(1).phase() == phase::dead);
}

TEST_CASE("claim: a publisher that is given a dead one's number makes its unfinished slots voids first") {
    test_bus t;
    const board b;
    child owner = stopped_owner(t, b);
    const seq_t stuck = b[0].load();
    owner.kill();
    std::string said;
    publisher heir(t.bus(), {.name = "heir", .on_notice = [&](const notice& n) { said = to_string(n.kind); }});
    CHECK(to_u16(heir.number()) == b[1].load());
    CHECK(t.word(stuck).phase() == phase::dead);
    CHECK(said == "reaped");
    CHECK(heir.publish(topic("x"), "y").seq == stuck + 1);
}

TEST_CASE("claim: who finds words that contradict the protocol says `damaged`, and ends") {
    test_bus t;
    publisher pub(t.bus());
    for (seq_t i = 0; i < 64; ++i) t.at().slot(i)->store(0);
    CHECK(pub.publish(topic("x"), "y").status == publish_status::damaged);
    for (seq_t i = 0; i < 64; ++i) t.at().slot(i)->store(~std::uint64_t{0});
    CHECK(pub.publish(topic("x"), "y").status != publish_status::published);
    CHECK_NOTHROW((void)ring::find_head(t.at()));
}

TEST_CASE("head: the tail is a hint; whatever stands there, the head is found") {
    test_bus t;
    t.publish_many(200);
    for (const seq_t tail : {seq_t{0}, seq_t{1}, seq_t{100}, seq_t{137}, seq_t{201}, seq_t{202}, seq_t{100000}, max_seq}) {
        CAPTURE(tail);
        t.at().ring().tail.store(tail);
        CHECK(ring::find_head(t.at()) == 201);
        publisher pub(t.bus()); // its walk begins at the head that it finds
        CHECK(t.reader(from::head()).sub.next() == 201);
    }
    CHECK(t.publish("x", "y").seq == 201);
}
