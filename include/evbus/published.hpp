// What one publishes and what became of it: the words that publisher and ring/pen.hpp share.
#pragma once

#include <evbus/headers.hpp>
#include <evbus/ids.hpp>
#include <evbus/topic.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace evbus {
inline namespace v1 {

/// What became of one publish.
enum class publish_status : std::uint8_t {
    published,   ///< it has a seq; everybody sees it
    would_block, ///< try_publish: pacing does not allow it now
    timed_out,   ///< publish_for: pacing did not allow it in time; nothing was published
    too_large,   ///< topic, headers and payload exceed max_event(); see docs/failure-modes.md
    bad_headers, ///< the headers block is not one
    retired,     ///< the ring was closed: open the bus anew
    forked,      ///< this handle belongs to the parent process
    damaged,     ///< the ring's words contradict the protocol; nothing was published
    claim_open,  ///< a claim of this handle is neither committed nor abandoned yet
    abandoned,   ///< slot_writer: there is no claim (any more) that could be committed
};

[[nodiscard]] constexpr const char* to_string(publish_status s) noexcept {
    switch (s) {
    case publish_status::published: return "published";
    case publish_status::would_block: return "would block";
    case publish_status::timed_out: return "timed out";
    case publish_status::too_large: return "too large";
    case publish_status::bad_headers: return "bad headers";
    case publish_status::retired: return "ring retired";
    case publish_status::forked: return "handle used in a forked child";
    case publish_status::damaged: return "ring damaged";
    case publish_status::claim_open: return "a claim of this handle is open";
    case publish_status::abandoned: return "claim abandoned";
    }
    return "?";
}

struct published {
    publish_status status = publish_status::damaged;
    seq_t seq = no_seq; ///< the event's seq, when it was published

    [[nodiscard]] explicit operator bool() const noexcept { return status == publish_status::published; }
};

/// What became of a batch: its first `count` events were published, the last of them at `last`.
struct published_batch {
    publish_status status = publish_status::damaged; ///< published: all of them; else why the next one was not
    std::size_t count = 0;
    seq_t last = no_seq;

    [[nodiscard]] explicit operator bool() const noexcept { return status == publish_status::published; }
};

struct publish_options {
    headers_view headers{}; ///< of an evbus::headers, or those of an event that was read
};

/// One event of a batch; refers to topic, payload and headers, which outlive the call.
struct outgoing {
    outgoing(const topic& where, std::span<const std::byte> bytes, const publish_options& how = {}) noexcept
        : to(&where), payload(bytes), with(how) {}
    outgoing(const topic& where, std::string_view text, const publish_options& how = {}) noexcept
        : outgoing(where, std::as_bytes(std::span(text)), how) {}

    const topic* to;
    std::span<const std::byte> payload;
    publish_options with;
};

} // namespace v1
} // namespace evbus
