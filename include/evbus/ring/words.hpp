// Payload in and out of shared memory, as relaxed atomics of 8 bytes: a writer may overwrite while
// a reader copies, by design; the slot word decides afterwards whether the copy was whole.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace evbus {
inline namespace v1 {
namespace ring {

using shared_word = std::atomic<std::uint64_t>;

inline void store_words(shared_word* to, std::span<const std::uint64_t> from) noexcept {
    for (std::size_t i = 0; i < from.size(); ++i) to[i].store(from[i], std::memory_order_relaxed);
}

/// Stores `bytes`, zero-padded to whole words; returns the words written.
inline std::size_t store_bytes(shared_word* to, std::span<const std::byte> bytes) noexcept {
    const std::size_t whole = bytes.size() / 8;
    const std::byte* from = bytes.data();
    for (std::size_t i = 0; i < whole; ++i, from += 8) {
        std::uint64_t word;
        std::memcpy(&word, from, 8);
        to[i].store(word, std::memory_order_relaxed);
    }
    const std::size_t rest = bytes.size() % 8;
    if (rest == 0) return whole;
    std::uint64_t word = 0;
    std::memcpy(&word, from, rest);
    to[whole].store(word, std::memory_order_relaxed);
    return whole + 1;
}

inline void load_words(std::uint64_t* to, const shared_word* from, std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; ++i) to[i] = from[i].load(std::memory_order_relaxed);
}

} // namespace ring
} // namespace v1
} // namespace evbus
