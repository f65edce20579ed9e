#include "tools/evlog/verify_report.hpp"

#include "tools/cli/escape.hpp"
#include "tools/cli/units.hpp"

#include <cstdio>

namespace evlog {
namespace {

using evbus::log::finding;
using evbus::log::severity;
using evbus::log::verify_report;

void row(std::string& out, const char* title, const std::string& value) {
    char label[16];
    std::snprintf(label, sizeof label, "%-10s", title);
    out += label;
    cli::append_printable(out, value);
    out += '\n';
}

std::string seqs_text(evbus::seq_range r) {
    if (r.count() == 1) return "seq " + std::to_string(r.first);
    return "seqs " + std::to_string(r.first) + " to " + std::to_string(r.last);
}

std::string place_of(const finding& f) {
    std::string out = f.file;
    if (f.offset != 0 || f.bytes != 0) out += ", offset " + std::to_string(f.offset);
    if (f.bytes != 0) out += ", " + cli::format_count(f.bytes) + " bytes";
    if (f.seqs.count() != 0) out += ", " + seqs_text(f.seqs);
    return out;
}

std::string speed(const verify_report& r, double seconds) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1fs", seconds);
    std::string out = cli::format_size(r.bytes) + " in " + text;
    if (seconds > 0.05) out += " (" + cli::format_size(static_cast<std::uint64_t>(static_cast<double>(r.bytes) / seconds)) + "/s)";
    return out;
}

std::string result_text(const verify_report& r) {
    if (r.has_damage())
        return "damage: " + cli::format_count(r.found.count(severity::damage), "place") + ", " +
               (r.unreadable == 0 ? "no seq" : cli::format_count(r.unreadable, "seq")) + " lost by it";
    if (r.stopped) return "stopped before the end: not everything was looked at";
    if (!r.is_whole()) return "what was looked at is fine; not everything could be";
    if (r.has_gaps()) return "everything that the log holds is whole; it has gaps";
    return r.segments.empty() ? "fine: there is no segment yet" : "fine: everything is whole";
}

} // namespace

const char* result_word(const verify_report& r) {
    if (r.has_damage()) return "damage";
    if (!r.is_whole()) return "unchecked";
    return r.has_gaps() ? "gaps" : "fine";
}

void append_finding(std::string& out, const finding& f, const std::string& indent) {
    const auto line = [&](const std::string& text) {
        out += indent;
        cli::append_printable(out, text);
        out += '\n';
    };
    line(std::string(to_string(f.weight)) + ": " + place_of(f));
    line("  what: " + f.what);
    if (!f.good.empty()) line("  still good: " + f.good);
    if (!f.todo.empty()) line("  what to do: " + f.todo);
}

void append_text(std::string& out, const verify_head& head, const verify_report& r) {
    row(out, "log", head.dir + (head.growing ? " (a recorder is writing: its unfinished end is left out)" : ""));
    row(out, "bus id", r.bus.empty() ? "not known" : to_string(r.bus));
    row(out, "checked", cli::format_count(r.segments.size(), "segment") + ", " + cli::format_count(r.sums.commits, "commit") + ", " +
                            cli::format_count(r.sums.records) + " records, " + speed(r, head.seconds));
    if (r.first != evbus::no_seq && r.last >= r.first) row(out, "seqs", std::to_string(r.first) + " to " + std::to_string(r.last));
    row(out, "holds", cli::format_count(r.sums.events) + " events, " + cli::format_count(r.sums.fragments) + " fragments, " + cli::format_count(r.sums.voids) + " void");
    if (r.gap_ranges != 0)
        row(out, "gaps", cli::format_count(r.gap_ranges) + " that the log owns up to: " + cli::format_count(r.sums.lost) + " seqs lost before they were recorded, " +
                             cli::format_count(r.sums.damaged) + " damaged since; evlog gaps lists them");
    for (const finding& f : r.found.kept()) append_finding(out, f, "  ");
    if (r.found.dropped() != 0) row(out, "", cli::format_count(r.found.dropped()) + " more are not listed");
    row(out, "result", result_text(r));
}

} // namespace evlog
