// What subscribers and consumers have in common when they are made and polled.
#pragma once

#include <evbus/from.hpp>
#include <evbus/header_filter.hpp>
#include <evbus/ids.hpp>
#include <evbus/notice.hpp>
#include <evbus/ring/waiter.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace evbus {
inline namespace v1 {

/// Bounds of one poll.
struct poll_limits {
    std::size_t max_events = 256;                  ///< handed to the handler
    std::size_t max_bytes = std::size_t{64} << 20; ///< of their payloads; ends after the event that passes it
    seq_t last = max_seq;                          ///< walks no further than this seq
};

struct read_options {
    std::vector<std::string> filters{}; ///< patterns to let pass; none = all but '$' topics
    std::vector<std::string> exclude{}; ///< patterns to keep out
    header_filter headers{};               ///< events must have all of these
    evbus::from from = evbus::from::head();
    wait_strategy wait = wait_strategy::block;
    std::chrono::nanoseconds spin{20'000}; ///< `block`: how long to spin before sleeping
    std::string name = "reader";           ///< 1-39 bytes, for people
    notice_hook on_notice{};               ///< called on the reading thread
};

} // namespace v1
} // namespace evbus
