// Files written as a segment is: piece by piece, synced now and then, in one of several ways.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

/// How the space comes to the file.
enum class space_from : std::uint8_t {
    growing,      ///< each write makes it longer, as the log does
    allocated,    ///< fallocate() first, its length with it
    kept_size,    ///< fallocate(KEEP_SIZE) first: the space, but not the length
    recycled,     ///< a file that was written before, from its beginning on again
};

/// Who syncs.
enum class sync_by : std::uint8_t {
    writer,          ///< between two writes, once the interval is over
    thread,          ///< another thread, the interval after the last sync
    thread_started,  ///< the same, and every 8 MiB that thread asks the disk to begin (sync_file_range)
};

struct file_plan {
    space_from space = space_from::growing;
    sync_by by = sync_by::thread;
    std::uint64_t bytes = 0;       ///< in all
    std::uint64_t piece_bytes = 0; ///< a write
    std::int64_t interval_ns = 0;  ///< between two syncs; 0: a sync after each write, by the writer
    std::int64_t pace_ns = 0;      ///< between the beginnings of two writes; 0: as fast as it goes
};

struct file_outcome {
    double ns = 0;                ///< until all is synced
    std::vector<double> sync_ns;  ///< what each sync took
    std::vector<double> write_ns; ///< what each write took
};

/// Writes one file below `dir` and removes it. Its preparation is not timed. Throws std::system_error.
[[nodiscard]] file_outcome write_file(const std::string& dir, const file_plan& plan);

/// `share` of 0 .. 1; 0 when there are no values.
[[nodiscard]] double percentile(std::vector<double> values, double share);

} // namespace bench
