// What evtail does from its first event to its exit code.
#pragma once

#include "tools/cli/pattern.hpp"
#include "tools/cli/terminal.hpp"
#include "tools/evtail/cursor_saver.hpp"
#include "tools/evtail/options.hpp"
#include "tools/evtail/printer.hpp"
#include "tools/evtail/pump.hpp"
#include "tools/evtail/selection.hpp"
#include "tools/evtail/source.hpp"

#include <memory>
#include <optional>

namespace evtail {

class tail {
public:
    /// Throws evbus::error when there is nothing to read. `stop` may be null.
    tail(const options& o, cli::output& out, const cli::stop_signal* stop);

    /// Shows what was asked for; the exit code.
    int run();

private:
    struct beginning {
        seq_t first = 1;
        seq_t walk_from = 1; ///< at an event that was not whole at `first`; else `first`
        bool asked = false; ///< named by a flag, not what happens to be the oldest
    };

    ending show_all();
    ending show_from_cursor();
    [[nodiscard]] beginning find_beginning();
    ending show_last(const beginning& floor, seq_t top, std::uint64_t n);
    ending show_reverse(const beginning& floor, seq_t top, std::uint64_t n);
    ending show_last_kept(const beginning& floor, seq_t top, std::uint64_t n);
    ending show_last_streamed(const beginning& floor, seq_t top, std::uint64_t n);
    ending stream(evbus::from first, seq_t last, bool live);
    ending stream(seq_t first, seq_t last, bool live) { return stream(evbus::from::seq(first), last, live); }
    [[nodiscard]] ending follow_on(seq_t& next);
    [[nodiscard]] int exit_code(ending how) const;
    void say_stats() const;

    const options* o_;
    const cli::stop_signal* stop_;
    std::optional<cli::pattern> grep_;
    selection wanted_;
    std::unique_ptr<source> in_;
    printer show_;
    pump move_;
    std::optional<cursor_saver> cursor_;
    read_counts read_;
};

} // namespace evtail
