// What subscribers and consumers have in common when they are made and polled.
#pragma once

#include <evbus/delivery.hpp>
#include <evbus/from.hpp>
#include <evbus/header_filter.hpp>
#include <evbus/ids.hpp>
#include <evbus/notice.hpp>
#include <evbus/pressure.hpp>
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
    /// Give nothing before it is durable: what was given survives power loss. Read from the log alone, as far as the
    /// recorder has synced it. For a consumer, on a bus with a log.
    bool durable_only = false;
    wait_strategy wait = wait_strategy::block;
    std::chrono::nanoseconds spin{20'000}; ///< `block`: how long to spin before sleeping
    std::string name = "reader";           ///< 1-39 bytes, for people
    notice_hook on_notice{};               ///< called on the reading thread
    /// Held for large events that are not whole yet, 1 or more; one event alone may pass it. A consumer reads
    /// what is over it again from ring and log; a subscriber, or a bus without a log, loses it as a gap.
    std::size_t max_buffered_bytes = default_buffered_bytes;
    pressure_marks marks{};      ///< of lag / ring slots, and of buffered bytes / budget, whichever is greater
    pressure_hook on_pressure{}; ///< told of each change of the reader's state
};

} // namespace v1
} // namespace evbus
