// When a worker saves its place: after so many events, or so long after the save before, whichever comes first.
// The count is the hot path and asks no clock.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace evbus {
inline namespace v1 {

/// When the place is saved, and how many events may be handled again after a crash: `events`, or a few times as many
/// while they come faster than the disk saves, up to `ahead`.
struct save_policy {
    std::uint64_t events = 1000;                 ///< after so many; 1: after each
    std::chrono::nanoseconds every{100'000'000}; ///< what was handled is saved this long after the save before
    /// While a save takes longer than `events` of them, handling goes on, up to so many beyond the place on disk; they
    /// are announced before. Not more than `events`: handling waits for each save.
    std::uint64_t ahead = 1'000'000;
};

namespace work {

/// Counts what was handled since the last save. Times are of one clock that never goes back.
class save_due {
public:
    save_due(const save_policy& policy, std::int64_t now_ns) noexcept
        : events_(std::max<std::uint64_t>(policy.events, 1)), every_ns_(std::max<std::int64_t>(policy.every.count(), 0)),
          looked_ns_(now_ns) {}

    void handled(std::uint64_t events = 1) noexcept { pending_ += events; }
    /// Handled since the last save.
    [[nodiscard]] std::uint64_t pending() const noexcept { return pending_; }
    /// So many more may be handled before a save has to succeed.
    [[nodiscard]] std::uint64_t room() const noexcept { return pending_ < events_ ? events_ - pending_ : 0; }

    /// By the count alone.
    [[nodiscard]] bool is_full() const noexcept { return pending_ >= events_; }
    /// By count or time. Nothing pending: nothing is due.
    [[nodiscard]] bool is_due(std::int64_t now_ns) const noexcept { return is_full() || now_ns >= due_ns(); }
    /// When time makes a save due; the end of time while nothing is pending. What comes after a pause longer than
    /// `every` is due at once.
    [[nodiscard]] std::int64_t due_ns() const noexcept {
        std::int64_t due = 0;
        if (pending_ == 0 || __builtin_add_overflow(looked_ns_, every_ns_, &due)) return INT64_MAX;
        return due;
    }

    void saved(std::int64_t now_ns) noexcept {
        pending_ = 0;
        looked_ns_ = now_ns;
    }
    /// A save failed: everything is still pending, and time makes it due again after `every`.
    void failed(std::int64_t now_ns) noexcept { looked_ns_ = now_ns; }

private:
    std::uint64_t events_;
    std::int64_t every_ns_;
    std::int64_t looked_ns_; ///< the last save or attempt, or the beginning
    std::uint64_t pending_ = 0;
};

} // namespace work
} // namespace v1
} // namespace evbus
