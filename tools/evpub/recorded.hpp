// Waiting until the recorder has what was published.
#pragma once

#include "tools/cli/terminal.hpp"

#include <evbus/bus.hpp>

#include <chrono>
#include <optional>

namespace evpub {

enum class recorded_as { written, durable };

/// Waits until `seq` is recorded; says why on stderr when it comes to nothing.
/// Exit codes: 0 recorded; 2 no recorder lives (without a timeout), or the bus has no log; 124 not
/// within `timeout`; 130 or 143 a signal came.
int wait_recorded(const evbus::bus& on, evbus::seq_t seq, recorded_as how,
                  std::optional<std::chrono::nanoseconds> timeout, const cli::stop_signal& stop);

} // namespace evpub
