// What evctl doctor --fix does. Every act proves once more, under the lock that belongs to it, that
// nobody lives who could mind; what the finding saw is not enough, since time has passed.
#pragma once

#include "tools/evctl/doctor/finding.hpp"

namespace evctl::doctor {

/// Carries out `f.fix` and writes down in `f` what was done, or why it was not.
void treat(finding& f);

} // namespace evctl::doctor
