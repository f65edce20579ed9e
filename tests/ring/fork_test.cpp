// A forked child and its parent's handles: the child is told, the parent is not disturbed, and a child
// never keeps a dead parent alive.
#include "process_fixture.hpp"
#include "ring_fixture.hpp"

#include <barrier>
#include <thread>

using namespace ring_test;

TEST_CASE("fork: a child that publishes through its parent's handle is told so, and disturbs nothing") {
    test_bus t;
    t.publish("x", "before");
    child c([&] { return t.pen().publish(topic("x"), "from the child").status == publish_status::forked ? 0 : 1; });
    CHECK(c.wait() == 0);
    CHECK(t.publish("x", "after").seq == 2);
    CHECK(t.reader().drain() == lines{"1 x before", "2 x after"});
}

TEST_CASE("fork: the destructors of inherited handles do nothing to the parent's places") {
    test_bus t;
    auto pub = std::make_unique<publisher>(t.bus(), publisher_options{.name = "parent"});
    auto sub = std::make_unique<subscriber>(t.bus(), read_options{.name = "parent"});
    child c([&] {
        const int mine = ::open("/dev/null", O_RDONLY); // may get the number that a closed lock had
        pub.reset();
        sub.reset();
        return ::fcntl(mine, F_GETFD) >= 0 ? 0 : 1;
    });
    CHECK(c.wait() == 0);
    for (const member_no n : {pub->number(), sub->number()}) {
        CHECK(ring::read_member(t.at(), n).joined);
        CHECK(ring::is_alive(t.at(), n));
    }
    CHECK(pub->publish(topic("x"), "still here"));
}

TEST_CASE("fork: a lock that a child inherits is closed once, and not again under another's number") {
    test_bus t;
    ring::held_byte held = t.alive(77);
    child c([&] {
        int reused = -1; // take the descriptor's number for something else
        while (reused < held.fd()) reused = ::open("/dev/null", O_RDONLY);
        if (reused != held.fd()) return 2; // it was still open
        held = ring::held_byte();
        return ::fcntl(reused, F_GETFD) >= 0 ? 0 : 1;
    });
    CHECK(c.wait() == 0);
    CHECK(ring::is_alive(t.at(), member_no{77}));
}

TEST_CASE("fork: a subscriber's handle gives nothing in a child, and does not wait there") {
    test_bus t;
    test_reader r = t.reader();
    t.publish("x", "y");
    child c([&] { return r.drain().empty() && !r.sub.wait(std::chrono::hours(1)) ? 0 : 1; });
    CHECK(c.wait() == 0);
    CHECK(r.drain() == lines{"1 x y"});
}

TEST_CASE("fork: a child makes no new handles from its parent's bus, but opens the bus itself") {
    test_bus t;
    const bus parents = t.bus();
    t.publish("x", "y");
    child c([&] {
        if (refusal([&] { subscriber s(parents); }) != errc::forked) return 1;
        if (refusal([&] { publisher p(parents); }) != errc::forked) return 2;
        const bus own = bus::open(t.name());
        publisher p(own);
        test_reader r(own, {.from = from::oldest()});
        if (!p.publish(topic("x"), "z")) return 3;
        return r.drain() == lines{"1 x y", "2 x z"} ? 0 : 4;
    });
    CHECK(c.wait() == 0);
}

TEST_CASE("fork: a child of a killed publisher does not keep its place alive") {
    test_bus t;
    const board b;
    child parent([&] {
        publisher pub(bus::open(t.name()));
        b[1].store(to_u16(pub.number()));
        child grandchild([&] {
            b[0].store(static_cast<std::uint64_t>(::getpid()));
            while (true) ::pause();
            return 0;
        });
        while (true) ::pause();
        return 0;
    });
    b.wait_for(0, 1);
    const auto number = static_cast<member_no>(b[1].load());
    CHECK(ring::is_alive(t.at(), number));
    parent.kill();
    CHECK_FALSE(ring::is_alive(t.at(), number));
    ::kill(static_cast<pid_t>(b[0].load()), SIGKILL);
}

TEST_CASE("fork: a place survives exec of a child, which inherits no lock") {
    test_bus t;
    publisher pub(t.bus());
    child c([&] {
        ::execl("/bin/true", "true", nullptr);
        return 1;
    });
    CHECK(c.wait() == 0);
    CHECK(ring::is_alive(t.at(), pub.number()));
}

TEST_CASE("fork: threads that make a process's first handles at once are all at home") {
    for (int round = 0; round < rounds(300, 60); ++round) {
        child fresh([] { // a fork wipes the page: nobody here has made a handle yet
            std::atomic<int> astray{0};
            std::barrier start(4), made(4);
            std::vector<std::jthread> all;
            for (int i = 0; i < 4; ++i)
                all.emplace_back([&] {
                    start.arrive_and_wait();
                    const evbus::detail::fork_guard guard;
                    made.arrive_and_wait();
                    if (guard.in_child()) astray.fetch_add(1);
                });
            all.clear();
            return astray.load();
        });
        REQUIRE(fresh.wait() == 0);
    }
}

TEST_CASE("fork: every generation knows its own handles from those before it") {
    const evbus::detail::fork_guard first;
    child c([&] {
        const evbus::detail::fork_guard second;
        if (!first.in_child() || second.in_child()) return 1;
        child cc([&] {
            if (!first.in_child() || !second.in_child()) return 1;
            const evbus::detail::fork_guard third;
            return first.in_child() && second.in_child() && !third.in_child() ? 0 : 2;
        });
        return cc.wait();
    });
    CHECK(c.wait() == 0);
    CHECK_FALSE(first.in_child());
}
