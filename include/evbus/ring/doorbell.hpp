// Sleeping without costing the one who wakes: a publisher makes no system call, and no fence of
// its own, while nobody sleeps.
//
// SYNC doorbell-sleep
//   sleeper : rings (acquire); sleepers := own number; membarrier; look at the data; futex wait
//   ringer  : data (release); compiler fence; sleepers (relaxed)
//   why     : membarrier runs a full fence on every core that runs a registered process, so either
//             the ringer's look comes after the flag, or the sleeper's look after the data.
//   death   : a sleeper that dies leaves the flag set: it costs one wake-up call. A ringer that dies
//             between taking the flag over and waking leaves its own number there, which the next
//             ringer sees as set (model/bell.pml; clearing it first loses everybody's wake-up).
#pragma once

#include <evbus/detail/cpu.hpp>
#include <evbus/detail/probe.hpp>
#include <evbus/ring/layout.hpp>

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <cstdint>
#include <ctime>

namespace evbus {
inline namespace v1 {
namespace ring {

/// Longest sleep in one piece: a wake-up that was lost all the same (a ringer that died) costs no more.
inline constexpr std::int64_t max_sleep_ns = 250'000'000;
/// Longest sleep of somebody whose membarrier is refused.
inline constexpr std::int64_t unfenced_sleep_ns = 1'000'000;

/// What stands in the sleepers flag for those who have no number there: who waits without one, and helper
/// threads. A ringer clears the flag of its own number, so nobody rings under the first, and nobody sleeps under
/// the second.
inline constexpr auto sleeping_stranger = static_cast<member_no>(0xffff);
inline constexpr auto ringing_stranger = static_cast<member_no>(0xfffe);

/// What the kernel does for the doorbell in this process; found out once.
class fences {
public:
    /// Registers this process as one that rings. Cheap after the first time.
    static bool can_ring_unfenced() noexcept {
        static const bool registered = ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0;
        return registered;
    }
    /// A full fence on every core that runs a registered process. False when refused.
    static bool everywhere() noexcept {
        return ::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) == 0;
    }
};

/// One process's use of a doorbell. Threads may share it.
class doorbell {
public:
    explicit doorbell(doorbell_words& words) noexcept : words_(&words), unfenced_(fences::can_ring_unfenced()) {}

    /// Wakes who sleeps. Call it after the data is released. `self` is the ringer's own number.
    void ring(member_no self) noexcept {
        if (unfenced_) std::atomic_signal_fence(std::memory_order_seq_cst);
        else std::atomic_thread_fence(std::memory_order_seq_cst);
        if (words_->sleepers.load(std::memory_order_relaxed) != 0) [[unlikely]] ring_slow(self);
    }

    /// Sleeps until the bell rings, `has_data()` holds, or `timeout_ns` is over; may also wake early.
    /// `self` is the sleeper's own number. Writes to the flag: for members only.
    template <class HasData>
    void sleep(member_no self, std::int64_t timeout_ns, HasData&& has_data) noexcept {
        const std::uint32_t heard = words_->rings.load(std::memory_order_acquire);
        words_->sleepers.store(to_u16(self), std::memory_order_seq_cst);
        mark(probe::sleep_flagged);
        const bool fenced = fences::everywhere();
        if (has_data()) return;
        futex_wait(heard, std::min(timeout_ns, fenced ? max_sleep_ns : unfenced_sleep_ns));
        mark(probe::sleep_over);
    }

private:
    [[gnu::noinline, gnu::cold]] void ring_slow(member_no self) noexcept {
        std::uint32_t mine = to_u16(self);
        words_->sleepers.store(mine, std::memory_order_seq_cst);
        mark(probe::bell_answered);
        words_->rings.fetch_add(1, std::memory_order_seq_cst);
        mark(probe::bell_counted);
        ::syscall(SYS_futex, &words_->rings, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
        mark(probe::bell_woken);
        words_->sleepers.compare_exchange_strong(mine, 0, std::memory_order_seq_cst);
        mark(probe::bell_done);
    }
    void futex_wait(std::uint32_t heard, std::int64_t ns) noexcept {
        if (ns <= 0) return;
        const timespec t{static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
        ::syscall(SYS_futex, &words_->rings, FUTEX_WAIT, heard, &t, nullptr, 0);
    }

    doorbell_words* words_;
    bool unfenced_;
};

} // namespace ring
} // namespace v1
} // namespace evbus
