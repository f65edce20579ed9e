// Whether a log is what was written: every segment against itself, in parallel, then all of them against
// each other and against the list of ring creations. Looks only; every file may be rubbish. Memory is
// bounded by one window and one index a thread and by findings::most.
#pragma once

#include "lib/log/verify_segment.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

struct verify_progress {
    std::uint64_t bytes = 0; ///< looked at
    std::uint64_t total = 0;
    std::uint64_t segments = 0;
    std::uint64_t all_segments = 0;
};

struct verify_options {
    unsigned threads = 1;
    bool growing = false; ///< a recorder is at work: what is unfinished at the end is no damage
    /// Called several times a second from the caller's thread; false stops. May be empty.
    std::function<bool(const verify_progress&)> go_on{};
};

struct verify_report {
    bus_id bus;                           ///< empty when no header and no line of epochs told
    bool stopped = false;                 ///< go_on said so: the rest was not looked at
    std::vector<checked_segment> segments; ///< ascending; their findings were moved to `found`
    findings found;                       ///< by segment, then what concerns all
    seq_t first = no_seq;                 ///< first seq that the log covers; no_seq when it has no segment
    seq_t last = no_seq;
    std::uint64_t bytes = 0;
    std::uint64_t unreadable = 0;         ///< seqs that damage took, beside those that records own up to
    segment_summary sums{};               ///< commits, records, events ... of all; times too
    std::uint64_t gap_ranges = 0;         ///< LOST and DAMAGE records

    [[nodiscard]] bool has_damage() const noexcept { return found.count(severity::damage) != 0; }
    [[nodiscard]] bool has_gaps() const noexcept { return gap_ranges != 0 || unreadable != 0; }
    /// Everything was looked at.
    [[nodiscard]] bool is_whole() const noexcept { return !stopped && found.count(severity::unchecked) == 0; }
};

/// The bus that most segment headers of the log name, else the newest line of epochs; empty when none does.
[[nodiscard]] bus_id bus_of_log(file_system& fs, const log_dir& dir, const std::vector<seq_t>& firsts);

/// Throws when segments/ cannot be listed, or threads cannot be had.
[[nodiscard]] verify_report verify(file_system& fs, const log_dir& dir, const verify_options& how);

} // namespace log
} // namespace v1
} // namespace evbus
