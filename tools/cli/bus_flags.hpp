// The flags by which a tool creates a bus that is not there, the same in evpub, evrecord and evctl.
#pragma once

#include "tools/cli/options.hpp"

#include <evbus/bus_options.hpp>

namespace cli {

/// --slots, --slot-bytes, --pacing, --exclusive, --group, --log. `o` outlives `cmd`.
void add_bus_flags(command& cmd, evbus::bus_options& o);
/// --no-log, for all but the recorder: it would make a bus that it then cannot record.
void add_no_log_flag(command& cmd, evbus::bus_options& o);

/// After parsing: throws errc::bad_option when the flags contradict each other (--log with --no-log).
/// What a single value may be, and whether a bus that is there agrees, bus::open_or_create checks.
void check_bus_flags(const evbus::bus_options& o);

} // namespace cli
