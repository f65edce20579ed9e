// What evplay was asked for.
#pragma once

#include "tools/cli/when.hpp"

#include <evbus/bus_options.hpp>
#include <evbus/ids.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace evplay {

struct options {
    std::string log; ///< a directory or a bus
    std::string to;  ///< the bus to publish on
    evbus::bus_options create;
    std::string name = "evplay";
    std::vector<std::string> filters, exclude;
    std::optional<evbus::seq_t> from, to_seq;
    std::optional<cli::time_ns> since, until; ///< inclusive
    std::optional<double> speed = 1.0;        ///< none: at once
    std::optional<std::chrono::nanoseconds> longest_pause;
    bool loop = false;
    bool quiet = false;
};

/// The options, or the exit code to end with: --help and --version were asked for, or a message was said.
std::variant<options, int> parse_options(int argc, const char* const* argv);

} // namespace evplay
