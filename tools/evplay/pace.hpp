// When an event is due: as long after the first one as it was then, divided by the speed. Counted from one
// start and not from event to event, so that what is late does not make the next one late.
#pragma once


#include <chrono>
#include <cstdint>
#include <optional>

namespace evplay {

class pace {
public:
    /// `speed` none: no waiting at all.
    pace(std::optional<double> speed, std::optional<std::chrono::nanoseconds> longest_pause) : speed_(speed), longest_(longest_pause) {}

    /// For an event that was published at `published_ns` (0: not known): how long after the start it is due, in
    /// ns. Pauses that are cut short bring all that follows forward.
    [[nodiscard]] std::int64_t due(std::int64_t published_ns) {
        if (!speed_ || published_ns == 0) return last_due_;
        if (first_ns_ == 0) first_ns_ = published_ns;
        auto due = static_cast<std::int64_t>(static_cast<double>(published_ns - first_ns_) / *speed_) - skipped_;
        // Stamps of several publishers may step back a little: then it is due at once.
        if (due <= last_due_) return last_due_;
        if (longest_ && due - last_due_ > longest_->count()) {
            skipped_ += due - last_due_ - longest_->count();
            due = last_due_ + longest_->count();
        }
        return last_due_ = due;
    }

private:
    std::optional<double> speed_;
    std::optional<std::chrono::nanoseconds> longest_;
    std::int64_t first_ns_ = 0;
    std::int64_t skipped_ = 0;
    std::int64_t last_due_ = 0;
};

} // namespace evplay
