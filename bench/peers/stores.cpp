#include "stores.hpp"

#include "bench/harness/machine.hpp"

namespace bench::stores {

std::string topic_name(std::uint64_t seq) { return "md.trade.S" + std::to_string(100 + seq % topic_count); }

event_maker::event_maker(std::size_t payload_bytes) : payload_(payload_bytes) {
    for (std::uint64_t i = 0; i < topic_count; ++i) topics_.push_back(topic_name(i));
}

store_event event_maker::make(std::uint64_t seq) noexcept {
    std::memcpy(payload_.data(), &seq, sizeof seq);
    std::memcpy(payload_.data() + payload_.size() - sizeof seq, &seq, sizeof seq);
    return {seq, now_ns(), topics_[seq % topic_count], payload_};
}

bool event_maker::is_event(const store_event& e, std::uint64_t seq) const noexcept {
    std::uint64_t first = 0, last = 0;
    if (e.payload.size() != payload_.size() || e.topic != topics_[seq % topic_count]) return false;
    std::memcpy(&first, e.payload.data(), sizeof first);
    std::memcpy(&last, e.payload.data() + e.payload.size() - sizeof last, sizeof last);
    return first == seq && last == seq;
}

} // namespace bench::stores
