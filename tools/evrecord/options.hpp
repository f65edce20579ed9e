// evrecord's command line.
#pragma once

#include "lib/recorder/options.hpp"
#include "tools/cli/options.hpp"

#include <evbus/bus_options.hpp>

#include <optional>
#include <string>

namespace evrecord {

struct settings {
    std::string bus;
    evbus::bus_options create;
    evbus::recorder::options record;
    bool quiet = false;
};

/// Empty: go on. Else the exit code.
[[nodiscard]] std::optional<int> parse(int argc, const char* const* argv, settings& out);

} // namespace evrecord
