// What the segments of a log take on the disk, and how old they are: what retention goes by. Changes nothing.
#pragma once

#include <evbus/log/log_dir.hpp>

#include <cstdint>
#include <limits>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

inline constexpr std::int64_t time_not_looked_at = std::numeric_limits<std::int64_t>::max();

struct stored_segment {
    seq_t first = no_seq;
    seq_t last = max_seq;     ///< where the next one begins, less 1; max_seq for the newest
    std::uint64_t bytes = 0;  ///< with its index file
    std::int64_t time_ns = time_not_looked_at; ///< nothing in it is younger, see age_time_ns
    bool sealed = false;      ///< it has a footer; told only where the time is
};

/// How many of the segments are asked for their time: that costs a few reads each.
struct time_wanted {
    /// Oldest first, up to the first that is not older than this; nobody is asked for the least value.
    std::int64_t older_than_ns = std::numeric_limits<std::int64_t>::min();

    [[nodiscard]] static time_wanted of_none() noexcept { return {}; }
    [[nodiscard]] static time_wanted of_all() noexcept { return {time_not_looked_at}; }
    [[nodiscard]] static time_wanted until(std::int64_t ns) noexcept { return {ns}; }
};

/// Ascending. A segment that goes while this looks is left out, and so is a newest one that was only begun: the
/// one before it is the newest that holds anything. Throws what the system reports; a log
/// without segments/ has none.
[[nodiscard]] std::vector<stored_segment> list_stored(file_system& fs, const log_dir& dir, time_wanted times);

/// The time that a segment's age counts from: the greatest publish time in it by its footer, or when its file
/// was last written, whichever is earlier. So neither a publisher whose clock was ahead keeps a log for ever,
/// nor does a copy make it young. 0 when nothing can be told.
[[nodiscard]] std::int64_t age_time_ns(std::int64_t greatest_publish_ns, std::int64_t modified_ns) noexcept;

} // namespace log
} // namespace v1
} // namespace evbus
