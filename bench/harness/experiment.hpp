// Candidates side by side in windows of a machine that did not change meanwhile.
//
// A window runs all candidates of an experiment once, the order turned from window to window, between
// two calibrations with a bare cache line. It counts when both calibrations agree and no process had
// to share its core; otherwise it is repeated, and said to be discarded. A ratio is always between two
// figures of one window.
#pragma once

#include "options.hpp"
#include "process.hpp"

#include <cstdint>
#include <functional>
#include <optional>
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
};

struct candidate {
    std::string name;
    std::function<sample()> run;
    bool may_lose = false; ///< a peer that drops by design: its losses are counted and excuse themselves
};

enum class judged : std::uint8_t {
    ratio,      ///< candidate : against
    difference, ///< candidate - against, in the metric's unit
    value,      ///< the candidate's figure itself
};

/// One line below an experiment's table. Judged by the median over the windows.
struct goal {
    std::string candidate;
    std::string metric;
    judged by = judged::ratio;
    std::optional<double> bound{}; ///< at most, or at least where more is better; none: shown, not judged
    std::string against{};         ///< a candidate; empty = the reference
};

struct experiment {
    std::string name;
    std::string what; ///< one line for the reader of the table
    std::vector<metric> metrics;
    std::vector<candidate> candidates; ///< the first is the reference
    std::vector<goal> goals{};
    bool spins = true; ///< every process wants its core all the time
};

/// Which of its two states the machine was in: a host may move a guest's cores apart, where a cache line
/// takes several times as long from one to the other. Figures of both are never mixed.
enum class distance : std::uint8_t { near, far };
inline constexpr double far_line_ns = 200; ///< a bare line's round trip from which on the cores are far

struct window {
    double before_ns = 0; ///< calibrations
    double after_ns = 0;
    std::vector<sample> samples; ///< one a candidate

    [[nodiscard]] distance cores() const noexcept {
        return before_ns + after_ns < 2 * far_line_ns ? distance::near : distance::far;
    }
};

struct result {
    experiment of;
    std::vector<window> windows; ///< those that count
    int moved = 0;               ///< discarded: the calibrations differed
    int shared_core = 0;         ///< discarded: a process did not have its core
};

[[nodiscard]] result measure(const experiment& what, const options& how);

} // namespace bench
