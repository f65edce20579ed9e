// What others may do to an unfinished slot: a dead owner's becomes a void, a living owner's is
// stepped over. The rule of both: read the word, prove, then compare-and-swap that very word; a
// word that changed in between needs a new proof.
#pragma once

#include <evbus/detail/probe.hpp>
#include <evbus/notice.hpp>
#include <evbus/ring/attachment.hpp>
#include <evbus/ring/liveness.hpp>

#include <cstdint>
#include <string>

namespace evbus {
inline namespace v1 {
namespace ring {

/// How long a reader or recorder waits for a living owner before it steps over its slot.
inline constexpr std::int64_t stall_wait_ns = 10'000'000;

inline void count_notice(const attachment& at, notice_kind kind) noexcept {
    if (at.may_write()) at.ctl().notices[static_cast<std::size_t>(kind)].fetch_add(1, std::memory_order_relaxed);
}

/// True only on proof. Numbers that no publisher can have are nobody's and never alive.
[[nodiscard]] inline bool owner_is_dead(const attachment& at, member_no owner) noexcept {
    const std::uint16_t n = to_u16(owner);
    return n == 0 || n > max_publishers || !byte_is_held(at.test_fd(), n);
}

/// A slot word that can be written, also where the ring is mapped read-only: then its page is mapped
/// for writing for the moment of the repair.
class slot_pen {
public:
    slot_pen(const attachment& at, seq_t seq) {
        if (at.ring_is_writable()) {
            word_ = at.slot(seq);
            return;
        }
        if (!at.may_write()) return;
        const shm_file ring = shm_file::try_open(ring_object(at.name()), access::read_write);
        if (!ring || !at.is_current()) return;
        const std::uint64_t offset = sizeof(ring_header) + at.shape().index(seq) * at.shape().slot_bytes();
        void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd(), static_cast<off_t>(offset & ~std::uint64_t{4095}));
        if (page == MAP_FAILED) return;
        page_ = page;
        word_ = reinterpret_cast<shared_word*>(static_cast<std::byte*>(page) + offset % 4096);
    }
    slot_pen(const slot_pen&) = delete;
    slot_pen& operator=(const slot_pen&) = delete;
    ~slot_pen() {
        if (page_ != nullptr) ::munmap(page_, 4096);
    }

    [[nodiscard]] explicit operator bool() const noexcept { return word_ != nullptr; }
    // SYNC slot-repair
    //   here : the word that was read (acquire) and proven, swapped (acq_rel)
    //   pairs: the owner's commit (fails), claimers and readers, word (acquire)
    //   death: the swap happened or it did not; nothing else is written
    bool swap(slot_word seen, slot_word next) noexcept {
        std::uint64_t expected = seen.bits();
        return word_->compare_exchange_strong(expected, next.bits(), std::memory_order_acq_rel, std::memory_order_relaxed);
    }

private:
    shared_word* word_ = nullptr;
    void* page_ = nullptr;
};

/// Is an exclusive bus to be closed?
[[nodiscard]] inline bool is_closing(const attachment& at) noexcept {
    return at.ctl().verdict.closing.load(std::memory_order_acquire) != 0;
}

/// The seq at which an exclusive bus ends, once that is chosen; else no_seq. Never changes again.
[[nodiscard]] inline seq_t closed_at(const attachment& at) noexcept {
    return at.description().exclusive() ? at.ctl().verdict.closed_at.load(std::memory_order_acquire) : no_seq;
}

/// One end for everybody: who chooses first. Returns what is chosen now.
inline seq_t choose_end(const attachment& at, seq_t seq) noexcept {
    seq_t chosen = no_seq;
    return at.ctl().verdict.closed_at.compare_exchange_strong(chosen, seq, std::memory_order_acq_rel) ? seq : chosen;
}

/// What a dead owner's slot becomes, after the proof: a void. But on an exclusive bus that is to be closed it may
/// be the chosen end: somebody may have read CLOSED there, just before the owner stored its claim over it. While
/// no end is chosen it is chosen here, right behind the slot: readers may have gone over it already. Who may not
/// choose, or sees the word changed, gets it as it is.
[[nodiscard]] inline slot_word remains_of(const attachment& at, seq_t seq, slot_word dead) noexcept {
    if (!at.description().exclusive() || !is_closing(at)) return dead.with(phase::dead);
    seq_t end = closed_at(at);
    if (end == no_seq) {
        // Still this word after the proof: the dead owner never came to the next seq, and no later life will.
        if (!at.may_write() || at.slot(seq)->load(std::memory_order_acquire) != dead.bits()) return dead;
        end = choose_end(at, seq + 1);
    }
    return dead.with(end == seq ? phase::closed : phase::dead);
}

/// What became of a slot that somebody could not wait for.
enum class repair_result : std::uint8_t {
    reaped,    ///< its owner is dead: it is a void now
    stalled,   ///< its owner lives: it was stepped over
    unchanged, ///< the word changed meanwhile, or this process may not write
    alive,     ///< its owner lives and was left alone
};

/// May a living owner be stepped over?
enum class patience : bool { only_the_dead, also_the_living };

/// Counts a repair in ctl, and tells who asked to hear of it. A hook that throws is not heard further.
inline void note_repair(const attachment& at, notice_kind kind, seq_t seq, member_no owner, const notice_hook* tell) noexcept {
    count_notice(at, kind);
    if (tell == nullptr || !*tell) return;
    try {
        (*tell)({kind, "publisher " + std::to_string(to_u16(owner)) +
                           (kind == notice_kind::reaped ? " died and left its slot unfinished: it became a void"
                                                        : " lives, but did not finish its slot in time: it was stepped over"),
                 seq, owner});
    } catch (...) { // rare and slow already; the repair stands
    }
}

/// Ends the wait for a WRITING word of `seq`, read as `seen`. `tell` hears of what was done.
[[nodiscard]] inline repair_result end_wait(const attachment& at, seq_t seq, slot_word seen, patience how,
                                            const notice_hook* tell = nullptr) noexcept {
    if (owner_is_dead(at, seen.owner())) {
        slot_pen pen(at, seq);
        mark(probe::repair_proven);
        if (!pen || !pen.swap(seen, remains_of(at, seq, seen))) return repair_result::unchanged;
        mark(probe::reap_done);
        note_repair(at, notice_kind::reaped, seq, seen.owner(), tell);
        return repair_result::reaped;
    }
    // Who stores plainly can be stepped over by nobody.
    if (how == patience::only_the_dead || at.description().exclusive()) return repair_result::alive;
    slot_pen pen(at, seq);
    mark(probe::stall_chosen);
    if (!pen || !pen.swap(seen, seen.with(phase::stalled))) return repair_result::unchanged;
    mark(probe::stall_done);
    note_repair(at, notice_kind::stalled, seq, seen.owner(), tell);
    return repair_result::stalled;
}

/// Turns every unfinished slot of `number`'s former life into a void. The caller holds that number's
/// lock, so no such slot can appear or be finished meanwhile. Returns how many there were.
[[nodiscard]] inline std::size_t sweep(const attachment& at, member_no number) noexcept {
    std::size_t swept = 0;
    for (seq_t i = 0; i < at.shape().slots(); ++i) {
        shared_word& word = *at.slot(i);
        // Others may step over a STALLED word at the same time; then the swap fails and it is read anew.
        while (true) {
            std::uint64_t bits = word.load(std::memory_order_acquire);
            const slot_word w(bits);
            if (w.owner() != number || (w.phase() != phase::writing && w.phase() != phase::stalled)) break;
            const seq_t seq = at.shape().laps_from(i, w.laps_ahead_of(at.shape().lap(i)));
            if (word.compare_exchange_strong(bits, remains_of(at, seq, w).bits(), std::memory_order_acq_rel)) {
                ++swept;
                mark(probe::join_swept_one);
                break;
            }
        }
    }
    if (swept != 0) count_notice(at, notice_kind::reaped);
    return swept;
}

} // namespace ring
} // namespace v1
} // namespace evbus
