// The probe policy of the tests: ends or stops this very process at the n-th time that it reaches one
// probe, and counts what it reaches. Programs compiled with it say -DEVBUS_PROBES of this file
// ('probed': true in a meson.build); they link the probed build of the libraries.
//
//   child victim([&] { probe_test::arm(probe::claim_done, SIGKILL); ...publish...; return 0; });
#pragma once

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace probe_test {

/// What this process does at its probes; a forked child begins with its parent's, and may change it.
struct plan {
    std::atomic<int> at{-1};                  ///< a probe's number; -1 = none
    std::atomic<int> signal{0};
    std::atomic<std::uint64_t> before{0};     ///< times that it is passed first
    std::atomic<std::uint64_t>* hits = nullptr; ///< by probe, in shared memory if others are to see it; null = not counted
};
inline plan mine;

inline void fire(std::size_t p) noexcept {
    if (mine.hits != nullptr) mine.hits[p].fetch_add(1, std::memory_order_relaxed);
    if (mine.at.load(std::memory_order_relaxed) != static_cast<int>(p)) return;
    if (mine.before.load(std::memory_order_relaxed) != 0 && mine.before.fetch_sub(1) != 0) return;
    if (mine.at.exchange(-1) != static_cast<int>(p)) return; // another thread of it was first
    const int signal = mine.signal.load(); // what SIGCONT's handler may arm is for the next probe
    // To this very thread: a signal for the whole process may be taken by another one, while this one runs on.
    ::syscall(SYS_tgkill, ::getpid(), ::gettid(), signal);
}

} // namespace probe_test

namespace evbus {
inline namespace v1 {
namespace detail {

struct probe_policy {
    static void reached(probe p) noexcept { probe_test::fire(static_cast<std::size_t>(p)); }
};

} // namespace detail
} // namespace v1
} // namespace evbus

namespace probe_test {

/// From now on: `signal` to this process when it reaches `p` after having passed it `before` times.
inline void arm(evbus::probe p, int signal, std::uint64_t before = 0) noexcept {
    mine.signal.store(signal);
    mine.before.store(before);
    mine.at.store(static_cast<int>(p));
}
inline void disarm() noexcept { mine.at.store(-1); }

} // namespace probe_test
