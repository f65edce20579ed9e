// The experiments of log_query.
#pragma once

#include "bench/harness/experiment.hpp"

#include <vector>

namespace bench {

/// One warm log of 10 million events: a rare topic and a rare header value out of it, and its end, a seq and a
/// time, each against reading everything.
[[nodiscard]] std::vector<experiment> queries(const options& how);

} // namespace bench
