// What a consumer does at each poll: ring or log, whichever has the next seq, and what it waits for when neither
// has.
#pragma once

#include <evbus/consume_status.hpp>
#include <evbus/consumer_start.hpp>
#include <evbus/detail/probe.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <optional>

namespace evbus {
inline namespace v1 {

/// One thread. Part of consumer, and for it alone.
struct consumer_walk : consumer_start {
    consumer_walk(const bus& on, const read_options& how) : consumer_start(on, how) {
        if (durable_only || ring.lapped()) mode = consumer_mode::catch_up;
        say_mode();
        ring.publish_position();
    }

    template <class OnEvent, class OnGap>
    consume_status poll(OnEvent& on_event, OnGap& on_gap, const poll_limits& limits) {
        if (ring.at->in_child()) [[unlikely]] return consume_status::forked;
        if (durable_only) [[unlikely]] return poll_durable(on_event, on_gap, limits);
        return poll_any(on_event, on_gap, limits);
    }
    template <class OnEvent, class OnGap>
    consume_status poll_any(OnEvent& on_event, OnGap& on_gap, const poll_limits& limits) {
        if (ring.next < begin.next) [[unlikely]] return walk_up(limits);
        if (newest_only) [[unlikely]] return walk_newest(on_event, on_gap, limits);
        return walk(on_event, on_gap, limits);
    }
    /// Up to the durable frontier, and no further whoever asks.
    template <class OnEvent, class OnGap>
    consume_status poll_durable(OnEvent& on_event, OnGap& on_gap, poll_limits limits) {
        const seq_t durable = ring.at->ctl().frontier.durable.load(std::memory_order_acquire);
        at_frontier = false;
        consume_status s = consume_status::caught_up;
        if (ring.next <= durable) {
            limits.last = std::min(limits.last, durable);
            s = poll_any(on_event, on_gap, limits);
        }
        if (s != consume_status::caught_up || ring.next <= durable) return s;
        in_vain = false;
        at_frontier = true;
        if (evbus::ring::is_durably_over(*ring.at, ring.next)) return consume_status::retired;
        return ring.lag() == 0 ? consume_status::caught_up : consume_status::recorder_behind;
    }
    /// Up to where the newest events were looked for; of all that is walked there they alone are given.
    template <class OnEvent, class OnGap>
    consume_status walk_newest(OnEvent& on_event, OnGap& on_gap, poll_limits limits) {
        const seq_t before = ring.next, top = newest_only->pick().top;
        consume_status s = consume_status::caught_up;
        if (before <= top) {
            limits.last = std::min(limits.last, top);
            auto the_newest = newest_only->give_to(on_event, ring.deliver);
            s = walk(the_newest, on_gap, limits);
        }
        if (ring.next > top) {
            if (log) log->want_only(nullptr);
            newest_only.reset();
            return consume_status::delivered;
        }
        return s == consume_status::caught_up && ring.next != before ? consume_status::delivered : s;
    }
    /// What lies before the start is walked for the sake of events that end behind it, and nothing of it is
    /// given. `delivered` also means: poll again.
    consume_status walk_up(const poll_limits& limits) {
        // As far as one poll may go, however few events the caller takes: else it might never arrive.
        const poll_limits far{.max_events = events_a_look, .last = std::min(limits.last, begin.next - 1)};
        const auto drop = [](const auto&) {};
        const consume_status s = walk(drop, drop, far);
        if (ring.next < begin.next) return s;
        ring.deliver.begin_account();
        return consume_status::delivered;
    }
    [[nodiscard]] cursor_place place() const noexcept {
        if (ring.next < begin.next) return begin;
        return {ring.next, ring.deliver.has_open() ? ring.deliver.oldest_open() : ring.next};
    }

    template <class OnEvent, class OnGap>
    consume_status walk(OnEvent& on_event, OnGap& on_gap, const poll_limits& limits) {
        const std::uint64_t before = ring.deliver.account().events;
        if (ring.deliver.owed() != nullptr) [[unlikely]] return read_owed(on_event, on_gap, limits);
        if (mode == consumer_mode::live) {
            ring.poll(on_event, on_gap, limits, [&](seq_t resume, bool while_reading) {
                if (home.log_dir().empty()) return skip_lost(std::min(resume, after(limits.last)), while_reading, on_gap);
                go_to_log();
                return false;
            });
            if (ring.closed) return consume_status::retired;
            if (ring.deliver.owed() != nullptr && ring.deliver.account().events == before) [[unlikely]]
                return read_owed(on_event, on_gap, limits);
        }
        if (mode == consumer_mode::catch_up && ring.deliver.account().events == before) {
            in_vain = false;
            const consume_status s = catch_up(on_event, on_gap, limits);
            ring.publish_position();
            return s;
        }
        return ring.deliver.account().events != before ? consume_status::delivered : consume_status::caught_up;
    }

    /// The event at `next`, whose earlier bytes were forgotten: from the ring as far as that goes, else from the
    /// log, and the end of it perhaps from the ring again.
    template <class OnEvent, class OnGap>
    consume_status read_owed(OnEvent& on_event, OnGap& on_gap, const poll_limits& limits) {
        in_vain = false;
        if (ring.next > limits.last) return consume_status::caught_up;
        shed_event& again = *ring.deliver.owed();
        ring.read_again(again);
        // The order matters, as in catch_up.
        const evbus::ring::frontier_words& f = ring.at->ctl().frontier;
        const std::uint64_t generation = f.generation.load(std::memory_order_acquire);
        const bool recorded = home.has_recorder();
        const seq_t limit = recorded ? f.written.load(std::memory_order_acquire) : max_seq;
        const bool from_ring = again.is_walked();
        if (!from_ring && again.next <= limit) {
            if (!has_log()) return consume_status::log_failed;
            const log_rest rest = log ? log->read_again(again, limit) : log_rest::end;
            if (rest == log_rest::limits) return consume_status::delivered;
            if (rest == log_rest::failed) {
                in_vain = true;
                failure = log->log().failure();
                return consume_status::log_failed;
            }
        }
        if (!again.is_walked()) ring.read_again(again);
        if (!again.is_walked()) {
            in_vain = recorded && limit >= again.next;
            if (recorded || home.has_recorder() || f.generation.load(std::memory_order_acquire) != generation)
                return consume_status::recorder_behind;
        }
        ring.next = again.seqs.last + 1;
        if (!from_ring && again.is_whole()) count_from_log(1);
        ring.deliver.settle_owed(on_event, on_gap);
        ring.publish_position();
        return consume_status::delivered;
    }
    /// One stretch of the log. `delivered` also means: something changed, poll again.
    template <class OnEvent, class OnGap>
    consume_status catch_up(OnEvent& on_event, OnGap& on_gap, const poll_limits& limits) {
        if (!durable_only && in_reach()) return go_live();
        if (ring.next > limits.last) return consume_status::caught_up;
        // The order matters: who finds nothing in the log after the recorder was seen dead, in one and
        // the same of its lives, may believe that nothing will come.
        const evbus::ring::frontier_words& f = ring.at->ctl().frontier;
        const std::uint64_t generation = f.generation.load(std::memory_order_acquire);
        const bool recorded = home.has_recorder();
        const seq_t limit = recorded ? f.written.load(std::memory_order_acquire) : max_seq;
        if (const consume_status s = read_log(limit, on_event, on_gap, limits); s != consume_status::caught_up) {
            in_vain = s == consume_status::log_failed;
            return s;
        }
        if (!durable_only && !ring.lapped()) return go_live();
        if (recorded || !ring.lapped()) {
            in_vain = limit >= ring.next;
            return consume_status::recorder_behind;
        }
        // What is gone is looked at before the last proof: a recorder that comes after it finds no more than that.
        const bool of_an_earlier_ring = ring.next < ring.at->first_seq();
        // No margin, however soon the oldest is overwritten as well: a recorder that comes may still keep it.
        const seq_t oldest = evbus::ring::oldest_for(*ring.at, evbus::ring::find_head(*ring.at));
        const seq_t resume = std::min(of_an_earlier_ring ? ring.at->first_seq() : std::max(oldest, ring.next + 1), after(limits.last));
        if (home.has_recorder() || f.generation.load(std::memory_order_acquire) != generation) return consume_status::recorder_behind;
        mark(probe::loss_proven);
        const seq_range lost{ring.next, resume - 1};
        ring.next = resume;
        ring.deliver.gap(lost, of_an_earlier_ring ? gap_cause::ring_lost : gap_cause::overwritten, on_gap);
        return consume_status::delivered;
    }
    /// `caught_up`: the log has nothing further now.
    template <class OnEvent, class OnGap>
    consume_status read_log(seq_t limit, OnEvent& on_event, OnGap& on_gap, const poll_limits& limits) {
        if (!has_log()) return consume_status::log_failed;
        if (!log) return consume_status::caught_up;
        const std::uint64_t before = ring.deliver.account().events;
        const seq_t start = ring.next;
        const poll_limits some{std::min<std::size_t>(limits.max_events, events_a_look), limits.max_bytes};
        const log_rest rest = log->poll(ring.next, std::min(limit, limits.last), ring.wanted, ring.deliver, on_event, on_gap,
                                        [](const auto&) {}, some, &ring.not_before_ns);
        ring.saw_time(log->last_time_ns());
        count_from_log(ring.deliver.account().events - before);
        if (rest == log_rest::failed) {
            failure = log->log().failure();
            return consume_status::log_failed;
        }
        // Bounds that let nothing through say nothing about what the log has.
        return rest == log_rest::limits || ring.next != start ? consume_status::delivered : consume_status::caught_up;
    }

    /// Far enough from being overwritten that going live does not end in the log again at once.
    [[nodiscard]] bool in_reach() const noexcept {
        if (ring.lapped()) return false;
        const seq_t head = evbus::ring::find_head(*ring.at);
        return head <= ring.next || head - ring.next <= ring.at->shape().slots() / 2;
    }
    consume_status go_live() {
        ring.was_moved();
        mode = consumer_mode::live;
        mark(probe::turn_to_ring);
        say_mode();
        if (on_notice) on_notice({notice_kind::healed, "caught up from the log, reading the ring again", ring.next});
        return consume_status::delivered;
    }
    [[nodiscard]] static seq_t after(seq_t last) noexcept { return last == max_seq ? max_seq : last + 1; }
    /// Without a log there is nobody to ask: the gap is named at once.
    template <class OnGap>
    bool skip_lost(seq_t resume, bool while_reading, OnGap& on_gap) {
        if (while_reading) ring.deliver.count_overwritten_while_reading();
        const seq_range lost{ring.next, resume - 1};
        ring.next = resume;
        ring.deliver.gap(lost, gap_cause::overwritten, on_gap);
        return true;
    }
    void go_to_log() noexcept {
        mode = consumer_mode::catch_up;
        ++turns;
        mark(probe::turn_to_log);
        say_mode();
    }
    void say_mode() noexcept {
        if (!ring.place) return;
        ring.place->entry().mode.store(static_cast<std::uint32_t>(mode), std::memory_order_relaxed);
        ring.place->entry().turns.store(turns, std::memory_order_relaxed);
    }
    void count_from_log(std::uint64_t events) noexcept {
        from_log += events;
        if (ring.place) ring.place->entry().from_log.store(from_log, std::memory_order_relaxed);
    }

    [[nodiscard]] bool reads_ring() noexcept { return mode == consumer_mode::live && ring.deliver.owed() == nullptr; }
    /// What the log is to have next, when it is waited for.
    [[nodiscard]] seq_t awaited() noexcept { return ring.deliver.owed() != nullptr ? ring.deliver.owed()->next : ring.next; }
    void weigh(consume_status s) {
        if (s != consume_status::forked) [[likely]] ring.weigh(!reads_ring());
    }

    int fd() {
        const bool first = ring.wake() == nullptr;
        const int made = ring.fd();
        if (first) settle(consume_status::delivered);
        return made;
    }
    /// After a poll that ended with `s`: what the descriptor waits for.
    void settle(consume_status s) {
        if (ring.wake() == nullptr) [[likely]] return;
        using evbus::ring::vigil;
        if (s == consume_status::forked) return;
        if (reads_ring()) ring.settle();
        else if (in_vain) ring.wake()->rest({vigil::over::time});
        else if (at_frontier && s != consume_status::retired) ring.wake()->rest({vigil::over::durable, ring.next});
        else if (s == consume_status::recorder_behind) ring.wake()->rest({vigil::over::frontier, awaited()});
        else ring.wake()->keep();
    }
    bool wait(std::int64_t timeout_ns) noexcept {
        if (reads_ring()) return ring.wait(timeout_ns);
        if (in_vain) return rest(timeout_ns);
        if (durable_only) return wait_durable(timeout_ns);
        if (ring.deliver.owed() == nullptr && !ring.lapped()) return true;
        const evbus::ring::frontier_words& f = ring.at->ctl().frontier;
        if (f.written.load(std::memory_order_acquire) >= awaited() || !home.has_recorder()) return true;
        // Bounded, so that a recorder that dies meanwhile is noticed.
        return home.wait_written(awaited(), std::chrono::nanoseconds(std::min<std::int64_t>(timeout_ns, 50'000'000)));
    }
    bool wait_durable(std::int64_t timeout_ns) noexcept {
        if (ring.at->in_child()) return false;
        const std::int64_t start = detail::steady_ns();
        while (!evbus::ring::is_durably_over(*ring.at, ring.next)) {
            const std::int64_t left = timeout_ns - (detail::steady_ns() - start);
            // In pieces, so that a ring that ends meanwhile is noticed.
            if (home.wait_durable(ring.next, std::chrono::nanoseconds(std::min<std::int64_t>(left, 50'000'000)))) return true;
            if (left <= 0) return false;
        }
        return true;
    }
    /// The log should have what it does not give, and nothing tells when it does: poll tries again, but not
    /// without a pause.
    bool rest(std::int64_t timeout_ns) noexcept {
        in_vain = false;
        const timespec t{0, static_cast<long>(std::clamp<std::int64_t>(timeout_ns, 0, 20'000'000))};
        ::nanosleep(&t, nullptr);
        return true;
    }
    [[nodiscard]] log::read_stats log_stats() const noexcept {
        log::read_stats s = searched;
        if (!log) return s;
        const log::read_stats read = const_cast<log_walk&>(*log).log().stats();
        s.bytes += read.bytes, s.reads += read.reads, s.commits += read.commits;
        s.resyncs += read.resyncs, s.duplicates += read.duplicates, s.chain_breaks += read.chain_breaks;
        return s;
    }
    [[nodiscard]] consumer_lag lag() const noexcept {
        const std::uint64_t events = ring.lag();
        const std::int64_t last = ring.last_published_ns();
        const std::int64_t age = events == 0 || last == 0 ? 0 : detail::wall_ns() - last;
        return {events, std::chrono::nanoseconds(std::max<std::int64_t>(age, 0))};
    }

    static constexpr std::size_t events_a_look = 4096; ///< then it looks whether the ring is in reach

    bool at_frontier = false;            ///< the last poll came to the end of what is durable
    consumer_mode mode = consumer_mode::live;
    std::uint64_t from_log = 0;
    std::uint64_t turns = 0;
    bool in_vain = false;          ///< the last poll asked the log for what it should have
};

} // namespace v1
} // namespace evbus
