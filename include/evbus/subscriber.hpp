// Reading the ring alone: the fastest way, which says what it lost.
#pragma once

#include <evbus/bus.hpp>
#include <evbus/delivery.hpp>
#include <evbus/newest_events.hpp>
#include <evbus/read_options.hpp>
#include <evbus/ring_newest.hpp>
#include <evbus/ring_walk.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace evbus {
inline namespace v1 {

/// One reader of the ring. One thread at a time; movable. Polling throws nothing of its own (what a
/// handler throws passes through, its event counting as delivered) and makes no system call but to
/// repair a slot; it allocates only to join events larger than a slot. In a forked child it gives
/// nothing.
class subscriber {
public:
    using options = read_options;

    /// Throws evbus::error: bad_filter, bad_name, exhausted. Without write permission it reads all the
    /// same, but takes no number and sleeps by timer.
    explicit subscriber(const bus& on, const options& how = {})
        : walk_(std::make_unique<ring_walk>(on, how, ring::member_kind::subscriber)) {
        if (how.durable_only)
            throw error(errc::bad_option, {"subscribe to bus " + walk_->at->name(), "durable_only", "the ring does not tell what the log holds",
                                           "use a consumer"});
        start(how.from);
        walk_->publish_position();
        if (!walk_->place && how.on_notice)
            how.on_notice({notice_kind::degraded, "no permission to write " + walk_->at->ctl_name() +
                                                      ": reading without a number, sleeping by timer"});
    }

    /// Gives the events that are there to `on_event(const event&)`, and what cannot be given, in place,
    /// to `on_gap(const gap&)`. Returns the events given; never waits. After the ring was retired it
    /// gives 0 and retired() is true.
    template <class OnEvent, class OnGap>
    std::size_t poll(OnEvent&& on_event, OnGap&& on_gap, const poll_limits& limits = {}) {
        if (walk_->at->in_child()) [[unlikely]] return 0;
        if (newest_) [[unlikely]] return poll_newest(on_event, on_gap, limits);
        return poll_any(on_event, on_gap, limits);
    }
    template <class OnEvent>
    std::size_t poll(OnEvent&& on_event, const poll_limits& limits = {}) {
        return poll(on_event, [](const gap&) {}, limits);
    }
    /// Waits until poll has something to do, at most `timeout`. True when it has. False at once on a
    /// retired ring.
    bool wait(std::chrono::nanoseconds timeout) noexcept { return walk_->wait(timeout.count()); }
    /// A descriptor for epoll, poll or io_uring: readable whenever poll has something to do, until a poll has done
    /// all of it. Wait for it and nothing else: do not read, write or close it; it is closed with this handle. On a
    /// retired ring it stays readable: look at retired() and leave the loop. The first call starts a thread that
    /// sleeps on the ring meanwhile. Throws evbus::error: io (no descriptor or thread to be had), forked.
    [[nodiscard]] int fd() {
        const int made = walk_->fd();
        walk_->settle();
        return made;
    }

    /// The account so far, losses by cause.
    [[nodiscard]] const tally& losses() const noexcept { return walk_->deliver.account(); }
    /// The next seq to read.
    [[nodiscard]] seq_t next() const noexcept { return walk_->next; }
    /// Seqs between here and the ring's head.
    [[nodiscard]] std::uint64_t lag() const noexcept { return walk_->lag(); }
    /// True once the ring's end was read: open the bus anew.
    [[nodiscard]] bool retired() const noexcept { return walk_->closed; }
    /// This participant's number; nobody without write permission.
    [[nodiscard]] member_no number() const noexcept {
        return walk_->place ? walk_->place->number() : member_no::nobody;
    }

private:
    void start(const from& where) {
        const seq_t head = ring::find_head(*walk_->at);
        const seq_t oldest = ring::oldest_for(*walk_->at, head);
        switch (where.what()) {
        case from::kind::head: walk_->next = head; break;
        case from::kind::oldest: walk_->next = oldest; break;
        case from::kind::seq: walk_->next = where.first_seq(); break;
        case from::kind::epoch: walk_->next = walk_->at->first_seq(); break;
        case from::kind::time:
            walk_->next = oldest;
            walk_->not_before_ns = where.ns();
            break;
        case from::kind::newest: {
            newest_topics topics(walk_->wanted, walk_->headers);
            const searched_ring in = find_newest(*walk_->at, walk_->wanted, where.first_seq(), topics);
            newest_.emplace(topics.pick(std::min(in.top, where.first_seq())));
            walk_->next = newest_->pick().begin;
            break;
        }
        case from::kind::anchor:
            throw error(errc::bad_option, {"subscribe to bus " + walk_->at->name(), "from::anchor()", "anchors stand in the log, and a subscriber "
                                           "reads the ring alone", "use a consumer"});
        }
    }

    template <class OnEvent, class OnGap>
    std::size_t poll_any(OnEvent& on_event, OnGap& on_gap, const poll_limits& limits) {
        const std::size_t given = walk_->poll(on_event, on_gap, limits, [&](seq_t resume, bool while_reading) {
            if (while_reading) walk_->deliver.count_overwritten_while_reading();
            const seq_range lost{walk_->next, resume - 1};
            walk_->next = resume;
            walk_->deliver.gap(lost, gap_cause::overwritten, on_gap);
            return true;
        });
        walk_->settle();
        walk_->weigh(false);
        return given;
    }
    /// Up to where the newest events were looked for; of all that is walked there they alone are given.
    template <class OnEvent, class OnGap>
    std::size_t poll_newest(OnEvent& on_event, OnGap& on_gap, poll_limits limits) {
        const std::uint64_t before = walk_->deliver.account().events;
        const seq_t top = newest_->pick().top, last = limits.last;
        limits.last = std::min(last, top);
        while (walk_->next <= limits.last) {
            const seq_t began = walk_->next;
            auto the_newest = newest_->give_to(on_event, walk_->deliver);
            if (poll_any(the_newest, on_gap, limits) != 0 || walk_->next == began) break;
        }
        if (walk_->next > top) newest_.reset();
        const auto given = static_cast<std::size_t>(walk_->deliver.account().events - before);
        limits.last = last;
        return given == 0 && !newest_ ? poll_any(on_event, on_gap, limits) : given;
    }

    std::unique_ptr<ring_walk> walk_;
    std::optional<newest_events> newest_; ///< until all of them were given
};

} // namespace v1
} // namespace evbus
