// The recorders' manifests against the log.
#pragma once

#include "lib/log/verify.hpp"

namespace evlog {

/// Adds what the files in runs/ say that the log does not. `growing`: a recorder is at work.
void check_runs(evbus::log::file_system& fs, const evbus::log::log_dir& dir, bool growing, evbus::log::verify_report& out);

} // namespace evlog
