// What is known of a letter besides its event. A letter is an event that its handler did not take at the first
// try: it waits to be tried again, or it is dead and waits for an operator.
#pragma once

#include <evbus/ids.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace evbus {
inline namespace v1 {
namespace letters {

/// The numbers stand in the journal's files. Behind dead a letter is closed, and stays so.
enum class letter_state : std::uint8_t {
    waiting = 1,     ///< to be tried again, or behind an earlier event of its topic
    dead = 2,        ///< given up
    handled = 3,     ///< its handler took it after all
    dropped = 4,     ///< an operator wanted it no more
    republished = 5, ///< an operator published it again, as a new event
    forgotten = 6,   ///< closed before its worker was sent back: its event is a fresh one again
};

[[nodiscard]] constexpr const char* to_string(letter_state s) noexcept {
    switch (s) {
    case letter_state::waiting: return "waiting";
    case letter_state::dead: return "dead";
    case letter_state::handled: return "handled";
    case letter_state::dropped: return "dropped";
    case letter_state::republished: return "republished";
    case letter_state::forgotten: return "forgotten";
    }
    return "?";
}
[[nodiscard]] constexpr bool is_open(letter_state s) noexcept { return s == letter_state::waiting || s == letter_state::dead; }

/// An error's text is cut to so many bytes.
inline constexpr std::size_t max_error_bytes = 1024;

struct story {
    seq_t seq = no_seq;       ///< the event's identity in its bus
    seq_t first_seq = no_seq; ///< of its first frame
    letter_state state = letter_state::waiting;
    std::uint32_t attempts = 0; ///< finished tries; 0: it only waits behind an earlier event of its topic
    std::int64_t due_ns = 0;    ///< waiting: not before this, ns since 1970
    std::int64_t since_ns = 0;  ///< when it became a letter
    std::int64_t last_ns = 0;   ///< the last try; 0 when there was none
    bool requeued = false;      ///< an operator brought it back from the dead
    std::string error{};        ///< of the last try; any bytes, cut to max_error_bytes

    friend bool operator==(const story&, const story&) = default;
};

} // namespace letters
} // namespace v1
} // namespace evbus
