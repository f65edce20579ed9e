#include "lib/link/channel.hpp"

#include <evbus/error.hpp>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

namespace evbus {
inline namespace v1 {
namespace link {
namespace {

constexpr int last_words_ms = 1000;

std::int64_t now_ms() noexcept {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return std::int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000;
}

/// A pipe that polls writable takes so much without blocking; a file never blocks for long.
std::size_t piece_of(int fd) noexcept {
    struct stat s {};
    if (fd < 0 || ::fstat(fd, &s) != 0 || !S_ISREG(s.st_mode)) return PIPE_BUF;
    return std::size_t{1} << 20;
}

[[noreturn]] void went_away(const std::string& name, std::string_view how) {
    throw error(errc::cut_short, {"carry log", name, how, "start it again there: what arrived is kept, and it goes on behind that"});
}

} // namespace

fd_channel::fd_channel(int in, int out, int stop_fd, std::string name)
    : in_(in), out_(out), stop_fd_(stop_fd), name_(std::move(name)), piece_(piece_of(out)) {}

fd_channel fd_channel::of_socket(int fd, int stop_fd, std::string name, int patience_ms) {
    fd_channel out(fd, fd, stop_fd, std::move(name));
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    out.own_ = true;
    out.patience_ms_ = patience_ms;
    out.piece_ = std::size_t{1} << 18;
    out.heard_ms_ = now_ms();
    return out;
}

fd_channel::fd_channel(fd_channel&& other) noexcept
    : in_(other.in_), out_(other.out_), stop_fd_(other.stop_fd_), name_(std::move(other.name_)),
      own_(std::exchange(other.own_, false)), patience_ms_(other.patience_ms_), piece_(other.piece_), heard_ms_(other.heard_ms_) {}

fd_channel::~fd_channel() {
    if (own_) ::close(in_);
}

fd_channel::ready fd_channel::wait_for(int fd, short events, int wait_ms, bool heed_stop) const {
    pollfd all[2] = {{fd, events, 0}, {heed_stop ? stop_fd_ : -1, POLLIN, 0}};
    const int r = ::poll(all, 2, wait_ms);
    if (r < 0 && errno != EINTR) evbus::detail::throw_errno(errno, "carry log", name_);
    if (r > 0 && all[1].revents != 0) return ready::stopped;
    return r > 0 && all[0].revents != 0 ? ready::yes : ready::no;
}

heard fd_channel::read(std::span<std::byte> to, std::size_t& got, int wait_ms) {
    got = 0;
    switch (wait_for(in_, POLLIN, wait_ms, true)) {
    case ready::stopped: return heard::stopped;
    case ready::no:
        if (patience_ms_ >= 0 && now_ms() - heard_ms_ > patience_ms_) went_away(name_, "nothing was heard from the other side for too long");
        return heard::idle;
    case ready::yes: break;
    }
    const ssize_t n = ::read(in_, to.data(), to.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return heard::idle;
    if (n < 0 && (errno == ECONNRESET || errno == ETIMEDOUT)) went_away(name_, "the connection broke");
    if (n < 0) evbus::detail::throw_errno(errno, "carry log", name_);
    heard_ms_ = now_ms();
    got = static_cast<std::size_t>(n);
    return n == 0 ? heard::end : heard::bytes;
}

bool fd_channel::write(std::span<const std::byte> bytes) { return write_some(bytes, true, patience_ms_); }

void fd_channel::write_last(std::span<const std::byte> bytes) {
    const std::vector<std::byte> before = std::move(unsent_);
    static_cast<void>(write_some(before, false, last_words_ms));
    static_cast<void>(write_some(bytes, false, last_words_ms));
}

bool fd_channel::write_some(std::span<const std::byte> bytes, bool heed_stop, int limit_ms) {
    std::int64_t moved = now_ms();
    while (!bytes.empty()) {
        const ready r = wait_for(out_, POLLOUT, limit_ms < 0 ? -1 : std::min(limit_ms, 1000), heed_stop);
        if (r == ready::stopped) {
            unsent_.assign(bytes.begin(), bytes.end());
            return false;
        }
        if (r == ready::no) {
            if (limit_ms >= 0 && now_ms() - moved > limit_ms) went_away(name_, "the other side takes nothing any more");
            continue;
        }
        const std::size_t some = std::min(bytes.size(), piece_);
        // SIGPIPE would end the process before what arrived is told; a pipe's is ignored by who started us.
        const ssize_t n = own_ ? ::send(out_, bytes.data(), some, MSG_NOSIGNAL) : ::write(out_, bytes.data(), some);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET || errno == ETIMEDOUT)) went_away(name_, "the other side went away");
        if (n < 0) evbus::detail::throw_errno(errno, "carry log", name_);
        bytes = bytes.subspan(static_cast<std::size_t>(n));
        moved = now_ms();
    }
    return true;
}

void fd_channel::finish() {
    struct stat s {};
    if (out_ < 0 || ::fstat(out_, &s) != 0 || !S_ISREG(s.st_mode)) return;
    if (::fsync(out_) != 0) evbus::detail::throw_errno(errno, "carry log", name_);
}

} // namespace link
} // namespace v1
} // namespace evbus
