// Walking the ring seq by seq: what subscriber and consumer share. Every seq ends up in the account
// of `deliver`; what happens when the ring went round is the caller's business.
#pragma once

#include <evbus/bus.hpp>
#include <evbus/delivery.hpp>
#include <evbus/filter.hpp>
#include <evbus/read_options.hpp>
#include <evbus/reader_pressure.hpp>
#include <evbus/ring/clock.hpp>
#include <evbus/ring/latency_sampler.hpp>
#include <evbus/ring/members.hpp>
#include <evbus/ring/slot_reader.hpp>
#include <evbus/ring/waiter.hpp>
#include <evbus/ring/wake_fd.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace evbus {
inline namespace v1 {

class ring_walk {
public:
    ring_walk(const bus& on, const read_options& how, ring::member_kind kind)
        : at(on.attach(ring::access::read_only)), wanted(how.filters, how.exclude), headers(how.headers), deliver(how.max_buffered_bytes),
          pressed(how, at->shape().slots()), slots_(*at, wanted),
          clock_(at->ring().clock, at->description().stamps()), watch_(*at, &on_notice_), on_notice_(how.on_notice) {
        check_start(how.from);
        wanted.remember();
        if (!headers.empty()) deliver.pick_by_first_frames();
        if (at->may_write()) place.emplace(at, kind, how.name);
        latency_ = ring::latency_sampler(*at, place);
        waits_.emplace(*at, place ? std::optional(place->number()) : std::nullopt, how.wait, how.spin.count());
    }
    ring_walk(const ring_walk&) = delete;
    ring_walk& operator=(const ring_walk&) = delete;

    std::shared_ptr<ring::attachment> at;
    filter_set wanted;
    const header_filter headers;
    std::optional<ring::membership> place; ///< empty without write permission
    delivery deliver;
    reader_pressure pressed;
    seq_t next = no_seq;
    std::int64_t not_before_ns = 0; ///< frames stamped earlier count as filtered, until one is not
    bool closed = false;            ///< the ring's end was read

    /// Gives what is there. `on_lap(resume, while_reading)` is called when `next` is gone from the ring; it
    /// moves `next` on and returns true, or returns false to end the poll there.
    template <class OnEvent, class OnGap, class OnLap>
    std::size_t poll(OnEvent& on_event, OnGap& on_gap, const poll_limits& limits, OnLap&& on_lap) {
        const std::uint64_t events_before = deliver.account().events;
        std::size_t bytes = 0;
        const seq_t began = next;
        at_head_ = false;
        if (maybe_ahead_ && ends_before_next()) [[unlikely]] {
            closed = true;
            return 0;
        }
        if (next < at->first_seq() && !on_lap(at->first_seq(), false)) [[unlikely]] return 0;
        const auto counted = [&](const event& e) {
            bytes += e.payload().size();
            on_event(e);
        };
        if (!ended_.empty()) [[unlikely]]
            for (const publisher_id& who : std::exchange(ended_, {})) deliver.publisher_ended(who, on_gap);
        // A filter that rejects everything must not keep the caller here for ever either.
        const std::uint64_t most = std::min<std::uint64_t>(limits.max_events, max_seq / 2) + at->shape().slots();
        seq_t bound = next > max_seq - most ? max_seq : next + most;
        if (limits.last < bound) bound = limits.last + 1;
        while (next < bound && bytes < limits.max_bytes && deliver.account().events - events_before < limits.max_events) {
            const ring::slot_state state = slots_.read(next);
            if (state == ring::slot_state::frame) [[likely]] {
                slots_.prefetch(next + prefetch_ahead);
                unfinished_looks_ = 0;
                if (!take_frame(counted, on_gap)) [[unlikely]] break;
            } else if (state == ring::slot_state::rejected) {
                slots_.prefetch_head(next + 2 * prefetch_ahead);
                deliver.rejected(slots_.publisher(), on_gap);
                ++next;
            } else if (state == ring::slot_state::nothing) {
                // Each look takes the line away from who is about to write it: not at every moment.
                if (next == began) {
                    latency_.found_nothing();
                    detail::cpu_pause();
                }
                at_head_ = true;
                break;
            } else if (state == ring::slot_state::unfinished && unfinished_looks_ < short_looks) {
                // Its owner is most likely storing it right now; a clock read each time would keep us longer.
                ++unfinished_looks_;
                detail::cpu_pause();
            } else if (!take_other(state, on_gap, on_lap)) {
                break;
            }
        }
        const std::uint64_t given = deliver.account().events - events_before;
        if (next != began) publish_position();
        return given;
    }

    /// Waits until the slot of `next` says something, at most `timeout_ns`.
    bool wait(std::int64_t timeout_ns) noexcept {
        if (closed || at->in_child()) return false;
        latency_.was_idle();
        if (next < at->first_seq()) return true; // so far below that laps cannot tell, perhaps
        if (find_ended()) return true;
        if (maybe_ahead_ && !wait_for_head(timeout_ns)) [[unlikely]] return ends_before_next();
        return waits_->wait(next, timeout_ns, [&]() -> std::int64_t {
            const ring::slot_word word = ring::load_word(*at, next);
            if (word.phase() != ring::phase::writing) return 0;
            return look_at_unfinished(word) || closed ? 0 : watch_.next_look_ns();
        });
    }
    /// `next` was moved on by other means than the ring, maybe past its end.
    void was_moved() noexcept { maybe_ahead_ = true; }
    /// Is the slot of `next` gone from the ring?
    [[nodiscard]] bool lapped() const noexcept {
        return next < at->first_seq() || ring::load_word(*at, next).laps_ahead_of(at->shape().lap(next)) > 0;
    }
    [[nodiscard]] std::uint64_t lag() const noexcept {
        const seq_t head = ring::find_head(*at);
        return head > next ? head - next : 0;
    }
    [[nodiscard]] std::int64_t last_published_ns() const noexcept { return last_ns_; }
    void saw_time(std::int64_t ns) noexcept { last_ns_ = ns; }

    /// The descriptor of wake(); the first call makes it, readable. Throws what wake_fd throws, or forked.
    [[nodiscard]] int fd() {
        if (at->in_child())
            throw error(errc::forked, {"poll bus " + at->name(), "a handle of the parent process", "it does not work in a forked child",
                                       "open the bus in the child"});
        if (!wake_) wake_ = std::make_unique<ring::wake_fd>(at, static_cast<bool>(on_notice_));
        return wake_->fd();
    }
    /// Null before the first fd().
    [[nodiscard]] ring::wake_fd* wake() const noexcept { return wake_.get(); }
    /// After a poll, for who has a descriptor: it stays readable, or rests until there is something to read.
    void settle() {
        if (wake_) [[unlikely]] settle_wake();
    }

    void publish_position() noexcept {
        if (!place) return;
        constexpr auto relaxed = std::memory_order_relaxed;
        ring::member_entry& e = place->entry();
        const tally& t = deliver.account();
        e.position.store(next, relaxed);
        e.events.store(t.events, relaxed);
        e.voids.store(t.voids, relaxed);
        e.lost.store(t.lost(), relaxed);
        e.shed.store(t.shed, relaxed);
    }
    /// Where a poll of the reader ends. `off_ring`: it reads the log, or waits for it.
    void weigh(bool off_ring) {
        pressed.look({next, at_head_ && !off_ring, off_ring}, deliver, place, [this] { return ring::find_head(*at); });
    }
    /// Goes on reading again what `deliver` owes, as far as the ring still has it.
    void read_again(shed_event& again) {
        filter_set all = filter_set::everything();
        ring::slot_reader slots(*at, all);
        while (!again.is_walked() && again.next >= at->first_seq()) {
            const ring::slot_state state = slots.read(again.next);
            if (state == ring::slot_state::lapped || state == ring::slot_state::overwritten) return;
            if (state == ring::slot_state::frame) again.take(slots.frame());
            ++again.next;
        }
    }

private:
    /// Throws bad_option for a start that would never come: said now, not waited for.
    void check_start(const from& where) const {
        const std::string operation = "read bus " + at->name();
        if (where.what() == from::kind::time && at->description().stamps() == ring::stamp_mode::none)
            throw error(errc::bad_option, {operation, "start at a time", "the frames of this bus carry no publish time",
                                           "start at a seq, at the oldest, or at the head"});
        const seq_t head = ring::find_head(*at);
        if (where.what() == from::kind::seq && where.first_seq() > head && where.first_seq() - head > farthest_start)
            throw error(errc::bad_option, {operation, "start at seq " + std::to_string(where.first_seq()),
                                           "that is far above the head at seq " + std::to_string(head), "start at a seq that can come"});
    }

    /// False: it is not walked, for an event is owed.
    template <class OnEvent, class OnGap>
    bool take_frame(OnEvent& on_event, OnGap& on_gap) {
        const frame_view& f = slots_.frame();
        const seq_t seq = next++;
        last_ns_ = clock_.to_ns(f.header.published);
        if (not_before_ns != 0) [[unlikely]] {
            if (last_ns_ < not_before_ns) return pass_over(f, on_gap);
            not_before_ns = 0;
        }
        if (!headers.empty() && !headers.lets_pass(f)) [[unlikely]] return pass_over(f, on_gap);
        const bool walked = latency_.is_due(deliver.account().events) ? give_measured(seq, f, on_event, on_gap) : deliver.frame(seq, f, last_ns_, on_event, on_gap);
        if (!walked) [[unlikely]] next = seq;
        return walked;
    }
    template <class OnGap>
    [[gnu::noinline]] bool pass_over(const frame_view& f, OnGap& on_gap) {
        deliver.rejected(f.publisher(), on_gap);
        return true;
    }
    /// The clock is read before the handler, whose time is not the event's way; the rest is done after it.
    template <class OnEvent, class OnGap>
    [[gnu::noinline]] bool give_measured(seq_t seq, const frame_view& f, OnEvent& on_event, OnGap& on_gap) {
        const std::uint64_t given = deliver.account().events;
        const std::int64_t now = latency_.now(), published = f.header.published;
        const bool walked = deliver.frame(seq, f, last_ns_, on_event, on_gap);
        // Of an event in fragments the last one counts, whose time is its event's.
        if (deliver.account().events != given) latency_.add(clock_, published, now, given);
        return walked;
    }
    /// Everything but a frame and "nothing yet". False when the walk ends here for now.
    template <class OnGap, class OnLap>
    [[gnu::noinline]] bool take_other(ring::slot_state state, OnGap& on_gap, OnLap& on_lap) {
        switch (state) {
        case ring::slot_state::voided: deliver.voided(); break;
        case ring::slot_state::malformed: deliver.gap({next, next}, gap_cause::malformed, on_gap); break;
        case ring::slot_state::lapped: return on_lap(slots_.resume_after_lap(next), false);
        case ring::slot_state::overwritten: return on_lap(next + 1, true);
        case ring::slot_state::unfinished: return look_at_unfinished(slots_.word());
        case ring::slot_state::closed: closed = true; return false;
        default: return false;
        }
        ++next;
        return true;
    }
    /// True when `next` can be read again now.
    bool look_at_unfinished(ring::slot_word word) noexcept {
        switch (watch_.look(next, word)) {
        case ring::stall_watch::verdict::wait: return false;
        case ring::stall_watch::verdict::changed: waits_->ring(); return true;
        case ring::stall_watch::verdict::is_closed: closed = true; return false;
        case ring::stall_watch::verdict::is_void:
            deliver.voided();
            ++next;
            return true;
        }
        return false;
    }
    /// For who starts ahead of the head, or was led there by a log that the next ring goes on with: the CLOSED word
    /// that ends this ring may stand below `next`, where its reading would never come by. False, at the cost of nothing more, once the head is there.
    [[gnu::noinline]] bool ends_before_next() noexcept {
        const seq_t head = ring::find_head(*at);
        maybe_ahead_ = head < next;
        return maybe_ahead_ && ring::load_word(*at, head).phase() == ring::phase::closed;
    }
    /// Waits until the head is at `next`; takes what it waited off `timeout_ns`. False when that is over, or the
    /// ring ends before.
    [[gnu::noinline]] bool wait_for_head(std::int64_t& timeout_ns) noexcept {
        constexpr std::int64_t leave_unfinished_ns = 1'000'000; // those who read there see to it
        const std::int64_t start = detail::steady_ns(), limit = timeout_ns;
        while (!ends_before_next()) {
            if (!maybe_ahead_) return true;
            if (timeout_ns <= 0) return false;
            (void)waits_->wait(ring::find_head(*at), timeout_ns, [] { return leave_unfinished_ns; });
            timeout_ns = limit - (detail::steady_ns() - start);
        }
        return false;
    }
    [[gnu::noinline]] void settle_wake() {
        wake_->tell_repairs(on_notice_);
        if (closed || next < at->first_seq() || waits_->is_ready(next) || find_ended()) return wake_->keep();
        ring::vigil v{ring::vigil::over::slot, next, maybe_ahead_, {}};
        if (deliver.has_open())
            for (const publisher_id& who : deliver.open_publishers()) v.authors.push_back(who.number);
        wake_->rest(std::move(v));
    }
    /// Idle is the time to see whether the author of a half-read event is still there. True when one is
    /// not: the next poll, which has somebody to tell, ends its event.
    bool find_ended() noexcept {
        ended_.clear();
        if (!deliver.has_open() || waits_->is_ready(next)) return false;
        for (const publisher_id& who : deliver.open_publishers())
            if (ring::owner_is_dead(*at, who.number) && ring::find_head(*at) == next) ended_.push_back(who);
        return !ended_.empty();
    }

    static constexpr std::uint64_t farthest_start = std::uint64_t{1} << 50; ///< months of events ahead; laps still compare
    static constexpr seq_t prefetch_ahead = 8;
    static constexpr unsigned short_looks = 64; ///< at an unfinished slot, before stall_watch is asked

    ring::slot_reader slots_;
    ring::clock_view clock_;
    ring::latency_sampler latency_;
    ring::stall_watch watch_;
    notice_hook on_notice_;
    std::vector<publisher_id> ended_; ///< found dead by wait(), with an event open
    std::optional<ring::waiter> waits_;
    std::int64_t last_ns_ = 0;
    bool at_head_ = false; ///< the last poll found nothing further
    unsigned unfinished_looks_ = 0;
    bool maybe_ahead_ = true; ///< until the head was seen at or above `next`
    std::unique_ptr<ring::wake_fd> wake_;
};

} // namespace v1
} // namespace evbus
