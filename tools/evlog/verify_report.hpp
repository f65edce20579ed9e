// What verify found, as text for people and as JSON.
#pragma once

#include "lib/log/verify.hpp"

#include <string>

namespace evlog {

/// What the report is about, beside what was found.
struct verify_head {
    std::string dir;
    bool growing = false; ///< a recorder is at work
    double seconds = 0;
};

/// "fine", "gaps", "damage", or "unchecked" when not everything could be looked at.
[[nodiscard]] const char* result_word(const evbus::log::verify_report& r);

void append_text(std::string& out, const verify_head& head, const evbus::log::verify_report& r);
/// One object. Seqs stand as strings: readers that keep numbers as doubles would round them.
void append_json(std::string& out, const verify_head& head, const evbus::log::verify_report& r);
/// One finding as a few lines, `indent` before each.
void append_finding(std::string& out, const evbus::log::finding& f, const std::string& indent);

} // namespace evlog
