// Waiting on behalf of a handle, in another thread than the handle's: what wait() would wait for, with
// eyes of its own, since the handle's walk belongs to the thread that polls.
#pragma once

#include <evbus/detail/cpu.hpp>
#include <evbus/notice.hpp>
#include <evbus/ring/doorbell.hpp>
#include <evbus/ring/head.hpp>
#include <evbus/ring/liveness.hpp>
#include <evbus/ring/waiter.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace ring {

/// What a handle that has nothing to do waits for.
struct vigil {
    enum class over : std::uint8_t {
        slot,     ///< the slot of `seq` says something
        frontier, ///< the recorder has written `seq`, or is gone
        durable,  ///< the recorder has synced `seq`, or the ring has ended and nobody will
        time,     ///< a pause, for what nobody announces
    };
    over what = over::slot;
    seq_t seq = no_seq;
    bool maybe_ahead = false;         ///< the head may be below `seq`, and the ring may end there
    std::vector<member_no> authors{}; ///< of events that the handle has read half of

    bool operator==(const vigil&) const = default;
};

/// The ring has ended, and nothing from `seq` on will become durable by it: all of it is, or its recorder is gone.
[[nodiscard]] inline bool is_durably_over(const attachment& at, seq_t seq) noexcept {
    const seq_t head = find_head(at);
    return is_end(at, head) && (seq >= head || !byte_is_held(at.test_fd(), recorder_lock_byte));
}

/// Keeps vigils, one at a time. One thread.
class lookout {
public:
    /// `tell` hears of repairs; it outlives this.
    lookout(const attachment& at, const notice_hook* tell) noexcept : at_(&at), tell_(tell) {}

    /// True when what `v` waits for has come; false when `called_off()`. `doze(ns)` sleeps, and ends early when
    /// called off; who sleeps at a bell is to be called off by startle().
    template <class CalledOff, class Doze>
    [[nodiscard]] bool keep(const vigil& v, CalledOff&& called_off, Doze&& doze) noexcept {
        switch (v.what) {
        case vigil::over::slot: return keep_slot(v, called_off, doze);
        case vigil::over::frontier: return keep_frontier(v.seq, called_off, doze);
        case vigil::over::durable: return keep_durable(v.seq, called_off, doze);
        case vigil::over::time: doze(pause_ns); break;
        }
        return !called_off();
    }
    /// Wakes a lookout that sleeps at its bell, after `called_off` was made true; for any thread.
    static void startle(const attachment& at, vigil::over what) noexcept {
        if (!at.may_write() || what == vigil::over::time) return;
        doorbell(what == vigil::over::slot ? at.ctl().data_bell : at.ctl().frontier_bell).ring(ringing_stranger);
    }

private:
    // Strangers at the bells, not under their handle's number: it may ring or sleep at the same moment, and either
    // could take the other's flag away.
    static constexpr std::int64_t pause_ns = 20'000'000;
    static constexpr std::int64_t first_nap_ns = 1'000'000;
    static constexpr std::int64_t leave_unfinished_ns = 1'000'000; ///< ahead of `seq`: those who read there see to it
    static constexpr std::int64_t recorder_look_ns = 50'000'000;   ///< so that a recorder's death is noticed
    static constexpr int short_looks = 256;                        ///< at an unfinished slot, before sleeping on it

    enum class news : std::uint8_t { none, unfinished, ready };

    [[nodiscard]] news news_of(seq_t seq) const noexcept {
        const slot_word w = load_word(*at_, seq);
        const std::int64_t ahead = w.laps_ahead_of(at_->shape().lap(seq));
        if (ahead < 0) return news::none;
        return ahead == 0 && w.phase() == phase::writing ? news::unfinished : news::ready;
    }

    template <class CalledOff, class Doze>
    [[nodiscard]] bool keep_slot(const vigil& v, CalledOff& called_off, Doze& doze) noexcept {
        stall_watch watch(*at_, tell_);
        bool maybe_ahead = v.maybe_ahead;
        std::int64_t nap = first_nap_ns;
        while (!called_off()) {
            seq_t seq = v.seq;
            if (maybe_ahead) {
                seq = std::min(seq, find_head(*at_));
                maybe_ahead = seq < v.seq;
                if (maybe_ahead && load_word(*at_, seq).phase() == phase::closed) return true;
            }
            switch (news_of(seq)) {
            case news::ready:
                if (seq == v.seq) return true;
                continue; // the head has moved on
            case news::unfinished: {
                if (finishes_soon(seq)) continue;
                const std::int64_t longest = seq == v.seq ? look_at_unfinished(watch, seq) : leave_unfinished_ns;
                if (longest == 0) return true;
                sleep(at_->ctl().data_bell, longest, doze, longest,
                      [&] { return called_off() || news_of(seq) != news::unfinished; });
                continue;
            }
            case news::none: break;
            }
            if (an_author_ended(v)) return true;
            sleep(at_->ctl().data_bell, max_sleep_ns, doze, nap,
                  [&] { return called_off() || news_of(seq) != news::none; });
            nap = std::min(nap * 2, max_sleep_ns);
        }
        return false;
    }
    template <class CalledOff, class Doze>
    [[nodiscard]] bool keep_frontier(seq_t seq, CalledOff& called_off, Doze& doze) noexcept {
        const auto reached = [&] { return at_->ctl().frontier.written.load(std::memory_order_acquire) >= seq; };
        for (std::int64_t nap = first_nap_ns; !called_off(); nap = std::min(nap * 2, recorder_look_ns)) {
            if (reached() || !byte_is_held(at_->test_fd(), recorder_lock_byte)) return true;
            sleep(at_->ctl().frontier_bell, recorder_look_ns, doze, nap, [&] { return called_off() || reached(); });
        }
        return false;
    }

    template <class CalledOff, class Doze>
    [[nodiscard]] bool keep_durable(seq_t seq, CalledOff& called_off, Doze& doze) noexcept {
        const auto reached = [&] { return at_->ctl().frontier.durable.load(std::memory_order_acquire) >= seq; };
        for (std::int64_t nap = first_nap_ns; !called_off(); nap = std::min(nap * 2, recorder_look_ns)) {
            if (reached() || is_durably_over(*at_, seq)) return true;
            sleep(at_->ctl().frontier_bell, recorder_look_ns, doze, nap, [&] { return called_off() || reached(); });
        }
        return false;
    }

    /// Its owner is most likely storing it right now.
    [[nodiscard]] bool finishes_soon(seq_t seq) const noexcept {
        for (int i = 0; i < short_looks; ++i) {
            if (news_of(seq) != news::unfinished) return true;
            detail::cpu_pause();
        }
        return false;
    }
    /// For how many ns to leave it alone; 0 when the handle has something to read there.
    [[nodiscard]] std::int64_t look_at_unfinished(stall_watch& watch, seq_t seq) const noexcept {
        const slot_word word = load_word(*at_, seq);
        if (word.phase() != phase::writing) return 0;
        switch (watch.look(seq, word)) {
        case stall_watch::verdict::wait: return watch.next_look_ns();
        case stall_watch::verdict::changed: startle(*at_, vigil::over::slot); return 0; // a repair rings
        case stall_watch::verdict::is_void:
        case stall_watch::verdict::is_closed: break;
        }
        return 0;
    }
    [[nodiscard]] bool an_author_ended(const vigil& v) const noexcept {
        return std::any_of(v.authors.begin(), v.authors.end(), [&](member_no n) { return owner_is_dead(*at_, n); }) &&
               find_head(*at_) == v.seq;
    }
    /// At the bell for `longest`, or by timer for `nap` when that may not be touched.
    template <class Doze, class HasData>
    void sleep(doorbell_words& words, std::int64_t longest, Doze& doze, std::int64_t nap, HasData&& has_data) noexcept {
        if (at_->may_write()) doorbell(words).sleep(sleeping_stranger, longest, has_data);
        else doze(nap);
    }

    const attachment* at_;
    const notice_hook* tell_;
};

} // namespace ring
} // namespace v1
} // namespace evbus
