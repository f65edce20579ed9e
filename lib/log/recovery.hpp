// What stands in a log directory, and putting its end right. scan() only looks; repair() is the one
// function that cuts or moves anything.
#pragma once

#include "lib/log/index.hpp"

#include <evbus/notice.hpp>

#include <atomic>
#include <optional>
#include <string>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

enum class scan_depth : std::uint8_t {
    newest, ///< the newest segment, and those before it until one holds a commit: what going on needs.
            ///< Trusts their footers. Holes between older segments are left to readers and `all`
    ends,   ///< every segment, but trusts footers and indexes: reads the unsealed
    all,    ///< reads every commit
};

struct segment_state {
    seq_t first = no_seq; ///< by its name
    std::uint64_t bytes = 0;
    segment_fault header_fault = segment_fault::none;
    segment_header header{};
    bool sealed = false;
    bool walked = false;  ///< `walk` was made by reading; otherwise footer or index said so
    segment_walk walk;
    std::optional<segment_index> index; ///< what its footer would say; of a newest segment that was read to go on with

    [[nodiscard]] seq_t last() const noexcept { return walk.end.next - 1; }
    [[nodiscard]] bool covers_seqs() const noexcept { return walk.end.next > first; }
    /// It cannot be gone on with, and the segment that is to come needs its name.
    [[nodiscard]] bool must_go() const noexcept {
        return (header_fault != segment_fault::none || !walk.holes.empty()) && !covers_seqs();
    }
};

/// A hole and where it was seen.
struct found_hole {
    seq_range range;
    seq_t segment = no_seq; ///< the segment it is in, or the one before a missing one
    std::uint64_t offset = 0;
};

struct log_state {
    bus_id bus;
    std::vector<segment_state> segments; ///< those that were looked at, ascending; the newest is among them
    std::vector<found_hole> holes;
    chain_state end;                     ///< what the next commit builds on
    seq_t first = no_seq;                ///< first seq that the log covers; no_seq when it is empty
    std::uint64_t chain_breaks = 0;      ///< whole commits and segments that do not build on the one before
    std::optional<std::string> fork;     ///< two different contents for the same seqs: where
    std::optional<std::string> refused;  ///< a newer version, feature or codec: where

    [[nodiscard]] bool empty() const noexcept { return segments.empty(); }
    [[nodiscard]] bool has_torn_tail() const noexcept {
        return !segments.empty() &&
               (segments.back().must_go() || (!segments.back().sealed && segments.back().walk.has_torn_tail()));
    }
};

/// Looks at the segments. `expected` may be empty: then the newest readable header decides. Throws
/// for what cannot be read (errc::io, permission) and for a log of another bus (errc::foreign_log); errc::io
/// (ECANCELED) soon after `stop` was set, which may be null.
[[nodiscard]] log_state scan(file_system& fs, const log_dir& dir, const bus_id& expected,
                             scan_depth depth = scan_depth::ends, const std::atomic<bool>* stop = nullptr);

/// Moves the torn tail to quarantine/, cuts it off, writes missing indexes, and tells `notices`.
/// `state` is then what a new scan would say. Throws when it cannot.
void repair(file_system& fs, const log_dir& dir, log_state& state, unsigned file_mode, const notice_hook& notices);

/// Copies bytes [from, end) of a file to a new one at `path` and syncs that, but not its name. Throws when it cannot.
void copy_bytes(file_system& fs, const file& in, std::uint64_t from, std::uint64_t end, const std::string& path, unsigned mode);

/// Syncs the names of the log, of its directories and segments. Who was killed between making a name and syncing its
/// directory left one that a power loss takes away. Throws when it cannot.
void sync_names(file_system& fs, const log_dir& dir);

/// Copies bytes [from, end) of a segment to quarantine/NAME and syncs them. Throws when it cannot.
void keep_tail(file_system& fs, const log_dir& dir, const file& in, std::uint64_t from, std::uint64_t end,
               const std::string& name, unsigned mode);

} // namespace log
} // namespace v1
} // namespace evbus
