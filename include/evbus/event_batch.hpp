// Events that a handler is given together, and what it says of single ones among them.
#pragma once

#include <evbus/event.hpp>
#include <evbus/outcome.hpp>

#include <cstddef>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace evbus {
inline namespace v1 {

/// Copies in memory of its own that is used again for the next batch; valid within the handler it is given to.
class event_batch {
public:
    [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }
    [[nodiscard]] bool empty() const noexcept { return all_.empty(); }
    /// The i-th, in the order of seqs.
    [[nodiscard]] event operator[](std::size_t i) const noexcept {
        const held& h = all_[i];
        const std::byte* const at = bytes_.data() + h.at;
        const std::byte* const payload = at + padded8(h.topic_bytes);
        return event({h.seqs, h.topic_hash, h.published_ns, h.publisher, {reinterpret_cast<const char*>(at), h.topic_bytes},
                      {payload, h.payload_bytes}, {payload + padded8(h.payload_bytes), h.headers_bytes}});
    }
    [[nodiscard]] const evbus::attempt& attempt(std::size_t i) const noexcept { return all_[i].given; }
    /// The i-th was not handled, whatever is returned for the rest. Said twice, the last counts. Throws
    /// std::invalid_argument when `what` is neither retry nor dead, or there is no i-th.
    void fail(std::size_t i, outcome what) {
        const bool fails = what.what() == outcome::kind::retry || what.what() == outcome::kind::dead;
        if (!fails || i >= size()) throw std::invalid_argument(fails ? "event_batch::fail: no such event" : "event_batch::fail: neither retry nor dead");
        failed_.insert_or_assign(i, std::move(what));
    }

    // --- for the worker ----------------------------------------------------------------------------------------------

    void clear() noexcept {
        all_.clear();
        bytes_.clear();
        failed_.clear();
    }
    void add(const event& e, const evbus::attempt& given) {
        all_.push_back({{e.first_seq(), e.seq()}, e.topic_hash(), e.published(), e.publisher(), given, bytes_.size(), e.topic().size(), e.payload().size(),
                        e.headers().block().size()});
        append(e.topic().data(), e.topic().size());
        append(e.payload().data(), e.payload().size());
        append(e.headers().block().data(), e.headers().block().size());
    }
    /// Null when nothing was said of the i-th.
    [[nodiscard]] const outcome* failure(std::size_t i) const noexcept {
        const auto at = failed_.find(i);
        return at == failed_.end() ? nullptr : &at->second;
    }
    [[nodiscard]] bool has_failures() const noexcept { return !failed_.empty(); }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_.size(); }

private:
    struct held {
        seq_range seqs;
        std::uint64_t topic_hash;
        std::int64_t published_ns;
        publisher_id publisher;
        evbus::attempt given;
        std::size_t at; ///< of its topic, payload and headers in `bytes_`, in this order
        std::size_t topic_bytes;
        std::size_t payload_bytes;
        std::size_t headers_bytes;
    };

    void append(const void* from, std::size_t n) {
        if (n == 0) return;
        const std::size_t at = bytes_.size();
        bytes_.resize(at + padded8(n)); // a payload stands as it would in a slot
        std::memcpy(bytes_.data() + at, from, n);
    }

    std::vector<held> all_;
    std::vector<std::byte> bytes_;
    std::map<std::size_t, outcome> failed_; ///< by place: a large batch may fail as a whole
};

} // namespace v1
} // namespace evbus
