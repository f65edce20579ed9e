// The descriptor for event loops: no wake-up is lost, idle costs nothing; how long it lives, and in which process.
#include "process_fixture.hpp"
#include "ring_fixture.hpp"

#include "tests/support/event_loop.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>

#include <filesystem>
#include <fstream>

using namespace ring_test;
using namespace std::chrono_literals;
using support::event_loop;
using support::is_readable;
using support::until_readable;

namespace {

int eventfd_fails_with = 0;

} // namespace

/// The system's, unless it is to fail. (A limit of descriptors would hit the sanitizers too.)
extern "C" int eventfd(unsigned count, int flags) noexcept {
    if (eventfd_fails_with == 0) return static_cast<int>(::syscall(SYS_eventfd2, count, flags));
    errno = eventfd_fails_with;
    return -1;
}

namespace {

long process_switches() {
    rusage u{};
    ::getrusage(RUSAGE_SELF, &u);
    return u.ru_nvcsw;
}

/// A line of /proc/self/task/*/status of the helper thread; empty when there is none.
std::string helper_status(const std::string& key) {
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        std::ifstream status(task.path() / "status");
        std::string line, found;
        bool helper = false;
        while (std::getline(status, line)) {
            if (line.starts_with("Name:") && line.ends_with("evbus-fd")) helper = true;
            if (line.starts_with(key + ":")) found = line.substr(key.size() + 1);
        }
        if (helper) return found;
    }
    return {};
}

} // namespace

TEST_CASE("fd: a reader that only ever waits for it gets every event, each published when it sleeps or is about to") {
    test_bus t;
    const std::uint64_t games = rounds<std::uint64_t>(6000, 2000);
    const board b; // 0: how many the reader has had
    subscriber sub(t.bus());
    const event_loop loop({sub.fd()});
    child writer([&] {
        publisher pub(bus::open(t.name()));
        std::uint64_t dice = 88172645463325252u;
        for (std::uint64_t i = 0; i < games; ++i) {
            while (b[0].load() < i) {}
            dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
            for (std::uint64_t spin = dice % 4096; spin > 0; --spin) evbus::detail::cpu_pause();
            if (!pub.publish(topic("x"), "y")) return 1;
        }
        return 0;
    });
    std::uint64_t late = 0;
    while (b[0].load() < games) {
        REQUIRE(loop.wait() == sub.fd());
        const std::int64_t now = evbus::detail::wall_ns();
        sub.poll([&](const event& e) {
            // A sleep that no bell ends lasts 250 ms; a machine that is busy elsewhere may do that too, but seldom.
            if (now - e.published() > 240'000'000) ++late;
            b[0].fetch_add(1);
        });
    }
    CHECK(late <= games / 100);
    CHECK(writer.wait() == 0);
    CHECK(sub.losses().events == games);
    CHECK(sub.losses().walked() == games);
}

TEST_CASE("fd: a burst costs its publisher one wake-up, however long the reader takes to come") {
    test_bus t;
    subscriber sub(t.bus());
    const int fd = sub.fd();
    wait_until([&] { return t.at().ctl().data_bell.sleepers.load() != 0; });
    t.publish("x", "first");
    until_readable(fd);
    t.publish_many(50);
    CHECK(t.at().ctl().data_bell.rings.load() <= 3); // more than 1 only when a sleep of 250 ms ended just then
    CHECK(sub.poll([](const event&) {}) == 51);
    CHECK_FALSE(is_readable(fd));
}

TEST_CASE("fd: an idle reader in an event loop wakes fewer than five times a second, its helper included") {
    test_bus t;
    subscriber sub(t.bus());
    const event_loop loop({sub.fd()});
    wait_until([&] { return t.at().ctl().data_bell.sleepers.load() != 0; });
    CHECK(loop.wait(50ms) == event_loop::nothing); // asleep by now
    const long switches = process_switches();
    const auto idle = std::chrono::milliseconds(rounds(3000, 2000));
    CHECK(loop.wait(idle) == event_loop::nothing);
    CHECK(process_switches() - switches <= idle / 200ms);
}

TEST_CASE("fd: it lives as long as its handle, moves with it, and its thread takes no signals and leaves nothing behind") {
    test_bus t;
    CHECK(helper_status("Name").empty());
    int fd = -1;
    {
        std::vector<subscriber> subs;
        subs.emplace_back(t.bus());
        fd = subs[0].fd();
        subs.emplace_back(t.bus()); // moves the first
        CHECK(subs[0].fd() == fd);
        t.publish("x", "y");
        until_readable(fd);
        CHECK(subs[0].poll([](const event&) {}) == 1);
        CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        const std::uint64_t blocked = std::stoull(helper_status("SigBlk"), nullptr, 16);
        CHECK((blocked >> (SIGUSR1 - 1) & 1) == 1);
        CHECK((blocked >> (SIGTERM - 1) & 1) == 1);
        CHECK((blocked >> (SIGBUS - 1) & 1) == 0);
    }
    CHECK(::fcntl(fd, F_GETFD) < 0);
    CHECK(helper_status("Name").empty());
}

TEST_CASE("fd: a forked child is refused, takes nothing from its parent, and may have its own") {
    test_bus t;
    for (int round = 0; round < rounds(40, 10); ++round) {
        auto r = std::make_unique<test_reader>(t.bus(), read_options{});
        const int fd = r->sub.fd();
        auto bare = std::make_unique<test_reader>(t.bus(), read_options{});
        if (round % 2 == 0) t.publish("x", "y"); // its helper is perhaps at work at the fork
        child c([&] {
            if (refusal([&] { (void)r->sub.fd(); }) != errc::forked) return 1;
            if (refusal([&] { (void)bare->sub.fd(); }) != errc::forked) return 2;
            if (!r->drain().empty()) return 3;
            r.reset();
            bare.reset();
            if (::fcntl(fd, F_GETFD) >= 0) return 4;
            test_reader own(bus::open(t.name()), {.from = from::oldest()});
            until_readable(own.sub.fd());
            return own.drain().empty() ? 5 : 0;
        });
        CHECK(c.wait() == 0);
        if (round % 2 != 0) t.publish("x", "y");
        until_readable(fd);
        CHECK(r->drain().size() == 1);
        CHECK_FALSE(is_readable(fd));
    }
}

TEST_CASE("fd: without a descriptor or a thread to be had it says so, and reading goes on") {
    test_bus t;
    const bus on = t.bus();
    t.publish("x", "y");
    const auto refused_with = [&](auto&& limit, auto&& lift, const char* way_out) {
        child c([&] {
            test_reader r(bus::open(t.name()), {.from = from::oldest()});
            limit();
            try {
                (void)r.sub.fd();
                return 1;
            } catch (const error& e) {
                if (e.kind() != errc::io || e.os_error() == 0) return 2;
                const std::string_view text = e.what();
                for (const std::string& part : {"poll bus " + t.name(), std::string(way_out)})
                    if (text.find(part) == std::string_view::npos) return 3;
            }
            lift();
            if (r.drain() != lines{"1 x y"}) return 4;
            return is_readable(r.sub.fd()) ? 5 : 0;
        });
        return c.wait();
    };
    CHECK(refused_with([] { eventfd_fails_with = EMFILE; }, [] { eventfd_fails_with = 0; }, "ulimit -n") == 0);
    pthread_attr_t usual;
    REQUIRE(::pthread_getattr_default_np(&usual) == 0);
    CHECK(refused_with(
              [] {
                  pthread_attr_t immense;
                  ::pthread_attr_init(&immense);
                  ::pthread_attr_setstacksize(&immense, std::size_t{1} << 46);
                  ::pthread_setattr_default_np(&immense);
              },
              [&] { ::pthread_setattr_default_np(&usual); }, "use wait()") == 0);
    ::pthread_attr_destroy(&usual);
}
