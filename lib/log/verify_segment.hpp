// One segment against itself: header, every commit, every record, chain, footer and index. Looks only.
#pragma once

#include "lib/log/finding.hpp"

#include <evbus/log/log_dir.hpp>
#include <evbus/log/segment_index.hpp>
#include <evbus/log/segment_walk.hpp>

#include <atomic>
#include <cstdint>
#include <optional>

namespace evbus {
inline namespace v1 {
namespace log {

/// How a segment is looked at.
struct segment_question {
    bus_id bus;             ///< of the log; empty: no commit can be checked
    bool newest = false;    ///< its end may be an unfinished write
    bool growing = false;   ///< somebody may be writing at its end
    const std::atomic<bool>* stop = nullptr;
    std::atomic<std::uint64_t>* progress = nullptr; ///< grows by the bytes looked at
};

struct checked_segment {
    seq_t first = no_seq;       ///< by its name
    std::uint64_t bytes = 0;
    bool is_gone = false;       ///< it was deleted meanwhile
    bool is_read = false;       ///< it was opened and walked
    bool header_fine = false;
    bool sealed = false;
    bool compressed = false;    ///< some commit is
    segment_header header{};
    chain_state end;            ///< after its last believed commit
    std::uint64_t valid_end = 0;
    seq_t torn_last = no_seq;   ///< the last seq that an unfinished commit names
    segment_summary sums{};     ///< of the commits that were believed
    std::uint64_t gap_ranges = 0; ///< LOST and DAMAGE records
    findings found;

    [[nodiscard]] seq_t last() const noexcept { return end.next - 1; }
    [[nodiscard]] bool covers_seqs() const noexcept { return end.next > first; }
};

[[nodiscard]] checked_segment verify_segment(file_system& fs, const log_dir& dir, seq_t first, const segment_question& ask);

} // namespace log
} // namespace v1
} // namespace evbus
