// The figures as a table for people and as JSON.
#pragma once

#include "experiment.hpp"

#include <string>
#include <vector>

namespace bench {

struct spread {
    double median = 0;
    double least = 0;
    double most = 0;
};

[[nodiscard]] spread spread_of(std::vector<double> values);

[[nodiscard]] std::string as_table(const std::vector<result>& all);
[[nodiscard]] std::string as_json(const std::string& program, const std::vector<result>& all, const options& how);
/// Each figure of each window: a line each.
[[nodiscard]] std::string as_csv(const std::vector<result>& all);

/// Measures what the options ask for and reports it. Exit code: 0; 1 when an event was lost or an
/// experiment could not be measured in the windows it had; 2 for a wrong flag.
int run_program(const std::string& program, const std::vector<experiment>& all, const options& how);

} // namespace bench
