// The recorder's side of ctl: its lock, its place, and the frontiers that everybody reads.
#pragma once

#include "lib/recorder/delay_watch.hpp"

#include <evbus/bus.hpp>
#include <evbus/detail/probe.hpp>
#include <evbus/pressure.hpp>
#include <evbus/ring/doorbell.hpp>
#include <evbus/ring/members.hpp>
#include <evbus/ring/pacing.hpp>

#include <atomic>
#include <memory>
#include <string>

namespace evbus {
inline namespace v1 {
namespace recorder {

class control {
public:
    /// Takes the recorder's byte and a place. Throws errc::recorder_alive naming the other recorder.
    control(const bus& on, const std::string& name)
        : at_(on.attach(ring::access::read_write)), lock_(take_lock(*at_)), place_(at_, ring::member_kind::recorder, name),
          bell_(at_->ctl().frontier_bell), delays_(*at_) {
        words().recorder_pid.store(static_cast<std::uint32_t>(::getpid()), std::memory_order_relaxed);
    }

    [[nodiscard]] const std::shared_ptr<ring::attachment>& attachment() const noexcept { return at_; }
    [[nodiscard]] ring::membership& place() noexcept { return place_; }

    /// After recovery, just before capture: publishers of a paced bus wait for this recorder from now on.
    void begin(seq_t written, seq_t durable) noexcept {
        words().written.store(written, std::memory_order_release);
        words().durable.store(durable, std::memory_order_release);
        durable_.store(durable, std::memory_order_release);
        words().captured.store(written, std::memory_order_relaxed);
        press(pressure::normal);
        mark(probe::record_frontier_set);
        words().state.store(static_cast<std::uint32_t>(ring::recorder_state::recording), std::memory_order_relaxed);
        delays_.begin(at_->latencies(), words().generation.load(std::memory_order_relaxed) + 1);
        words().generation.fetch_add(1, std::memory_order_acq_rel);
        mark(probe::record_begun);
        bell_.ring(place_.number());
    }
    // SYNC frontier-written, frontier-durable
    //   here : the system call returned, then the frontier (release), then the bell
    //   pairs: pacer::may_claim, bus::wait_written, bus::wait_durable, consumer: the frontier (acquire)
    //   death: the frontier stays behind what the log has; the next recorder sets it right
    /// `oldest_ns`: when the first of what was written now was published; 0 = not known.
    void wrote(seq_t last, std::int64_t oldest_ns) noexcept {
        words().written.store(last, std::memory_order_release);
        mark(probe::written_moved);
        bell_.ring(place_.number());
        delays_.wrote(last, oldest_ns);
    }
    void synced(seq_t last) noexcept {
        durable_.store(last, std::memory_order_release);
        words().durable.store(last, std::memory_order_release);
        mark(probe::durable_moved);
        bell_.ring(place_.number());
        delays_.synced(last);
    }
    /// What synced() said last; ctl's own word anybody may have written.
    [[nodiscard]] seq_t durable() const noexcept { return durable_.load(std::memory_order_acquire); }
    void anchored(seq_t seq) noexcept { words().anchor.store(seq, std::memory_order_release); }
    /// For who waits for something else than a frontier.
    void ring() noexcept { bell_.ring(place_.number()); }
    /// Wakes our own capture thread.
    void ring_capture() noexcept { ring::doorbell(at_->ctl().data_bell).ring(ring::ringing_stranger); }
    void captured(seq_t last) noexcept { words().captured.store(last, std::memory_order_relaxed); }
    void say(ring::recorder_state s) noexcept {
        words().state.store(static_cast<std::uint32_t>(s), std::memory_order_relaxed);
    }
    [[nodiscard]] bool is_waiting_for_space() noexcept {
        return words().state.load(std::memory_order_relaxed) == static_cast<std::uint32_t>(ring::recorder_state::waiting_space);
    }
    /// Gives the verdict that publishers of a paced bus need not wait, without their having to find out.
    /// It stands until the frontier moves.
    void release_publishers() noexcept {
        const std::uint64_t generation = words().generation.load(std::memory_order_relaxed);
        at_->ctl().verdict.verdict.store(
            ring::pack_verdict(generation, words().written.load(std::memory_order_relaxed)), std::memory_order_release);
        bell_.ring(place_.number());
    }
    /// Capture: how hard its disk presses it.
    void press(pressure p) noexcept {
        words().pressure.store(static_cast<std::uint32_t>(p), std::memory_order_relaxed);
        if (p == pressure::suspended) words().suspensions.fetch_add(1, std::memory_order_relaxed);
    }
    /// The recording is over.
    void end(ring::recorder_state how) noexcept {
        say(how);
        release_publishers();
    }

private:
    static ring::held_byte take_lock(const ring::attachment& at) {
        ring::held_byte lock = ring::held_byte::try_take(at.ctl_name(), ring::recorder_lock_byte);
        if (lock) {
            mark(probe::record_locked);
            return lock;
        }
        if (errno != 0) detail::throw_errno(errno, "record bus " + at.name(), ring::shm_path(at.ctl_name()));
        throw error(errc::recorder_alive,
                    {"record bus " + at.name(), ring::shm_path(at.ctl_name()),
                     "it is recorded already by process " +
                         std::to_string(at.ctl().frontier.recorder_pid.load(std::memory_order_relaxed)),
                     "one recorder a bus is enough; stop that one first if this one shall take over"});
    }
    [[nodiscard]] ring::frontier_words& words() noexcept { return at_->ctl().frontier; }

    std::shared_ptr<ring::attachment> at_;
    ring::held_byte lock_;
    ring::membership place_;
    ring::doorbell bell_;
    std::atomic<seq_t> durable_{no_seq};
    delay_watch delays_;
};

} // namespace recorder
} // namespace v1
} // namespace evbus
