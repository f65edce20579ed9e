// Real processes for tests of the ring: forked children that are stopped, killed and waited for by
// their own id, and a page that parent and children share to tell each other how far they are.
#pragma once

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <utility>

namespace ring_test {

/// Waits without end: a test that hangs is ended by its runner, and no verdict hangs on a time.
template <class Condition>
void wait_until(Condition&& holds) {
    for (int turn = 0; !holds(); ++turn) {
        if (turn < 50) ::sched_yield();
        else ::usleep(200);
    }
}

/// Counters in a page that children inherit.
class board {
public:
    static constexpr std::size_t fields = 512;

    board() : words_(static_cast<std::atomic<std::uint64_t>*>(
                  ::mmap(nullptr, fields * 8, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
    board(const board&) = delete;
    board& operator=(const board&) = delete;
    ~board() { ::munmap(words_, fields * 8); }

    std::atomic<std::uint64_t>& operator[](std::size_t i) const { return words_[i]; }
    void wait_for(std::size_t i, std::uint64_t value) const {
        wait_until([&] { return words_[i].load() >= value; });
    }

private:
    std::atomic<std::uint64_t>* words_;
};

/// A forked process that runs `work` and exits with what it returns; 99 after an exception.
class child {
public:
    template <class Work>
    explicit child(Work&& work) {
        std::fflush(nullptr);
        pid_ = ::fork();
        if (pid_ != 0) return;
        int code = 99;
        try {
            code = work();
        } catch (const std::exception& e) {
            std::fprintf(stderr, "child: %s\n", e.what());
        }
        std::fflush(nullptr);
        ::_exit(code);
    }
    child(child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
    child& operator=(child&&) = delete;
    ~child() {
        if (pid_ > 0) kill();
    }

    [[nodiscard]] pid_t pid() const { return pid_; }
    /// Somebody else has waited for its end.
    void forget() { pid_ = -1; }
    void kill() {
        ::kill(pid_, SIGKILL);
        ::kill(pid_, SIGCONT);
        (void)wait();
    }
    void stop() {
        ::kill(pid_, SIGSTOP);
        wait_stopped();
    }
    /// Until the child stopped itself, or was stopped.
    void wait_stopped() const {
        int status = 0;
        ::waitpid(pid_, &status, WUNTRACED);
    }
    void go_on() const { ::kill(pid_, SIGCONT); }
    /// Its exit code, 98 when that is not to be had; 256 + signal when a signal ended it.
    int wait() {
        int status = 0;
        pid_t ended;
        while ((ended = ::waitpid(pid_, &status, 0)) < 0 && errno == EINTR) {}
        if (std::exchange(pid_, -1) != ended) return 98; // somebody else has waited for it
        return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
    }

private:
    pid_t pid_ = -1;
};

} // namespace ring_test
