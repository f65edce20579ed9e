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

/// In a waiting loop: nothing at all where the other side has a core of its own.
class relax {
public:
    relax() : yields_(is_polite()) {}
    void operator()() const noexcept {
        if (yields_) [[unlikely]] ::sched_yield();
    }

private:
    bool yields_;
};

} // namespace bench
