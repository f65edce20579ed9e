// What the log's targets begin from and end in: small segments of every kind, checksums that vouch for
// whatever was written over them, and all that reads a log, let loose on the result.
#pragma once

#include "tests/fuzz/memory_files.hpp"

#include <evbus/ids.hpp>
#include <evbus/log/log_dir.hpp>

#include <string>

namespace fuzz {

inline const evbus::bus_id log_bus{{0x1111'2222'3333'4444, 0x5555'6666'7777'8888}};
inline const elog::log_dir log_place{"/log"};

enum class segment_kind : std::uint8_t { sealed, growing, compressed };

/// The first segment of a log, a few KiB with every kind of record; the same bytes every time.
[[nodiscard]] const std::string& whole_segment(segment_kind kind);
/// The one behind it, growing.
[[nodiscard]] const std::string& next_segment();
[[nodiscard]] evbus::seq_t next_first();

/// Makes every checksum right that stands in its place: header, commits one behind the other, footer.
void vouch(std::string& segment);

/// Reads the log in `files` in every way there is, verifies, compresses, recovers and goes on writing it.
void meet_log(memory_files files);

} // namespace fuzz
