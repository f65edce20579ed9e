// Where the ring's head is: the first seq that nobody has claimed. The publishers' walk finds it;
// the tail alone is a hint that may lag behind, and is believed no further than the slots confirm.
#pragma once

#include <evbus/ring/attachment.hpp>

#include <algorithm>
#include <cstdint>

namespace evbus {
inline namespace v1 {
namespace ring {

[[nodiscard]] inline slot_word load_word(const attachment& at, seq_t seq) noexcept {
    return slot_word(at.slot(seq)->load(std::memory_order_acquire));
}

/// True when `seq` was claimed or stepped over (or is a closed head, which nobody passes).
[[nodiscard]] inline bool is_claimed(const attachment& at, seq_t seq) noexcept {
    const slot_word w = load_word(at, seq);
    const std::int64_t ahead = w.laps_ahead_of(at.shape().lap(seq));
    return ahead > 0 || (ahead == 0 && w.phase() != phase::closed);
}

/// True when the ring goes on behind `seq`, or ends there: who waits for `seq` is held up by its owner.
[[nodiscard]] inline bool is_followed(const attachment& at, seq_t seq) noexcept {
    return load_word(at, seq + 1).laps_ahead_of(at.shape().lap(seq + 1)) >= 0;
}

/// No ring ever comes so far: what a tail or a word says beyond it is nonsense. Without this bound a wrong one
/// would lead a walk past the greatest seq and round to 0.
inline constexpr seq_t last_seq_of_any_ring = max_seq - (seq_t{1} << 60);

/// The seq that a word read at `near` stands for when it is `ahead` laps ahead, or no_seq when no ring comes so far.
[[nodiscard]] inline seq_t seq_ahead(const geometry& shape, seq_t near, std::int64_t ahead) noexcept {
    const std::uint64_t room = near <= last_seq_of_any_ring ? (last_seq_of_any_ring - near) / shape.slots() : 0;
    return static_cast<std::uint64_t>(ahead) <= room ? shape.laps_from(near, ahead) : no_seq;
}

/// The greatest seq + 1 that the words of all slots vouch for; for when the tail makes no sense.
[[nodiscard]] inline seq_t head_by_scan(const attachment& at) noexcept {
    const geometry& shape = at.shape();
    const seq_t first = at.first_seq();
    seq_t head = first;
    for (std::uint64_t i = 0; i < shape.slots(); ++i) {
        const seq_t nearest = first + i;
        const slot_word w = load_word(at, nearest);
        const std::int64_t ahead = w.laps_ahead_of(shape.lap(nearest));
        const seq_t seq = ahead < 0 ? no_seq : seq_ahead(shape, nearest, ahead);
        if (seq == no_seq) continue;
        if (w.phase() == phase::closed) return seq;
        head = std::max(head, seq + 1);
    }
    return head;
}

/// The first unclaimed seq at some moment during the call. Bounded work whatever stands in the ring.
[[nodiscard]] inline seq_t find_head(const attachment& at) noexcept {
    const geometry& shape = at.shape();
    seq_t t = std::max(at.ring().tail.load(std::memory_order_acquire), at.first_seq());
    if (t != at.first_seq() && (t > last_seq_of_any_ring || !is_claimed(at, t - 1))) return head_by_scan(at);
    for (std::uint64_t steps = 0; steps < 4 * shape.slots(); ++steps) {
        const slot_word w = load_word(at, t);
        const std::int64_t ahead = w.laps_ahead_of(shape.lap(t));
        if (ahead < 0) return t;
        const seq_t seq = seq_ahead(shape, t, ahead);
        if (seq == no_seq) return head_by_scan(at);
        // Also when it was closed laps later: nobody passes the closed seq, wherever he comes from.
        if (w.phase() == phase::closed) return seq;
        t = seq + 1;
    }
    return t;
}

/// True when the ring ends at `seq`: its word is CLOSED, for good.
[[nodiscard]] inline bool is_end(const attachment& at, seq_t seq) noexcept {
    const slot_word w = load_word(at, seq);
    return w.phase() == phase::closed && w.laps_ahead_of(at.shape().lap(seq)) == 0;
}

/// The oldest seq that the ring may still hold when the head is at `head`. A closed head has taken a slot as well,
/// the last one ever.
[[nodiscard]] inline seq_t oldest_for(const attachment& at, seq_t head) noexcept {
    const std::uint64_t slots = at.shape().slots();
    const seq_t first = at.first_seq(), taken = head + (is_end(at, head) ? 1 : 0);
    return taken - first > slots ? taken - slots : first;
}

} // namespace ring
} // namespace v1
} // namespace evbus
