// An event that outlives the reader it came from: a copy of everything that an event views.
#pragma once

#include <evbus/event.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace evbus {
inline namespace v1 {

/// One event with memory of its own. Copying allocates; moving does not. Like any value: one thread at a time.
class owned_event {
public:
    explicit owned_event(const event& e)
        : owned_event({e.first_seq(), e.seq()}, e.published(), e.publisher(), std::string(e.topic()),
                      {e.headers().block().begin(), e.headers().block().end()}, {e.payload().begin(), e.payload().end()}) {}
    /// From its parts, as a file has them. The topic is one that the rules allow.
    owned_event(seq_range seqs, std::int64_t published_ns, publisher_id publisher, std::string topic,
                std::vector<std::byte> headers_block, std::vector<std::byte> payload)
        : seqs_(seqs), published_ns_(published_ns), publisher_(publisher), hash_(topic_hash(topic)), topic_(std::move(topic)),
          headers_block_(std::move(headers_block)), payload_(std::move(payload)) {}

    /// What was copied; valid as long as this object stays as and where it is.
    [[nodiscard]] event view() const noexcept {
        return event({seqs_, hash_, published_ns_, publisher_, topic_, payload_, headers_block_});
    }
    [[nodiscard]] seq_t seq() const noexcept { return seqs_.last; }
    /// Memory that it takes, roughly: topic, headers and payload.
    [[nodiscard]] std::size_t bytes() const noexcept {
        return sizeof *this + topic_.size() + headers_block_.size() + payload_.size();
    }

private:
    seq_range seqs_;
    std::int64_t published_ns_;
    publisher_id publisher_;
    std::uint64_t hash_;
    std::string topic_;
    std::vector<std::byte> headers_block_;
    std::vector<std::byte> payload_;
};

} // namespace v1
} // namespace evbus
