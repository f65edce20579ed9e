// The one word that decides everything about a slot: lap:48 | owner:13 | phase:3.
//
//              claim                        commit
//  COMMITTED(L-1) or DEAD(L-1) --> WRITING(L, owner) --> COMMITTED(L, owner)
//                                    |            |
//             owner dead or gave up  |            |  owner lives, somebody will not wait
//                                    v            v
//                                 DEAD(L)     STALLED(L, owner) --step over--> STALLED(L+1, owner) ...
//                                    ^            |
//                                    +------------+  by its owner when it wakes, or by who proves it dead
//
// Every arrow is one compare-and-swap of the exact word that was read. CLOSED(L) ends the ring.
// Laps are compared by signed difference, so they may wrap.
#pragma once

#include <evbus/ids.hpp>

#include <bit>
#include <cstdint>

namespace evbus {
inline namespace v1 {
namespace ring {

enum class phase : std::uint8_t {
    writing = 1,
    committed = 2,
    dead = 3,
    stalled = 4,
    closed = 5,
};

/// A slot word taken apart.
class slot_word {
public:
    constexpr slot_word() = default;
    constexpr explicit slot_word(std::uint64_t bits) noexcept : bits_(bits) {}
    constexpr slot_word(std::uint64_t lap, member_no owner, ring::phase p) noexcept
        : bits_(lap << 16 | std::uint64_t{to_u16(owner)} << 3 | static_cast<std::uint64_t>(p)) {}

    [[nodiscard]] constexpr std::uint64_t bits() const noexcept { return bits_; }
    [[nodiscard]] constexpr std::uint64_t lap() const noexcept { return bits_ >> 16; }
    [[nodiscard]] constexpr member_no owner() const noexcept { return static_cast<member_no>(bits_ >> 3 & 0x1fff); }
    [[nodiscard]] constexpr ring::phase phase() const noexcept { return static_cast<ring::phase>(bits_ & 7); }
    /// Laps that this word is ahead of `lap`; negative when behind. Modulo 2^48.
    [[nodiscard]] constexpr std::int64_t laps_ahead_of(std::uint64_t lap) const noexcept {
        return static_cast<std::int64_t>(bits_ - (lap << 16) ) >> 16;
    }
    /// The same word a number of laps and a phase further.
    [[nodiscard]] constexpr slot_word with(ring::phase p) const noexcept {
        return slot_word((bits_ & ~std::uint64_t{7}) | static_cast<std::uint64_t>(p));
    }
    [[nodiscard]] constexpr slot_word next_lap() const noexcept { return slot_word(bits_ + (std::uint64_t{1} << 16)); }
    friend constexpr bool operator==(slot_word, slot_word) = default;

private:
    std::uint64_t bits_ = 0;
};

/// Where seqs live in a ring of 2^k slots.
class geometry {
public:
    constexpr geometry() = default;
    constexpr geometry(std::uint64_t slots, std::uint32_t slot_bytes) noexcept
        : slots_(slots), shift_(static_cast<unsigned>(std::countr_zero(slots))), slot_bytes_(slot_bytes) {}

    [[nodiscard]] constexpr std::uint64_t slots() const noexcept { return slots_; }
    [[nodiscard]] constexpr std::uint32_t slot_bytes() const noexcept { return slot_bytes_; }
    [[nodiscard]] constexpr std::uint64_t index(seq_t seq) const noexcept { return seq & (slots_ - 1); }
    /// seq / slots + 1, modulo 2^48.
    [[nodiscard]] constexpr std::uint64_t lap(seq_t seq) const noexcept {
        return ((seq >> shift_) + 1) & lap_mask;
    }
    /// The seq that lives in the slot of `near`, `laps` laps away from it.
    [[nodiscard]] constexpr seq_t laps_from(seq_t near, std::int64_t laps) const noexcept {
        return near + (static_cast<std::uint64_t>(laps) << shift_);
    }

    static constexpr std::uint64_t lap_mask = (std::uint64_t{1} << 48) - 1;

private:
    std::uint64_t slots_ = 0;
    unsigned shift_ = 0;
    std::uint32_t slot_bytes_ = 0;
};

inline constexpr std::uint64_t min_slots = 64;
inline constexpr std::uint64_t max_slots = std::uint64_t{1} << 24;
inline constexpr std::uint32_t min_slot_bytes = 128;
inline constexpr std::uint32_t max_slot_bytes = 65536;

[[nodiscard]] constexpr bool valid_slots(std::uint64_t slots) noexcept {
    return std::has_single_bit(slots) && slots >= min_slots && slots <= max_slots;
}
[[nodiscard]] constexpr bool valid_slot_bytes(std::uint64_t bytes) noexcept {
    return bytes % 64 == 0 && bytes >= min_slot_bytes && bytes <= max_slot_bytes;
}

} // namespace ring
} // namespace v1
} // namespace evbus
