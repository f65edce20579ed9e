// Findings for people and for machines.
#pragma once

#include "tools/evctl/doctor/finding.hpp"

#include <string>

namespace evctl::doctor {

/// The worst first; otherwise as they came.
void sort_by_severity(findings& all);

/// What is left after --fix, of one severity.
[[nodiscard]] std::size_t count_left(const findings& all, severity level);

/// One block a finding, in aligned columns; a blank between blocks that have more to say than a line.
[[nodiscard]] std::string report_text(const findings& all, bool colour);
[[nodiscard]] std::string report_json(const findings& all);

} // namespace evctl::doctor
