// Moves events from a reader to a sink until there is a reason to end.
//
// Polls go in steps of so many seqs, so that a filter which rejects nearly everything does not keep
// evtail deaf to signals and time limits while a large log passes by. Steps grow while nothing comes:
// a gap may be 2^44 seqs long.
#pragma once

#include "tools/cli/terminal.hpp"
#include "tools/evtail/cursor_saver.hpp"
#include "tools/evtail/options.hpp"
#include "tools/evtail/printer.hpp"
#include "tools/evtail/source.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace evtail {

enum class ending : std::uint8_t {
    reached,     ///< the last seq that was asked for was passed
    done,        ///< the printer has enough
    overfull,    ///< the caller's own limit
    stopped,     ///< a signal
    out_of_time, ///< --for or --idle
    behind,      ///< nothing moved for patience_ns, and something should have
    stale,       ///< the source's bus was removed or created anew
};

class pump {
public:
    /// `stop` may be null. --for counts from here on.
    pump(const options& o, printer& show, cli::output& out, const cli::stop_signal* stop);
    /// Whose place is to be kept on the way.
    void keeps(cursor_saver& cursor) { cursor_ = &cursor; }

    /// Gives what `from` has up to `last` to `to`, waiting for more when `live`. `full()` is asked after each
    /// poll. Throws evbus::error when the log cannot be read and nobody waits for better times.
    template <class Full>
    ending run(source& in, reader& from, sink& to, seq_t last, bool live, Full&& full) {
        start_run(from);
        while (true) {
            if (show_->is_done()) return ending::done;
            if (full()) return ending::overfull;
            if (from.next() > last || from.next() == evbus::no_seq) return ending::reached;
            if (const auto over = time_is_up(live)) return *over;
            const seq_t before = from.next();
            const rest how = from.poll(to, bound(before, last));
            if (live) out_->flush();
            if (cursor_ != nullptr) cursor_->save_if_due();
            if (from.next() != before) moved();
            else if (how == rest::retired) return live ? ending::stale : ending::reached;
            else if (how != rest::more)
                if (const auto over = nothing_came(in, from, how, live)) return *over;
        }
    }
    ending run(source& in, reader& from, sink& to, seq_t last, bool live) {
        return run(in, from, to, last, live, [] { return false; });
    }

    /// After `behind`: what it was waiting for, and at which seq.
    [[nodiscard]] const std::string& why_behind() const { return why_; }
    [[nodiscard]] seq_t stuck_at() const { return stuck_at_; }
    /// A reason to end before the next event, or nothing. `live`: --idle counts.
    [[nodiscard]] std::optional<ending> time_is_up(bool live);

private:
    static constexpr std::int64_t patience_ns = 2'000'000'000;
    static constexpr std::uint64_t first_step = 65536;

    void start_run(const reader& from);
    void moved();
    [[nodiscard]] seq_t bound(seq_t next, seq_t last) const;
    std::optional<ending> nothing_came(source& in, reader& from, rest how, bool live);
    [[nodiscard]] bool output_is_cut_off() const;
    [[nodiscard]] std::chrono::nanoseconds longest_wait(bool live, std::int64_t now) const;

    const options* o_;
    printer* show_;
    cli::output* out_;
    const cli::stop_signal* stop_;
    cursor_saver* cursor_ = nullptr;
    std::int64_t begun_ns_;
    std::int64_t last_shown_ns_;
    std::uint64_t shown_ = 0;
    std::int64_t last_move_ns_ = 0;
    std::uint64_t step_ = first_step;
    std::uint64_t shown_at_step_ = 0;
    bool told_failure_ = false;
    std::string why_;
    seq_t stuck_at_ = evbus::no_seq;
};

} // namespace evtail
