#include "tools/evctl/doctor/report.hpp"

#include "tools/cli/escape.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace evctl::doctor {
namespace {

constexpr std::size_t level_width = 9; // "warning" and two blanks
constexpr std::size_t label_width = 7; // "means" and two blanks

const char* colour_of(severity s) { return s == severity::problem ? "\033[1;31m" : s == severity::warning ? "\033[33m" : "\033[32m"; }

void append_part(std::string& out, std::size_t indent, const char* label, const std::string& text) {
    if (text.empty()) return;
    out.append(indent, ' ');
    out += label;
    out.append(label_width - std::string_view(label).size(), ' ');
    cli::append_printable(out, text);
    out += '\n';
}

std::string padded(std::string text, std::size_t width) {
    text.resize(std::max(width, text.size()), ' ');
    return text;
}

} // namespace

void sort_by_severity(findings& all) {
    std::stable_sort(all.begin(), all.end(), [](const finding& a, const finding& b) { return a.level > b.level; });
}

std::size_t count_left(const findings& all, severity level) {
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [level](const finding& f) { return f.level == level && f.fixed.empty(); }));
}

std::string report_text(const findings& all, bool colour) {
    std::size_t object_width = 0;
    for (const finding& f : all) object_width = std::max(object_width, f.object.size() + 2);
    const std::size_t indent = level_width + object_width;
    std::string out;
    for (const finding& f : all) {
        const std::string level = padded(to_string(f.level), level_width);
        out += colour ? colour_of(f.level) + level + "\033[0m" : level;
        std::string object;
        cli::append_printable(object, f.object);
        out += padded(object, object_width);
        cli::append_printable(out, f.found);
        out += '\n';
        append_part(out, indent, "means", f.means);
        if (f.fixed.empty() && f.level != severity::fine) append_part(out, indent, "do", f.way_out);
        append_part(out, indent, "fixed", f.fixed);
        append_part(out, indent, "left", f.unfixed);
    }
    return out;
}

std::string report_json(const findings& all) {
    using json = nlohmann::ordered_json;
    json list = json::array();
    for (const finding& f : all) {
        json one{{"severity", to_string(f.level)}, {"check", f.check}, {"object", f.object}, {"found", f.found},
                 {"means", f.means},               {"way_out", f.way_out}, {"fixable", f.fix != cure::none}};
        if (!f.fixed.empty()) one["fixed"] = f.fixed;
        if (!f.unfixed.empty()) one["not_fixed"] = f.unfixed;
        list.push_back(std::move(one));
    }
    const json whole{{"problems", count_left(all, severity::problem)},
                     {"warnings", count_left(all, severity::warning)},
                     {"findings", std::move(list)}};
    // Names come from strangers and may be no UTF-8.
    return whole.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

} // namespace evctl::doctor
