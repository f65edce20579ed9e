// Asks evtail for every source's lines out of the log, and compares them byte for byte.
#pragma once

#include "tools/demo/board.hpp"
#include "tools/demo/sources.hpp"

#include <string>
#include <vector>

namespace demo {

/// How many sources came back differently. Says on stderr which.
[[nodiscard]] std::uint64_t compare_with_evtail(const std::string& evtail, const std::string& bus,
                                                const std::vector<source>& sources, const board& b);

} // namespace demo
