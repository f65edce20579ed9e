// The end of a ring: a claim that nobody follows. The head's word becomes CLOSED; whoever would claim
// that seq is told `retired` and opens the bus anew, and nobody passes it. So every event that a
// publisher was told is published lies below the closed seq, and a reader that meets it has all.
#pragma once

#include <evbus/detail/probe.hpp>
#include <evbus/ring/create.hpp>
#include <evbus/ring/doorbell.hpp>
#include <evbus/ring/head.hpp>
#include <evbus/ring/pacing.hpp>
#include <evbus/ring/repair.hpp>

#include <chrono>
#include <cstdint>
#include <ctime>

namespace evbus {
inline namespace v1 {
namespace ring {

inline void nap_shortly() noexcept {
    const timespec nap{0, 1'000'000};
    ::nanosleep(&nap, nullptr);
}

// SYNC exclusive-close
//   here : closing := 1 (seq_cst), membarrier, the head's word (acquire)
//   pairs: claimer::claim_alone, word := WRITING, compiler fence, closing (relaxed)
//   why   : after the membarrier either that claim's word is seen here, or the wish is seen there: a head
//           that is not WRITING now is one that the publisher will not publish at.
//   death: the wish stands; the publisher closes the ring at its next event, or who proves it dead does
/// Tells the publisher of an exclusive bus to close it. False when it cannot be said for sure that its next
/// look will see it: membarrier is refused here.
[[nodiscard]] inline bool ask_to_close(const attachment& at) noexcept {
    at.ctl().verdict.closing.store(1, std::memory_order_seq_cst);
    mark(probe::close_asked);
    return fences::everywhere();
}

[[nodiscard]] inline bool is_unfinished_by_the_dead(const attachment& at, seq_t seq) noexcept {
    const slot_word w = load_word(at, seq);
    return w.phase() == phase::writing && w.laps_ahead_of(at.shape().lap(seq)) == 0 && owner_is_dead(at, w.owner());
}

/// Whether the closed seq may overwrite what a living recorder has not written.
enum class unrecorded : std::uint8_t { may_go, stays };

/// Closes the ring at its head and wakes who sleeps on it. Returns the closed seq, at or above which
/// nothing was published; no_seq when `limit` was over first, because publishers were quicker each
/// time or the ring's words make no sense. On a ring that is closed already it returns that seq.
/// `at` is mapped read_write. Waits for a living recorder as far as a claim of the bus would, but for
/// half of `limit` at most unless that `stays`; what it then overwrites is lost by the recorder, which says so.
[[nodiscard]] inline seq_t retire(const attachment& at, std::chrono::nanoseconds limit,
                                  unrecorded what_is_in_the_way = unrecorded::may_go) noexcept {
    const geometry& shape = at.shape();
    const bool alone = at.description().exclusive();
    const bool told = alone && ask_to_close(at);
    pacer pace(at);
    const std::int64_t start = detail::steady_ns();
    for (std::int64_t waited = 0; waited < limit.count(); waited = detail::steady_ns() - start) {
        // Before the look at the head: a publisher that dies between the two may have published there.
        const bool nobody_publishes = !alone || told || owner_is_dead(at, member_no{1});
        const seq_t chosen = closed_at(at);
        const seq_t t = chosen != no_seq ? chosen : find_head(at);
        const std::uint64_t lap = shape.lap(t);
        const slot_word seen = load_word(at, t);
        const std::int64_t ahead = seen.laps_ahead_of(lap);
        if (ahead == 0 && seen.phase() == phase::closed) return t;
        if (ahead >= 0 && chosen != no_seq) return t; // its publisher will close it, or who proves it dead
        if (ahead != -1) continue;                    // claimed meanwhile
        if (t > pace.limit() && !pace.may_claim(t) &&
            (what_is_in_the_way == unrecorded::stays || waited < limit.count() / 2)) {
            (void)pace.watch(detail::steady_ns());
            nap_shortly();
            continue;
        }
        // The last event's owner may have died in it: somebody may have chosen that as the end by now.
        if (alone && is_unfinished_by_the_dead(at, t - 1)) {
            (void)end_wait(at, t - 1, load_word(at, t - 1), patience::only_the_dead);
            continue;
        }
        slot_pen pen(at, t);
        switch (seen.phase()) {
        case phase::committed:
        case phase::dead:
            if (!nobody_publishes) {
                nap_shortly(); // it will close the bus itself, at its next event
                break;
            }
            // SYNC ring-close
            //   here : the head's word, swapped to CLOSED (acq_rel), then doorbell::ring
            //   pairs: claimer::claim and slot_reader::read, word (acquire)
            //   death: before it the ring lives on; after it it is closed, and its names are taken
            //          away by the next who meets it (unlink_closed)
            mark(probe::close_chosen);
            if (alone && choose_end(at, t) != t) break;
            if (pen.swap(seen, slot_word(lap, member_no::nobody, phase::closed))) {
                mark(probe::close_done);
                doorbell(at.ctl().data_bell).ring(ringing_stranger);
                doorbell(at.ctl().frontier_bell).ring(ringing_stranger);
                return t;
            }
            break;
        case phase::writing: // (of the lap before: nobody has gone round since)
            if (end_wait(at, t, seen, ring::patience::also_the_living) == repair_result::alive) nap_shortly();
            break;
        case phase::stalled:
            (void)pen.swap(seen, owner_is_dead(at, seen.owner()) ? seen.with(phase::dead) : seen.next_lap());
            break;
        default: return no_seq; // CLOSED of the lap before, or no phase at all
        }
    }
    return no_seq;
}

/// Takes the names of a closed ring away, if they still lead to it. Any number of processes may try;
/// the creation byte of its ctl lets one at a time, so that nobody removes a ring that came after it.
/// False when somebody else is at it, or may not be removed by this user (errno).
inline bool unlink_closed(const std::string& bus, epoch_t epoch) {
    const held_byte removing = held_byte::try_take(ctl_object(bus, epoch), creation_lock_byte);
    const std::optional<epoch_t> named = named_epoch(bus);
    if (!removing || !named) return named && named != epoch;
    mark(probe::unlink_locked);
    if (named == epoch && !unlink_object(ring_object(bus))) return false;
    mark(probe::ring_unlinked);
    unlink_object(ctl_object(bus, epoch));
    mark(probe::ctl_unlinked);
    return true;
}

} // namespace ring
} // namespace v1
} // namespace evbus
