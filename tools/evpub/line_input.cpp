#include "tools/evpub/line_input.hpp"

#include <evbus/error.hpp>
#include <evbus/frame.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace evpub {
namespace {

constexpr std::size_t first_buffer = 256 * 1024;
// The longest event, its CR, and one byte that shows that there is more.
constexpr std::size_t longest_buffer = evbus::max_event_bytes + 2;

} // namespace

line_input::line_input(const std::string& file, bool strip_cr, const cli::stop_signal& stop)
    : name_(file == "-" ? "standard input" : file), strip_cr_(strip_cr), stop_(stop), buffer_(first_buffer) {
    fd_ = file == "-" ? STDIN_FILENO : ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0) evbus::detail::throw_errno(errno, "read lines", file);
    struct stat status {};
    if (::fstat(fd_, &status) == 0 && S_ISDIR(status.st_mode)) {
        close_file();
        evbus::detail::throw_errno(EISDIR, "read lines", name_, "name a file");
    }
}

line_input::~line_input() { close_file(); }

void line_input::close_file() const {
    if (fd_ != STDIN_FILENO) ::close(fd_);
}

line_input::state line_input::next(const std::function<void()>& idle) {
    while (true) {
        const void* lf = std::memchr(buffer_.data() + seen_, '\n', end_ - seen_);
        if (lf != nullptr) return give(static_cast<std::size_t>(static_cast<const char*>(lf) - buffer_.data()), 1);
        seen_ = end_;
        if (end_ - begin_ == longest_buffer) {
            ++number_;
            return state::too_long;
        }
        if (at_end_) return begin_ == end_ ? state::end : give(end_, 0);
        if (!fill(idle)) return state::stopped;
    }
}

line_input::state line_input::give(std::size_t end, std::size_t line_end_bytes) {
    line_ = {buffer_.data() + begin_, end - begin_};
    if (strip_cr_ && line_.ends_with('\r')) line_.remove_suffix(1);
    begin_ = seen_ = end + line_end_bytes;
    ++number_;
    return line_.size() > evbus::max_event_bytes ? state::too_long : state::line;
}

// One read of whatever is there: a line from a pipe must not wait for the buffer to be full.
bool line_input::fill(const std::function<void()>& idle) {
    if (begin_ != 0) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        seen_ -= begin_;
        begin_ = 0;
    }
    if (end_ == buffer_.size()) buffer_.resize(std::min(buffer_.size() * 2, longest_buffer));
    while (true) {
        idle();
        pollfd wait[2] = {{fd_, POLLIN, 0}, {stop_.fd(), POLLIN, 0}};
        const int ready = ::poll(wait, 2, 1000);
        if (stop_.asked()) return false;
        if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
        const ssize_t n = ::read(fd_, buffer_.data() + end_, buffer_.size() - end_);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (n < 0) evbus::detail::throw_errno(errno, "read lines", name_);
        at_end_ = n == 0;
        end_ += static_cast<std::size_t>(n);
        return true;
    }
}

} // namespace evpub
