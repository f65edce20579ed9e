// A publisher's pen: claims the next slot, commits it, or gives it back.
//
// The claim is one compare-and-swap that names its owner, so a death at any instruction leaves a
// slot that says whose it was. A claimer goes past a seq only after it saw that seq claimed or
// stepped over; hence seqs are dense. One thread at a time.
#pragma once

#include <evbus/detail/cpu.hpp>
#include <evbus/detail/probe.hpp>
#include <evbus/ring/attachment.hpp>
#include <evbus/ring/doorbell.hpp>
#include <evbus/ring/head.hpp>
#include <evbus/ring/pacing.hpp>
#include <evbus/ring/repair.hpp>

#include <cstdint>

namespace evbus {
inline namespace v1 {
namespace ring {

enum class claim_status : std::uint8_t {
    claimed,
    must_wait, ///< pacing: the slot's last event is not recorded yet
    retired,   ///< the ring is closed
    nonsense,  ///< the ring's words contradict the protocol: somebody wrote over them
};

class claimer {
public:
    /// `tell` hears of what this claimer repairs; it outlives it.
    claimer(const attachment& at, member_no self, const notice_hook* tell = nullptr) noexcept
        : at_(&at), tell_(tell), self_(self), shape_(at.shape()), pace_(at), next_(find_head(at)),
          alone_(at.description().exclusive()), unfenced_(fences::can_ring_unfenced()) {}

    /// Claims the next free seq. After `claimed` exactly one of commit() and abandon() follows.
    [[nodiscard, gnu::always_inline]] inline claim_status claim() noexcept {
        if (alone_) return claim_alone();
        for (std::uint64_t looks = 0, repairs = 0;; ++looks) {
            const seq_t t = next_;
            if (t > pace_.limit() && !pace_.may_claim(t)) [[unlikely]] return claim_status::must_wait;
            shared_word* slot = at_->slot(t);
            const std::uint64_t lap = shape_.lap(t);
            std::uint64_t bits = slot->load(std::memory_order_acquire);
            const slot_word seen(bits);
            const bool ended = seen.phase() == phase::committed || seen.phase() == phase::dead;
            if (ended && seen.laps_ahead_of(lap) == -1) [[likely]] {
                // SYNC slot-claim
                //   here : word (acq_rel), then a release fence, then the payload words (relaxed)
                //   pairs: slot_reader::read, payload words (relaxed), acquire fence, word again
                //   death: before it nothing happened; after it the word names this owner
                const slot_word mine(lap, self_, phase::writing);
                mark(probe::claim_chosen);
                if (!slot->compare_exchange_strong(bits, mine.bits(), std::memory_order_acq_rel, std::memory_order_relaxed))
                    continue;
                std::atomic_thread_fence(std::memory_order_release);
                took(t, slot, mine);
                mark(probe::claim_done);
                return claim_status::claimed;
            }
            // Repairs are slow: no more of them than the ring can need.
            repairs += !ended;
            if (looks > 4 * shape_.slots() + 1'000'000 || repairs > 4 * shape_.slots()) return claim_status::nonsense;
            const claim_status status = claim_slow(t, lap, seen);
            if (status != claim_status::claimed) return status;
        }
    }

    // SYNC slot-commit
    //   here : payload words (relaxed), then word := COMMITTED (release)
    //   pairs: slot_reader::read, word (acquire), then the payload words
    //   death: before it the slot says WRITING(me); end_wait() or sweep() makes it a void
    /// False when somebody stepped over the slot meanwhile: it was given back and carries nothing.
    [[nodiscard]] bool commit() noexcept {
        if (try_commit()) [[likely]] return true;
        give_back();
        return false;
    }
    /// As commit, but leaves a slot that was stepped over as it is: nobody else touches its bytes until
    /// give_back(), which then follows.
    [[nodiscard]] bool try_commit() noexcept {
        if (alone_) {
            slot_->store(word_.with(phase::committed).bits(), std::memory_order_release);
            mark(probe::commit_done);
            look_ahead();
            return true;
        }
        std::uint64_t expected = word_.bits();
        if (slot_->compare_exchange_strong(expected, word_.with(phase::committed).bits(), std::memory_order_release,
                                           std::memory_order_relaxed)) [[likely]] {
            mark(probe::commit_done);
            look_ahead();
            return true;
        }
        return false;
    }
    /// Lets the claimed seq become a void.
    void abandon() noexcept {
        mark(probe::abandon_chosen);
        if (alone_) {
            slot_->store(word_.with(phase::dead).bits(), std::memory_order_release);
            mark(probe::abandon_done);
            return;
        }
        std::uint64_t expected = word_.bits();
        if (!slot_->compare_exchange_strong(expected, word_.with(phase::dead).bits(), std::memory_order_acq_rel))
            return give_back();
        mark(probe::abandon_done);
    }
    /// After a try_commit() that failed: the slot is STALLED with our name, in whatever lap others carried
    /// it to; it becomes a void.
    [[gnu::noinline]] void give_back() noexcept {
        std::uint64_t bits = slot_->load(std::memory_order_acquire);
        while (true) {
            const slot_word now(bits);
            if (now.owner() != self_ || now.phase() != phase::stalled) break;
            mark(probe::give_back_chosen);
            if (slot_->compare_exchange_weak(bits, now.with(phase::dead).bits(), std::memory_order_acq_rel,
                                             std::memory_order_acquire))
                break;
        }
        mark(probe::give_back_done);
        count_notice(*at_, notice_kind::given_back);
    }

    /// The claimed seq.
    [[nodiscard]] seq_t seq() const noexcept { return seq_; }
    /// The claimed slot's words; word 0 is the protocol's.
    [[nodiscard]] shared_word* words() const noexcept { return slot_; }
    /// The seq that the next claim tries first.
    [[nodiscard]] seq_t next() const noexcept { return next_; }
    [[nodiscard]] pacer& pace() noexcept { return pace_; }
    [[nodiscard]] member_no self() const noexcept { return self_; }

private:
    static constexpr seq_t prefetch_ahead = 16;
    static constexpr int short_spins = 2000;

    /// The publisher of an exclusive bus is the only one who claims, and knows where: it stores and asks
    /// nobody. Whether the bus is to be closed it looks after its store (SYNC exclusive-close).
    [[nodiscard]] claim_status claim_alone() noexcept {
        const seq_t t = next_;
        if (t > pace_.limit() && !pace_.may_claim(t)) [[unlikely]] return claim_status::must_wait;
        const shared_u64& closing = at_->ctl().verdict.closing;
        shared_word* slot = at_->slot(t);
        const slot_word mine(shape_.lap(t), self_, phase::writing);
        if (closing.load(std::memory_order_relaxed) != 0) [[unlikely]] return close_alone(slot, mine);
        mark(probe::claim_chosen);
        // SYNC slot-claim, here without a swap: a dead owner's word is the only one that others replace
        slot->store(mine.bits(), std::memory_order_relaxed);
        if (unfenced_) std::atomic_signal_fence(std::memory_order_seq_cst);
        else std::atomic_thread_fence(std::memory_order_seq_cst);
        if (closing.load(std::memory_order_relaxed) != 0) [[unlikely]] return close_alone(slot, mine);
        std::atomic_thread_fence(std::memory_order_release);
        took(t, slot, mine);
        mark(probe::claim_done);
        return claim_status::claimed;
    }
    /// An end that was chosen right behind this claim was chosen by somebody who saw it before it was taken back:
    /// then the claim becomes a void, and the ring ends where that one says. Otherwise it ends here.
    /// Words (release) as in SYNC ring-close, whose partners read them; the choice (acq_rel) is choose_end's. Killed
    /// before the second store: who chose that end stores it too, or the next who closes the ring.
    [[gnu::noinline]] claim_status close_alone(shared_word* slot, slot_word mine) noexcept {
        mark(probe::close_chosen);
        const seq_t t = next_, after = t + 1;
        if (choose_end(*at_, t) == after) {
            slot->store(mine.with(phase::dead).bits(), std::memory_order_release);
            at_->slot(after)->store(slot_word(shape_.lap(after), member_no::nobody, phase::closed).bits(), std::memory_order_release);
        } else {
            slot->store(mine.with(phase::closed).bits(), std::memory_order_release);
        }
        mark(probe::close_done);
        for (doorbell_words* bell : {&at_->ctl().data_bell, &at_->ctl().frontier_bell}) doorbell(*bell).ring(self_);
        return claim_status::retired;
    }

    void took(seq_t t, shared_word* slot, slot_word mine) noexcept {
        seq_ = t;
        slot_ = slot;
        word_ = mine;
        next_ = t + 1;
    }
    /// What makes the next claims cheap. After the commit: before it every ns would keep readers waiting.
    void look_ahead() noexcept {
        // Not each time: with two publishers the tail's line would go to and fro with every event,
        // and the commit would wait for it.
        if (seq_ % prefetch_ahead == 0) at_->ring().tail.store(next_, std::memory_order_relaxed);
        mark(probe::tail_stored);
        const auto* ahead = reinterpret_cast<const std::byte*>(at_->slot(seq_ + prefetch_ahead));
        detail::prefetch_for_write(ahead);
        detail::prefetch_for_write(ahead + detail::cache_line);
        if (shape_.slot_bytes() > 128) {
            detail::prefetch_for_write(ahead + 2 * detail::cache_line);
            detail::prefetch_for_write(ahead + 3 * detail::cache_line);
        }
    }

    /// Whatever stands in the way of `t`. `claimed` means: look again.
    [[gnu::noinline]] claim_status claim_slow(seq_t t, std::uint64_t lap, slot_word seen) noexcept {
        const std::int64_t ahead = seen.laps_ahead_of(lap);
        if (ahead >= 0) {
            // In whatever lap: the seq behind a CLOSED word would look free to who comes from a lap before.
            if (seen.phase() == phase::closed) return claim_status::retired;
            const seq_t there = seq_ahead(shape_, t, ahead);
            if (there == no_seq) return claim_status::nonsense;
            next_ = there + 1;
            if (++taken_in_a_row_ % 8 == 0) {
                const seq_t tail = at_->ring().tail.load(std::memory_order_acquire);
                if (tail > next_ && tail <= last_seq_of_any_ring && is_claimed(*at_, tail - 1)) next_ = tail;
            }
            return claim_status::claimed;
        }
        if (ahead < -1) { // beyond the head: only a wrong word can have led here
            next_ = head_by_scan(*at_);
            return next_ == t ? claim_status::nonsense : claim_status::claimed;
        }
        switch (seen.phase()) {
        case phase::writing: return wait_shortly(t, seen);
        case phase::stalled: return step_over(t, seen);
        case phase::closed: return claim_status::retired;
        default: return claim_status::nonsense;
        }
    }

    /// The slot is needed: its owner gets a short while, then it is repaired or stepped over.
    claim_status wait_shortly(seq_t t, slot_word seen) noexcept {
        if (seen.owner() == self_) return claim_status::nonsense;
        shared_word* slot = at_->slot(t);
        for (int i = 0; i < short_spins; ++i) {
            if (slot->load(std::memory_order_acquire) != seen.bits()) return claim_status::claimed;
            detail::cpu_pause();
        }
        (void)end_wait(*at_, shape_.laps_from(t, -1), seen, patience::also_the_living, tell_);
        return claim_status::claimed;
    }
    claim_status step_over(seq_t t, slot_word seen) noexcept {
        if (seen.owner() == self_) return claim_status::nonsense;
        slot_pen pen(*at_, t);
        mark(probe::step_over_chosen);
        if (owner_is_dead(*at_, seen.owner())) {
            if (pen.swap(seen, seen.with(phase::dead))) note_repair(*at_, notice_kind::reaped, shape_.laps_from(t, -1), seen.owner(), tell_);
        } else if (pen.swap(seen, seen.next_lap())) {
            mark(probe::step_over_done);
            next_ = t + 1;
        }
        return claim_status::claimed;
    }

    const attachment* at_;
    const notice_hook* tell_;
    member_no self_;
    geometry shape_;
    pacer pace_;
    seq_t next_;
    seq_t seq_ = no_seq;
    shared_word* slot_ = nullptr;
    slot_word word_;
    bool alone_;    ///< an exclusive bus
    bool unfenced_; ///< membarrier makes others' fence for us
    std::uint32_t taken_in_a_row_ = 0;
};

} // namespace ring
} // namespace v1
} // namespace evbus
