#include "lib/recorder/capture.hpp"

#include <evbus/detail/probe.hpp>
#include <evbus/ring/retire.hpp>

#include <algorithm>
#include <chrono>
#include <string>

namespace evbus {
inline namespace v1 {
namespace recorder {
namespace {

constexpr std::int64_t tend_every_ns = 200'000'000;
constexpr std::int64_t spin_ns = 20'000;
constexpr std::int64_t doze_ns = 50'000;
constexpr std::int64_t doze_for_ns = 20'000'000;     ///< from here on it sleeps longer
constexpr std::int64_t long_doze_ns = 1'000'000;
constexpr std::int64_t bell_after_ns = 200'000'000;  ///< from here on it asks for the bell

void doze(std::int64_t ns) noexcept {
    const timespec t{0, static_cast<long>(ns)};
    ::nanosleep(&t, nullptr);
}

} // namespace

capture::capture(control& ctl, handoff& to, const options& how, seq_t next, std::uint64_t run, anchor_desk& anchors)
    : ctl_(ctl), to_(to), how_(how), at_(*ctl.attachment()), slots_(at_, everything_),
      clock_(at_.ring().clock, at_.description().stamps()), watch_(at_, &how.on_notice), bell_(at_.ctl().data_bell), members_(at_),
      report_(how.on_notice), laps_(at_), anchors_(anchors),
      next_(next), run_(run), disk_(how.halt_when_behind) {
    everything_.remember();
}

/// Adds to the batch, handing full ones over.
template <class Add>
void capture::add(Add&& add) {
    while (true) {
        while (batch_ == nullptr) {
            if (takes_no_more()) return;
            batch_ = to_.take_free();
            if (batch_ == nullptr) wait_for_disk();
            if (to_.take_dropped()) members_.forget();
            batch_since_ns_ = detail::steady_ns();
        }
        if (add(*batch_)) return;
        hand_over();
    }
}

void capture::hand_over() {
    if (batch_ == nullptr || batch_->empty()) return;
    ctl_.captured(next_ - 1);
    to_.give(batch_);
    mark(probe::batch_given);
    batch_ = nullptr;
    events_in_batch_ = 0;
    weigh();
}

void capture::wait_for_disk() {
    weigh();
    if (!takes_no_more()) to_.wait_free(disk_.next_look(detail::steady_ns()));
    weigh();
}

/// Says in ctl, and where it lasts to people, how far the disk is behind; or that it is enough.
void capture::weigh() {
    const pressure before = disk_.state();
    const disk_pressure::news news = disk_.read(to_.level(batch_ != nullptr ? 1 : 0), detail::steady_ns());
    if (disk_.state() != before) ctl_.press(disk_.state());
    if (news == disk_pressure::news::over) behind_ = true;
    if (!how_.on_notice) return;
    const std::string& log = at_.description().log_dir;
    if (news == disk_pressure::news::slow)
        how_.on_notice({notice_kind::degraded, log + ": events come faster than the disk takes them; recording waits for it", next_});
    if (news == disk_pressure::news::eased) how_.on_notice({notice_kind::repaired, log + ": the disk keeps up again", next_});
}

capture_end capture::run(const std::atomic<bool>& stop) {
    add([&](log::batch& b) { return b.add_run({run_, log::run_change::start, detail::wall_ns()}); });
    hand_over();
    const std::int64_t deadline = how_.batch_deadline.count();
    while (!takes_no_more()) {
        if (drain_to_ == max_seq && stop.load(std::memory_order_relaxed)) {
            drain_to_ = ring::find_head(at_);
            draining_since_ns_ = detail::steady_ns();
        }
        if (next_ >= drain_to_) {
            members_.look();
            add([&](log::batch& b) { return members_.say_goodbyes(next_, b); });
            hand_over();
            return capture_end::asked;
        }
        const bool read = read_some();
        if (anchors_.has_request()) [[unlikely]] take_anchor();
        // Seqs are claimed without a hole: an unclaimed one is the end, however far a wrong word puts the head.
        if (!read && drain_to_ != max_seq && !ring::is_claimed(at_, next_)) drain_to_ = std::min(drain_to_, next_);
        const std::int64_t now = detail::steady_ns();
        if (now - tended_ns_ >= tend_every_ns) tend(now);
        // Closed by deadline also under load; and at once when there is nothing more to wait for.
        const bool due = batch_ != nullptr && (now - batch_since_ns_ >= deadline || events_in_batch_ >= how_.batch_events);
        if (due || (!read && to_.writer_is_idle())) hand_over();
        if (closed_) {
            hand_over();
            return capture_end::retired;
        }
        if (read) idle_since_ns_ = 0;
        else rest(now);
    }
    hand_over();
    return to_.stopped() ? capture_end::writer_stopped : capture_end::behind;
}

/// Reads up to a few hundred seqs; false when there was none.
bool capture::read_some() {
    const seq_t start = next_;
    for (int i = 0; i < 256; ++i) {
        switch (slots_.read(next_)) {
        case ring::slot_state::frame: slots_.prefetch(next_ + 8); take_frame(); break;
        case ring::slot_state::voided:
            add([&](log::batch& b) { return b.add_void({next_, next_}); });
            ++next_;
            break;
        case ring::slot_state::malformed: lose({next_, next_}, gap_cause::malformed); break;
        case ring::slot_state::overwritten: lose({next_, next_}, gap_cause::recorder_lost); break;
        case ring::slot_state::lapped: {
            const seq_t resume = laps_.resume(next_, [&] { return slots_.resume_after_lap(next_); });
            lose({next_, resume - 1}, gap_cause::recorder_lost);
            break;
        }
        case ring::slot_state::unfinished:
            if (!look_at_unfinished()) return next_ != start;
            break;
        case ring::slot_state::closed: closed_ = true; return true;
        case ring::slot_state::nothing:
        case ring::slot_state::rejected: return next_ != start;
        }
        if (takes_no_more()) return false;
    }
    return true;
}

void capture::take_frame() {
    const publisher_id who = slots_.publisher();
    if (!members_.knows(who)) [[unlikely]]
        add([&](log::batch& b) { return members_.introduce(who, b); });
    if (!slots_.is_faultless()) [[unlikely]] return lose({next_, next_}, gap_cause::malformed);
    const std::int64_t ns = clock_.to_ns(slots_.frame().header.published);
    const std::span<const std::byte> bytes = slots_.bytes();
    if (batch_ == nullptr || !batch_->add_frame(next_, ns, bytes)) [[unlikely]] {
        hand_over();
        add([&](log::batch& b) { return b.add_frame(next_, ns, bytes); });
    }
    ++next_;
    if (++events_in_batch_ >= how_.batch_events) [[unlikely]] hand_over();
}

/// Somebody waits for it: it goes at once, with what is in the batch.
void capture::take_anchor() {
    const log::anchor_info* const a = anchors_.take();
    if (a == nullptr) return;
    add([a](log::batch& b) { return b.add_anchor(*a); });
    if (batch_ != nullptr) anchors_.placed(*batch_); // else the writer stopped, and the end answers
    hand_over();
}

/// True when the slot can be read again now.
bool capture::look_at_unfinished() {
    switch (watch_.look(next_, slots_.word())) {
    case ring::stall_watch::verdict::wait:
        // Nobody waits for the newest claim, as long as its owner takes: but who is to stop does.
        if (draining_since_ns_ == 0 || detail::steady_ns() - draining_since_ns_ < ring::stall_wait_ns) return false;
        if (ring::end_wait(at_, next_, slots_.word(), ring::patience::also_the_living, &how_.on_notice) != ring::repair_result::alive)
            return true;
        drain_to_ = next_; // the only publisher of an exclusive bus: nothing stands behind it
        return false;
    case ring::stall_watch::verdict::changed: bell_.ring(ctl_.place().number()); return true;
    case ring::stall_watch::verdict::is_closed: closed_ = true; return false;
    case ring::stall_watch::verdict::is_void:
        add([&](log::batch& b) { return b.add_void({next_, next_}); });
        ++next_;
        return true;
    }
    return false;
}

void capture::lose(seq_range range, gap_cause cause) {
    add([&](log::batch& b) { return b.add_lost(range, cause); });
    next_ = range.last + 1;
    lost_ += range.count();
    report_.add(range, cause, detail::steady_ns());
}

/// A ring whose name leads elsewhere, or nowhere, is one that nobody finds any more: closing it tells
/// its publishers, and frees the log for the ring that comes after it.
void capture::close_if_gone() {
    if (at_.is_current() || ring::find_head(at_) - next_ > at_.shape().slots() / 2) return;
    // Nothing is captured meanwhile, and publishers fill the ring: rather another try later than a loss of our own making.
    if (ring::retire(at_, std::chrono::milliseconds(20), ring::unrecorded::stays) != no_seq && how_.on_notice)
        how_.on_notice({notice_kind::degraded, "the name of this bus's ring was taken away while it was in use: the ring is closed"});
}

/// Now and then: the clock's conversion, who left, where we stand, whether the ring has its name.
void capture::tend(std::int64_t now_ns) {
    tended_ns_ = now_ns;
    weigh();
    report_.look(now_ns);
    close_if_gone();
    if (ctl_.is_waiting_for_space()) to_.nudge();
    ring::clock_keeper::maintain(at_.ring().clock);
    members_.look();
    if (members_.has_goodbyes(next_)) add([&](log::batch& b) { return members_.say_goodbyes(next_, b); });
    ring::member_entry& e = ctl_.place().entry();
    e.position.store(next_, std::memory_order_relaxed);
    e.lost.store(lost_, std::memory_order_relaxed);
}

/// Dozes by timer, so that publishers need not ring; asks for the bell after long idleness only.
void capture::rest(std::int64_t now_ns) {
    if (idle_since_ns_ == 0) idle_since_ns_ = now_ns;
    const std::int64_t idle = now_ns - idle_since_ns_;
    if (batch_ != nullptr && !batch_->empty()) { // its deadline is near
        if (idle < spin_ns) detail::cpu_pause();
        else doze(doze_ns);
    } else if (idle < spin_ns) {
        detail::cpu_pause();
    } else if (idle < doze_for_ns) {
        doze(doze_ns);
    } else if (idle < bell_after_ns) {
        doze(long_doze_ns);
    } else {
        // A claimed and unfinished newest seq is no reason to stay awake: its owner's commit rings too. Once
        // there is a later one, others wait for us to step over it.
        const ring::slot_word seen = ring::load_word(at_, next_);
        if (ring::is_claimed(at_, next_) && (seen.phase() != ring::phase::writing || ring::is_followed(at_, next_)))
            return doze(doze_ns);
        bell_.sleep(ctl_.place().number(), ring::max_sleep_ns, [&] { return ring::load_word(at_, next_) != seen || anchors_.has_request(); });
    }
}

} // namespace recorder
} // namespace v1
} // namespace evbus
