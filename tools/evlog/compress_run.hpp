// Compressing many segments: which ones, several at a time, and what became of each.
#pragma once

#include "lib/log/compress.hpp"

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <vector>

namespace evlog {

/// Which segments are meant. Times are of events, or of the file where a segment holds none.
struct segment_choice {
    evbus::seq_t first = 1;                            ///< segments that hold a seq from here ...
    evbus::seq_t last = evbus::max_seq;                ///< ... to here
    std::optional<std::chrono::nanoseconds> older_than{};
};

struct chosen_segment {
    evbus::seq_t first;
    std::uint64_t bytes;
};

/// In the order of their seqs. Throws what the system reports.
[[nodiscard]] std::vector<chosen_segment> choose(evbus::log::file_system& fs, const evbus::log::log_dir& dir,
                                                 const segment_choice& which);

struct compress_run {
    struct step {
        evbus::seq_t first;
        evbus::log::compress_result result;
    };
    /// Called on the caller's thread for each segment that is through, and some times a second besides
    /// (then without one), with the bytes read so far; false ends the run.
    using watcher = std::function<bool(const step*, std::uint64_t bytes)>;

    std::exception_ptr failure{}; ///< the first one; the others end at their next commit
    bool stopped = false;
};

[[nodiscard]] compress_run compress_all(evbus::log::file_system& fs, const evbus::log::log_dir& dir,
                                        const std::vector<chosen_segment>& segments,
                                        evbus::log::compress_options options, unsigned threads,
                                        const compress_run::watcher& watch);

} // namespace evlog
