// How a worker spends its time: how long a stretch of events may be, when to look around, how often to say a thing.
#pragma once

#include <evbus/notice.hpp>

#include <algorithm>
#include <cstdint>
#include <string>

namespace evbus {
inline namespace v1 {
namespace work {

/// Times are of one clock that never goes back.
class life_signs {
public:
    void begun(std::int64_t now_ns) noexcept {
        polled_ns_ = looked_ns_ = cleaned_ns_ = now_ns;
        pause_ns_ = shortest_pause_ns;
    }

    /// So many events in one poll: few of those that take long, so that what is due in time is seen in time, without
    /// a look at the clock for each.
    [[nodiscard]] std::uint64_t stretch() const noexcept { return stretch_; }
    /// A poll is over. `every_ns`: how often something is due.
    void polled(std::int64_t now_ns, std::int64_t every_ns) noexcept {
        const std::int64_t took = now_ns - polled_ns_;
        polled_ns_ = now_ns;
        stretch_ = took < every_ns / 8 ? std::min(stretch_ * 2, longest_stretch) : std::max<std::uint64_t>(stretch_ / 2, 1);
    }
    /// What went by was no work.
    void rested(std::int64_t now_ns) noexcept { polled_ns_ = now_ns; }

    [[nodiscard]] bool is_time_to_look(std::int64_t now_ns) noexcept { return is_time(looked_ns_, now_ns, look_every_ns); }
    [[nodiscard]] bool is_time_to_clean(std::int64_t now_ns) noexcept { return is_time(cleaned_ns_, now_ns, clean_every_ns); }

    /// How long to wait after another failure in a row.
    [[nodiscard]] std::int64_t next_pause_ns() noexcept {
        const std::int64_t pause = pause_ns_;
        pause_ns_ = std::min(pause_ns_ * 2, longest_pause_ns);
        return pause;
    }
    void saved() noexcept { pause_ns_ = shortest_pause_ns; }

    /// A state that lasts is told when it begins.
    void say_once(const notice_hook& hook, const std::string& text) {
        if (said_ == text) return;
        said_ = text;
        if (hook) hook({notice_kind::degraded, text});
    }
    void said_nothing() noexcept { said_.clear(); }

private:
    static bool is_time(std::int64_t& last_ns, std::int64_t now_ns, std::int64_t every_ns) noexcept {
        if (now_ns - last_ns < every_ns) return false;
        last_ns = now_ns;
        return true;
    }

    static constexpr std::uint64_t longest_stretch = 1024;
    static constexpr std::int64_t look_every_ns = 1'000'000'000;
    static constexpr std::int64_t clean_every_ns = 30'000'000'000;
    static constexpr std::int64_t shortest_pause_ns = 1'000'000;
    static constexpr std::int64_t longest_pause_ns = 1'000'000'000;

    std::uint64_t stretch_ = 1;
    std::int64_t polled_ns_ = 0;
    std::int64_t looked_ns_ = 0;
    std::int64_t cleaned_ns_ = 0;
    std::int64_t pause_ns_ = shortest_pause_ns;
    std::string said_;
};

} // namespace work
} // namespace v1
} // namespace evbus
