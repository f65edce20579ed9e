// From the frames that an event is kept in back to the event.
#pragma once

#include <evbus/frame.hpp>
#include <evbus/owned_event.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace letters {

class frame_joiner {
public:
    /// The next frame; false when it does not go on with what came before.
    [[nodiscard]] bool add(const frame_view& f) {
        if (payload_.empty() && f.is_first() && topic_.empty()) {
            topic_ = f.topic;
            publisher_ = f.publisher();
            headers_block_.assign(f.headers_block.begin(), f.headers_block.end());
        } else if (f.offset != payload_.size() || f.total != total_ || f.topic != topic_ || f.publisher() != publisher_) {
            return false;
        }
        total_ = f.total;
        published_ns_ = f.header.published;
        payload_.insert(payload_.end(), f.payload.begin(), f.payload.end());
        return true;
    }
    [[nodiscard]] bool is_whole() const noexcept { return !topic_.empty() && payload_.size() == total_; }
    /// The event, with the seqs that it has in its bus. This object is empty then.
    [[nodiscard]] owned_event take(seq_range seqs) {
        return {seqs, published_ns_, publisher_, std::move(topic_), std::move(headers_block_), std::move(payload_)};
    }

private:
    std::string topic_;
    publisher_id publisher_{};
    std::vector<std::byte> headers_block_;
    std::vector<std::byte> payload_;
    std::uint32_t total_ = 0;
    std::int64_t published_ns_ = 0;
};

} // namespace letters
} // namespace v1
} // namespace evbus
