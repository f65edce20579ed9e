// How a reader waits for its next slot: spinning, yielding, backing off or sleeping; and what it
// does about a slot whose owner does not finish.
#pragma once

#include <evbus/detail/cpu.hpp>
#include <evbus/detail/probe.hpp>
#include <evbus/ring/doorbell.hpp>
#include <evbus/ring/head.hpp>
#include <evbus/ring/repair.hpp>

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace evbus {
inline namespace v1 {

/// What wait() does until there is something to read.
enum class wait_strategy : std::uint8_t {
    spin,     ///< never gives the core away: the lowest latency
    yield,    ///< spins, giving the core to others that want it
    back_off, ///< sleeps by timer in growing steps up to 1 ms: no flag for publishers to see
    block,    ///< spins shortly, then sleeps in the kernel until a publisher rings
};

namespace ring {

/// Watches one unfinished slot: a dead owner's is reaped soon, a living owner's stepped over after
/// stall_wait, once a later seq is claimed.
class stall_watch {
public:
    enum class verdict : std::uint8_t { wait, changed, is_void, is_closed };

    /// `tell` hears of repairs; it outlives this.
    explicit stall_watch(const attachment& at, const notice_hook* tell = nullptr) noexcept : at_(&at), tell_(tell) {}

    /// One look at `seq`, whose word was read as `seen` (WRITING of its lap).
    [[nodiscard]] verdict look(seq_t seq, slot_word seen) noexcept {
        const std::int64_t now = detail::steady_ns();
        if (seq != seq_ || seen != word_) {
            seq_ = seq;
            word_ = seen;
            since_ns_ = now;
            probed_ = false;
            return verdict::wait;
        }
        const std::int64_t waited = now - since_ns_;
        if (!probed_ && waited >= probe_after_ns) {
            probed_ = true;
            return act(patience::only_the_dead);
        }
        if (waited < stall_wait_ns) return verdict::wait;
        since_ns_ = now; // look again in another stall_wait
        // Nobody is held up by the newest seq: its owner may take its time.
        return act(is_followed(*at_, seq) ? patience::also_the_living : patience::only_the_dead);
    }
    /// ns until the next look has something to do; for who wants to sleep.
    [[nodiscard]] std::int64_t next_look_ns() const noexcept {
        return std::max<std::int64_t>(since_ns_ + (probed_ ? stall_wait_ns : probe_after_ns) - detail::steady_ns(), 10'000);
    }

private:
    static constexpr std::int64_t probe_after_ns = 200'000;

    [[nodiscard]] verdict act(patience how) noexcept {
        // Its owner's claim came out over the closed word; whatever becomes of it, nothing is published there.
        if (closed_at(*at_) == seq_) return verdict::is_closed;
        switch (end_wait(*at_, seq_, word_, how, tell_)) {
        case repair_result::reaped:
        case repair_result::stalled: return verdict::changed;
        case repair_result::alive: return verdict::wait;
        case repair_result::unchanged: break;
        }
        // This process may not write, or the word moved. A dead owner's word that is still the same can
        // never be committed any more: a void, whoever repairs it.
        const bool same = load_word(*at_, seq_) == word_;
        if (!same) return verdict::changed;
        if (!owner_is_dead(*at_, word_.owner()) || load_word(*at_, seq_) != word_) return verdict::wait;
        const phase remains = remains_of(*at_, seq_, word_).phase();
        mark(probe::read_void_proven);
        if (remains == phase::writing) return verdict::wait; // to be closed, and nobody chose the end yet
        return remains == phase::closed ? verdict::is_closed : verdict::is_void;
    }

    const attachment* at_;
    const notice_hook* tell_;
    seq_t seq_ = no_seq;
    slot_word word_;
    std::int64_t since_ns_ = 0;
    bool probed_ = false;
};

/// Waits for seqs. One thread.
class waiter {
public:
    /// `self` is empty for who may not write: it sleeps by timer.
    waiter(const attachment& at, std::optional<member_no> self, wait_strategy how, std::int64_t spin_ns) noexcept
        : at_(&at), self_(self), bell_(at.ctl().data_bell), how_(how), spin_ns_(spin_ns) {}

    /// True when the slot of `seq` says anything at all but "nothing yet".
    [[nodiscard]] bool is_ready(seq_t seq) const noexcept {
        const slot_word w = load_word(*at_, seq);
        const std::int64_t ahead = w.laps_ahead_of(at_->shape().lap(seq));
        return ahead > 0 || (ahead == 0 && w.phase() != phase::writing);
    }
    /// Waits until is_ready(seq) or `timeout_ns` is over; returns is_ready(seq). `unfinished` is called when
    /// the slot is WRITING, and returns for how many ns to leave it alone, or 0 to stop waiting.
    template <class Unfinished>
    [[nodiscard]] bool wait(seq_t seq, std::int64_t timeout_ns, Unfinished&& unfinished) noexcept {
        if (is_ready(seq)) return rested();
        const std::int64_t start = detail::steady_ns();
        for (std::uint64_t turn = 0;; ++turn) {
            for (int i = 0; i < spins_per_look; ++i) {
                if (is_ready(seq)) return rested();
                detail::cpu_pause();
            }
            const std::int64_t waited = detail::steady_ns() - start;
            if (waited >= timeout_ns) return is_ready(seq);
            std::int64_t longest = timeout_ns - waited;
            // Looked at once a turn: a claim between two looks would be dozed upon to the end of the time-out.
            const bool owner_at_work = is_unfinished(seq);
            if (owner_at_work) {
                const std::int64_t leave_alone = unfinished();
                if (leave_alone == 0) return is_ready(seq);
                longest = std::min(longest, leave_alone);
            }
            rest(seq, owner_at_work, longest, waited);
        }
    }
    void ring() noexcept {
        if (self_) bell_.ring(*self_);
    }

private:
    static constexpr int spins_per_look = 64;
    static constexpr std::int64_t first_nap_ns = 50'000;
    static constexpr std::int64_t longest_back_off_ns = 1'000'000;

    [[nodiscard]] bool is_unfinished(seq_t seq) const noexcept {
        const slot_word w = load_word(*at_, seq);
        return w.phase() == phase::writing && w.laps_ahead_of(at_->shape().lap(seq)) == 0;
    }
    bool rested() noexcept {
        nap_ns_ = first_nap_ns;
        return true;
    }
    void rest(seq_t seq, bool owner_at_work, std::int64_t longest, std::int64_t waited) noexcept {
        switch (how_) {
        case wait_strategy::spin: return;
        case wait_strategy::yield: ::sched_yield(); return;
        case wait_strategy::back_off: doze(std::min({nap_ns_, longest, longest_back_off_ns})); break;
        case wait_strategy::block:
            if (waited < spin_ns_) return;
            if (!self_) doze(std::min({std::max(nap_ns_, longest_back_off_ns), longest, max_sleep_ns}));
            else if (owner_at_work) doze(longest); // as long as the look at it said: no bell needed for that
            else bell_.sleep(*self_, longest, [&] { return is_ready(seq) || is_unfinished(seq); });
            break;
        }
        nap_ns_ = std::min(nap_ns_ * 2, max_sleep_ns);
    }
    static void doze(std::int64_t ns) noexcept {
        const timespec t{static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
        ::nanosleep(&t, nullptr);
    }

    const attachment* at_;
    std::optional<member_no> self_;
    doorbell bell_;
    wait_strategy how_;
    std::int64_t spin_ns_;
    std::int64_t nap_ns_ = first_nap_ns; ///< grows from wait to wait while nothing comes
};

} // namespace ring
} // namespace v1
} // namespace evbus
