// Findings for people and for machines.
#pragma once

#include "tools/evctl/doctor/finding.hpp"

#include <cstddef>
#include <string>

namespace evctl::doctor {

/// The worst first; otherwise as they came.
void sort_by_severity(findings& all);

/// What is left after --fix, of one severity.
[[nodiscard]] std::size_t count_left(const findings& all, severity level);

/// One block a finding, in aligned columns. `columns` is the terminal's width: longer texts go on in lines of
/// their own below their label; 0 = one line a text, for pipes.
[[nodiscard]] std::string report_text(const findings& all, bool colour, std::size_t columns = 0);
[[nodiscard]] std::string report_json(const findings& all);

} // namespace evctl::doctor
