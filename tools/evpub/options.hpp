// What evpub was told on its command line.
#pragma once

#include "tools/evpub/recorded.hpp"

#include <evbus/bus_options.hpp>
#include <evbus/headers.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace evpub {

struct options {
    std::string bus;
    std::string topic;
    evbus::bus_options create;
    std::optional<std::string> lines_file;
    bool strip_cr = false;
    std::optional<std::string> topic_field;
    std::optional<std::uint64_t> max_events;
    std::optional<std::uint64_t> count; ///< given: load instead of lines
    std::optional<std::uint64_t> size;
    std::optional<double> rate;
    evbus::headers headers;
    std::optional<std::chrono::nanoseconds> timeout;
    std::optional<recorded_as> wait;
    std::string name = "evpub";
    bool quiet = false;
};

/// The options, or the exit code of a command line that ends here (--help: 0, wrong usage: 2).
[[nodiscard]] std::variant<options, int> parse_options(int argc, const char* const* argv);

} // namespace evpub
