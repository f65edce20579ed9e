// The table of participants: numbers, lives, names, and proof of death.
#include "process_fixture.hpp"
#include "ring_fixture.hpp"

#include <sched.h>

#include <thread>

using namespace ring_test;
using ring::member_kind;
using ring::membership;

TEST_CASE("members: numbers are the lowest free of their kind, and come back with another incarnation") {
    test_bus t;
    auto a = std::make_unique<membership>(t.attachment(), member_kind::publisher, "a");
    const membership b(t.attachment(), member_kind::publisher, "b");
    const membership r(t.attachment(), member_kind::subscriber, "r");
    CHECK(a->number() == member_no{1});
    CHECK(b.number() == member_no{2});
    CHECK(r.number() == member_no{4096});
    CHECK(a->incarnation() == 1);
    a.reset();
    CHECK_FALSE(ring::is_alive(t.at(), member_no{1}));
    CHECK_FALSE(ring::read_member(t.at(), member_no{1}).joined);
    const membership again(t.attachment(), member_kind::publisher, "again");
    CHECK(again.number() == member_no{1});
    CHECK(again.incarnation() == 2);
    CHECK(again.swept() == 0); // it left in good order
}

TEST_CASE("members: incarnations skip 0 when they wrap") {
    test_bus t;
    t.at().member(member_no{1}).incarnation.store(0xffff);
    const membership m(t.attachment(), member_kind::publisher, "m");
    CHECK(m.incarnation() == 1);
}

TEST_CASE("members: the living are listed with name, kind and pid; the killed are not") {
    test_bus t;
    const membership here(t.attachment(), member_kind::tool, std::string(39, 'n'));
    const board b;
    child other([&] {
        const membership m(ring::attachment::open(t.name(), ring::access::read_only), member_kind::consumer, "other");
        b[0].store(1);
        while (true) ::pause();
        return 0;
    });
    b.wait_for(0, 1);
    std::vector<ring::member_info> all = ring::living_members(t.at());
    REQUIRE(all.size() == 2);
    CHECK(all[0].name == std::string(39, 'n'));
    CHECK(all[0].kind == member_kind::tool);
    CHECK(all[1].name == "other");
    CHECK(all[1].pid == static_cast<std::uint32_t>(other.pid()));
    CHECK(all[1].joined);
    other.kill();
    all = ring::living_members(t.at());
    REQUIRE(all.size() == 1);
    CHECK(ring::read_member(t.at(), member_no{4097}).joined); // its entry cannot know: the lock is the proof
}

TEST_CASE("members: names that are none are refused, and unprintable bytes in the table are not shown") {
    test_bus t;
    CHECK(refusal([&] { membership m(t.attachment(), member_kind::tool, ""); }) == errc::bad_name);
    CHECK(refusal([&] { membership m(t.attachment(), member_kind::tool, std::string(40, 'x')); }) == errc::bad_name);
    const membership m(t.attachment(), member_kind::tool, "a\033[31m\nb");
    CHECK(ring::read_member(t.at(), m.number()).name == "a?[31m?b");
}

TEST_CASE("members: a crashed publisher's number is swept of its words before its next use") {
    test_bus t;
    t.publish_many(64);
    t.set_phase(3, phase::writing, 2);
    t.set_phase(9, phase::stalled, 2);
    t.set_phase(10, phase::writing, 3);
    ring::member_entry& e = t.at().member(member_no{2});
    e.state.store(static_cast<std::uint8_t>(ring::member_state::joined)); // as a killed member leaves it
    const membership m(t.attachment(), member_kind::publisher, "heir");
    REQUIRE(m.number() == member_no{2});
    CHECK(m.swept() == 2);
    CHECK(t.word(3).phase() == phase::dead);
    CHECK(t.word(9).phase() == phase::dead);
    CHECK(t.word(10).phase() == phase::writing);
}

TEST_CASE("members: an entry read while its number changes hands is of one life, never of two") {
    test_bus t;
    std::atomic<bool> stop{false};
    std::jthread lives([&] { // what membership does, without the system calls in between
        constexpr auto relaxed = std::memory_order_relaxed;
        ring::member_entry& e = t.at().member(member_no{4096});
        for (std::uint16_t i = 1; !stop.load(relaxed); ++i) {
            e.state.store(static_cast<std::uint8_t>(ring::member_state::left), std::memory_order_release);
            e.incarnation.store(i, std::memory_order_release);
            std::atomic_thread_fence(std::memory_order_release);
            e.pid.store(i, relaxed);
            for (auto& word : e.name) word.store('a' + i % 26, relaxed);
            e.state.store(static_cast<std::uint8_t>(ring::member_state::joined), std::memory_order_release);
        }
    });
    int joined = 0, torn = 0;
    for (int i = 0; i < rounds(2000000, 200000) || joined < 100; ++i) {
        const ring::member_info m = ring::read_member(t.at(), member_no{4096});
        if (!m.joined) continue;
        ++joined;
        if (m.pid != m.incarnation || m.name != std::string(1, static_cast<char>('a' + m.incarnation % 26))) ++torn;
    }
    stop.store(true);
    CHECK(torn == 0);
}

TEST_CASE("members: processes that join at once have a number each") {
    test_bus t;
    const board b;
    std::vector<child> all;
    for (std::size_t i = 0; i < 10; ++i)
        all.emplace_back([&, i] {
            b[0].fetch_add(1);
            b.wait_for(0, 10);
            const membership m(ring::attachment::open(t.name(), ring::access::read_write), member_kind::publisher, "p");
            b[10 + i].store(to_u16(m.number()));
            b[1].fetch_add(1);
            b.wait_for(1, 10);
            return 0;
        });
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < 10; ++i) {
        CHECK(all[i].wait() == 0);
        sum += b[10 + i].load();
    }
    CHECK(sum == 55);
}

TEST_CASE("members: a member in another PID namespace that dies is noticed") {
    test_bus t;
    const board b;
    child outer([&] {
        if (::unshare(CLONE_NEWPID) != 0) {
            b[2].store(1);
            return 0;
        }
        child inner([&] {
            const membership m(ring::attachment::open(t.name(), ring::access::read_write), member_kind::publisher, "far");
            b[0].store(to_u16(m.number()));
            while (true) ::pause();
            return 0;
        });
        b.wait_for(1, 1);
        inner.kill();
        return 0;
    });
    wait_until([&] { return b[0].load() != 0 || b[2].load() != 0; });
    if (b[2].load() != 0) {
        MESSAGE("no PID namespace to be had: left out");
        return;
    }
    const auto far = static_cast<member_no>(b[0].load());
    CHECK(ring::is_alive(t.at(), far));
    b[1].store(1);
    CHECK(outer.wait() == 0);
    CHECK_FALSE(ring::is_alive(t.at(), far));
}
