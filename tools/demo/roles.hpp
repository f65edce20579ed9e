// What the demo's processes do, each until it is told to stop.
#pragma once

#include "tools/demo/board.hpp"
#include "tools/demo/sources.hpp"

#include <string>
#include <vector>

namespace demo {

/// Publishes the lines of one source, again and again, at `rate` a second until the board says stop.
int publish_lines(const std::string& bus, const std::vector<source>& sources, std::size_t which, double rate, board& b);

/// Reads everything, compares every event with its source, until the board's head is reached.
int read_lines(const std::string& bus, const std::vector<source>& sources, reader_role role, board& b);

} // namespace demo
