// One thread, one epoll: a subscriber, a consumer and a timer. Their descriptors stay readable until a poll has
// given all there is, so a loop that polls once for each wake-up misses nothing.
#include <evbus/evbus.hpp>

#include <iostream>

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

int main() {
    const evbus::bus bus = evbus::bus::open_or_create("plant", {.pacing = evbus::pacing::paced});
    evbus::publisher out(bus, {.name = "sensor"});
    evbus::subscriber live(bus, {.filters = {"temperature.>"}}); // the newest is what counts
    evbus::consumer all(bus, {.filters = {"alarm"}});            // not one may be lost

    const int timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    const itimerspec every{{0, 20'000'000}, {0, 1}};
    ::timerfd_settime(timer, 0, &every, nullptr);

    const int loop = ::epoll_create1(EPOLL_CLOEXEC);
    for (const int fd : {live.fd(), all.fd(), timer}) {
        epoll_event wanted{};
        wanted.events = EPOLLIN;
        wanted.data.fd = fd;
        ::epoll_ctl(loop, EPOLL_CTL_ADD, fd, &wanted);
    }

    int ticks = 0, temperatures = 0, alarms = 0;
    while (temperatures < 5 || alarms < 2) {
        epoll_event ready{};
        if (::epoll_wait(loop, &ready, 1, -1) != 1) continue;
        if (ready.data.fd == timer) {
            std::uint64_t expired;
            if (::read(timer, &expired, sizeof expired) != sizeof expired || ticks == 5) continue;
            std::cout << "tick " << ++ticks << '\n';
            if (!out.publish(evbus::topic("temperature.boiler"), std::to_string(60 + 10 * ticks))) return 1;
            if (ticks >= 4 && !out.publish(evbus::topic("alarm"), "boiler hot")) return 1;
        } else if (ready.data.fd == live.fd()) {
            live.poll([&](const evbus::event& e) { std::cout << "temperature " << e.text() << '\n', ++temperatures; });
            if (live.retired()) return 2; // removed: open it anew; the descriptor would stay readable for ever
        } else {
            all.poll([&](const evbus::event& e) { std::cout << "alarm " << e.text() << '\n', ++alarms; },
                     [](const evbus::gap& g) { std::cout << "missing " << g.range.first << '-' << g.range.last << '\n'; });
        }
    }
    ::close(loop);
    ::close(timer);
}
