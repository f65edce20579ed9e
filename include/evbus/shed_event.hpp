// A large event whose bytes a reader forgot, because it held too many, and reads again once its last
// fragment is there: one piece, put together from the same frames, from wherever they stand by then.
#pragma once

#include <evbus/event.hpp>
#include <evbus/frame.hpp>
#include <evbus/ids.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace evbus {
inline namespace v1 {

struct shed_event {
    publisher_id publisher;
    seq_range seqs;             ///< of its first and its last frame
    std::uint64_t frames;
    std::uint32_t total;        ///< bytes of its payload
    std::uint64_t topic_hash;
    std::int64_t published_ns;
    std::string topic;
    seq_t next;                 ///< read again from here; above seqs.last once all was walked
    std::vector<std::byte> headers_block{};
    std::vector<std::byte> payload{};

    [[nodiscard]] bool is_walked() const noexcept { return next > seqs.last; }
    /// False once it is walked: some of it cannot be had any more.
    [[nodiscard]] bool is_whole() const noexcept { return payload.size() == total; }
    /// A frame of any author between its first and its last, in order.
    void take(const frame_view& f) {
        const bool continues = f.is_fragment() && f.publisher() == publisher && f.offset == payload.size() && f.total == total &&
                               f.header.topic_hash == topic_hash && f.topic == topic;
        if (!continues) return;
        if (f.is_first()) {
            headers_block.assign(f.headers_block.begin(), f.headers_block.end());
            payload.reserve(total);
        }
        payload.insert(payload.end(), f.payload.begin(), f.payload.end());
    }
    [[nodiscard]] event view() const noexcept {
        return event({seqs, topic_hash, published_ns, publisher, topic, payload, headers_block});
    }
};

} // namespace v1
} // namespace evbus
