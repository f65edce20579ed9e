// How every tool ends; docs and --help name the same numbers.
#pragma once

namespace cli {

enum exit_code : int {
    exit_fine = 0,
    exit_nothing_matched = 1,
    exit_failed = 2, ///< wrong usage, or the system refused
    exit_gaps = 3,   ///< finished, but something could not be had
    exit_damage = 4,
    exit_no_space = 5,         ///< evrecord halted: no space for the log
    exit_sync_failed = 6,      ///< evrecord halted: a sync failed
    exit_backpressure = 7,     ///< evrecord halted: it could not keep up
    exit_already_recorded = 8, ///< evrecord: another one records this bus
    exit_not_in_time = 124,    ///< what was waited for did not come in time
};

} // namespace cli
