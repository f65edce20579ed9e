// The mailbox in ctl through which anchors reach the recorder: one way for shared and exclusive buses, without
// a place among the publishers, and with an answer.
//
//   idle ──► writing(n) ──► posted(n) ──► taken(n) ──► idle(n)      by CAS on one word; n counts requests
//        asker         asker         recorder      recorder, after `answer`
//
// Who asks holds anchor_lock_byte, so there is one asker at a time, and the kernel frees the place of one that is
// killed. What the words then say is all that the next one needs:
//   writing(n)  nobody reads it: the next asker writes over it
//   posted(n)   the next asker takes it back by CAS, unless the recorder was first
//   taken(n)    its words are the recorder's until it answers; a recorder that comes after one that was killed
//               answers `interrupted`
// The recorder copies what was posted, and believes nothing of it before it has checked the copy.
#pragma once

#include <evbus/ring/layout.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

namespace evbus {
inline namespace v1 {
namespace ring {

enum class anchor_phase : std::uint8_t { idle = 0, writing = 1, posted = 2, taken = 3 };

enum class anchor_answer : std::uint8_t {
    none = 0,
    put = 1,         ///< synced
    not_durable = 2, ///< its seq is above what is durable
    goes_back = 3,   ///< its seq is below the newest anchor's
    malformed = 4,
    no_space = 5,    ///< the disk is full; nothing of it is in the log
    interrupted = 6, ///< the recorder that took it was killed; asking again is safe
    ended = 7,       ///< the recorder ended before it was synced
};

/// What is asked for.
struct anchor_request {
    seq_t seq = no_seq;
    seq_t walk_from = no_seq;
    std::optional<std::uint64_t> content_hash{};
    std::string reference;
};

/// The state word, taken apart. A phase that nobody knows is kept as it is.
struct anchor_state {
    std::uint64_t number = 0;
    anchor_phase phase = anchor_phase::idle;

    [[nodiscard]] static anchor_state of(std::uint64_t word) noexcept {
        return {word >> 8, static_cast<anchor_phase>(word & 0xff)};
    }
    [[nodiscard]] std::uint64_t word() const noexcept { return number << 8 | static_cast<std::uint64_t>(phase); }
    friend bool operator==(const anchor_state&, const anchor_state&) = default;
};

/// Either side's use of the words. Needs ctl mapped for writing, save for state() and answer_to().
class anchor_mailbox {
public:
    explicit anchor_mailbox(anchor_words& words) noexcept : words_(&words) {}

    [[nodiscard]] anchor_state state() const noexcept { return anchor_state::of(words_->state.load(std::memory_order_acquire)); }

    // SYNC anchor-post
    //   here : the request (relaxed), then state := posted (release)
    //   pairs: take(), state (acquire), then the request
    //   death: before posted nobody reads the request; after it the recorder or the next asker has it

    /// Asker, holding the lock: makes the mailbox its own; nothing while the recorder works for another one.
    [[nodiscard]] std::optional<anchor_state> begin() noexcept {
        const anchor_state was = state();
        if (was.phase == anchor_phase::taken) return std::nullopt;
        const anchor_state mine{was.number + 1, anchor_phase::writing};
        return move(was, mine) ? std::optional(mine) : std::nullopt;
    }
    void write(const anchor_request& r) noexcept {
        store(words_->seq, r.seq);
        store(words_->walk_from, r.walk_from);
        store(words_->content_hash, r.content_hash.value_or(0));
        store(words_->reference_bytes, r.reference.size() | (r.content_hash ? has_hash : 0));
        for (std::size_t i = 0; i < std::size(words_->reference); ++i) {
            std::uint64_t word = 0;
            if (i * 8 < r.reference.size()) std::memcpy(&word, r.reference.data() + i * 8, std::min<std::size_t>(8, r.reference.size() - i * 8));
            store(words_->reference[i], word);
        }
    }
    /// The state to wait for an answer with.
    [[nodiscard]] anchor_state post(const anchor_state& mine) noexcept {
        const anchor_state posted{mine.number, anchor_phase::posted};
        words_->state.store(posted.word(), std::memory_order_release);
        return posted;
    }
    /// Takes a request back; false when the recorder has it already, or has answered.
    [[nodiscard]] bool take_back(const anchor_state& posted) noexcept { return move(posted, {posted.number, anchor_phase::idle}); }
    /// `none` until request `number` was answered.
    [[nodiscard]] anchor_answer answer_to(std::uint64_t number) const noexcept {
        if (state() != anchor_state{number, anchor_phase::idle}) return anchor_answer::none;
        const std::uint64_t word = words_->answer.load(std::memory_order_relaxed);
        return word >> 8 == (anchor_state{number, {}}.word() >> 8) ? static_cast<anchor_answer>(word & 0xff) : anchor_answer::none;
    }

    /// Recorder: takes what was posted. Its words stay as they are until answer().
    [[nodiscard]] std::optional<anchor_request> take(const anchor_state& posted) {
        if (!move(posted, {posted.number, anchor_phase::taken})) return std::nullopt;
        anchor_request r{load(words_->seq), load(words_->walk_from), {}, {}};
        const std::uint64_t bytes = load(words_->reference_bytes);
        if ((bytes & has_hash) != 0) r.content_hash = load(words_->content_hash);
        char text[sizeof words_->reference];
        for (std::size_t i = 0; i < std::size(words_->reference); ++i) {
            const std::uint64_t word = load(words_->reference[i]);
            std::memcpy(text + i * 8, &word, 8);
        }
        // A length that cannot be leaves an empty reference, which is refused.
        if ((bytes & ~has_hash) <= sizeof text) r.reference.assign(text, static_cast<std::size_t>(bytes & ~has_hash));
        return r;
    }
    // SYNC anchor-answer
    //   here : answer (relaxed), then state := idle (release), then frontier_bell
    //   pairs: answer_to(), state (acquire), then the answer
    //   death: the request stays taken; the next recorder answers it
    void answer(std::uint64_t number, anchor_answer a) noexcept {
        words_->answer.store(number << 8 | static_cast<std::uint64_t>(a), std::memory_order_relaxed);
        words_->state.store(anchor_state{number, anchor_phase::idle}.word(), std::memory_order_release);
    }

private:
    static constexpr std::uint64_t has_hash = std::uint64_t{1} << 63;

    static void store(shared_u64& to, std::uint64_t value) noexcept { to.store(value, std::memory_order_relaxed); }
    static std::uint64_t load(const shared_u64& from) noexcept { return from.load(std::memory_order_relaxed); }
    bool move(const anchor_state& was, const anchor_state& next) noexcept {
        std::uint64_t expected = was.word();
        return words_->state.compare_exchange_strong(expected, next.word(), std::memory_order_acq_rel, std::memory_order_relaxed);
    }

    anchor_words* words_;
};

} // namespace ring
} // namespace v1
} // namespace evbus
