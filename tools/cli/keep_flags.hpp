// The flags that say what a log may take, the same for evrecord and evlog retain.
#pragma once

#include "lib/log/retention.hpp"
#include "tools/cli/options.hpp"

#include <string>
#include <string_view>

namespace cli {

/// Adds --keep-bytes, --keep-age, --keep-segments and --keep-free. `keep` outlives the parsing.
command& add_keep_flags(command& cmd, evbus::log::retention_limits& keep);

/// Throws errc::bad_option for limits that segments of this size cannot meet.
void check_keep_flags(const evbus::log::retention_limits& keep, std::uint64_t segment_bytes);

/// "10%", "2.5 %", or bytes as parse_size takes them; "0" is no limit. 100 % and more is refused.
evbus::log::free_limit parse_free_limit(std::string_view text);
/// As parse_free_limit takes it: "10%", "53687091200", "0".
std::string format_free_limit(const evbus::log::free_limit& f);

} // namespace cli
