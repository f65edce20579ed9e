#include "tools/cli/escape.hpp"
#include "tools/cli/exit_codes.hpp"
#include "tools/cli/log_place.hpp"
#include "tools/cli/table.hpp"
#include "tools/evlog/commands.hpp"
#include "tools/evlog/log_facts.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>

#include <unistd.h>

namespace evlog {
namespace {

struct options {
    std::string log;
    bool json = false;
    info_parts parts;
};

void row(std::string& out, const char* title, const std::string& value) {
    char label[16];
    std::snprintf(label, sizeof label, "%-11s", title);
    out += label;
    cli::append_printable(out, value);
    out += '\n';
}

std::string time_text(std::int64_t ns) { return ns == 0 ? "-" : cli::format_iso(ns, cli::zone::local); }

std::string rate_text(double a_second) {
    char text[32];
    std::snprintf(text, sizeof text, a_second < 10 ? "%.2f" : "%.0f", a_second);
    return std::string(text) + "/s";
}

std::string joined(const std::vector<std::string>& all) {
    std::string out;
    for (const std::string& s : all) out += (out.empty() ? "" : ", ") + s;
    return out.empty() ? "-" : out;
}

std::string segments_text(const log_facts& f) {
    const auto count = [&](auto is) { return cli::format_count(static_cast<std::uint64_t>(std::count_if(f.segments.begin(), f.segments.end(), is))); };
    return cli::format_count(f.segments.size()) + " (" + count([](const segment_facts& s) { return s.sealed; }) + " sealed, " +
           count([](const segment_facts& s) { return s.compressed; }) + " compressed, " + count([](const segment_facts& s) { return !s.trouble.empty(); }) + " in trouble), " +
           cli::format_size(f.bytes);
}

void append_runs(std::string& out, const log_facts& f, bool colour) {
    row(out, "runs", cli::format_count(f.runs.size()));
    cli::table t({{"STATUS"}, {"FIRST SEQ", cli::align::right}, {"LAST SEQ", cli::align::right}, {"STARTED"}, {"ENDED"}, {"REASON"}});
    const std::size_t from = f.runs.size() > 5 ? f.runs.size() - 5 : 0;
    for (std::size_t i = from; i < f.runs.size(); ++i) {
        const auto& m = f.runs[i];
        const bool killed = m.status == evbus::recorder::run_status::running && f.writer.empty();
        t.add({killed ? "killed" : to_string(m.status), std::to_string(m.first_seq), std::to_string(m.last_seq), time_text(m.started_ns), time_text(m.ended_ns),
               m.reason.empty() ? "-" : m.reason});
    }
    if (!f.runs.empty()) t.append_to(out, colour, "  ");
}

void append_segments(std::string& out, const log_facts& f, bool colour) {
    cli::table t({{"FIRST SEQ", cli::align::right}, {"LAST SEQ", cli::align::right}, {"BYTES", cli::align::right}, {"EVENTS", cli::align::right}, {"LOST", cli::align::right}, {"STATE"},
                  {"FIRST TIME"}, {"LAST TIME"}});
    for (const segment_facts& s : f.segments)
        t.add({std::to_string(s.first), std::to_string(s.sums.last_seq), std::to_string(s.bytes), std::to_string(s.sums.events), std::to_string(s.sums.lost + s.sums.damaged),
               !s.trouble.empty() ? s.trouble : std::string(s.sealed ? "sealed" : "open") + (s.compressed ? ", compressed" : ""), time_text(s.sums.min_time_ns),
               time_text(s.sums.max_time_ns)});
    if (!f.segments.empty()) t.append_to(out, colour, "  ");
}

void append_topics(std::string& out, const log_facts& f, bool colour) {
    row(out, "topics", cli::format_count(f.topics.size()) + (f.unnamed == 0 ? "" : "; " + cli::format_count(f.unnamed) + " frames are of topics that no footer names"));
    const double seconds = static_cast<double>(f.sums.max_time_ns - f.sums.min_time_ns) / 1e9;
    cli::table t({{"TOPIC"}, {"FRAMES", cli::align::right}, {"RATE", cli::align::right}, {"LAST SEQ", cli::align::right}, {"LAST TIME"}});
    for (const auto& [name, one] : f.topics)
        t.add({name, std::to_string(one.count), seconds > 0 ? rate_text(static_cast<double>(one.count) / seconds) : "-", std::to_string(one.last), time_text(one.last_ns)});
    if (!f.topics.empty()) t.append_to(out, colour, "  ");
}

void append_members(std::string& out, const log_facts& f, bool colour) {
    row(out, "members", cli::format_count(f.members.size()));
    cli::table t({{"NAME"}, {"NUMBER", cli::align::right}, {"PID", cli::align::right}, {"FROM SEQ", cli::align::right}, {"JOINED"}, {"LEFT"}});
    for (const member_facts& m : f.members)
        t.add({m.name.empty() ? "-" : m.name, std::to_string(static_cast<unsigned>(m.number)) + "." + std::to_string(m.incarnation), std::to_string(m.pid),
               std::to_string(m.at), time_text(m.joined_ns), time_text(m.left_ns)});
    if (!f.members.empty()) t.append_to(out, colour, "  ");
}

void append_text(std::string& out, const log_facts& f) {
    row(out, "log", f.dir);
    row(out, "bus", joined(f.names) + (f.creations < 2 ? "" : " (created and removed " + cli::format_count(f.creations) + " times in all)"));
    row(out, "bus id", f.bus.empty() ? "not known" : to_string(f.bus));
    row(out, "recorder", f.writer.empty() ? "none" : f.writer);
    const bool holds = f.sums.first_seq != evbus::no_seq && f.sums.last_seq >= f.sums.first_seq;
    row(out, "seqs", holds ? std::to_string(f.sums.first_seq) + " to " + std::to_string(f.sums.last_seq) : "none yet");
    if (f.sums.min_time_ns != 0) row(out, "time", time_text(f.sums.min_time_ns) + " to " + time_text(f.sums.max_time_ns) + (f.rate() > 0 ? " (" + rate_text(f.rate()) + ")" : ""));
    row(out, "segments", segments_text(f));
    row(out, "holds", cli::format_count(f.sums.events) + " events, " + cli::format_count(f.sums.fragments) + " fragments, " + cli::format_count(f.sums.voids) + " void, in " +
                          cli::format_count(f.sums.commits) + " commits");
    if (f.between != 0) row(out, "missing", cli::format_count(f.between) + " seqs between segments; evlog verify says where");
    row(out, "gaps", f.sums.lost + f.sums.damaged == 0 ? "none" : cli::format_count(f.sums.lost) + " seqs lost, " + cli::format_count(f.sums.damaged) + " damaged; evlog gaps lists them");
    row(out, "cursors", cli::format_count(f.cursors));
    if (!f.workers.empty()) row(out, "letters", "of " + joined(f.workers) + "; evlog dead-letters shows them");
    row(out, "quarantine", f.quarantined == 0 ? "empty" : cli::format_count(f.quarantined) + " files, " + cli::format_size(f.quarantined_bytes));
}

int info(const options& o, cli::output& out) {
    const log_facts f = gather(cli::find_log("read log", o.log).dir, o.parts);
    if (o.json) {
        append_json(out.buffer(), f, o.parts);
    } else {
        const bool colour = cli::use_colour(STDOUT_FILENO);
        append_text(out.buffer(), f);
        append_runs(out.buffer(), f, colour);
        if (o.parts.segments) append_segments(out.buffer(), f, colour);
        if (o.parts.topics) append_topics(out.buffer(), f, colour);
        if (o.parts.members) append_members(out.buffer(), f, colour);
    }
    out.flush();
    return cli::exit_fine;
}

} // namespace

subcommand add_info(cli::command& evlog) {
    const auto o = std::make_shared<options>();
    cli::command& flags = evlog.subcommand("info", "what a log holds, as its footers say; evlog verify looks at all of it",
                                           "  evlog info md\n"
                                           "  evlog info ./logs/md --topics  each topic with count, rate and last time\n"
                                           "  evlog info md --segments       each file\n"
                                           "  evlog info md --members        who published, joined and left\n"
                                           "  evlog info md --json | jq '.last_seq'\n");
    flags.positional("DIR|BUS", o->log, "a log's directory, or the name of a bus");
    flags.flag("--json", o->json, "one JSON object");
    flags.flag("--topics", o->parts.topics, "the topics too");
    flags.flag("--segments", o->parts.segments, "the segments too");
    flags.flag("--members", o->parts.members, "who published, joined and left");
    return {&flags, [o](cli::output& out) { return info(*o, out); }};
}

} // namespace evlog
