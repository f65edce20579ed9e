#include "tools/evctl/doctor/check_bus.hpp"

#include "tools/cli/units.hpp"

namespace evctl::doctor {
namespace {

using evbus::errc;
using evbus::ring::recorder_state;

std::string count(std::uint64_t n) { return cli::format_count(n); }

bool publishers_live(const bus_view& v) {
    for (const member_view& m : v.members)
        if (m.alive && m.info.kind == evbus::ring::member_kind::publisher) return true;
    return false;
}

// What a bus without a working recorder does to those who publish.
std::string pacing_text(const bus_view& v) {
    switch (v.pacing) {
    case evbus::pacing::strict: return "publishers wait as soon as the ring is full of what is not recorded";
    case evbus::pacing::paced: return "publishers go on without it, and overwrite what is not recorded";
    case evbus::pacing::overwrite: break;
    }
    return "publishers overwrite what is not recorded";
}

// Halts: what the recorder said last, and what mends it.
void explain_halt(const bus_view& v, finding& f) {
    const std::string again = "then evrecord " + v.name + ": within a lap of the ring nothing is lost";
    f.level = severity::problem;
    f.check = "recorder-halted";
    f.means = pacing_text(v);
    switch (v.recorder) {
    case recorder_state::no_space: f.way_out = "free space (df -h " + v.log_dir + "), " + again; break;
    case recorder_state::sync_failed:
        f.means += "; the disk may have lost what was written after seq " + std::to_string(v.durable);
        f.way_out = "look at the disk (dmesg, smartctl), " + again + "; it writes afresh what was not durable";
        break;
    case recorder_state::write_failed: f.way_out = "look at the file system and its limits (dmesg, ulimit -f), " + again; break;
    case recorder_state::corruption: f.way_out = "look at the newest manifest in " + v.log_dir + "/runs for the reason, " + again; break;
    case recorder_state::backpressure: f.way_out = "a faster disk, fewer events or a larger ring, " + again; break;
    default: break;
    }
}

findings no_recorder(const bus_facts& b) {
    const bus_view& v = *b.view;
    const std::uint64_t rest = v.behind(v.written);
    finding f{severity::fine, "recorder", "bus " + b.name, "", "", "evrecord " + b.name};
    switch (v.recorder) {
    case recorder_state::recording:
    case recorder_state::waiting_space:
        f.check = "recorder-died";
        f.found = "the recorder (pid " + std::to_string(v.recorder_pid) + ") died without a word";
        f.way_out = "evrecord " + b.name + ": it repairs the log and goes on; its process log or dmesg (out of memory?) may say why it died";
        break;
    case recorder_state::none: f.found = "nobody has recorded it yet"; break;
    case recorder_state::ended: f.found = "the recorder has ended in good order"; break;
    default:
        f.found = std::string("the recorder has halted: ") + to_text(v.recorder);
        explain_halt(v, f);
        break;
    }
    if (rest != 0) f.found += "; " + count(rest) + " event(s) are in the ring alone";
    if (f.level == severity::problem) return {f};
    const bool urgent = publishers_live(v);
    f.level = urgent ? v.recorder == recorder_state::recording || v.pacing == evbus::pacing::strict ? severity::problem : severity::warning
              : rest != 0 ? severity::warning : severity::fine;
    if (f.level != severity::fine) f.means = pacing_text(v);
    return {f};
}

findings living_recorder(const bus_facts& b) {
    const bus_view& v = *b.view;
    const std::string pid = "(pid " + std::to_string(v.recorder_pid) + ")";
    if (v.recorder == recorder_state::waiting_space)
        return {{severity::problem, "recorder-waits", "bus " + b.name, "the recorder " + pid + " waits for space in " + v.log_dir,
                 "it was told to lose what does not fit: events are being lost, and named as such in the log",
                 "free space (df -h " + v.log_dir + "); it goes on by itself"}};
    if (v.recorder != recorder_state::recording)
        return {{severity::fine, "recorder", "bus " + b.name, "the recorder " + pid + " is starting or ending"}};
    if (b.recorder_still)
        return {{severity::problem, "recorder-stands", "bus " + b.name,
                 "the recorder " + pid + " lives and does not move: " + count(v.behind(v.written)) + " event(s) behind" +
                     (b.recorder_stopped ? "; its process is stopped" : ""),
                 v.pacing == evbus::pacing::paced ? v.verdict_stands ? "publishers have given up waiting and overwrite what is not recorded"
                                                                     : "publishers wait for it, a second at most, and then go on without it"
                                                  : pacing_text(v),
                 b.recorder_stopped ? "kill -CONT " + std::to_string(v.recorder_pid)
                                    : "look at its disk (iostat, dmesg); if it hangs: kill it and start evrecord " + b.name + " again"}};
    if (static_cast<evbus::pressure>(v.disk) == evbus::pressure::suspended)
        return {{severity::warning, "recorder-suspended", "bus " + b.name,
                 "the recorder " + pid + " waits for its disk: " + count(v.behind(v.written)) + " event(s) behind, " + count(v.suspensions) +
                     " time(s) suspended so far",
                 v.pacing == evbus::pacing::overwrite ? "publishers do not wait: what is overwritten before it is recorded stands in the log as LOST"
                                                      : "events come faster than the disk takes them: publishers are held up as soon as the ring is full",
                 "look at the disk (iostat, dmesg) and who else writes there; a faster disk, fewer or smaller events; --slots bridges peaks"}};
    if (v.verdict_stands && v.behind(v.written) != 0)
        return {{severity::warning, "verdict", "bus " + b.name, "publishers have given up waiting for the recorder " + pid,
                 "it moves again or is about to; what was overwritten meanwhile stands in the log as LOST", "a larger ring bridges longer halts (--slots)"}};
    return {{severity::fine, "recorder", "bus " + b.name, "recorded " + pid + ", " + count(v.behind(v.written)) + " event(s) behind the head"}};
}

findings check_log(const bus_facts& b) {
    const bus_view& v = *b.view;
    const log_facts& log = b.log;
    findings out;
    if (!log.there) {
        out.push_back({severity::problem, "log-gone", "bus " + b.name, "its log directory " + log.dir + " is gone",
                       "what was recorded cannot be read, and the next recorder begins an empty log",
                       "mount or move it back; if it was deleted on purpose: evctl remove " + b.name + ", and create the bus anew"});
        return out;
    }
    if (!log.readable) {
        out.push_back({severity::fine, "log-not-readable", "bus " + b.name, "its log " + log.dir + " is not for this user"});
        return out;
    }
    if (log.fault)
        out.push_back({severity::problem, *log.fault == errc::foreign_log ? "log-foreign" : "log-unreadable", "bus " + b.name, log.fault_text,
                       "nobody can record this bus there, or read what was",
                       *log.fault == errc::foreign_log ? "evctl remove " + b.name + " and create it with a --log directory of its own"
                                                       : "look at " + log.dir + "/segments; its newest file may be damaged"});
    if (log.last >= b.head_after_log)
        out.push_back({severity::problem, "ring-behind", "bus " + b.name,
                       "its log goes up to seq " + std::to_string(log.last) + ", its ring only up to " + std::to_string(b.head_after_log - 1),
                       "seqs would come twice: recorders refuse it",
                       "evctl remove " + b.name + " --force; the next start creates a ring above the log"});
    if (log.locked && !v.recorder_alive)
        out.push_back({severity::warning, "log-locked", "bus " + b.name, log.dir + "/LOCK is held by " + log.lock_holder + ", which does not record this ring",
                       "no recorder can start, and no new ring be created, until it lets go",
                       "look at that process; a creator or remover is done in seconds"});
    if (!log.locked && log.open_runs != 0)
        out.push_back({severity::fine, "run-crashed", "bus " + b.name, std::to_string(log.open_runs) + " run(s) of a recorder ended without a word",
                       "the next evrecord notes it, and repairs the log if need be"});
    return out;
}

} // namespace

findings check_recording(const bus_facts& b) {
    if (!b.view || b.view->closed) return {};
    if (b.view->log_dir.empty()) return {{severity::fine, "recorder", "bus " + b.name, "a bus without a log"}};
    findings out = b.view->recorder_alive ? living_recorder(b) : no_recorder(b);
    for (finding& f : check_log(b)) out.push_back(std::move(f));
    return out;
}

findings check_resting_log(const std::string& bus, const log_facts& log) {
    finding f{severity::fine, "log-at-rest", "log of " + bus, log.dir + " has no ring now"};
    if (log.last != 0) f.found += "; up to seq " + std::to_string(log.last);
    f.means = "evtail " + bus + " reads it; the next start of the bus goes on above it";
    if (!log.locked && log.open_runs != 0) f.means += ", and repairs what the last run, which crashed, may have left";
    if (log.fault) f.level = severity::warning, f.check = "log-unreadable", f.found = log.fault_text;
    return {f};
}

findings check_bus(const bus_facts& b, const judgement& how) {
    findings all = check_objects(b, how);
    for (finding& f : check_members(b, how)) all.push_back(std::move(f));
    for (finding& f : check_recording(b)) all.push_back(std::move(f));
    // What belongs to somebody else is his to mend: told, and no failure of ours.
    const bool theirs = b.ring ? !b.ring->mine : !b.ctls.empty() && !b.ctls.front().object.mine;
    if (!theirs) return all;
    const unsigned owner = b.ring ? b.ring->uid : b.ctls.front().object.uid;
    for (finding& f : all) {
        if (f.level == severity::problem) f.level = severity::warning;
        if (f.fix == cure::none) continue;
        f.fix = cure::none;
        f.way_out = "its owner, " + name_of_user(owner) + ", can: " + f.way_out;
    }
    return all;
}

} // namespace evctl::doctor
