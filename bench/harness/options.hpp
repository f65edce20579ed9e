// What a benchmark program can be told.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace bench {

struct options {
    int rounds = 7;                    ///< windows that count, for each experiment
    bool quick = false;                ///< tiny sizes, one window, no tolerance: does it work at all?
    bool json = false;                 ///< JSON on stdout instead of the table
    std::optional<std::string> file{}; ///< JSON goes here, the table to stdout
    std::optional<std::string> csv{};  ///< each figure of each window goes here
    std::vector<std::string> only{};   ///< names of experiments, or beginnings of names; none = all
    std::string dir = ".";             ///< where logs are written: name a directory of the disk in question
    bool precedence = false;           ///< before all other work of the machine
    double tolerance = 0.25;           ///< by which the two calibrations around a window may differ

    [[nodiscard]] bool wants(const std::string& experiment) const;
};

/// Reads the arguments. Prints usage or what is wrong and exits, with 0 or 2, when there is nothing to run.
[[nodiscard]] options parse_options(int argc, char** argv);

} // namespace bench
