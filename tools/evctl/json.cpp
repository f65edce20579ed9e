#include "tools/evctl/json.hpp"

#include "tools/cli/when.hpp"

#include <nlohmann/json.hpp>

namespace evctl {
namespace {

using json = nlohmann::ordered_json;

json frontier(const bus_view& v, evbus::seq_t seq) {
    return {{"seq", std::to_string(seq)}, {"lag", v.behind(seq)}};
}

json recorder(const bus_view& v) {
    json out{{"state", v.log_dir.empty() ? "no log" : to_text(v.recorder)}, {"alive", v.recorder_alive}};
    if (v.recorder_pid != 0) out["pid"] = v.recorder_pid;
    if (v.recorder_alive) out["pressure"] = to_string(static_cast<evbus::pressure>(v.disk));
    out["suspensions"] = v.suspensions;
    return out;
}

json summary(const bus_view& v) {
    return {{"name", v.name},
            {"slots", v.slots},
            {"slot_bytes", v.slot_bytes},
            {"pacing", evbus::to_string(v.pacing)},
            {"exclusive", v.exclusive},
            {"head", std::to_string(v.head)},
            {"closed", v.closed},
            {"recorder", recorder(v)},
            {"members", v.living()},
            {"owner", v.owner}};
}

json latency(const std::optional<evbus::ring::latency_view>& l) {
    if (!l) return nullptr;
    return {{"measured", l->count()},
            {"mean_ns", l->mean_ns()},
            {"p50_ns", l->percentile(0.5)},
            {"p99_ns", l->percentile(0.99)},
            {"p999_ns", l->percentile(0.999)},
            {"max_ns", l->max_ns},
            {"negative", l->negative}};
}

json member(const member_view& m) {
    json out{{"number", to_u16(m.info.number)}, {"incarnation", m.info.incarnation},
             {"kind", to_string(m.info.kind)},  {"name", m.info.name},
             {"pid", m.info.pid},               {"alive", m.alive},
             {"position", std::to_string(m.info.position)}, {"events", m.info.events}};
    if (m.reads())
        out.update({{"lag", m.lag}, {"lost", m.info.lost}, {"voids", m.info.voids}, {"pressure", to_string(m.pressure())}, {"shed", m.info.shed}});
    if (m.handles_events()) out["latency"] = latency(m.latency);
    return out;
}

// Names come from shared memory and may be no UTF-8.
std::string text_of(const json& j) { return j.dump(2, ' ', false, json::error_handler_t::replace) + "\n"; }

} // namespace

std::string list_json(const std::vector<listed_bus>& all) {
    json out = json::array();
    for (const listed_bus& b : all)
        out.push_back(b.view ? summary(*b.view)
                             : json{{"name", b.name}, {"owner", b.owner}, {"error", b.error_word}, {"error_text", b.error_text}});
    return text_of(out);
}

std::string info_json(const bus_view& v) {
    json out = summary(v);
    out["mode"] = v.mode;
    out["group"] = v.group;
    out["ring_bytes"] = v.ring_bytes;
    out["stamps"] = to_text(v.stamps);
    out["epoch"] = to_string(v.epoch);
    out["bus_id"] = to_string(v.id);
    out["log_dir"] = v.log_dir.empty() ? json() : json(v.log_dir);
    out["created"] = cli::format_iso(v.created_ns, cli::zone::utc);
    out["created_ns"] = std::to_string(v.created_ns);
    out["first_seq"] = std::to_string(v.first_seq);
    out["written"] = frontier(v, v.written);
    out["durable"] = frontier(v, v.durable);
    out["captured"] = frontier(v, v.captured);
    out["anchor"] = v.anchor == evbus::no_seq ? json() : frontier(v, v.anchor);
    out["pacing_verdict_stands"] = v.verdict_stands;
    out["latency"] = {{"written", latency(v.to_written)}, {"durable", latency(v.to_durable)}};
    json notices = json::object();
    for (std::size_t i = 0; i < v.notices.size(); ++i) notices[to_string(static_cast<evbus::notice_kind>(i))] = v.notices[i];
    out["notices"] = notices;
    json members = json::array();
    for (const member_view& m : v.members) members.push_back(member(m));
    out["members"] = members;
    return text_of(out);
}

} // namespace evctl
