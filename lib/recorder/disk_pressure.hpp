// Whether the disk keeps up with what is captured, by how many batches are with the writer. Pure: the
// time is an argument. Under full load a paced bus waits for its recorder as a matter of course, so
// people are told of a disk that has been waited for a whole second without a break, and of no less.
#pragma once

#include <evbus/pressure.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace evbus {
inline namespace v1 {
namespace recorder {

/// The capture thread's.
class disk_pressure {
public:
    static constexpr std::int64_t tell_after_ns = 1'000'000'000;

    /// What is to be done now.
    enum class news : std::uint8_t {
        none,
        slow,  ///< suspended for tell_after_ns without a break: told once
        eased, ///< normal again after that
        over,  ///< suspended for as long as was to be borne: halt
    };

    /// Suspended for `limit` without a break it is over; without one never.
    explicit disk_pressure(std::optional<std::chrono::nanoseconds> limit) : limit_ns_(limit ? limit->count() : never) {}

    /// `level`: share of the batches that are with the writer; 1: capture has none and waits.
    news read(double level, std::int64_t now_ns) noexcept {
        const pressure before = meter_.state();
        if (meter_.read(level) != pressure::suspended) {
            const bool eased = told_ && state() == pressure::normal;
            if (eased) told_ = false;
            return eased ? news::eased : news::none;
        }
        if (before != pressure::suspended) since_ns_ = now_ns;
        const std::int64_t stood = now_ns - since_ns_;
        if (stood >= limit_ns_) return news::over;
        if (told_ || stood < tell_after_ns) return news::none;
        told_ = true;
        return news::slow;
    }
    [[nodiscard]] pressure state() const noexcept { return meter_.state(); }
    /// While it is suspended: when to look again at the latest, though nothing has moved.
    [[nodiscard]] std::chrono::nanoseconds next_look(std::int64_t now_ns) const noexcept {
        const std::int64_t stood = now_ns - since_ns_;
        const std::int64_t next = std::min(limit_ns_ - stood, told_ ? never : tell_after_ns - stood);
        return std::chrono::nanoseconds(std::clamp<std::int64_t>(next, 0, longest_look_ns));
    }

private:
    static constexpr std::int64_t never = INT64_MAX / 2;
    static constexpr std::int64_t longest_look_ns = 60'000'000'000;

    pressure_meter meter_;
    std::int64_t limit_ns_;
    std::int64_t since_ns_ = 0; ///< while suspended: since when
    bool told_ = false;
};

} // namespace recorder
} // namespace v1
} // namespace evbus
