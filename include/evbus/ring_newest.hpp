// The newest event of each topic in a ring: one walk over what it holds, beside the publishers.
#pragma once

#include <evbus/detail/system.hpp>
#include <evbus/filter.hpp>
#include <evbus/newest_topics.hpp>
#include <evbus/ring/attachment.hpp>
#include <evbus/ring/head.hpp>
#include <evbus/ring/repair.hpp>
#include <evbus/ring/slot_reader.hpp>
#include <evbus/ring/waiter.hpp>

#include <algorithm>
#include <cstdint>

#include <time.h>

namespace evbus {
inline namespace v1 {

/// What find_newest() looked at. Empty when the ring went round meanwhile.
struct searched_ring {
    seq_t first = no_seq;
    seq_t top = no_seq;
};

/// Tells `into` what the ring holds, up to `limit`, or to the first seq that is still being written when somebody
/// has come to a halt there: what is read on from behind `top` comes whole. Throws what newest_topics throws.
inline searched_ring find_newest(const ring::attachment& at, filter_set& wanted, seq_t limit, newest_topics& into) {
    constexpr std::int64_t patience_ns = 50'000'000; // a few times as long as a publisher is waited for
    const seq_t head = ring::find_head(at);
    const seq_t bound = limit < head ? limit + 1 : head;
    ring::slot_reader slots(at, wanted);
    ring::stall_watch watch(at, nullptr);
    const std::int64_t start = detail::steady_ns();
    searched_ring out{ring::oldest_for(at, head), no_seq};
    seq_t seq = out.first;
    const auto begin_anew = [&](seq_t resume) {
        into.clear();
        into.begin_stretch(resume);
        seq = out.first = resume;
    };
    const auto waits = [&](ring::slot_word word) {
        const std::int64_t left = patience_ns - (detail::steady_ns() - start);
        if (left <= 0) return false;
        switch (watch.look(seq, word)) {
        case ring::stall_watch::verdict::is_closed: return false;
        case ring::stall_watch::verdict::is_void: ++seq; return true;
        case ring::stall_watch::verdict::changed: return true;
        case ring::stall_watch::verdict::wait: break;
        }
        const timespec nap{0, static_cast<long>(std::clamp<std::int64_t>(watch.next_look_ns(), 1, 1'000'000))};
        ::nanosleep(&nap, nullptr);
        return true;
    };
    begin_anew(out.first);
    bool goes_on = true;
    while (goes_on && seq < bound) {
        const ring::slot_state state = slots.read(seq);
        switch (state) {
        case ring::slot_state::frame: into.frame(seq++, slots.frame()); break;
        case ring::slot_state::rejected: into.rejected(slots.publisher()); ++seq; break;
        case ring::slot_state::voided: ++seq; break;
        case ring::slot_state::malformed: into.gap({seq, seq}); ++seq; break;
        case ring::slot_state::lapped: begin_anew(slots.resume_after_lap(seq)); break;
        case ring::slot_state::overwritten: begin_anew(seq + 1); break;
        case ring::slot_state::unfinished: goes_on = waits(slots.word()); break;
        case ring::slot_state::nothing:
        case ring::slot_state::closed: goes_on = false; break;
        }
    }
    out.top = seq - 1;
    into.end_stretch(true);
    return out;
}

} // namespace v1
} // namespace evbus
