// A bus: one named ring with its control object and its log. The handle from which publishers and
// readers are made.
#pragma once

#include <evbus/bus_options.hpp>
#include <evbus/error.hpp>
#include <evbus/ids.hpp>
#include <evbus/notice.hpp>
#include <evbus/ring/attachment.hpp>
#include <evbus/ring/doorbell.hpp>
#include <evbus/ring/head.hpp>
#include <evbus/ring/liveness.hpp>

#include <chrono>
#include <memory>
#include <string>

namespace evbus {
inline namespace v1 {

/// How far the log is, at one moment. Inclusive: the last such seq.
struct frontiers {
    seq_t written = no_seq; ///< in the page cache: survives the recorder's process
    seq_t durable = no_seq; ///< synced: survives power loss
    ring::recorder_state state = ring::recorder_state::none;
};

/// Attached to one creation of a bus. Cheap to copy; threads may share it.
class bus {
public:
    /// Attaches to a bus that is there. Throws not_found, permission, or one of the errors of a ring that
    /// is not what it should be (errc).
    [[nodiscard]] static bus open(const std::string& name) {
        return bus(ring::attachment::open(name, ring::access::read_only));
    }
    /// Attaches to look on: takes no place, sets no flag, repairs nothing; sleeps by timer.
    [[nodiscard]] static bus observe(const std::string& name) {
        return bus(ring::attachment::open(name, ring::access::read_only, ring::access::read_only));
    }
    /// Attaches, creating the bus first when it is not there. Of many processes that do this at once one
    /// creates and all attach. Options that are set must be those of a bus that is there, else
    /// errc::mismatch names both values. May wait for the log's lock, 5 s at most.
    [[nodiscard]] static bus open_or_create(const std::string& name, const bus_options& options = {});
    /// Creates; throws already_exists when it is there.
    [[nodiscard]] static bus create(const std::string& name, const bus_options& options = {});

    [[nodiscard]] const std::string& name() const noexcept { return at_->name(); }
    [[nodiscard]] bus_id id() const noexcept { return at_->description().id(); }
    [[nodiscard]] epoch_t epoch() const noexcept { return at_->description().epoch(); }
    [[nodiscard]] std::uint64_t slots() const noexcept { return at_->shape().slots(); }
    [[nodiscard]] std::uint32_t slot_bytes() const noexcept { return at_->shape().slot_bytes(); }
    [[nodiscard]] evbus::pacing pacing() const noexcept { return at_->description().pacing(); }
    /// One publisher at a time: a second one is refused.
    [[nodiscard]] bool exclusive() const noexcept { return at_->description().exclusive(); }
    [[nodiscard]] seq_t first_seq() const noexcept { return at_->first_seq(); }
    /// The log's directory; empty for a bus without a log.
    [[nodiscard]] const std::string& log_dir() const noexcept { return at_->description().log_dir; }

    /// The first seq that nobody has claimed.
    [[nodiscard]] seq_t head() const noexcept { return ring::find_head(*at_); }
    [[nodiscard]] frontiers frontier() const noexcept {
        const ring::frontier_words& f = at_->ctl().frontier;
        return {f.written.load(std::memory_order_acquire), f.durable.load(std::memory_order_acquire),
                static_cast<ring::recorder_state>(f.state.load(std::memory_order_relaxed))};
    }
    /// True while a recorder's process lives.
    [[nodiscard]] bool has_recorder() const noexcept {
        return ring::byte_is_held(at_->test_fd(), ring::recorder_lock_byte);
    }
    /// Waits until `seq` is in the page cache; false when `timeout` is over first. Any process, any thread.
    [[nodiscard]] bool wait_written(seq_t seq, std::chrono::nanoseconds timeout) const noexcept {
        return wait_for(at_->ctl().frontier.written, seq, timeout.count());
    }
    /// Waits until `seq` survives power loss; false when `timeout` is over first. Any process, any thread.
    [[nodiscard]] bool wait_durable(seq_t seq, std::chrono::nanoseconds timeout) const noexcept {
        return wait_for(at_->ctl().frontier.durable, seq, timeout.count());
    }
    /// True once the ring was closed for good: nothing more is published here; open the bus anew.
    [[nodiscard]] bool is_retired() const noexcept {
        return ring::is_end(*at_, head());
    }
    /// True while the bus's name leads to this ring; false once it was removed or created anew.
    [[nodiscard]] bool is_current() const noexcept { return at_->is_current(); }

    /// A mapping of this ring for a handle; read_write for who publishes. Throws permission, retired
    /// when the name leads to another ring by now, or forked in a child that inherited this bus.
    [[nodiscard]] std::shared_ptr<ring::attachment> attach(ring::access how) const {
        if (at_->in_child())
            throw error(errc::forked, {"attach to bus " + name(), "a handle of the parent process", "it does not work in a forked child",
                                       "open the bus in the child"});
        if (how == ring::access::read_only) return at_;
        auto writable = ring::attachment::open(name(), how);
        if (writable->description().epoch() != epoch())
            throw error(errc::retired, {"attach to bus " + name(), ring::shm_path(ring::ring_object(name())),
                                        "it was removed and created anew since this handle was opened", "open the bus again"});
        return writable;
    }

private:
    explicit bus(std::shared_ptr<ring::attachment> at) noexcept : at_(std::move(at)) {}

    // SYNC frontier-bell
    //   here : sleepers flag, membarrier, the frontier (acquire), futex wait
    //   pairs: the recorder: the frontier (release), then doorbell::ring
    //   death: a recorder that dies in between costs one sleep of at most 250 ms
    [[nodiscard]] bool wait_for(const ring::shared_u64& frontier, seq_t seq, std::int64_t timeout_ns) const noexcept {
        const auto reached = [&] { return frontier.load(std::memory_order_acquire) >= seq; };
        const std::int64_t start = detail::steady_ns();
        for (int turn = 0; !reached(); ++turn) {
            const std::int64_t left = timeout_ns - (detail::steady_ns() - start);
            if (left <= 0) return reached();
            if (turn < 100) {
                for (int i = 0; i < 32; ++i) detail::cpu_pause();
            } else if (at_->may_write()) {
                ring::doorbell(at_->ctl().frontier_bell).sleep(ring::sleeping_stranger, left, reached);
            } else {
                const timespec nap{0, static_cast<long>(std::min<std::int64_t>(left, 1'000'000))};
                ::nanosleep(&nap, nullptr);
            }
        }
        return true;
    }

    std::shared_ptr<ring::attachment> at_;
};

} // namespace v1
} // namespace evbus

#include <evbus/detail/open_bus.hpp>
