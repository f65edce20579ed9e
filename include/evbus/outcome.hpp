// What a handler answers for an event, and what it is told about it.
//
//   [](const evbus::event& e) { return bill(e) ? evbus::next : evbus::retry("no connection"); }
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace evbus {
inline namespace v1 {

class outcome {
public:
    enum class kind : std::uint8_t {
        next,     ///< handled
        retry,    ///< not handled: try it again later
        dead,     ///< not handled, and no use in trying: to the dead letters
        stop,     ///< handled, and the worker is to end in good order
        rollback, ///< back to the place saved last, as after a crash; the restart policy says how often
    };

    explicit outcome(kind what, std::string text = {}) : what_(what), text_(std::move(text)) {}

    [[nodiscard]] kind what() const noexcept { return what_; }
    /// Why; kept with the letter, or told by join(). May be empty.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    kind what_;
    std::string text_;
};

[[nodiscard]] constexpr const char* to_string(outcome::kind k) noexcept {
    switch (k) {
    case outcome::kind::next: return "next";
    case outcome::kind::retry: return "retry";
    case outcome::kind::dead: return "dead";
    case outcome::kind::stop: return "stop";
    case outcome::kind::rollback: return "rollback";
    }
    return "?";
}

/// An outcome without words; called with words, one that has them: `return evbus::dead("no such account");`
class answer {
public:
    explicit constexpr answer(outcome::kind what) noexcept : what_(what) {}
    [[nodiscard]] constexpr outcome::kind what() const noexcept { return what_; }
    operator outcome() const { return outcome(what_); } // so that both are returned alike
    [[nodiscard]] outcome operator()(std::string text) const { return outcome(what_, std::move(text)); }

private:
    outcome::kind what_;
};

// In a namespace of their own: else each variable of evbus that is called next is said to hide this one (-Wshadow).
inline namespace answers {
inline constexpr answer next{outcome::kind::next};
inline constexpr answer retry{outcome::kind::retry};
inline constexpr answer dead{outcome::kind::dead};
inline constexpr answer stop{outcome::kind::stop};
inline constexpr answer rollback{outcome::kind::rollback};
} // namespace answers

/// The how-manieth time an event is given to a handler, and whether an earlier time may have had its effect.
struct attempt {
    std::uint32_t number = 1; ///< 1, and one more after each try that failed
    bool may_repeat = false;  ///< it may have been handled already, by a life of this worker that did not end well
    bool requeued = false;    ///< an operator took it back from the dead letters: it was tried before, and may be a repeat as well
};

/// What an exception from a handler means. Whatever it is, its words are kept.
enum class thrown : std::uint8_t {
    restarts, ///< as outcome::kind::rollback
    retries,  ///< as outcome::kind::retry
    dies,     ///< as outcome::kind::dead
};

} // namespace v1
} // namespace evbus
