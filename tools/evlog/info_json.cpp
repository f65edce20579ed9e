#include "tools/cli/when.hpp"
#include "tools/evlog/log_facts.hpp"

#include <nlohmann/json.hpp>

namespace evlog {
namespace {

using json = nlohmann::ordered_json;

json text_of(std::uint64_t n) { return std::to_string(n); }
json time_of(std::int64_t ns) { return ns == 0 ? json(nullptr) : json(cli::format_iso(ns, cli::zone::utc)); }

json sums_of(const evbus::log::segment_summary& s) {
    return {{"commits", s.commits}, {"records", s.records}, {"events", s.events}, {"fragments", s.fragments}, {"voids", s.voids},
            {"lost", s.lost}, {"damaged", s.damaged}, {"first_time", time_of(s.min_time_ns)}, {"last_time", time_of(s.max_time_ns)}};
}

json of(const segment_facts& s) {
    json out{{"first_seq", text_of(s.first)}, {"last_seq", text_of(s.sums.last_seq)}, {"bytes", s.bytes}, {"sealed", s.sealed}, {"compressed", s.compressed}};
    out.update(sums_of(s.sums));
    if (!s.trouble.empty()) out["trouble"] = s.trouble;
    return out;
}

json of(const evbus::recorder::manifest& m) {
    return {{"run", evbus::recorder::manifest_name(m.run).substr(0, 16)}, {"status", to_string(m.status)}, {"reason", m.reason}, {"started", time_of(m.started_ns)},
            {"ended", time_of(m.ended_ns)}, {"first_seq", text_of(m.first_seq)}, {"last_seq", text_of(m.last_seq)}};
}

json of(const member_facts& m) {
    return {{"number", static_cast<unsigned>(m.number)}, {"incarnation", m.incarnation}, {"name", m.name}, {"pid", m.pid},
            {"seq", text_of(m.at)}, {"joined", time_of(m.joined_ns)}, {"left", time_of(m.left_ns)}};
}

} // namespace

void append_json(std::string& out, const log_facts& f, const info_parts& parts) {
    json j{{"log", f.dir}, {"bus_id", f.bus.empty() ? json(nullptr) : json(to_string(f.bus))}, {"names", f.names}, {"writer", f.writer.empty() ? json(nullptr) : json(f.writer)},
           {"first_seq", text_of(f.sums.first_seq)}, {"last_seq", text_of(f.sums.last_seq)}, {"bytes", f.bytes}, {"segments", f.segments.size()}};
    j.update(sums_of(f.sums));
    j["missing_between_segments"] = f.between;
    j["events_a_second"] = f.rate();
    j["creations"] = f.creations;
    j["cursors"] = f.cursors;
    j["workers_with_letters"] = f.workers;
    j["quarantine"] = {{"files", f.quarantined}, {"bytes", f.quarantined_bytes}};
    j["runs"] = json::array();
    for (const auto& m : f.runs) j["runs"].push_back(of(m));
    if (parts.segments) {
        j["segment_list"] = json::array();
        for (const segment_facts& s : f.segments) j["segment_list"].push_back(of(s));
    }
    if (parts.topics) {
        j["topics"] = json::array();
        for (const auto& [name, t] : f.topics)
            j["topics"].push_back({{"topic", name}, {"frames", t.count}, {"last_seq", text_of(t.last)}, {"last_time", time_of(t.last_ns)}});
        j["unnamed_frames"] = f.unnamed;
    }
    if (parts.members) {
        j["members"] = json::array();
        for (const member_facts& m : f.members) j["members"].push_back(of(m));
    }
    out += j.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

} // namespace evlog
