// How long events are under way into the page cache and onto the disk, kept in ctl.
//
// One measurement a write, of the event in it that was published first: every other one took less. What was published
// before this recorder came is left out, as its way says nothing of the recorder's speed.
#pragma once

#include <evbus/ids.hpp>
#include <evbus/ring/attachment.hpp>
#include <evbus/ring/clock.hpp>
#include <evbus/ring/latency.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

namespace evbus {
inline namespace v1 {
namespace recorder {

class delay_watch {
public:
    /// Writes that may wait for one sync; of more than that the later ones are not measured.
    static constexpr std::size_t most_waiting = 1024;

    explicit delay_watch(const ring::attachment& at) noexcept
        : stamps_(at.description().stamps()), clock_(at.ring().clock, stamps_) {}

    /// Before the first write of the recorder's life `generation`.
    void begin(ring::latency_table& to, std::uint64_t generation) noexcept {
        const std::lock_guard guard(mutex_);
        written_ = ring::latency_record(to.written, generation);
        durable_ = ring::latency_record(to.durable, generation);
        begun_ns_ = now_ns();
    }
    /// A write that ends with seq `last` is in the page cache; its first event was published at `oldest_ns`, 0: not known.
    void wrote(seq_t last, std::int64_t oldest_ns) noexcept {
        const std::lock_guard guard(mutex_);
        if (!written_ || oldest_ns == 0 || oldest_ns < begun_ns_) return;
        written_.add(since(oldest_ns, now_ns()));
        if (end_ - begin_ < most_waiting) waiting_[end_++ % most_waiting] = {last, oldest_ns};
    }
    /// Everything up to seq `last` is on the disk.
    void synced(seq_t last) noexcept {
        const std::lock_guard guard(mutex_);
        if (begin_ == end_ || waiting_[begin_ % most_waiting].last > last) return;
        for (const std::int64_t now = now_ns(); begin_ != end_ && waiting_[begin_ % most_waiting].last <= last; ++begin_)
            durable_.add(since(waiting_[begin_ % most_waiting].oldest_ns, now));
    }

private:
    struct waiting_write {
        seq_t last;
        std::int64_t oldest_ns;
    };
    /// Wraps: both times come from a ring that may say anything.
    [[nodiscard]] static std::int64_t since(std::int64_t then_ns, std::int64_t now_ns) noexcept {
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(now_ns) - static_cast<std::uint64_t>(then_ns));
    }
    /// By the ring's clock, as the events' times are.
    [[nodiscard]] std::int64_t now_ns() noexcept { return clock_.to_ns(ring::read_stamp(stamps_)); }

    std::mutex mutex_; ///< writer and syncer come here
    ring::stamp_mode stamps_;
    ring::clock_view clock_;
    ring::latency_record written_;
    ring::latency_record durable_;
    std::int64_t begun_ns_ = 0;
    std::array<waiting_write, most_waiting> waiting_{};
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

} // namespace recorder
} // namespace v1
} // namespace evbus
