// Death is proven, never guessed: who takes part holds an open-file-description lock on the byte
// of ctl that has its number, on a description of its own that is closed by nothing but its end.
// The kernel drops the lock when the last descriptor goes, so a kill at any instruction frees it,
// in any PID namespace. Others test the byte on another description.
#pragma once

#include <evbus/ring/shm.hpp>

#include <pthread.h>

#include <algorithm>
#include <mutex>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace ring {

[[nodiscard]] inline struct flock one_byte(short type, std::uint64_t byte) noexcept {
    struct flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = static_cast<off_t>(byte);
    lock.l_len = 1;
    return lock;
}

/// The descriptors that hold locks in this process. A forked child inherits them and would keep
/// its parent alive for everybody else, so it closes them before it runs anything of its own.
class held_descriptors {
public:
    static held_descriptors& instance() {
        static auto* held = new held_descriptors; // never destroyed: a fork may come at any time
        return *held;
    }
    void add(int fd) {
        const std::lock_guard guard(mutex_);
        fds_.push_back(fd);
    }
    /// In a forked child, where it was closed already, the number may be another file's by now: nothing.
    void close(int fd) noexcept {
        const std::lock_guard guard(mutex_);
        if (std::erase(fds_, fd) != 0) ::close(fd);
    }

private:
    held_descriptors() {
        ::pthread_atfork([] { instance().mutex_.lock(); }, [] { instance().mutex_.unlock(); },
                         [] {
                             for (int fd : instance().fds_) ::close(fd);
                             instance().fds_.clear();
                             instance().mutex_.unlock();
                         });
    }
    std::mutex mutex_;
    std::vector<int> fds_;
};

/// A lock on one byte of an object, held until this is destroyed or its process dies.
class held_byte {
public:
    held_byte() = default;
    held_byte(held_byte&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    held_byte& operator=(held_byte&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~held_byte() {
        if (fd_ >= 0) held_descriptors::instance().close(fd_);
    }

    /// Tries to take `byte` of `object`. Empty when somebody holds it; errno tells when it is
    /// something else (0: it is held).
    [[nodiscard]] static held_byte try_take(const std::string& object, std::uint64_t byte) {
        held_byte held;
        const int fd = ::open(shm_path(object).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0) return held;
        struct flock lock = one_byte(F_WRLCK, byte);
        if (::fcntl(fd, F_OFD_SETLK, &lock) != 0) {
            const int e = errno;
            ::close(fd);
            errno = e == EAGAIN || e == EACCES ? 0 : e;
            return held;
        }
        held_descriptors::instance().add(fd);
        held.fd_ = fd;
        return held;
    }

    [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
    [[nodiscard]] int fd() const noexcept { return fd_; }
    /// In a forked child the descriptor was closed already: forget its number.
    void forget() noexcept { fd_ = -1; }

private:
    int fd_ = -1;
};

/// First held byte in [from, from + count), as seen on `fd`'s description, or -1 when all are free.
/// Needs no write permission. A failing call counts as "held": nobody is declared dead by an error.
[[nodiscard]] inline std::int64_t first_held_byte(int fd, std::uint64_t from, std::uint64_t count) noexcept {
    std::int64_t lowest = -1;
    // The kernel names one held lock of the range, and not the first one: its list goes by owner.
    while (count != 0) {
        struct flock lock = one_byte(F_WRLCK, from);
        lock.l_len = static_cast<off_t>(count);
        if (::fcntl(fd, F_OFD_GETLK, &lock) != 0) return static_cast<std::int64_t>(from);
        if (lock.l_type == F_UNLCK) break;
        lowest = std::max(static_cast<std::int64_t>(lock.l_start), static_cast<std::int64_t>(from));
        count = static_cast<std::uint64_t>(lowest) - from;
    }
    return lowest;
}

[[nodiscard]] inline bool byte_is_held(int fd, std::uint64_t byte) noexcept {
    return first_held_byte(fd, byte, 1) >= 0;
}

} // namespace ring
} // namespace v1
} // namespace evbus
