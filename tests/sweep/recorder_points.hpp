// Where the recorder can be struck, and what has to happen on the bus so that it comes there.
#pragma once

#include "tests/sweep/recorded_world.hpp"

#include <evbus/ring/clock.hpp>

namespace recorder_sweep {

/// Longer runs, by hand.
inline bool sweeps_all() { return std::getenv("EVBUS_ROUNDS") != nullptr; }

struct point {
    probe at;
    bool again = false; ///< reached more than once in a life
    bool late = false;  ///< reached after it was asked to stop
    bool early = true;  ///< reached before
};

/// All places that a recorder's life leads through.
[[nodiscard]] inline std::vector<point> recorder_points(recorder::sync_policy sync) {
    std::vector<point> all{
        {probe::attach_opened, true}, {probe::attach_mapped, true}, {probe::record_locked}, {probe::join_locked}, {probe::join_swept},
        {probe::join_half_entered}, {probe::join_entered}, {probe::record_recovered}, {probe::record_manifest_saved},
        {probe::record_frontier_set}, {probe::record_begun},
        {probe::read_copied, true, true}, {probe::batch_given, true, true}, {probe::batch_taken, true, true},
        {probe::commit_written, true, true}, {probe::written_moved, true, true}, {probe::segment_made, true},
        {probe::segment_sealed, true, true}, {probe::durable_moved, true, true},
        {probe::bell_answered, true}, {probe::bell_counted, true}, {probe::bell_woken, true}, {probe::bell_done, true},
        {probe::sleep_flagged}, {probe::sleep_over},
        {probe::repair_proven}, {probe::reap_done}, {probe::stall_chosen}, {probe::stall_done},
        {probe::record_sealed, false, true, false}, {probe::record_ended, false, true, false},
        {probe::leave_entered, false, true, false}, {probe::left, false, true, false},
    };
    if (sync != recorder::sync_policy::none) all.push_back({probe::synced, true});
    if (detail::counter_is_invariant())
        for (const probe p : {probe::clock_pen_taken, probe::clock_piece_stored, probe::clock_piece_counted}) all.push_back({p});
    return all;
}

/// Makes the clock's conversion look a hundred seconds older, on the very line that it is on.
inline void age_clock(const bus& on) {
    const auto at = on.attach(ring::access::read_write);
    ring::clock_table& table = at->ring().clock;
    const std::uint64_t count = table.count.load();
    ring::clock_line newest;
    if (count == 0 || !ring::read_piece(table, count - 1, newest)) return;
    constexpr std::uint64_t back_ns = 100'000'000'000;
    const auto back_ticks = static_cast<std::uint64_t>((static_cast<ring::wide_uint>(back_ns) << 32) / newest.ns_per_tick);
    ring::clock_piece& p = table.pieces[(count - 1) % ring::clock_pieces];
    if (newest.begin_ticks < back_ticks) return;
    p.begin_ticks.store(newest.begin_ticks - back_ticks);
    p.base_ns.store(newest.base_ns - back_ns);
    p.check.store(ring::piece_check(count - 1, newest.begin_ticks - back_ticks, newest.base_ns - back_ns, newest.ns_per_tick));
    table.writer.store(0); // a pen whose holder was killed is free again after a second
}

/// Brings a living recorder to a place that authors alone do not bring it to.
class provoker {
public:
    provoker(recorded_world& s, probe at) : s_(s), at_(at) {
        if (at == probe::clock_pen_taken || at == probe::clock_piece_stored || at == probe::clock_piece_counted) age_clock(s.on());
        leash_before_ = s.all().leash.load();
        if (is_about_repairs()) s.all().leash.store(1);
    }
    ~provoker() { release(); }
    /// Everything goes on as before.
    void release() {
        s_.all().hush.store(0);
        for (child& c : stopped_) {
            c.go_on();
            s_.adopt(std::move(c));
        }
        stopped_.clear();
        s_.all().leash.store(leash_before_);
    }
    [[nodiscard]] bool is_about_repairs() const {
        return at_ == probe::repair_proven || at_ == probe::reap_done || at_ == probe::stall_chosen || at_ == probe::stall_done;
    }
    void push() {
        switch (at_) {
        case probe::sleep_flagged:
        case probe::sleep_over: s_.all().hush.store(1); break;
        case probe::repair_proven:
        case probe::reap_done:
        case probe::stall_chosen:
        case probe::stall_done: push_unfinished(); break;
        case probe::bell_answered:
        case probe::bell_counted:
        case probe::bell_woken:
        case probe::bell_done: (void)s_.on().wait_written(s_.on().frontier().written + 1, std::chrono::milliseconds(20)); break;
        default: break;
        }
    }

private:
    /// A slot that its owner does not finish. Somebody else may have stepped over it first; then once more.
    void push_unfinished() {
        if (s_.on().frontier().written < unfinished_before_) return; // it still stands there
        const bool dies = at_ == probe::repair_proven || at_ == probe::reap_done;
        child c = s_.struck_author(probe::claim_done, dies ? SIGKILL : SIGSTOP);
        if (dies) {
            CHECK(c.wait() == 256 + SIGKILL);
        } else {
            c.wait_stopped();
            stopped_.push_back(std::move(c));
        }
        unfinished_before_ = s_.on().head();
    }

    recorded_world& s_;
    probe at_;
    std::uint64_t leash_before_ = 0;
    std::deque<child> stopped_;
    seq_t unfinished_before_ = no_seq;
};

} // namespace recorder_sweep
