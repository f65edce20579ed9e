#include "tools/evtail/pump.hpp"

#include "tools/cli/when.hpp"
#include "tools/evtail/steady.hpp"

#include <evbus/error.hpp>

#include <algorithm>
#include <utility>

#include <poll.h>
#include <unistd.h>

namespace evtail {

pump::pump(const options& o, printer& show, cli::output& out, const cli::stop_signal* stop)
    : o_(&o), show_(&show), out_(&out), stop_(stop), begun_ns_(steady_ns()), last_shown_ns_(begun_ns_) {}

void pump::start_run(const reader&) {
    last_move_ns_ = steady_ns();
    step_ = first_step;
}

void pump::moved() {
    last_move_ns_ = steady_ns();
    told_failure_ = false;
    step_ = show_->shown() != shown_at_step_ ? first_step : std::min(step_ * 2, std::uint64_t{1} << 62);
    shown_at_step_ = show_->shown();
}

seq_t pump::bound(seq_t next, seq_t last) const { return last - next < step_ ? last : next + step_ - 1; }

std::optional<ending> pump::time_is_up(bool live) {
    if (stop_ != nullptr && stop_->asked()) return ending::stopped;
    if (!o_->duration && !(live && o_->idle)) return std::nullopt;
    const std::int64_t now = steady_ns();
    if (show_->shown() != shown_) {
        shown_ = show_->shown();
        last_shown_ns_ = now;
    }
    if (o_->duration && now - begun_ns_ >= o_->duration->count()) return ending::out_of_time;
    if (live && o_->idle && now - last_shown_ns_ >= o_->idle->count()) return ending::out_of_time;
    return std::nullopt;
}

std::optional<ending> pump::nothing_came(source& in, reader& from, rest how, bool live) {
    const std::int64_t now = steady_ns();
    const bool patient = now - last_move_ns_ < patience_ns;
    if (how == rest::failed && !live) throw evbus::error(evbus::errc::io, {"read log", "", from.failure()});
    if (live) {
        show_->settle();
        out_->flush();
        if (output_is_cut_off()) return ending::done;
        if (o_->until && how == rest::end && cli::now_ns() > *o_->until) return ending::reached;
        if ((how == rest::end || !patient) && in.is_stale()) return ending::stale;
        if (how == rest::failed && !std::exchange(told_failure_, true))
            cli::say("evtail", from.failure() + "; trying again until it can be read");
    } else if (!patient) {
        stuck_at_ = from.next();
        const std::string seq = std::to_string(stuck_at_);
        why_ = how == rest::behind ? "seq " + seq + " is gone from the ring, and the recorder has not written it within 2 s"
                                   : "seq " + seq + " was claimed by a publisher that has not finished it within 2 s";
        return ending::behind;
    }
    from.wait(how == rest::failed ? std::min(longest_wait(live, now), std::chrono::nanoseconds{100'000'000}) : longest_wait(live, now));
    return std::nullopt;
}

// Not past the moment at which a time limit is over.
std::chrono::nanoseconds pump::longest_wait(bool live, std::int64_t now) const {
    std::int64_t ns = 250'000'000;
    if (o_->duration) ns = std::min(ns, begun_ns_ + o_->duration->count() - now);
    if (live && o_->idle) ns = std::min(ns, last_shown_ns_ + o_->idle->count() - now);
    return std::chrono::nanoseconds(std::max<std::int64_t>(ns, 1'000'000));
}

// Who reads through a pipe and went away shows before anything is written to it.
bool pump::output_is_cut_off() const {
    pollfd fd{STDOUT_FILENO, 0, 0};
    return ::poll(&fd, 1, 0) == 1 && (fd.revents & POLLERR) != 0;
}

} // namespace evtail
