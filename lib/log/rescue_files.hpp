// What a log's directory holds beside its segments, copied for rescue.
#pragma once

#include "lib/log/rescue.hpp"

#include <string>

namespace evbus {
inline namespace v1 {
namespace log {

void note_left_out(rescue_report& report, const std::string& what);

/// runs/, cursors/, dead-letters/, quarantine/ and the lines of epochs that make sense. What is no plain
/// file, or cannot be read, is left out and noted. Durable.
void rescue_files(file_system& fs, const log_dir& from, const log_dir& to, const rescue_options& how, rescue_report& report);

} // namespace log
} // namespace v1
} // namespace evbus
