#include "tools/cli/terminal.hpp"

#include "tools/cli/escape.hpp"

#include <evbus/error.hpp>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace cli {
namespace {

// Shared with the handler: lock-free atomics and write() are all that it may touch.
std::atomic<int> signal_number{0};
std::atomic<int> signal_fd{-1};
static_assert(std::atomic<int>::is_always_lock_free);

void on_signal(int number) {
    const int saved = errno;
    signal_number.store(number, std::memory_order_relaxed);
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(signal_fd.load(std::memory_order_relaxed), &one, sizeof one);
    errno = saved;
}

void set_handler(int number, void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    // Without SA_RESTART, so that a blocking read returns; reset, so that the second one kills.
    action.sa_flags = handler == SIG_DFL ? 0 : static_cast<int>(SA_RESETHAND);
    sigaction(number, &action, nullptr);
}

} // namespace

void prepare_process() {
    // In rising order, so that the lowest free number, which open takes, is the one that is closed.
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (fcntl(fd, F_GETFD) < 0) (void)open("/", O_PATH);
    std::signal(SIGXFSZ, SIG_IGN);
}

bool use_colour(int fd) {
    const char* off = std::getenv("NO_COLOR");
    const char* term = std::getenv("TERM");
    return isatty(fd) == 1 && (off == nullptr || *off == 0) && term != nullptr && std::string_view(term) != "dumb";
}

std::size_t columns(int fd) {
    winsize size{};
    return ::isatty(fd) != 0 && ::ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void say(std::string_view tool, std::string_view text) {
    std::string line(tool);
    line += ": ";
    append_printable(line, text);
    line += '\n';
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

output::output(int fd) : fd_(fd) {
    std::signal(SIGPIPE, SIG_IGN);
    buffer_.reserve(2 * full);
}

output::~output() {
    try {
        flush();
    } catch (const evbus::error&) {
        // Nobody is left to be told; who cares calls flush() and hears of it.
    }
}

void output::flush() {
    std::string_view rest = buffer_;
    int fault = 0;
    while (!rest.empty() && !closed_ && fault == 0) {
        const ssize_t written = write(fd_, rest.data(), rest.size());
        if (written >= 0)
            rest.remove_prefix(static_cast<std::size_t>(written));
        else if (errno == EPIPE)
            closed_ = true;
        else if (errno == EAGAIN) {
            pollfd wait{fd_, POLLOUT, 0};
            poll(&wait, 1, -1);
        } else if (errno != EINTR)
            fault = errno;
    }
    buffer_.clear();
    if (fault != 0) evbus::detail::throw_errno(fault, "write", "standard output");
}

void output::sync() {
    flush();
    if (closed_) return;
    int done = ::fdatasync(fd_);
    while (done != 0 && errno == EINTR) done = ::fdatasync(fd_);
    // EINVAL, EROFS: a pipe, a terminal, a socket; what was written to one is gone from here.
    if (done != 0 && errno != EINVAL && errno != EROFS)
        evbus::detail::throw_errno(errno, "sync", "standard output");
}

stop_signal::stop_signal() {
    signal_number.store(0);
    signal_fd.store(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    set_handler(SIGINT, on_signal);
    set_handler(SIGTERM, on_signal);
}

stop_signal::~stop_signal() {
    set_handler(SIGINT, SIG_DFL);
    set_handler(SIGTERM, SIG_DFL);
    close(signal_fd.exchange(-1));
}

bool stop_signal::asked() const { return number() != 0; }
int stop_signal::number() const { return signal_number.load(std::memory_order_relaxed); }
int stop_signal::fd() const { return signal_fd.load(std::memory_order_relaxed); }

bool stop_signal::wait_ms(int timeout_ms) const {
    pollfd wait{fd(), POLLIN, 0};
    poll(&wait, 1, timeout_ms);
    return asked();
}

} // namespace cli
