// How far publishers may go ahead of the recorder.
//
// Claiming seq t overwrites t - slots. In a paced or strict bus that needs t - slots recorded, while
// a recorder lives and moves. "It does not" is one verdict for all publishers, kept beside the
// frontier and the recorder's generation it was given for: once given nobody waits or looks again
// until either of them changes.
#pragma once

#include <evbus/detail/probe.hpp>
#include <evbus/ring/attachment.hpp>
#include <evbus/ring/liveness.hpp>

#include <cstdint>

namespace evbus {
inline namespace v1 {
namespace ring {

/// generation:16 | frontier:48
[[nodiscard]] constexpr std::uint64_t pack_verdict(std::uint64_t generation, seq_t written) noexcept {
    return generation << 48 | (written & ((std::uint64_t{1} << 48) - 1));
}

/// One publisher's view of the frontier.
class pacer {
public:
    explicit pacer(const attachment& at) noexcept
        : at_(&at), mode_(at.description().pacing()), slots_(at.shape().slots()),
          limit_(mode_ == pacing_mode::overwrite ? max_seq : at.first_seq() + slots_ - 1) {}

    /// Seqs up to this one may be claimed without a further look.
    [[nodiscard]] seq_t limit() const noexcept { return limit_; }

    // SYNC frontier-written
    //   here : written (acquire), then the slot one lap before is claimed
    //   pairs: the recorder: the batch is in the page cache, then written (release)
    //   death: a recorder that dies leaves the frontier where it is; the verdict follows
    /// Looks again: may `t` be claimed now?
    [[nodiscard]] bool may_claim(seq_t t) noexcept {
        const frontier_words& f = at_->ctl().frontier;
        const seq_t written = f.written.load(std::memory_order_acquire);
        limit_ = written > max_seq - slots_ ? max_seq : written + slots_;
        if (t <= limit_) return true;
        return mode_ == pacing_mode::paced && verdict_stands(written);
    }

    /// One look while waiting. Gives the shared verdict when it is due; true when this call gave it.
    /// `now_ns` is a steady clock; the `first_look` of a wait asks at once whether the recorder lives.
    [[nodiscard]] bool watch(std::int64_t now_ns, bool first_look = false) noexcept {
        const frontier_words& f = at_->ctl().frontier;
        const seq_t written = f.written.load(std::memory_order_acquire);
        const std::uint64_t generation = f.generation.load(std::memory_order_acquire);
        if (since_ns_ == 0 || written != seen_written_ || generation != seen_generation_) {
            seen_written_ = written;
            seen_generation_ = generation;
            since_ns_ = now_ns;
        }
        if (mode_ != pacing_mode::paced) return false;
        // A system call: at the first look of a wait, and then now and then.
        bool gone = false;
        if (first_look || now_ns - probed_ns_ >= probe_every_ns) {
            probed_ns_ = now_ns;
            gone = !byte_is_held(at_->test_fd(), recorder_lock_byte);
        }
        const bool still = now_ns - since_ns_ >= static_cast<std::int64_t>(at_->description().raw.stall_limit_ns);
        if (!gone && !still) return false;
        shared_u64& verdict = at_->ctl().verdict.verdict;
        std::uint64_t seen = verdict.load(std::memory_order_relaxed);
        const std::uint64_t now = pack_verdict(generation, written);
        if (seen == now) return false;
        mark(probe::verdict_chosen);
        if (!verdict.compare_exchange_strong(seen, now, std::memory_order_acq_rel)) return false;
        mark(probe::verdict_given);
        return true;
    }

private:
    [[nodiscard]] bool verdict_stands(seq_t written) const noexcept {
        const std::uint64_t generation = at_->ctl().frontier.generation.load(std::memory_order_acquire);
        return at_->ctl().verdict.verdict.load(std::memory_order_acquire) == pack_verdict(generation, written);
    }

    const attachment* at_;
    pacing_mode mode_;
    std::uint64_t slots_;
    seq_t limit_;
    seq_t seen_written_ = no_seq;
    std::uint64_t seen_generation_ = 0;
    std::int64_t since_ns_ = 0;
    std::int64_t probed_ns_ = 0;
    static constexpr std::int64_t probe_every_ns = 500'000;
};

} // namespace ring
} // namespace v1
} // namespace evbus
