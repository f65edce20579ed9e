#include "tools/evlog/verify_report.hpp"

#include <nlohmann/json.hpp>

namespace evlog {
namespace {

using evbus::log::severity;
using json = nlohmann::ordered_json;

json text_of(std::uint64_t n) { return std::to_string(n); }

json of(const evbus::log::finding& f) {
    json out{{"severity", to_string(f.weight)}, {"kind", to_string(f.kind)}, {"file", f.file}, {"offset", f.offset}, {"bytes", f.bytes}};
    if (f.seqs.count() != 0) out["seqs"] = {{"from", text_of(f.seqs.first)}, {"to", text_of(f.seqs.last)}};
    out["what"] = f.what;
    out["good"] = f.good;
    out["todo"] = f.todo;
    return out;
}

} // namespace

void append_json(std::string& out, const verify_head& head, const evbus::log::verify_report& r) {
    json j{{"log", head.dir}, {"bus_id", r.bus.empty() ? json(nullptr) : json(to_string(r.bus))}, {"recording", head.growing}, {"result", result_word(r)},
           {"stopped", r.stopped}, {"segments", r.segments.size()}, {"bytes", r.bytes}};
    if (r.first != evbus::no_seq && r.last >= r.first) {
        j["first_seq"] = text_of(r.first);
        j["last_seq"] = text_of(r.last);
    }
    j["commits"] = r.sums.commits;
    j["records"] = r.sums.records;
    j["events"] = r.sums.events;
    j["fragments"] = r.sums.fragments;
    j["voids"] = r.sums.voids;
    j["gaps"] = {{"ranges", r.gap_ranges}, {"lost", r.sums.lost}, {"damaged", r.sums.damaged}};
    j["unreadable_seqs"] = r.unreadable;
    j["findings"] = json::array();
    for (const evbus::log::finding& f : r.found.kept()) j["findings"].push_back(of(f));
    j["counts"] = {{"damage", r.found.count(severity::damage)}, {"unchecked", r.found.count(severity::unchecked)}, {"note", r.found.count(severity::note)}};
    // A path may hold bytes that are no UTF-8.
    out += j.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

} // namespace evlog
