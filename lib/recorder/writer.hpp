// The writer thread: appends batches to the log and moves `written`. What it does when the disk says
// no stands here: halt, or lose and say so in the log as soon as that is possible again.
#pragma once

#include "lib/recorder/anchor_desk.hpp"
#include "lib/recorder/control.hpp"
#include "lib/recorder/handoff.hpp"
#include "lib/recorder/options.hpp"
#include "lib/recorder/retainer.hpp"
#include "lib/recorder/syncer.hpp"

#include "lib/log/log.hpp"

#include <cstdint>
#include <string>

namespace evbus {
inline namespace v1 {
namespace recorder {

class writer {
public:
    writer(control& ctl, handoff& from, const options& how, log::log_writer& to, syncer& syncs, retainer& retains,
           anchor_desk& anchors);

    /// Until capture has finished, or something fails. Returns the state to end with: `ended` when all went well.
    [[nodiscard]] ring::recorder_state run();
    /// What went wrong, for people; empty after `ended`.
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
    /// The state that a failed append ends a recording with.
    [[nodiscard]] static ring::recorder_state halted_by(log::append_status s) noexcept;
    [[nodiscard]] static std::string why_sync_failed(int os_error);
    /// Seqs lost to a full disk, that were not lost before.
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

private:
    [[nodiscard]] ring::recorder_state take(log::batch& b);
    [[nodiscard]] log::append_result append(log::batch& b);
    [[nodiscard]] log::append_result append_to_log(log::batch& b);
    [[nodiscard]] ring::recorder_state settle();
    [[nodiscard]] log::append_result say_what_was_lost();
    void lose(const log::batch& b);
    void wrote(seq_t last, std::int64_t oldest_ns);
    [[nodiscard]] ring::recorder_state halt(const log::append_result& r);
    [[nodiscard]] ring::recorder_state sync_failed(int os_error);
    void tell(notice_kind kind, const std::string& text, seq_t seq);

    control& ctl_;
    handoff& from_;
    const options& how_;
    log::log_writer& to_;
    syncer& syncs_;
    retainer& retains_;
    anchor_desk& anchors_;
    log::batch lost_note_{log::batch::least_capacity};
    seq_range losing_{}; ///< not in the log, and not yet said there; empty = nothing
    std::int64_t try_again_ns_ = 0; ///< before that the full disk is left alone
    std::uint64_t lost_ = 0;
    std::uint64_t rolls_ = 0; ///< that retention was told of
    std::string reason_;
};

} // namespace recorder
} // namespace v1
} // namespace evbus
