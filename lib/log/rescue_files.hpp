// What a log's directory holds beside its segments, copied for rescue.
#pragma once

#include "lib/log/rescue.hpp"

#include <evbus/log/file.hpp>

#include <cstdint>
#include <string>

namespace evbus {
inline namespace v1 {
namespace log {

/// Bytes [from, end) of `in` as the new file `path`, durable but for its name. Throws what the system reports.
void copy_bytes(file_system& fs, const file& in, std::uint64_t from, std::uint64_t end, const std::string& path, unsigned mode);

void note_left_out(rescue_report& report, const std::string& what);

/// runs/, cursors/, dead-letters/, quarantine/ and the lines of epochs that make sense. What is no plain
/// file, or cannot be read, is left out and noted. Durable.
void rescue_files(file_system& fs, const log_dir& from, const log_dir& to, const rescue_options& how, rescue_report& report);

} // namespace log
} // namespace v1
} // namespace evbus
