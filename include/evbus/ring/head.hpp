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

/// The greatest seq + 1 that the words of all slots vouch for; for when the tail makes no sense.
[[nodiscard]] inline seq_t head_by_scan(const attachment& at) noexcept {
    const geometry& shape = at.shape();
    const seq_t first = at.first_seq();
    seq_t head = first;
    for (std::uint64_t i = 0; i < shape.slots(); ++i) {
        const seq_t nearest = first + i;
        const slot_word w = load_word(at, nearest);
        const std::int64_t ahead = w.laps_ahead_of(shape.lap(nearest));
        if (ahead < 0) continue;
        if (w.phase() == phase::closed) return shape.laps_from(nearest, ahead);
        head = std::max(head, shape.laps_from(nearest, ahead) + 1);
    }
    return head;
}

/// The first unclaimed seq at some moment during the call. Bounded work whatever stands in the ring.
[[nodiscard]] inline seq_t find_head(const attachment& at) noexcept {
    const geometry& shape = at.shape();
    seq_t t = std::max(at.ring().tail.load(std::memory_order_acquire), at.first_seq());
    if (t != at.first_seq() && !is_claimed(at, t - 1)) return head_by_scan(at);
    for (std::uint64_t steps = 0; steps < 4 * shape.slots(); ++steps) {
        const slot_word w = load_word(at, t);
        const std::int64_t ahead = w.laps_ahead_of(shape.lap(t));
        if (ahead < 0) return t;
        // Also when it was closed laps later: nobody passes the closed seq, wherever he comes from.
        if (w.phase() == phase::closed) return shape.laps_from(t, ahead);
        t = shape.laps_from(t, ahead) + 1;
    }
    return t;
}

/// The oldest seq that the ring may still hold when the head is at `head`.
[[nodiscard]] inline seq_t oldest_for(const attachment& at, seq_t head) noexcept {
    const std::uint64_t slots = at.shape().slots();
    const seq_t first = at.first_seq();
    return head - first > slots ? head - slots : first;
}

} // namespace ring
} // namespace v1
} // namespace evbus
