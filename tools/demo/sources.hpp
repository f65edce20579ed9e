// The real lines that the demo carries, and how they are named on the bus.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace demo {

struct source {
    std::string path;
    std::string topic;              ///< demo.<file name>
    std::vector<std::string> lines; ///< without their line feed; a carriage return is kept
    /// The line that event number `k` of this source carries: the file again and again.
    [[nodiscard]] const std::string& line(std::size_t k) const { return lines[k % lines.size()]; }
};

inline constexpr std::size_t max_sources = 6;

/// The files named, or this machine's package and system logs. Throws std::runtime_error when a named
/// file cannot be read or has no line, or nothing was found.
[[nodiscard]] std::vector<source> load_sources(const std::vector<std::string>& files);

} // namespace demo
