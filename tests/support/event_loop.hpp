// The part of an event loop that tests of descriptors need. No wait has an end of its own unless it is given one:
// a test that hangs is ended by its runner.
#pragma once

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <initializer_list>

namespace support {

inline bool is_readable(int fd) {
    pollfd one{fd, POLLIN, 0};
    return ::poll(&one, 1, 0) == 1 && (one.revents & POLLIN) != 0;
}
inline void until_readable(int fd) {
    pollfd one{fd, POLLIN, 0};
    while (::poll(&one, 1, -1) < 0 && errno == EINTR) {}
}

class event_loop {
public:
    static constexpr int nothing = -1;

    event_loop(std::initializer_list<int> fds) : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
        for (const int fd : fds) {
            epoll_event e{};
            e.events = EPOLLIN;
            e.data.fd = fd;
            ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &e);
        }
    }
    event_loop(const event_loop&) = delete;
    event_loop& operator=(const event_loop&) = delete;
    ~event_loop() { ::close(epoll_); }

    /// A descriptor that is readable; `nothing` when none is before `longest` is over.
    [[nodiscard]] int wait(std::chrono::milliseconds longest = std::chrono::milliseconds(-1)) const {
        epoll_event e{};
        int ready;
        while ((ready = ::epoll_wait(epoll_, &e, 1, static_cast<int>(longest.count()))) < 0 && errno == EINTR) {}
        return ready == 1 ? e.data.fd : nothing;
    }

private:
    int epoll_;
};

} // namespace support
