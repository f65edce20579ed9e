// A descriptor for event loops: readable whenever the handle's poll would have something to do. A futex
// cannot be polled, so a thread keeps the vigil for the handle and makes the descriptor readable.
//
// Level-triggered: only the handle makes it unreadable, when a poll has found nothing further, and says
// with that what to wait for next; the thread looks at that before it sleeps, so nothing that came in
// between is missed. All calls but the thread's own come from the thread that polls.
#pragma once

#include <evbus/error.hpp>
#include <evbus/notice.hpp>
#include <evbus/ring/attachment.hpp>
#include <evbus/ring/vigil.hpp>

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace ring {

class wake_fd {
public:
    /// Readable until the first rest(). Throws when there is no descriptor or no thread to be had. Repairs that
    /// the thread makes are kept for tell_repairs() when `hears_repairs`.
    wake_fd(std::shared_ptr<attachment> at, bool hears_repairs)
        : at_(std::move(at)), shared_(std::make_unique<shared>(*at_, hears_repairs)) {
        const std::string operation = "make a descriptor to poll bus " + at_->name();
        shared_->fd = ::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
        if (shared_->fd < 0) detail::throw_errno(errno, operation, "eventfd");
        start_thread(operation);
    }
    wake_fd(const wake_fd&) = delete;
    wake_fd& operator=(const wake_fd&) = delete;
    /// Ends the thread. In a forked child there is none, and its locks are as they happened to be: there this only
    /// closes the descriptor.
    ~wake_fd() {
        if (at_->in_child()) {
            ::close(shared_->fd);
            (void)shared_.release();
            return;
        }
        hand_over([](shared& s) { s.stop = true; });
        shared_->thread.join();
    }

    [[nodiscard]] int fd() const noexcept { return shared_->fd; }

    /// The next poll has something to do: readable.
    void keep() noexcept {
        rests_ = false;
        const std::lock_guard lock(shared_->gate);
        shared_->armed = false;
        ++shared_->ticket;
        shared_->make_readable(); // also when it is: who has read it, as one reads an eventfd, loses nothing
    }
    /// The next poll has nothing to do before `v` is over: unreadable until then.
    void rest(vigil v) {
        if (rests_ && !shared_->readable.load(std::memory_order_acquire) && v == resting_) return;
        resting_ = v;
        hand_over([&](shared& s) {
            s.make_unreadable();
            s.wish = std::move(v);
            s.armed = true;
            ++s.ticket;
        });
        rests_ = true;
    }
    /// Hands on what the thread's repairs had to say, on the thread that polls. A hook that throws is not heard
    /// further.
    void tell_repairs(const notice_hook& tell) noexcept {
        if (!shared_->has_heard.load(std::memory_order_acquire)) return;
        std::vector<notice> heard;
        {
            const std::lock_guard lock(shared_->gate);
            heard.swap(shared_->heard);
            shared_->has_heard.store(false, std::memory_order_relaxed);
        }
        try {
            for (const notice& n : heard) tell(n);
        } catch (...) {
        }
    }

private:
    /// What both threads touch, under `gate` but for the atomics. On the heap, because a forked child must not
    /// destroy it: the condition would wait there for a thread that the child does not have.
    struct shared {
        shared(const attachment& to, bool hears_repairs) : at(&to) {
            if (!hears_repairs) return;
            note = [this](const notice& n) {
                const std::lock_guard lock(gate);
                heard.push_back(n);
                has_heard.store(true, std::memory_order_release);
            };
        }
        shared(const shared&) = delete;
        shared& operator=(const shared&) = delete;
        ~shared() {
            if (fd >= 0) ::close(fd);
        }

        void make_readable() noexcept {
            // Said before it is so: a poll that the descriptor woke must not find it called unreadable still, and
            // leave it as it is. A write is refused only when the count is full, and then it is readable.
            readable.store(true, std::memory_order_release);
            const std::uint64_t one = 1;
            (void)!::write(fd, &one, sizeof one);
        }
        void make_unreadable() noexcept {
            std::uint64_t count;
            if (readable.exchange(false, std::memory_order_acq_rel)) (void)!::read(fd, &count, sizeof count);
        }

        const attachment* at;
        int fd = -1;
        notice_hook note;
        std::atomic<bool> readable{true};
        std::atomic<bool> called_off{false}; ///< a new wish, or the end: leave the present vigil
        std::atomic<bool> has_heard{false};

        std::mutex gate;
        std::condition_variable news; ///< of stop, armed, called_off
        vigil wish;
        bool armed = false;    ///< the thread is to keep `wish`
        bool watching = false; ///< it keeps `kept` now, and may sleep at its bell
        vigil::over kept = vigil::over::time;
        bool stop = false;
        std::uint64_t ticket = 0; ///< which wish; an outdated one makes nothing readable
        std::vector<notice> heard;
        std::thread thread;
    };

    /// Lets `change` set what the thread is to do, and has it look, wherever it sleeps.
    template <class Change>
    void hand_over(Change&& change) noexcept {
        bool watching;
        vigil::over kept;
        {
            const std::lock_guard lock(shared_->gate);
            change(*shared_);
            shared_->called_off.store(true, std::memory_order_release);
            watching = shared_->watching;
            kept = shared_->kept;
        }
        shared_->news.notify_one();
        if (watching) lookout::startle(*at_, kept);
    }

    void start_thread(const std::string& operation) {
        // Signals are for the process's own threads and its signalfd; but who faults hears of that.
        sigset_t all, before;
        ::sigfillset(&all);
        for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) ::sigdelset(&all, fault);
        ::pthread_sigmask(SIG_SETMASK, &all, &before);
        int refused = 0;
        try {
            shared_->thread = std::thread(run, shared_.get());
        } catch (const std::system_error& e) {
            refused = e.code().value();
        }
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        if (refused != 0)
            throw error(errc::io, refused, {operation, "thread", "the system gave none",
                                            "raise its limits (ulimit -u and -v), or use wait() in a thread of your own"});
        ::pthread_setname_np(shared_->thread.native_handle(), "evbus-fd");
    }

    static void run(shared* s) noexcept {
        lookout eyes(*s->at, &s->note);
        const auto called_off = [&] { return s->called_off.load(std::memory_order_acquire); };
        const auto doze = [&](std::int64_t ns) {
            std::unique_lock lock(s->gate);
            s->news.wait_for(lock, std::chrono::nanoseconds(ns), called_off);
        };
        std::unique_lock lock(s->gate);
        while (true) {
            s->news.wait(lock, [&] { return s->stop || s->armed; });
            if (s->stop) return;
            const vigil v = std::move(s->wish);
            const std::uint64_t ticket = s->ticket;
            s->called_off.store(false, std::memory_order_relaxed);
            s->watching = true;
            s->kept = v.what;
            lock.unlock();
            const bool has_come = eyes.keep(v, called_off, doze);
            lock.lock();
            s->watching = false;
            if (!has_come || ticket != s->ticket) continue;
            s->armed = false;
            s->make_readable();
        }
    }

    std::shared_ptr<attachment> at_;
    std::unique_ptr<shared> shared_;
    vigil resting_;
    bool rests_ = false; ///< since `resting_` was handed over nothing else was
};

} // namespace ring
} // namespace v1
} // namespace evbus
