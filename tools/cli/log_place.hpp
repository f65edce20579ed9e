// Where the log is that a command line means: the same search in every tool.
#pragma once

#include <evbus/bus.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace cli {

/// Bus `name` to look on, when its ring is there. What is there and may not be read, or is no ring, is thrown.
[[nodiscard]] std::optional<evbus::bus> try_observe(const std::string& name);

/// The log directory of bus `name`: what its ring says, else the first default place that holds one. `ring`
/// is what try_observe gave. Throws errc::not_found, naming every place; `operation` begins the message and
/// `way_out` ends it.
[[nodiscard]] std::string log_of_bus(std::string_view operation, const std::string& name,
                                     const std::optional<evbus::bus>& ring, std::string_view way_out);

struct log_place {
    std::string dir;
    std::optional<evbus::bus> ring; ///< set when a bus was named and its ring is there
};

/// What `DIR|BUS` on a command line means. With a slash, or "." or "..", it is a directory, which must look
/// like a log. Anything else is the name of a bus; only when no bus has it, a directory here may. Throws
/// errc::not_found, not_a_bus (a directory that is no log), and what try_observe throws.
[[nodiscard]] log_place find_log(std::string_view operation, const std::string& dir_or_bus);

} // namespace cli
