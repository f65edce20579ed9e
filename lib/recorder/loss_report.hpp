// Tells of losses without flooding whoever reads: the first at once, what follows summed up, a line a second.
#pragma once

#include <evbus/event.hpp>
#include <evbus/ids.hpp>
#include <evbus/notice.hpp>

#include <cstdint>
#include <string>

namespace evbus {
inline namespace v1 {
namespace recorder {

class loss_report {
public:
    /// `tell` outlives this.
    explicit loss_report(const notice_hook& tell) : tell_(tell) {}
    ~loss_report() {
        try {
            flush();
        } catch (...) { // a hook that throws at the very end is not heard
        }
    }
    loss_report(const loss_report&) = delete;
    loss_report& operator=(const loss_report&) = delete;

    void add(seq_range range, gap_cause cause, std::int64_t now_ns) {
        if (ranges_ != 0 && cause != cause_) flush();
        cause_ = cause;
        if (ranges_++ == 0) all_ = range;
        all_.last = range.last;
        seqs_ += range.count();
        look(now_ns);
    }
    /// Tells what has gathered for a second.
    void look(std::int64_t now_ns) {
        if (ranges_ == 0 || (told_ns_ != 0 && now_ns - told_ns_ < 1'000'000'000)) return;
        told_ns_ = now_ns;
        flush();
    }

private:
    void flush() {
        if (ranges_ == 0) return;
        const std::string span = std::to_string(all_.first) + " to " + std::to_string(all_.last);
        const std::string what = ranges_ == 1 ? "seqs " + span
                                              : std::to_string(seqs_) + " seqs in " + std::to_string(ranges_) + " pieces from " + span;
        ranges_ = seqs_ = 0;
        if (tell_)
            tell_({notice_kind::degraded,
                   what + " are not in the log: " + (cause_ == gap_cause::malformed ? "their bytes in the ring are no frame"
                                                                                    : "the ring went round before the recorder came"),
                   all_.first});
    }

    const notice_hook& tell_;
    seq_range all_{};
    gap_cause cause_{};
    std::uint64_t ranges_ = 0;
    std::uint64_t seqs_ = 0;
    std::int64_t told_ns_ = 0; ///< when the last was told; 0 = none yet
};

} // namespace recorder
} // namespace v1
} // namespace evbus
