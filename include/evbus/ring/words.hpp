// Payload in and out of shared memory, as relaxed atomics of 8 bytes: a writer may overwrite while
// a reader copies, by design; the slot word decides afterwards whether the copy was whole.
#pragma once

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace evbus {
inline namespace v1 {
namespace ring {

using shared_word = std::atomic<std::uint64_t>;

// The thread sanitizer has to see each word's access.
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
#define EVBUS_MOVES_PAIRS 1
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef EVBUS_MOVES_PAIRS
#endif
#endif
#endif

#ifdef EVBUS_MOVES_PAIRS

// Two words with one instruction: compilers keep relaxed atomics apart, and half as many entries in the store
// buffer is what the commit's locked instruction waits for. Each half is a relaxed access of its own, as every
// x86-64 makes it; assembly, so that the compiler neither tears nor moves it.

inline void store_pair(shared_word* to, const void* from) noexcept {
    const __m128i pair = _mm_loadu_si128(static_cast<const __m128i*>(from));
    asm volatile("movups %1, %0" : "=m"(*reinterpret_cast<__m128i_u*>(to)) : "x"(pair));
}
inline void load_pair(std::uint64_t* to, const shared_word* from) noexcept {
    __m128i pair;
    asm volatile("movups %1, %0" : "=x"(pair) : "m"(*reinterpret_cast<const __m128i_u*>(from)));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), pair);
}

#else

inline void store_pair(shared_word* to, const void* from) noexcept {
    std::uint64_t pair[2];
    std::memcpy(pair, from, sizeof pair);
    to[0].store(pair[0], std::memory_order_relaxed);
    to[1].store(pair[1], std::memory_order_relaxed);
}
inline void load_pair(std::uint64_t* to, const shared_word* from) noexcept {
    to[0] = from[0].load(std::memory_order_relaxed);
    to[1] = from[1].load(std::memory_order_relaxed);
}

#endif

/// Stores `bytes`, zero-padded to whole words; returns the words written.
inline std::size_t store_bytes(shared_word* to, std::span<const std::byte> bytes) noexcept {
    const std::size_t whole = bytes.size() / 8, rest = bytes.size() % 8;
    const std::byte* from = bytes.data();
    std::size_t i = 0;
    for (; i + 2 <= whole; i += 2) store_pair(to + i, from + i * 8);
    std::uint64_t word = 0;
    if (i != whole) {
        std::memcpy(&word, from + i * 8, 8);
        to[i].store(word, std::memory_order_relaxed);
    }
    if (rest == 0) return whole;
    word = 0;
    std::memcpy(&word, from + whole * 8, rest);
    to[whole].store(word, std::memory_order_relaxed);
    return whole + 1;
}

inline void store_words(shared_word* to, std::span<const std::uint64_t> from) noexcept {
    (void)store_bytes(to, std::as_bytes(from));
}

inline void load_words(std::uint64_t* to, const shared_word* from, std::size_t count) noexcept {
    std::size_t i = 0;
    for (; i + 2 <= count; i += 2) load_pair(to + i, from + i);
    if (i != count) to[i] = from[i].load(std::memory_order_relaxed);
}

} // namespace ring
} // namespace v1
} // namespace evbus
