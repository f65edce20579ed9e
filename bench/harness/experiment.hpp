// Candidates side by side in windows of a machine that did not change meanwhile.
//
// A window runs all candidates of an experiment once, the order turned from window to window, between
// two calibrations with a bare cache line. It counts when both calibrations agree and no process had
// to share its core; otherwise it is repeated, and said to be discarded. A ratio is always between two
// figures of one window.
#pragma once

#include "options.hpp"
#include "process.hpp"

#include <functional>
#include <string>
#include <vector>

namespace bench {

/// One run of one candidate.
struct sample {
    std::vector<double> values; ///< one a metric
    std::uint64_t lost = 0;     ///< events that did not arrive, or twice, or wrong
    quiet how{};
};

struct metric {
    std::string name;
    std::string unit;
    bool more_is_better = false;
    std::string goal{}; ///< of the ratio to the reference, as text: "<= 1.3"; empty = none
    std::string goal_of{}; ///< the one candidate that the goal is for; empty = all
};

struct candidate {
    std::string name;
    std::function<sample()> run;
};

struct experiment {
    std::string name;
    std::string what; ///< one line for the reader of the table
    std::vector<metric> metrics;
    std::vector<candidate> candidates; ///< the first is the reference
    bool spins = true;                 ///< every process wants its core all the time
};

struct window {
    double before_ns = 0; ///< calibrations
    double after_ns = 0;
    std::vector<sample> samples; ///< one a candidate
};

struct result {
    experiment of;
    std::vector<window> windows; ///< those that count
    int moved = 0;               ///< discarded: the calibrations differed
    int shared_core = 0;         ///< discarded: a process did not have its core
};

[[nodiscard]] result measure(const experiment& what, const options& how);

} // namespace bench
