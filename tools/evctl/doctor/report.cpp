#include "tools/evctl/doctor/report.hpp"

#include "tools/cli/escape.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace evctl::doctor {
namespace {

constexpr std::size_t level_width = 9; // "warning" and two blanks
constexpr std::size_t label_width = 7; // "means" and two blanks

const char* colour_of(severity s) { return s == severity::problem ? "\033[1;31m" : s == severity::warning ? "\033[33m" : "\033[32m"; }

/// Words of `text` in lines of at most `columns`, all but the first indented; a word is never cut.
void append_wrapped(std::string& out, std::size_t indent, std::size_t columns, const std::string& text) {
    std::string printable;
    cli::append_printable(printable, text);
    std::size_t used = indent;
    for (std::size_t at = 0; at < printable.size();) {
        const std::size_t end = std::min(printable.find(' ', at), printable.size());
        const bool first = used == indent;
        if (columns != 0 && !first && used + 1 + (end - at) > columns) {
            out.append("\n").append(indent, ' ');
            used = indent;
        } else if (!first) {
            out += ' ';
            ++used;
        }
        out.append(printable, at, end - at);
        used += end - at;
        at = end + 1;
    }
    out += '\n';
}

void append_part(std::string& out, std::size_t indent, std::size_t columns, const char* label, const std::string& text) {
    if (text.empty()) return;
    out.append(indent, ' ');
    out += label;
    out.append(label_width - std::string_view(label).size(), ' ');
    append_wrapped(out, indent + label_width, columns, text);
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

std::string report_text(const findings& all, bool colour, std::size_t columns) {
    std::size_t object_width = 0;
    for (const finding& f : all) object_width = std::max(object_width, f.object.size() + 2);
    // On a terminal the words need the room: they stand below the object, and not behind the longest one.
    const std::size_t indent = columns != 0 ? level_width : level_width + object_width;
    std::string out;
    for (const finding& f : all) {
        const std::string level = padded(to_string(f.level), level_width);
        out += colour ? colour_of(f.level) + level + "\033[0m" : level;
        std::string object;
        cli::append_printable(object, f.object);
        const bool below = columns != 0 && level_width + object.size() + 2 + f.found.size() > columns;
        if (below) out.append(object).append("\n").append(indent, ' ');
        else out += padded(object, columns != 0 ? object.size() + 2 : object_width);
        append_wrapped(out, indent, below ? columns : 0, f.found);
        append_part(out, indent, columns, "means", f.means);
        if (f.fixed.empty() && f.level != severity::fine) append_part(out, indent, columns, "do", f.way_out);
        append_part(out, indent, columns, "fixed", f.fixed);
        append_part(out, indent, columns, "left", f.unfixed);
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
