// The cores that the benchmarks run on, and the counter they measure with.
#pragma once

#include <sched.h>

#include <cstdint>
#include <ctime>
#include <string>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace bench {

/// Where a process of a benchmark runs.
enum class place : std::uint8_t {
    first,    ///< the first core this program may use
    second,   ///< the second one; the first where there is but one
    anywhere, ///< wherever the scheduler likes
};

/// False on a machine with one core: the figures mean little there.
[[nodiscard]] bool has_two_cores();
/// Who waits gives its core away: for runs that only see whether all works. Always so with one core.
void be_polite();
[[nodiscard]] bool is_polite();
/// The benchmark's processes come before all others (SCHED_FIFO), on a machine with other work. False
/// when that is not permitted. Inherited by children.
bool take_precedence();
/// For a process whose library brings threads: with precedence they take turns (SCHED_RR), so that one that
/// spins does not keep the others from starting.
void take_turns();
/// Ties the calling process to its place.
void pin(place where);
/// Length of one tick of the counter, measured once.
[[nodiscard]] double ns_per_tick();
/// Vendor's name of the processor.
[[nodiscard]] std::string processor();

[[nodiscard]] inline std::int64_t now_ns() noexcept {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}
[[nodiscard]] inline std::uint64_t ticks() noexcept {
#if defined(__x86_64__)
    return __rdtsc();
#else
    return static_cast<std::uint64_t>(now_ns());
#endif
}

/// In a waiting loop: nothing but a look at a flag, where the other side has a core of its own. The look stays
/// in the loop on purpose: with it a bare line's round trip takes 60 .. 80 ns here, with a loop of nothing but
/// load and compare 70 .. 110, depending on what the cores have in flight when the line is taken away.
class relax {
public:
    explicit relax(bool shares_its_core = false) : yields_(shares_its_core || is_polite()) {}
    void operator()() const noexcept {
        if (*static_cast<const volatile bool*>(&yields_)) [[unlikely]]
            ::sched_yield();
    }

private:
    bool yields_;
};

} // namespace bench
