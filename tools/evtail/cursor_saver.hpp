// --cursor: keeps the place in front of which everything was written to the output.
//
// Stands between reader and printer. A place counts once the output in front of it is flushed, and never
// passes what the printer did not take: when enough was shown, or a gap was to be the end, a poll may have
// read further, and the place is in front of the first thing that was left.
#pragma once

#include "tools/cli/terminal.hpp"
#include "tools/evtail/options.hpp"
#include "tools/evtail/printer.hpp"
#include "tools/evtail/source.hpp"

#include <evbus/cursor.hpp>

#include <cstdint>
#include <optional>

namespace evtail {

class cursor_saver final : public sink {
public:
    /// Takes the cursor that the options name. Throws what evbus::cursor throws.
    cursor_saver(const options& o, source& in, printer& show, cli::output& out);

    [[nodiscard]] evbus::from start() const { return cursor_.start(); }
    [[nodiscard]] const std::optional<evbus::cursor_place>& place() const { return cursor_.place(); }
    /// `from` is read from now on, and gives to this sink.
    void reads(const reader& from) { from_ = &from; }
    /// `from` is about to go: its place is kept in mind.
    void leaves_reader();

    void event(const evbus::event& e) override;
    void gap(const evbus::gap& g) override;

    /// Saves now and then, after writing what stands in front. Throws when either fails.
    void save_if_due();
    /// The same now. Nothing when nobody reads the output any more.
    void save();

private:
    void stop_at(const evbus::cursor_place& at);
    [[nodiscard]] evbus::cursor_place front_of(const evbus::gap& g) const;

    printer* show_;
    cli::output* out_;
    bool at_end_only_; ///< nothing is shown before the end
    evbus::cursor cursor_;
    const reader* from_ = nullptr;
    std::optional<evbus::cursor_place> left_; ///< in front of the first thing that was not taken
    evbus::cursor_place reached_;
    evbus::seq_t last_ = evbus::no_seq;       ///< the last event given to the printer
    std::int64_t saved_ns_;
    std::uint64_t shown_at_save_ = 0;
};

} // namespace evtail
