// The few instructions that C++ has no word for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

namespace evbus {
inline namespace v1 {
namespace detail {

inline constexpr std::size_t cache_line = 64;

/// Tells the core that this is a spin loop.
inline void cpu_pause() noexcept {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("isb" ::: "memory");
#endif
}

/// Asks for the line in a state that can be written, without waiting for it.
inline void prefetch_for_write(const void* line) noexcept {
#if defined(__x86_64__)
    // Not __builtin_prefetch: without -mprfchw it asks for a shared line, and the claim then waits.
    asm volatile("prefetchw %0" ::"m"(*static_cast<const char*>(line)));
#else
    __builtin_prefetch(line, 1, 3);
#endif
}

inline void prefetch_for_read(const void* line) noexcept { __builtin_prefetch(line, 0, 3); }

/// The time-stamp counter, in ticks; 0 where there is none. Not ordered with its neighbours: a
/// few ns of skew are less than what ordering would cost every event.
[[nodiscard]] inline std::uint64_t read_counter() noexcept {
#if defined(__x86_64__)
    return __rdtsc();
#else
    return 0;
#endif
}

/// True when the counter ticks at one rate whatever the core's clock and sleep state.
[[nodiscard]] inline bool counter_is_invariant() noexcept {
#if defined(__x86_64__)
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (__get_cpuid(0x80000000U, &a, &b, &c, &d) == 0 || a < 0x80000007U) return false;
    return __get_cpuid(0x80000007U, &a, &b, &c, &d) != 0 && (d & (1U << 8)) != 0;
#else
    return false;
#endif
}

/// ns since 1970.
[[nodiscard]] inline std::int64_t wall_ns() noexcept {
    timespec t{};
    clock_gettime(CLOCK_REALTIME, &t);
    return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

/// ns of a clock that only goes forward; for time-outs.
[[nodiscard]] inline std::int64_t steady_ns() noexcept {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

} // namespace detail
} // namespace v1
} // namespace evbus
