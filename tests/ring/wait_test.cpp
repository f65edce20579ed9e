// Sleeping and waking between processes, and what both cost: no wake-up is lost, a publisher makes no
// system call while nobody sleeps, an idle reader hardly wakes.
#include "process_fixture.hpp"
#include "ring_fixture.hpp"

#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <thread>

using namespace ring_test;
using namespace std::chrono_literals;

namespace {

long voluntary_switches() {
    rusage u{};
    ::getrusage(RUSAGE_THREAD, &u);
    return u.ru_nvcsw;
}

/// True when a wait lasted to its end although there was something to wake for.
bool slept_through(subscriber& sub, std::chrono::nanoseconds limit) {
    const std::int64_t start = evbus::detail::steady_ns();
    (void)sub.wait(limit);
    return evbus::detail::steady_ns() - start >= limit.count();
}

} // namespace

TEST_CASE("wait: no wake-up is lost in a game of ping-pong by two processes that sleep each time") {
    test_bus ping, pong;
    const std::uint64_t games = rounds<std::uint64_t>(20000, 3000);
    const read_options asleep{.filters = {}, .spin = 0ns};
    const auto echo = [&](const test_bus& in, const test_bus& out, subscriber& sub, bool serve) {
        publisher pub(bus::open(out.name()));
        const topic to("x");
        std::uint64_t late = 0, lost = 0;
        if (serve && !pub.publish(to, "y")) return std::uint64_t{1000000};
        for (std::uint64_t i = 0; i < games; ++i) {
            const std::int64_t start = evbus::detail::steady_ns();
            while (sub.poll([](const event&) {}) == 0)
                if (slept_through(sub, 10s)) ++lost; // the other has answered long ago
            // A sleep that no bell ends lasts 250 ms; a machine that is busy elsewhere may do that too, but seldom.
            if (evbus::detail::steady_ns() - start > 240'000'000) ++late;
            if ((!serve || i + 1 < games) && !pub.publish(to, "y")) return std::uint64_t{1000000};
        }
        (void)in;
        return lost == 0 ? late : std::uint64_t{1000000};
    };
    subscriber here(pong.bus(), asleep);
    const board b;
    child other([&] {
        subscriber there(bus::open(ping.name()), asleep);
        b[0].store(1);
        return echo(ping, pong, there, false) <= games / 1000 ? 0 : 1;
    });
    b.wait_for(0, 1);
    CHECK(echo(pong, ping, here, true) <= games / 1000);
    CHECK(other.wait() == 0);
}

TEST_CASE("wait: a reader that goes to sleep just as a slot is claimed is woken by its commit") {
    test_bus t;
    subscriber sub(t.bus(), {.spin = 0ns});
    publisher pub(t.bus(), {.name = "pub"});
    const ring::held_byte living = t.alive(77);
    int lost = 0;
    for (seq_t seq = 1; seq <= rounds<seq_t>(60, 20); ++seq) {
        const slot_word free = t.word(seq);
        std::atomic<bool> going{false};
        std::jthread other([&] { // claims and gives up over and over, so that two looks see two things
            going.store(true);
            for (int i = 0; i < 2000; ++i) {
                t.set_phase(seq, phase::writing, 77);
                t.set_word(seq, free);
            }
            (void)pub.publish(topic("x"), "y");
        });
        while (!going.load()) {}
        if (slept_through(sub, 3s)) ++lost;
        other.join();
        sub.poll([](const event&) {});
        REQUIRE(sub.next() == seq + 1);
        if (lost == 2) break;
    }
    CHECK(lost == 0);
}

TEST_CASE("wait: an idle blocked reader wakes fewer than five times a second, and keeps no core busy") {
    test_bus t;
    subscriber sub(t.bus());
    const long switches = voluntary_switches();
    const std::int64_t idle_ns = rounds<std::int64_t>(3'000'000'000, 1'000'000'000);
    CHECK_FALSE(sub.wait(std::chrono::nanoseconds(idle_ns)));
    CHECK(voluntary_switches() - switches <= idle_ns / 200'000'000);
}

TEST_CASE("wait: a publisher makes no system call while nobody sleeps") {
    test_bus t({.slots = 16384, .slot_bytes = 256, .stamps = evbus::detail::counter_is_invariant() ? ring::stamp_mode::counter : ring::stamp_mode::wall_ns});
    // Counted by the kernel: between two stops of its own the child's system calls are traced one by one.
    child c([&] {
        publisher pub(bus::open(t.name()));
        const topic to("x");
        if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) return 77;
        ::raise(SIGSTOP);
        for (int i = 0; i < 20000; ++i)
            if (!pub.publish(to, "y")) return 1;
        ::getppid(); // the mark
        return 0;
    });
    int status = 0;
    ::waitpid(c.pid(), &status, WUNTRACED);
    if (WIFEXITED(status)) {
        MESSAGE("no tracing to be had: left out");
        return;
    }
    ::ptrace(PTRACE_SETOPTIONS, c.pid(), nullptr, PTRACE_O_TRACESYSGOOD);
    std::vector<long> calls;
    bool entering = true;
    while (::ptrace(PTRACE_SYSCALL, c.pid(), nullptr, nullptr) == 0 && ::waitpid(c.pid(), &status, 0) > 0 && WIFSTOPPED(status)) {
        if (WSTOPSIG(status) != (SIGTRAP | 0x80)) continue;
        if (std::exchange(entering, !entering)) {
            __ptrace_syscall_info info{};
            ::ptrace(static_cast<__ptrace_request>(PTRACE_GET_SYSCALL_INFO), c.pid(), sizeof info, &info);
            if (info.op == PTRACE_SYSCALL_INFO_ENTRY) calls.push_back(static_cast<long>(info.entry.nr));
            if (!calls.empty() && calls.back() == SYS_getppid) break;
        }
    }
    ::ptrace(PTRACE_DETACH, c.pid(), nullptr, nullptr);
    CHECK(c.wait() == 0);
    // What ends raise() comes first; then only the mark.
    std::erase_if(calls, [](long nr) { return nr == SYS_rt_sigprocmask; });
    CHECK(calls == std::vector<long>{SYS_getppid});
}

TEST_CASE("wait: a sleeper that was killed costs the next publisher one call, and nobody a wake-up") {
    test_bus t;
    child sleeper([&] {
        subscriber sub(bus::open(t.name()), {.spin = 0ns});
        while (true) (void)sub.wait(1h);
        return 0;
    });
    wait_until([&] { return t.at().ctl().data_bell.sleepers.load() != 0; });
    sleeper.kill();
    t.publish("x", "y");
    CHECK(t.at().ctl().data_bell.sleepers.load() == 0);
    const std::uint32_t rings = t.at().ctl().data_bell.rings.load();
    t.publish("x", "y");
    CHECK(t.at().ctl().data_bell.rings.load() == rings);
}

TEST_CASE("wait: a ringer that died between flag and bell does not silence the bell for good") {
    test_bus t;
    t.at().ctl().data_bell.sleepers.store(17); // as it leaves the flag
    const std::uint32_t rings = t.at().ctl().data_bell.rings.load();
    t.publish("x", "y");
    CHECK(t.at().ctl().data_bell.rings.load() == rings + 1);
    CHECK(t.at().ctl().data_bell.sleepers.load() == 0);
}

TEST_CASE("wait: waiting for the frontier ends when the recorder has moved it, or with the time") {
    test_bus t;
    fake_recorder rec(t);
    const bus b = t.bus();
    CHECK_FALSE(b.wait_written(5, 2ms));
    CHECK_FALSE(b.wait_written(5, -1ns));
    CHECK(b.wait_written(0, 0ns));
    child waiter([&] { return bus::open(t.name()).wait_written(5, 1h) ? 0 : 1; });
    wait_until([&] { return t.at().ctl().frontier_bell.sleepers.load() != 0; });
    rec.wrote(5);
    CHECK(waiter.wait() == 0);
    CHECK(b.frontier().written == 5);
    CHECK(b.has_recorder());
}
