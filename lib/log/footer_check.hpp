// Whether the footer and the index of a segment say what its commits say.
#pragma once

#include "lib/log/finding.hpp"

#include <evbus/log/log_dir.hpp>
#include <evbus/log/segment_index.hpp>

#include <cstdint>

namespace evbus {
inline namespace v1 {
namespace log {

/// A segment whose commits were read.
struct footer_question {
    file_system& fs;
    const log_dir& dir;
    const bus_id& bus;
    seq_t first;
    std::uint64_t bytes;     ///< of its file
    std::uint64_t valid_end; ///< where its last commit ends
    bool sealed;             ///< it ends in a footer
    bool newest;
};

/// Adds to `found` what the footer at the end of `segment` and the .evidx beside it say, and `index`,
/// gathered from the commits, does not. A segment in which `found` has damage already has no footer to
/// compare. Throws when there is no memory for a second copy of a footer.
void check_footers(const footer_question& ask, const file& segment, const segment_index& index, findings& found);

} // namespace log
} // namespace v1
} // namespace evbus
