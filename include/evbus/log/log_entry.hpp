// What reading a log gives, one at a time.
#pragma once

#include <evbus/event.hpp>
#include <evbus/frame.hpp>
#include <evbus/log/record.hpp>

#include <cstdint>

namespace evbus {
inline namespace v1 {
namespace log {

enum class entry_kind : std::uint8_t {
    frame,      ///< `frame`: an event or one fragment of one
    void_range, ///< nothing was published at `range`
    gap,        ///< `range` cannot be given, because of `cause`
    skipped,    ///< `range` are frames that the reader's query surely does not match: not read
    member,     ///< `member`; no seq of its own: `range` is empty and begins at the next seq
    run,        ///< `run`; the same
    anchor,     ///< `anchor`; the same
};

/// Only what `kind` says is meaningful. Views point into the reader's buffer, valid until its next call.
struct entry {
    entry_kind kind = entry_kind::frame;
    seq_range range{};
    frame_view frame{}; ///< its header's word is the seq, `published` is in ns
    gap_cause cause = gap_cause::damage;
    member_info member{};
    run_info run{};
    anchor_info anchor{};

    /// The first seq it is about.
    [[nodiscard]] seq_t seq() const noexcept { return range.first; }
    /// Publish time of a frame, ns since 1970; 0 when its bus does not stamp.
    [[nodiscard]] std::int64_t time_ns() const noexcept { return frame.header.published; }
};

/// Three outcomes: a value, nothing yet, and an error of the system (which is not a gap: what it hid
/// may come back).
enum class step : std::uint8_t { entry, end, failed };

struct read_stats {
    std::uint64_t bytes = 0;        ///< read from the system
    std::uint64_t reads = 0;        ///< in so many calls
    std::uint64_t commits = 0;      ///< read and verified
    std::uint64_t resyncs = 0;      ///< times that a break was searched for the next commit
    std::uint64_t duplicates = 0;   ///< repeated commits, skipped
    std::uint64_t chain_breaks = 0; ///< whole commits that do not build on the one before
};

} // namespace log
} // namespace v1
} // namespace evbus
