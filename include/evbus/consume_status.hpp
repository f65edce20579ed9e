// What a consumer says of itself: how a poll came to rest, and how far it is.
#pragma once

#include <chrono>
#include <cstdint>

namespace evbus {
inline namespace v1 {

/// How a poll came to rest.
enum class consume_status : std::uint8_t {
    delivered,       ///< as much as was asked for, or all there was after something was given
    caught_up,       ///< nothing there: the head is reached
    recorder_behind, ///< the next seq is gone from the ring and not yet in the log: wait; no gap
    retired,         ///< the ring was closed, and everything before its end was given: open the bus anew
    log_failed,      ///< the log cannot be read at the moment; failure() says why. Nothing is skipped
    forked,          ///< this handle belongs to the parent process
};

[[nodiscard]] constexpr const char* to_string(consume_status s) noexcept {
    switch (s) {
    case consume_status::delivered: return "delivered";
    case consume_status::caught_up: return "caught up";
    case consume_status::recorder_behind: return "recorder behind";
    case consume_status::retired: return "ring retired";
    case consume_status::log_failed: return "log failed";
    case consume_status::forked: return "handle used in a forked child";
    }
    return "?";
}

enum class consumer_mode : std::uint8_t { live = 0, catch_up = 1 };

struct consumer_lag {
    std::uint64_t events = 0;         ///< seqs between here and the head
    std::chrono::nanoseconds time{0}; ///< age of the last event walked over, 0 at the head
};

} // namespace v1
} // namespace evbus
