// The .evidx file of a segment that could not be sealed (it has a break, and nothing is written
// behind a break): the footer it lacks, beside it. Advisory: missing, stale or damaged ones are
// rebuilt from the segment, and what they point at is always checked.
#pragma once

#include <evbus/log/log_dir.hpp>
#include <evbus/log/segment_footer.hpp>
#include <evbus/log/segment_index.hpp>
#include <evbus/log/segment_walk.hpp>

#include <optional>

namespace evbus {
inline namespace v1 {
namespace log {

/// A loaded .evidx: its file stays open for `sections`.
struct segment_index_file {
    file source;
    segment_footer sections;
};

/// True when the index of segment `first` is there, whole, and made for a segment of `segment_bytes`.
[[nodiscard]] bool open_index(file_system& fs, const log_dir& dir, seq_t first, std::uint64_t segment_bytes,
                              const bus_id& bus, segment_index_file& out);

/// Reads the segment and gathers what its footer would say.
[[nodiscard]] segment_index build_index(segment_reader& in, const chain_state& start, segment_walk& walked);

/// Writes the index beside its segment (tmp, sync, rename, directory sync). 0 or -errno.
[[nodiscard]] int write_index(file_system& fs, const log_dir& dir, const segment_index& index,
                              std::uint64_t segment_bytes, const bus_id& bus, unsigned mode);

} // namespace log
} // namespace v1
} // namespace evbus
