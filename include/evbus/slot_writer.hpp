// Writing an event straight into its slot: claimed first, filled in place, then committed.
#pragma once

#include <evbus/codec.hpp>
#include <evbus/published.hpp>
#include <evbus/ring/pen.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace evbus {
inline namespace v1 {

/// A claimed slot of a publisher, on that publisher's thread; at most one at a time. It saves the copy of a
/// payload that is made piece by piece. Dropped without commit() it is abandoned: a void. The publisher
/// outlives it. Be quick: the seqs behind it are held back from readers meanwhile, and who waits longer
/// than 10 ms steps over the slot, or at once who needs it a lap later; commit() then publishes its
/// bytes again, at a later seq.
class slot_writer {
public:
    slot_writer(slot_writer&& other) noexcept
        : pen_(std::exchange(other.pen_, nullptr)), scratch_(other.scratch_), status_(other.status_), room_(other.room_),
          size_(other.size_), word_(other.word_) {}
    slot_writer& operator=(slot_writer&&) = delete;
    ~slot_writer() { abandon(); }

    /// Is there a slot to write into? If not, status() says why.
    [[nodiscard]] explicit operator bool() const noexcept { return pen_ != nullptr; }
    /// `published` while the slot is open; else why there is none, as publish would say it.
    [[nodiscard]] publish_status status() const noexcept { return status_; }
    /// Bytes put so far, and how many more there is room for.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t room() const noexcept { return room_ - size_; }

    /// Appends to the payload. False, and nothing appended, when there is no room for all of it, no slot (any more), or
    /// this is a forked child.
    bool put(std::span<const std::byte> bytes) noexcept {
        if (pen_ == nullptr || bytes.size() > room() || pen_->at().in_child()) return false;
        ring::shared_word* to = pen_->payload_words();
        while (!bytes.empty()) {
            if (size_ % 8 == 0 && bytes.size() >= 8) {
                const std::size_t whole = bytes.size() & ~std::size_t{7};
                (void)ring::store_bytes(to + size_ / 8, bytes.first(whole));
                size_ += whole;
                bytes = bytes.subspan(whole);
                continue;
            }
            const std::size_t at = size_ % 8, n = std::min(8 - at, bytes.size());
            std::memcpy(word_.data() + at, bytes.data(), n);
            std::uint64_t whole;
            std::memcpy(&whole, word_.data(), 8);
            to[size_ / 8].store(whole, std::memory_order_relaxed);
            size_ += n;
            if (size_ % 8 == 0) word_.fill(std::byte{0});
            bytes = bytes.subspan(n);
        }
        return true;
    }
    bool put(std::string_view text) noexcept { return put(std::as_bytes(std::span(text))); }
    /// A trivially copyable struct as it lies in memory.
    template <class T>
        requires detail::plain_payload<T>
    bool put(const T& value) noexcept {
        return put(std::as_bytes(std::span(&value, 1)));
    }

    /// Publishes what was put. Stamped now. `abandoned` when there is no slot (any more). If the slot was stepped
    /// over meanwhile it takes another one, waiting for that as the claim did: after try_claim it may say
    /// would_block, and nothing was published.
    published commit() noexcept {
        if (pen_ == nullptr) return {publish_status::abandoned};
        status_ = publish_status::abandoned;
        return std::exchange(pen_, nullptr)->commit(size_, scratch_);
    }
    /// Lets the slot become a void.
    void abandon() noexcept {
        if (pen_ == nullptr) return;
        status_ = publish_status::abandoned;
        std::exchange(pen_, nullptr)->abandon();
    }

private:
    friend class publisher;
    /// `pen` is null, or has an open slot with room for `room` bytes of payload.
    slot_writer(ring::pen* pen, publish_status status, std::span<std::uint64_t> scratch, std::size_t room) noexcept
        : pen_(pen), scratch_(scratch), status_(status), room_(pen != nullptr ? room : 0) {}

    ring::pen* pen_;
    std::span<std::uint64_t> scratch_; ///< of the publisher, room for a slot
    publish_status status_;
    std::size_t room_;
    std::size_t size_ = 0;
    std::array<std::byte, 8> word_{}; ///< the last, unfinished word
};

} // namespace v1
} // namespace evbus
