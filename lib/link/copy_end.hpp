// The end of a copy, before anything is added to it. What an import left there may be torn by a power loss, or stand in
// the page cache alone after a sync that failed or was never made. Unlike a recorder's, all of it can be had again: so
// it is believed up to the first commit that does not follow from the one before, what stands behind goes to
// quarantine/, and what is believed is written to a file of its own and synced before anybody calls it durable.
//
// An import that ended well leaves DIR/imported, a line with the seq and the chain hash (hex) that the log goes on from.
// It is written after the sync that it tells of: where it fits the log's end, that end is on the disk, and nothing has
// to be written again. Where it is missing, torn or old, it does not fit.
#pragma once

#include "lib/log/recovery.hpp"

namespace evbus {
inline namespace v1 {
namespace link {

/// True when the disk is known to hold the log up to `end`.
[[nodiscard]] bool is_known_durable(log::file_system& fs, const log::log_dir& dir, const log::chain_state& end);

/// Remembers that it does. A failure costs the next import some copying, and is not told.
void note_durable(log::file_system& fs, const log::log_dir& dir, const log::chain_state& end, unsigned mode) noexcept;

/// Makes what is believed of the log durable, and takes the rest away. `found` is from scan(); it is stale when true is
/// returned. Throws evbus::error when it cannot, and the log is then as before, or without its unbelieved end.
[[nodiscard]] bool settle_end(log::file_system& fs, const log::log_dir& dir, log::log_state& found, unsigned mode,
                              const notice_hook& notices);

} // namespace link
} // namespace v1
} // namespace evbus
