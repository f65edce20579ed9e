// Where a reader starts.
#pragma once

#include <evbus/ids.hpp>

#include <chrono>
#include <cstdint>

namespace evbus {
inline namespace v1 {

/// A place in a bus that a consumer can go on from. An event larger than a slot happens at its last frame: who
/// begins behind its first ones cannot join it.
struct cursor_place {
    seq_t next = 1;      ///< the first seq that is not handled
    seq_t walk_from = 1; ///< reading begins here, at an event that was not whole at `next`; else `next`

    friend constexpr bool operator==(const cursor_place&, const cursor_place&) = default;
};

class from {
public:
    enum class kind : std::uint8_t { head, oldest, seq, time, epoch, anchor, newest };

    /// What is published from now on.
    [[nodiscard]] static constexpr from head() noexcept { return from(kind::head, 0); }
    /// Everything there still is: in the ring, and for a consumer in the log.
    [[nodiscard]] static constexpr from oldest() noexcept { return from(kind::oldest, 0); }
    /// From this seq on; what is gone of it is a gap, what is not there yet is waited for.
    [[nodiscard]] static constexpr from seq(seq_t first) noexcept { return from(kind::seq, first == 0 ? 1 : first); }
    /// From a place that a cursor kept: nothing is given that ended before its `next`. A subscriber, which
    /// has the ring alone, begins at `next` and leaves out what was not whole there.
    [[nodiscard]] static constexpr from place(const cursor_place& at) noexcept {
        return from(kind::seq, at.next == 0 ? 1 : at.next, at.walk_from);
    }
    /// Behind the log's newest anchor (anchor.hpp); without one from the oldest. What is gone of it is a gap. Who
    /// has loaded the state of an anchor takes that one's place() instead: there may be a newer one by now. Not for
    /// a subscriber.
    [[nodiscard]] static constexpr from anchor() noexcept { return from(kind::anchor, 0); }
    /// The newest event of each topic that the filters let pass, as of `up_to` (by default the head), in the order of
    /// seqs; then all that comes behind it. Gaps that may hide a newer one are told, and what lies between counts as
    /// filtered. An event that is being published meanwhile, or parts of which are older than a ring's worth, may
    /// come with what follows. The search is made at once, and may take a while for a log that has no index.
    [[nodiscard]] static constexpr from newest_of_each_topic(seq_t up_to = max_seq) noexcept { return from(kind::newest, up_to); }
    /// Everything since the bus was last created, and nothing of its earlier lives; what is gone of it is a gap.
    [[nodiscard]] static constexpr from this_epoch() noexcept { return from(kind::epoch, 0); }
    /// From the first event on by which publish times have reached `ns` since 1970.
    [[nodiscard]] static constexpr from time_ns(std::int64_t ns) noexcept {
        return from(kind::time, static_cast<std::uint64_t>(ns));
    }
    [[nodiscard]] static from time(std::chrono::system_clock::time_point at) noexcept {
        return time_ns(std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count());
    }

    [[nodiscard]] constexpr kind what() const noexcept { return kind_; }
    [[nodiscard]] constexpr seq_t first_seq() const noexcept { return value_; }
    [[nodiscard]] constexpr cursor_place place() const noexcept {
        return {value_, walk_from_ == 0 || walk_from_ > value_ ? value_ : walk_from_};
    }
    [[nodiscard]] constexpr std::int64_t ns() const noexcept { return static_cast<std::int64_t>(value_); }

private:
    constexpr from(kind k, std::uint64_t value, seq_t walk_from = 0) noexcept : kind_(k), value_(value), walk_from_(walk_from) {}
    kind kind_;
    std::uint64_t value_;
    seq_t walk_from_;
};

} // namespace v1
} // namespace evbus
