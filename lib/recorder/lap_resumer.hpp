// Where the recorder goes on after the ring went round and nobody has what it missed: at the oldest seq that is
// still there, so that no more is given up than is gone; and with a margin when that is overwritten at once.
#pragma once

#include <evbus/ring/head.hpp>

#include <cstdint>

namespace evbus {
inline namespace v1 {
namespace recorder {

class lap_resumer {
public:
    explicit lap_resumer(const ring::attachment& at) noexcept : at_(&at) {}

    /// `next` is gone from the ring. `with_margin()` names a place that is not overwritten at once.
    template <class WithMargin>
    [[nodiscard]] seq_t resume(seq_t next, WithMargin&& with_margin) noexcept {
        const seq_t head = ring::find_head(*at_);
        const seq_t oldest = ring::oldest_for(*at_, head);
        const bool again = !ring::is_end(*at_, head) && last_ != no_seq && next - last_ < at_->shape().slots() / 8;
        last_ = again || oldest <= next ? with_margin() : oldest;
        return last_;
    }

private:
    const ring::attachment* at_;
    seq_t last_ = no_seq; ///< where it went on the last time
};

} // namespace recorder
} // namespace v1
} // namespace evbus
