// The capture thread: reads every seq of the ring once, in order, and fills batches with what it
// was: a frame, a void, or a loss. It never waits for the disk while there is a free batch.
#pragma once

#include "lib/recorder/anchor_desk.hpp"
#include "lib/recorder/control.hpp"
#include "lib/recorder/disk_pressure.hpp"
#include "lib/recorder/handoff.hpp"
#include "lib/recorder/lap_resumer.hpp"
#include "lib/recorder/loss_report.hpp"
#include "lib/recorder/member_watch.hpp"
#include "lib/recorder/options.hpp"

#include <evbus/filter.hpp>
#include <evbus/ring/clock.hpp>
#include <evbus/ring/slot_reader.hpp>
#include <evbus/ring/waiter.hpp>

#include <atomic>
#include <cstdint>

namespace evbus {
inline namespace v1 {
namespace recorder {

/// Why run() returned.
enum class capture_end : std::uint8_t {
    asked,          ///< stop was set, and everything claimed by then is handed over
    retired,        ///< the ring was closed, and everything before its end is handed over
    writer_stopped, ///< the writer halted
    behind,         ///< the disk was too slow for too long; what was captured is handed over
};

class capture {
public:
    capture(control& ctl, handoff& to, const options& how, seq_t next, std::uint64_t run, anchor_desk& anchors);

    /// Until `stop` is set, the ring is closed, or the writer stops.
    [[nodiscard]] capture_end run(const std::atomic<bool>& stop);

    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

private:
    [[nodiscard]] bool read_some();
    void take_frame();
    void take_anchor();
    [[nodiscard]] bool look_at_unfinished();
    void close_if_gone();
    void lose(seq_range range, gap_cause cause);
    template <class Add>
    void add(Add&& add);
    void hand_over();
    void weigh();
    void wait_for_disk();
    [[nodiscard]] bool takes_no_more() const noexcept { return behind_ || to_.stopped(); }
    void tend(std::int64_t now_ns);
    void rest(std::int64_t now_ns);

    control& ctl_;
    handoff& to_;
    const options& how_;
    const ring::attachment& at_;
    filter_set everything_ = filter_set::everything();
    ring::slot_reader slots_;
    ring::clock_view clock_;
    ring::stall_watch watch_;
    ring::doorbell bell_;
    member_watch members_;
    loss_report report_;
    lap_resumer laps_;
    anchor_desk& anchors_;
    log::batch* batch_ = nullptr;
    std::uint64_t events_in_batch_ = 0;
    std::int64_t batch_since_ns_ = 0;
    std::int64_t idle_since_ns_ = 0;
    std::int64_t tended_ns_ = 0;
    seq_t next_;
    std::uint64_t run_;
    std::uint64_t lost_ = 0;
    std::int64_t draining_since_ns_ = 0; ///< 0 until it is asked to stop
    seq_t drain_to_ = max_seq;           ///< from here on nothing is waited for
    bool closed_ = false;
    disk_pressure disk_;
    bool behind_ = false; ///< nothing more is added: what is handed over has no hole
};

} // namespace recorder
} // namespace v1
} // namespace evbus
