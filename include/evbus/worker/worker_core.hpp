// A worker's thread, and what it shares with those who hold the worker.
#pragma once

#include <evbus/detail/fork_guard.hpp>
#include <evbus/error.hpp>
#include <evbus/worker_options.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace work {

/// worker_stats that one thread writes, now and then, and any thread reads.
class shared_stats {
public:
    void set(const worker_stats& s) noexcept {
        const std::uint64_t values[] = {s.handled, s.repeats, s.retries, s.dead, s.gap_seqs, s.saves, s.failed_saves, s.restarts, s.waiting, s.next};
        for (std::size_t i = 0; i < std::size(values); ++i) words_[i].store(values[i], std::memory_order_relaxed);
        mode_.store(s.mode, std::memory_order_relaxed);
    }
    [[nodiscard]] worker_stats get() const noexcept {
        const auto at = [&](std::size_t i) { return words_[i].load(std::memory_order_relaxed); };
        return {at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7), at(8), at(9), mode_.load(std::memory_order_relaxed), false};
    }

private:
    std::atomic<std::uint64_t> words_[10]{};
    std::atomic<consumer_mode> mode_{consumer_mode::live};
};

class worker_core {
public:
    worker_core() = default;
    worker_core(const worker_core&) = delete;
    worker_core& operator=(const worker_core&) = delete;
    virtual ~worker_core() = default; ///< of an ended thread only

    /// Once. Throws when the system has no thread to give.
    void start(const std::string& name) {
        try {
            thread_ = std::thread([this] { main(); });
        } catch (const std::system_error& e) {
            evbus::detail::throw_errno(e.code().value(), "start worker " + name, "its thread", "raise the limit on threads (ulimit -u)");
        }
    }
    void stop() noexcept {
        {
            const std::lock_guard<std::mutex> lock(mutex_); // so that a pause() that has just looked hears it
            stop_.store(true, std::memory_order_relaxed);
        }
        wake_.notify_all();
    }
    [[nodiscard]] bool in_child() const noexcept { return guard_.in_child(); }

    void join() {
        if (in_child())
            throw error(errc::forked, {"join a worker", "a handle of the parent process", "its thread runs there", "start a worker in the child"});
        if (thread_.get_id() == std::this_thread::get_id())
            throw error(errc::bad_option, {"join a worker", "its own handler", "would wait for itself", "return evbus::stop, or call stop()"});
        wait_over(std::chrono::nanoseconds::max());
        if (thread_.joinable()) thread_.join();
        if (end_) std::rethrow_exception(end_);
    }
    /// True once the thread has come to its end.
    bool wait_over(std::chrono::nanoseconds at_most) {
        std::unique_lock<std::mutex> lock(mutex_);
        // A deadline past the end of the clock would lie behind us.
        constexpr std::chrono::hours long_time{24 * 365};
        if (at_most > long_time) {
            over_now_.wait(lock, [&] { return is_over_; });
            return true;
        }
        return over_now_.wait_for(lock, at_most, [&] { return is_over_; });
    }
    [[nodiscard]] worker_stats stats() const {
        worker_stats out = shared_.get();
        const std::lock_guard<std::mutex> lock(mutex_);
        out.is_over = is_over_;
        return out;
    }

protected:
    /// The thread's life; what it throws, join() throws.
    virtual void run() = 0;
    /// Gives back what others may want: the cursor's name, the place among the members. At the end of the thread.
    virtual void let_go() noexcept = 0;
    [[nodiscard]] bool is_asked_to_stop() const noexcept { return stop_.load(std::memory_order_relaxed); }
    /// Sleeps, at most until it is asked to stop.
    void pause(std::int64_t ns) {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait_for(lock, std::chrono::nanoseconds(ns), [&] { return is_asked_to_stop(); });
    }
    void tell(const worker_stats& s) noexcept { shared_.set(s); }

private:
    void main() noexcept {
        std::exception_ptr end;
        try {
            run();
        } catch (...) {
            end = std::current_exception();
        }
        let_go();
        const std::lock_guard<std::mutex> lock(mutex_);
        end_ = end;
        is_over_ = true;
        over_now_.notify_all();
    }

    evbus::detail::fork_guard guard_;
    std::atomic<bool> stop_{false};
    shared_stats shared_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable over_now_;
    bool is_over_ = false;
    std::exception_ptr end_; ///< written before is_over_, read after it
    std::thread thread_;
};

} // namespace work
} // namespace v1
} // namespace evbus
