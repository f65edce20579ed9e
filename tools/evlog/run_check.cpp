#include "tools/evlog/run_check.hpp"

#include "lib/recorder/manifest.hpp"

#include <evbus/error.hpp>
#include <evbus/log/log_reader.hpp>

namespace evlog {
namespace {

using evbus::log::finding;
using evbus::log::flaw;
using evbus::log::severity;
using evbus::recorder::manifest;
using evbus::recorder::run_status;

finding about(severity weight, const std::string& name, std::string what, std::string todo) {
    return {weight, flaw::run, "runs/" + name, 0, 0, {}, std::move(what), "the log itself, which does not depend on it", std::move(todo)};
}

} // namespace

void check_runs(evbus::log::file_system& fs, const evbus::log::log_dir& dir, bool growing, evbus::log::verify_report& out) {
    evbus::recorder::loaded_manifests all;
    try {
        all = evbus::recorder::load_manifests(fs, dir);
    } catch (const evbus::error& e) {
        out.found.add(finding{severity::unchecked, flaw::unreadable, "runs", 0, 0, {}, e.what(), "the log itself", "run evlog as the user that owns the log"});
        return;
    }
    for (const std::string& name : all.unreadable)
        out.found.add(about(severity::damage, name, "it is no manifest of a run, or cannot be read", "bring it back from a copy, or delete it"));
    const manifest* furthest = nullptr;
    for (const manifest& m : all.runs) {
        const std::string name = evbus::recorder::manifest_name(m.run);
        if (!out.bus.empty() && m.id != out.bus)
            out.found.add(about(severity::damage, name, "it is of bus " + to_string(m.id) + ", the log of bus " + to_string(out.bus), "move it to the log that it belongs to"));
        if (m.status == run_status::running) {
            if (!growing) out.found.add(about(severity::note, name, "it says that its recorder runs, and none does: it was killed", "nothing: the next start of evrecord notes it"));
            continue; // its last seq is older than the log
        }
        if (m.status == run_status::quarantined)
            out.found.add(about(severity::note, name, "its recorder halted: " + m.reason, "see what evrecord said then"));
        if (furthest == nullptr || m.last_seq > furthest->last_seq) furthest = &m;
    }
    if (furthest == nullptr || growing || furthest->last_seq <= out.last || furthest->last_seq >= evbus::max_seq) return;
    // A recorder may have come and gone since the log was looked at.
    if (evbus::log::log_reader(fs, dir.root, {out.bus}).last_seq() >= furthest->last_seq) return;
    finding f{severity::damage, flaw::missing, "runs/" + evbus::recorder::manifest_name(furthest->run), 0, 0, {out.last + 1, furthest->last_seq},
              "this run wrote up to seq " + std::to_string(furthest->last_seq) + ", and the log ends at seq " + std::to_string(out.last) + ": its end is gone",
              "everything up to there", "bring the newest segments back from a copy; seqs are never used again, so that nothing else is needed"};
    out.unreadable += f.seqs.count();
    out.found.add(std::move(f));
}

} // namespace evlog
