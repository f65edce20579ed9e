// Reading one slot: the word, a private copy of what the filter wants, the word again. What the word
// said before and after the copy decides; a length is bounded before it is used.
#pragma once

#include <evbus/detail/cpu.hpp>
#include <evbus/detail/probe.hpp>
#include <evbus/filter.hpp>
#include <evbus/frame.hpp>
#include <evbus/headers.hpp>
#include <evbus/ring/attachment.hpp>
#include <evbus/ring/head.hpp>
#include <evbus/ring/slot_word.hpp>

#include <cstdint>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace ring {

enum class slot_state : std::uint8_t {
    frame,       ///< frame() is a whole private copy
    rejected,    ///< a whole frame that the filter does not want; publisher() is its author
    malformed,   ///< committed, but its bytes are no frame
    voided,      ///< its claimant died or was stepped over
    nothing,     ///< nobody has claimed it yet
    unfinished,  ///< claimed, not committed yet
    lapped,      ///< the ring went round since
    overwritten, ///< the ring went round while it was being copied
    closed,      ///< the ring ends here
};

class slot_reader {
public:
    slot_reader(const attachment& at, filter_set& wanted)
        : at_(&at), wanted_(&wanted), shape_(at.shape()), copy_(at.shape().slot_bytes() / 8) {}

    /// Not inlined: inlined into a poll loop it cost streams between cores a quarter of their rate.
    [[nodiscard, gnu::noinline]] slot_state read(seq_t seq) noexcept {
        const shared_word* slot = at_->slot(seq);
        const std::uint64_t lap = shape_.lap(seq);
        // SYNC slot-read
        //   here : word (acquire), payload words (relaxed), acquire fence, word again (relaxed)
        //   pairs: claimer::commit (release) before it; claimer::claim's release fence after it
        // Both lines on their way at once: the rest of a small frame would else cost a journey of its own.
        detail::prefetch_for_read(slot + detail::cache_line / sizeof *slot);
        const std::uint64_t bits = slot->load(std::memory_order_acquire);
        word_ = slot_word(bits);
        if (bits >> 16 != lap || word_.phase() != phase::committed) [[unlikely]] return state_of(lap);

        const std::uint64_t hash = slot[1].load(std::memory_order_relaxed);
        const std::uint64_t lengths = slot[3].load(std::memory_order_relaxed);
        const hash_verdict by_hash = wanted_->by_hash(hash);
        std::size_t words = 4;
        if (by_hash != hash_verdict::rejected) {
            words = frame_words(slot, lengths);
            std::uint64_t* copy = copy_.data();
            copy[0] = bits;
            copy[1] = hash;
            copy[2] = slot[2].load(std::memory_order_relaxed);
            copy[3] = lengths;
            load_words(copy + 4, slot + 4, words - 4);
        }
        mark(probe::read_copied);
        std::atomic_thread_fence(std::memory_order_acquire);
        if (slot->load(std::memory_order_relaxed) != bits) [[unlikely]] return slot_state::overwritten;
        if (by_hash == hash_verdict::rejected) return rejected_by(lengths);
        return judge(hash, lengths, words);
    }

    /// After `frame`: valid until the next read().
    [[nodiscard]] const frame_view& frame() const noexcept { return view_; }
    /// After `frame`: its bytes, padded; word 0 is the slot word.
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
        return std::as_bytes(std::span(copy_.data(), frame_bytes(view_) / 8));
    }
    /// After `frame`: every check of parse_frame that read() leaves out; for who keeps the bytes.
    [[nodiscard]] bool is_faultless() noexcept {
        if (view_.header.flags != 0) return parse_frame(bytes(), view_, topic_check::full) == frame_fault::none;
        const std::span<const std::byte> topic = std::as_bytes(std::span(view_.topic));
        return evbus::detail::zero_padding(topic.data(), topic.size()) &&
               evbus::detail::zero_padding(view_.payload.data(), view_.payload.size());
    }
    /// After `frame` and `rejected`.
    [[nodiscard]] publisher_id publisher() const noexcept { return author_; }
    /// The slot word as the last read() saw it.
    [[nodiscard]] slot_word word() const noexcept { return word_; }
    /// After `lapped`: the first seq to go on at, with a margin so as not to be lapped again at once, unless
    /// it was the ring's end, which nobody follows, that took the slot. A lap that the slot there does not confirm is nonsense and costs its own seq only.
    [[nodiscard]] seq_t resume_after_lap(seq_t seq) const noexcept {
        const seq_t newest = shape_.laps_from(seq, word_.laps_ahead_of(shape_.lap(seq)));
        const std::uint64_t margin = word_.phase() == phase::closed ? 0 : shape_.slots() / 8;
        const seq_t resume = newest - shape_.slots() + margin + 1;
        return resume > seq && is_claimed(*at_, resume) ? resume : seq + 1;
    }
    /// The first line alone: all that a rejected frame costs.
    void prefetch_head(seq_t seq) const noexcept { detail::prefetch_for_read(at_->slot(seq)); }
    void prefetch(seq_t seq) const noexcept {
        const auto* line = reinterpret_cast<const std::byte*>(at_->slot(seq));
        detail::prefetch_for_read(line);
        detail::prefetch_for_read(line + detail::cache_line);
    }

private:
    [[nodiscard]] slot_state state_of(std::uint64_t lap) const noexcept {
        const std::int64_t ahead = word_.laps_ahead_of(lap);
        if (ahead < 0) return slot_state::nothing;
        if (ahead > 0) return slot_state::lapped;
        switch (word_.phase()) {
        case phase::dead:
        case phase::stalled: return slot_state::voided;
        case phase::writing: return slot_state::unfinished;
        case phase::closed: return slot_state::closed;
        default: return slot_state::malformed;
        }
    }
    /// Words of the frame as its lengths say, but never more than the slot has.
    [[nodiscard]] std::size_t frame_words(const shared_word* slot, std::uint64_t lengths) const noexcept {
        const std::size_t payload = lengths & 0xffff;
        const std::size_t topic = lengths >> 32 & 0xff;
        const auto flags = static_cast<std::uint8_t>(lengths >> 40);
        std::size_t words = 4 + (topic + 7) / 8 + (payload + 7) / 8;
        if (flags != 0) [[unlikely]] {
            const std::size_t part = (flags & frame_flags::fragment) != 0 ? 1 : 0;
            words += part;
            if ((flags & frame_flags::headers) != 0)
                words += (slot[4 + part].load(std::memory_order_relaxed) & 0xffff) / 8;
        }
        return words < copy_.size() ? words : copy_.size();
    }
    static publisher_id author_of(std::uint64_t lengths) noexcept {
        return {static_cast<member_no>(lengths >> 48), static_cast<std::uint16_t>(lengths >> 16)};
    }
    slot_state rejected_by(std::uint64_t lengths) noexcept {
        author_ = author_of(lengths);
        return slot_state::rejected;
    }
    [[nodiscard]] slot_state judge(std::uint64_t hash, std::uint64_t lengths, std::size_t words) noexcept {
        const auto flags = static_cast<std::uint8_t>(lengths >> 40);
        author_ = author_of(lengths);
        if (flags == 0) [[likely]] {
            if (!plain_view(lengths, words)) return slot_state::malformed;
        } else if (parse_frame(std::as_bytes(std::span(copy_.data(), words)), view_, topic_check::trusted) != frame_fault::none ||
                   !headers_view(view_.headers_block).is_whole()) {
            return slot_state::malformed;
        }
        switch (wanted_->judge(hash, view_.topic)) {
        case topic_verdict::accepted: return slot_state::frame;
        case topic_verdict::rejected: return slot_state::rejected;
        case topic_verdict::malformed: break;
        }
        return slot_state::malformed;
    }
    /// What parse_frame does, for the frame without extras: nearly all of them.
    [[nodiscard]] bool plain_view(std::uint64_t lengths, std::size_t words) noexcept {
        const std::size_t payload = lengths & 0xffff;
        const std::size_t topic = lengths >> 32 & 0xff;
        const std::size_t author = lengths >> 48;
        const std::size_t topic_words = (topic + 7) / 8;
        if (topic == 0 || topic > max_topic_bytes || author == 0 || author > max_publishers ||
            4 + topic_words + (payload + 7) / 8 > words)
            return false;
        std::memcpy(&view_.header, copy_.data(), sizeof view_.header);
        view_.total = static_cast<std::uint32_t>(payload);
        view_.offset = 0;
        view_.headers_block = {};
        view_.topic = {reinterpret_cast<const char*>(copy_.data() + 4), topic};
        view_.payload = {reinterpret_cast<const std::byte*>(copy_.data() + 4 + topic_words), payload};
        return true;
    }

    const attachment* at_;
    filter_set* wanted_;
    geometry shape_;
    std::vector<std::uint64_t> copy_;
    frame_view view_;
    slot_word word_;
    publisher_id author_;
};

} // namespace ring
} // namespace v1
} // namespace evbus
