#include "tools/cli/escape.hpp"
#include "tools/cli/exit_codes.hpp"
#include "tools/cli/table.hpp"
#include "tools/cli/units.hpp"
#include "tools/cli/when.hpp"
#include "tools/evctl/commands.hpp"
#include "tools/evctl/json.hpp"
#include "tools/evctl/latencies.hpp"

#include <cstdio>

namespace evctl {
namespace {

void row(std::string& out, const char* title, const std::string& value) {
    char label[32];
    std::snprintf(label, sizeof label, "%-11s", title);
    out += label;
    cli::append_printable(out, value);
    out += '\n';
}

std::string frontier(const bus_view& v, evbus::seq_t seq) {
    const std::uint64_t behind = v.behind(seq);
    return std::to_string(seq) + (behind == 0 ? " (all)" : " (" + cli::format_count(behind) + " behind the head)");
}

std::string mode_text(unsigned mode) {
    char text[8];
    std::snprintf(text, sizeof text, "%04o", mode & 0777U);
    return text;
}

std::string notices_text(const bus_view& v) {
    std::string text;
    for (std::size_t i = 0; i < v.notices.size(); ++i)
        if (v.notices[i] != 0)
            text += (text.empty() ? "" : ", ") + cli::format_count(v.notices[i]) + " " + to_string(static_cast<evbus::notice_kind>(i));
    return text.empty() ? "none" : text;
}

std::string disk_text(const bus_view& v) {
    std::string text = "nobody records";
    if (v.recorder_alive) {
        const auto state = static_cast<evbus::pressure>(v.disk);
        text = to_string(state);
        if (state == evbus::pressure::throttled) text += ": batches wait for the disk";
        if (state == evbus::pressure::suspended) text += ": recording waits for its disk";
    }
    if (v.suspensions != 0) text += "; " + cli::format_count(v.suspensions) + (v.suspensions == 1 ? " time" : " times") + " suspended so far";
    return text;
}

std::string pressure_text(const member_view& m) {
    if (!m.reads()) return "-";
    return std::string(to_string(m.pressure())) + (m.info.shed == 0 ? "" : ", " + cli::format_count(m.info.shed) + " shed");
}

void append_recording(std::string& out, const bus_view& v) {
    if (v.log_dir.empty()) return row(out, "log", "none");
    row(out, "log", v.log_dir);
    const std::string pid = v.recorder_pid == 0 ? "" : ", pid " + std::to_string(v.recorder_pid) + (v.recorder_alive ? ", alive" : ", gone");
    row(out, "recorder", recorder_text(v) + pid);
    row(out, "captured", frontier(v, v.captured));
    row(out, "written", frontier(v, v.written));
    row(out, "durable", frontier(v, v.durable));
    if (v.anchor != evbus::no_seq) row(out, "anchor", frontier(v, v.anchor));
    row(out, "pressure", disk_text(v));
}

void append_members(std::string& out, const bus_view& v, bool colour) {
    if (v.members.empty()) return row(out, "members", "none");
    row(out, "members", std::to_string(v.living()));
    using cli::align;
    cli::table t({{"NO", align::right}, {"KIND"}, {"NAME"}, {"PID", align::right}, {"ALIVE"}, {"POSITION", align::right}, {"LAG", align::right}, {"PRESSURE"},
                  {"EVENTS", align::right}, {"LOST", align::right}});
    for (const member_view& m : v.members)
        t.add({std::to_string(to_u16(m.info.number)), to_string(m.info.kind), m.info.name, std::to_string(m.info.pid),
               m.alive ? "yes" : "died", std::to_string(m.info.position), m.reads() ? std::to_string(m.lag) : "-", pressure_text(m),
               std::to_string(m.info.events), m.reads() ? std::to_string(m.info.lost) : "-"});
    t.append_to(out, colour, "  ");
}

} // namespace

int info(const std::string& bus, const show_options& how, cli::output& out) {
    const bus_view v = look_at(bus);
    std::string& text = out.buffer();
    if (how.json) {
        text += info_json(v);
    } else {
        row(text, "bus", v.name + (v.closed ? " (closed: members open it anew)" : ""));
        row(text, "geometry", cli::format_count(v.slots) + " slots of " + std::to_string(v.slot_bytes) + " bytes (" + cli::format_size(v.ring_bytes) + ")");
        row(text, "mode", mode_text(v.mode) + " " + v.owner + ":" + v.group);
        row(text, "bus id", to_string(v.id));
        row(text, "epoch", to_string(v.epoch));
        row(text, "created", cli::format_iso(v.created_ns, cli::zone::local));
        row(text, "stamps", to_text(v.stamps));
        row(text, "pacing", std::string(evbus::to_string(v.pacing)) + (v.verdict_stands && !v.log_dir.empty() ? " (nobody waits: no recorder, or it stands still)" : ""));
        row(text, "publishers", v.exclusive ? "one at a time (exclusive)" : "any number");
        row(text, "first seq", std::to_string(v.first_seq));
        row(text, "head", std::to_string(v.head));
        append_recording(text, v);
        row(text, "notices", notices_text(v));
        append_members(text, v, how.colour);
        append_latencies(text, v, how.colour);
    }
    out.flush();
    return cli::exit_fine;
}

} // namespace evctl
