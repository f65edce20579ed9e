// What evtail was asked for.
#pragma once

#include "tools/cli/units.hpp"
#include "tools/cli/when.hpp"
#include "tools/evtail/format.hpp"
#include "tools/evtail/source.hpp"

#include <evbus/ids.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace evtail {

/// Where events are read from.
enum class source_kind : std::uint8_t {
    automatic, ///< ring and log as one stream, or what is there of the two
    ring,      ///< the ring alone
    log,       ///< the log alone
};

/// What a gap does.
enum class gap_policy : std::uint8_t {
    warn,   ///< told in its place, exit 3 at the end
    error,  ///< told, and the end
    ignore, ///< nothing
};

struct options {
    std::string bus; ///< empty with --ring or --log
    event_filter wanted;
    std::optional<std::string> ring_file;
    std::optional<std::string> log_dir;
    source_kind source = source_kind::automatic;

    bool all = false;                         ///< --from begin, -n all
    std::optional<evbus::seq_t> from;         ///< --from SEQ
    bool from_epoch = false;                  ///< --from epoch
    bool from_anchor = false;                 ///< --from anchor
    bool last_per_topic = false;              ///< the newest event of each topic, then what comes
    std::optional<std::string> cursor;        ///< goes on from it, and keeps it
    std::optional<evbus::seq_t> to;           ///< inclusive
    std::optional<cli::time_ns> since, until; ///< inclusive
    std::optional<std::uint64_t> last;        ///< -n N
    std::optional<std::string> grep;
    bool newest_first = false;

    bool follow = false;
    bool exit_at_end = false;
    std::optional<std::uint64_t> count;
    std::optional<std::chrono::nanoseconds> idle;
    std::optional<std::chrono::nanoseconds> duration;

    bool durable = false;                     ///< nothing that is not synced yet
    gap_policy on_gap = gap_policy::warn;
    bool topics = false;
    bool stats = false;
    format_options format;

    /// Goes on with what comes.
    [[nodiscard]] bool is_live() const { return follow && !exit_at_end; }
};

/// The options, or the exit code to end with: --help and --version were asked for, or a message was said.
std::variant<options, int> parse_options(int argc, const char* const* argv);

} // namespace evtail
