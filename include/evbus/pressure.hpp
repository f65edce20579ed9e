// How hard pressed somebody is who takes events in: a reader that falls behind or holds much, a
// recorder whose disk is slow. A level comes in, 0 (nothing waits) to 1 and above (no room); a state
// goes out. It rises at one mark and falls at a lower one, so that a level that wavers about a mark
// does not make the state flap. Pure: no clock, no memory shared.
#pragma once

#include <evbus/error.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace evbus {
inline namespace v1 {

/// The numbers stand in ctl.
enum class pressure : std::uint32_t {
    normal = 0,    ///< keeps up
    throttled = 1, ///< falls behind: whoever can should send less, or take more off
    suspended = 2, ///< takes no more in: a reader is off the ring, a recorder waits for its disk
};

[[nodiscard]] constexpr const char* to_string(pressure p) noexcept {
    switch (p) {
    case pressure::normal: return "normal";
    case pressure::throttled: return "throttled";
    case pressure::suspended: return "suspended";
    }
    return "unknown";
}

/// Levels at which the state changes; 0 <= relax < throttle <= suspend <= 1, relax <= resume < suspend.
struct pressure_marks {
    double throttle = 0.5; ///< normal becomes throttled at it
    double suspend = 1.0;  ///< any state becomes suspended at it
    double resume = 0.75;  ///< suspended becomes throttled at it or below
    double relax = 0.25;   ///< any state becomes normal at it or below
};

class pressure_meter {
public:
    /// Throws errc::bad_option for marks that are out of range or cross each other.
    explicit pressure_meter(const pressure_marks& marks = {}) : marks_(marks) { check(marks); }

    /// The state after `level`. A level that is not a number says nothing.
    pressure read(double level) noexcept {
        if (level >= marks_.suspend) state_ = pressure::suspended;
        else if (level <= marks_.relax) state_ = pressure::normal;
        else if (state_ == pressure::normal && level >= marks_.throttle) state_ = pressure::throttled;
        else if (state_ == pressure::suspended && level <= marks_.resume) state_ = pressure::throttled;
        return state_;
    }
    [[nodiscard]] pressure state() const noexcept { return state_; }

private:
    static void check(const pressure_marks& m) {
        const auto refuse = [](const std::string& what, const char* why) {
            throw error(errc::bad_option, {"measure pressure", what, why, "want 0 <= relax < throttle <= suspend <= 1, and relax <= resume < suspend"});
        };
        const auto text = [](const char* name, double value) { return std::string(name) + " " + std::to_string(value); };
        // Written so that what is not a number is refused as well.
        if (!(m.relax >= 0 && m.relax <= 1)) refuse(text("relax", m.relax), "the mark is not between 0 and 1");
        if (!(m.suspend >= 0 && m.suspend <= 1)) refuse(text("suspend", m.suspend), "the mark is not between 0 and 1");
        if (!(m.throttle > m.relax && m.throttle <= m.suspend))
            refuse(text("throttle", m.throttle), "the mark is not between those of relax and suspend");
        if (!(m.resume >= m.relax && m.resume < m.suspend)) refuse(text("resume", m.resume), "the mark is not between those of relax and suspend");
    }

    pressure_marks marks_;
    pressure state_ = pressure::normal;
};

/// A change of a reader's state, for its `on_pressure`.
struct pressure_change {
    pressure state;
    pressure before;
    double level;                 ///< what led to it
    std::uint64_t lag;            ///< seqs between the reader and the head, as last looked at
    std::uint64_t buffered_bytes; ///< held for large events that are not whole yet
};

/// Called on the reading thread, at the end of the poll that found it. Must not call back into the
/// reader; what it throws passes through that poll.
using pressure_hook = std::function<void(const pressure_change&)>;

} // namespace v1
} // namespace evbus
