// Reading without loss: ring and log as one stream.
//
// One loop with one place, `next`. Live, it reads the ring. Lapped, it reads the log until `next` is
// safely inside the ring again, and goes on there. Never both at once, and every seq is walked once,
// so that nothing is lost, given twice or out of order, however often it turns. A gap is reported only
// for what neither has: because the log says so, or because the recorder is proven dead and log and
// ring, looked at after that proof, both lack it.
#pragma once

#include <evbus/anchor.hpp>
#include <evbus/bus.hpp>
#include <evbus/consume_status.hpp>
#include <evbus/consumer_walk.hpp>
#include <evbus/delivery.hpp>
#include <evbus/detail/probe.hpp>
#include <evbus/log_walk.hpp>
#include <evbus/read_options.hpp>
#include <evbus/ring/head.hpp>
#include <evbus/ring_walk.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>

namespace evbus {
inline namespace v1 {

/// One thread at a time; movable. What a handler throws passes through, its event counting as
/// delivered. Memory: two read windows of 256 KiB, the budget for large events that are not whole yet
/// (read_options::max_buffered_bytes), and one such event.
class consumer {
public:
    using options = read_options;

    /// Throws what subscriber throws, and what stands against reading the log (foreign_log, permission,
    /// wrong_version). A log that is not there yet is fine. On a bus without a log it is a subscriber.
    explicit consumer(const bus& on, const options& how = {}) : c_(std::make_unique<consumer_walk>(on, how)) {}

    /// Gives what is there, in order: events to `on_event(const event&)`, and what cannot be had, in its
    /// place, to `on_gap(const gap&)`. Never waits.
    template <class OnEvent, class OnGap>
    consume_status poll(OnEvent&& on_event, OnGap&& on_gap, const poll_limits& limits = {}) {
        const consume_status s = c_->poll(on_event, on_gap, limits);
        c_->settle(s);
        c_->weigh(s);
        return s;
    }
    template <class OnEvent>
    consume_status poll(OnEvent&& on_event, const poll_limits& limits = {}) {
        return poll(on_event, [](const gap&) {}, limits);
    }
    /// Waits until poll has something to do, at most `timeout`. True when it has.
    bool wait(std::chrono::nanoseconds timeout) noexcept { return c_->wait(timeout.count()); }
    /// As subscriber::fd(): readable whenever poll has something to do, in ring or log.
    [[nodiscard]] int fd() { return c_->fd(); }

    [[nodiscard]] consumer_mode mode() const noexcept { return c_->mode; }
    [[nodiscard]] consumer_lag lag() const noexcept { return c_->lag(); }
    /// The next seq to read.
    [[nodiscard]] seq_t next() const noexcept { return c_->ring.next; }
    /// Where another consumer with the same filters would go on: what a cursor keeps once everything that was
    /// given so far is handled.
    [[nodiscard]] cursor_place place() const noexcept { return c_->place(); }
    /// The account so far.
    [[nodiscard]] const tally& account() const noexcept { return c_->ring.deliver.account(); }
    /// Events that came from the log, and how often it went from ring to log.
    [[nodiscard]] std::uint64_t from_log() const noexcept { return c_->from_log; }
    [[nodiscard]] std::uint64_t turns() const noexcept { return c_->turns; }
    /// Bytes and commits read from the log.
    [[nodiscard]] log::read_stats log_stats() const noexcept {
        return c_->log_stats();
    }
    /// How hard pressed it is, as at the end of the last poll; stands in ctl, and is told to on_pressure.
    [[nodiscard]] evbus::pressure pressure_state() const noexcept { return c_->ring.pressed.state(); }
    /// For who keeps events back that it was given, such as for another try: how much of its room for them is
    /// taken, 0 none to 1 all of it. It counts as lag and buffered bytes do, whichever is greatest. To be told
    /// again when it changes; told to on_pressure at once.
    void set_load(double level) {
        c_->ring.pressed.set_load(level);
        c_->weigh(c_->ring.at->in_child() ? consume_status::forked : consume_status::delivered);
    }
    /// After log_failed: why.
    [[nodiscard]] const std::string& failure() const noexcept { return c_->failure; }
    /// This participant's number; nobody without write permission.
    [[nodiscard]] member_no number() const noexcept {
        return c_->ring.place ? c_->ring.place->number() : member_no::nobody;
    }

private:
    std::unique_ptr<consumer_walk> c_;
};

} // namespace v1
} // namespace evbus
