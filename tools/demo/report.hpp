// What the demo shows: a line while it runs, and the account at the end.
#pragma once

#include "tools/demo/board.hpp"

#include <evbus/bus.hpp>

#include <string>
#include <vector>

namespace demo {

/// One line: seconds, published, recorded, where each reader stands.
[[nodiscard]] std::string progress_line(const board& b, const evbus::bus& bus, double seconds, const std::string& what);

/// The final table. Returns the number of things that are not as they must be, each named in the text.
int final_table(const board& b, const std::vector<source>& sources, const evbus::bus& bus, std::uint64_t bytes_differing,
                std::string& out);

} // namespace demo
