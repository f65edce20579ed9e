// How long events take, as info shows it.
#pragma once

#include "tools/evctl/bus_view.hpp"

#include <cstdint>
#include <string>

namespace evctl {

/// Three digits and a unit: "87 ns", "1.25 us", "12.3 ms", "210 s".
[[nodiscard]] std::string format_latency(std::uint64_t ns);

/// A table of every reader, and of the recorder's two steps; nothing when there are neither.
void append_latencies(std::string& out, const bus_view& v, bool colour);

} // namespace evctl
