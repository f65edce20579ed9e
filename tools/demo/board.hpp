// What the demo's processes tell each other, in memory that they share since before they were forked.
#pragma once

#include "tools/demo/sources.hpp"

#include <evbus/event.hpp>

#include <array>
#include <atomic>
#include <cstdint>

namespace demo {

using counter = std::atomic<std::uint64_t>;

/// Publish-to-read times in steps of an eighth of a power of two, from 1 ns to an hour.
struct latency_histogram {
    std::array<counter, 64 * 8> counts;

    void add(std::int64_t ns);
    /// The upper bound of the step that `part` (0..1) of all lie below; 0 when there is none.
    [[nodiscard]] double percentile_us(double part) const;
};

/// One reader's account. Written by that reader alone.
struct reader_board {
    counter next;      ///< where it goes on when it was killed: with `expected`, of one moment
    std::array<counter, max_sources> expected; ///< by source: number of the event that must come next
    counter pen_down;  ///< odd while next and expected are being written
    counter delivered;
    counter wrong;     ///< events that were not the line that had to come
    counter gaps;      ///< seqs in gaps
    counter from_log;
    counter turns;     ///< times it went from ring to log
    counter lives;
    counter at_end;    ///< 1 once it has walked over everything
    latency_histogram latency;
};

enum reader_role : std::size_t { live, slow, killed, late, reader_roles };
inline constexpr const char* reader_names[reader_roles] = {"live", "slow", "killed, came back", "late"};

struct board {
    std::array<counter, max_sources> published; ///< events that publish() said were published
    std::array<counter, max_sources> given_back;
    std::array<reader_board, reader_roles> readers;
    std::atomic<bool> publishers_stop;
    std::atomic<std::uint64_t> head; ///< set once nothing more is published; 0 until then
};

/// In anonymous shared memory, zeroed.
[[nodiscard]] board* make_board();

} // namespace demo
