#include "tools/evctl/doctor/check_bus.hpp"

#include "tools/cli/units.hpp"

#include <chrono>

namespace evctl::doctor {
namespace {

// "3 days", "2 hours": nobody needs more at night.
std::string span_text(std::int64_t ns) {
    constexpr std::pair<std::int64_t, const char*> units[] = {{86400, " day"}, {3600, " hour"}, {60, " minute"}, {1, " second"}};
    for (const auto& [seconds, word] : units)
        if (const std::int64_t n = ns / (seconds * 1'000'000'000); n >= 1) return std::to_string(n) + word + (n == 1 ? "" : "s");
    return "less than a second";
}

std::uint64_t unrecorded(const bus_view& v) { return v.log_dir.empty() ? 0 : v.behind(v.written); }

finding closed_ring(const bus_facts& b) {
    finding f{severity::warning, "ring-closed", "bus " + b.name, "its ring was closed (evctl remove), and still has its name",
              "who removed it died half way: nobody can publish, readers come to the end; the next start mends it",
              "evctl doctor --fix", cure::finish_closed, b.name};
    if (b.closed_still) return f;
    f.level = severity::fine;
    f.found = "its ring is being removed at this moment";
    f.means.clear();
    f.way_out.clear();
    f.fix = cure::none;
    return f;
}

finding empty_bus(const bus_facts& b, const judgement& how) {
    const bus_view& v = *b.view;
    const std::int64_t quiet = how.now_ns > b.last_sign_ns ? how.now_ns - b.last_sign_ns : 0;
    finding f{severity::fine, "no-members", "bus " + b.name, "nobody is on it; the last sign of life was " + span_text(quiet) + " ago"};
    if (quiet < how.stale_after_ns) return f;
    f.level = severity::warning;
    f.check = "bus-stale";
    f.means = "it holds " + cli::format_size(v.ring_bytes + evbus::ring::ctl_bytes) + " of shared memory, perhaps for nobody";
    if (const std::uint64_t rest = unrecorded(v); rest != 0) {
        f.means += "; " + cli::format_count(rest) + " of its events are in the ring alone, not in the log";
        f.way_out = "evrecord " + b.name + " records what is left (end it with ^C); then evctl remove " + b.name;
        return f;
    }
    f.way_out = how.asked ? "evctl doctor " + b.name + " --fix removes it; its log stays"
                          : "evctl remove " + b.name + " if it is not needed; its log stays";
    f.target = b.name;
    if (how.asked) f.fix = cure::remove_bus;
    return f;
}

void add_unfinished(const bus_facts& b, findings& out) {
    std::size_t dead = 0;
    evbus::seq_t first_dead = 0;
    for (const slot_facts& s : b.unfinished) {
        if (!s.still) continue; // others were at work on it
        if (!s.owner_lives) {
            if (dead++ == 0) first_dead = s.seq;
            continue;
        }
        const bool stepped_over = s.word.phase() == evbus::ring::phase::stalled;
        out.push_back({severity::warning, "slot-unfinished", "bus " + b.name,
                       s.owner + " has claimed seq " + std::to_string(s.seq) + " and not finished it for " + span_text(b.watched_ns) +
                           (s.owner_stopped ? ": the process is stopped" : ""),
                       stepped_over ? "it was stepped over and costs the ring one slot as long as that process lives"
                                    : "readers wait 10 ms for it and then step over it; that event is published when its process goes on",
                       s.owner_stopped ? "let it go on (kill -CONT), or end it" : "look at that process: it hangs, or is starved of time"});
    }
    if (dead == 0) return;
    out.push_back({severity::warning, "slot-of-the-dead", "bus " + b.name,
                   std::to_string(dead) + " slot(s) were left unfinished by publishers that died, the first is seq " + std::to_string(first_dead),
                   "none of these events was published; whoever comes to a slot, or takes the number next, makes it a void",
                   "nothing needs to be done; evctl doctor --fix does it now", cure::void_slots, b.name});
}

void add_suspended(const bus_facts& b, findings& out) {
    for (const member_view& m : b.view->members) {
        if (!m.alive || !m.reads() || m.info.kind == evbus::ring::member_kind::recorder || m.pressure() != evbus::pressure::suspended) continue;
        const bool has_log = m.info.kind == evbus::ring::member_kind::consumer && !b.view->log_dir.empty();
        const std::string who = std::string(to_string(m.info.kind)) + " " + m.info.name + " (pid " + std::to_string(m.info.pid) + ")";
        out.push_back({severity::warning, "member-suspended", "bus " + b.name,
                       who + " does not keep up: " + cli::format_count(m.lag) + " event(s) behind the head" +
                           (m.info.shed == 0 ? "" : ", " + cli::format_count(m.info.shed) + " large one(s) over its byte budget"),
                       has_log ? "it reads from the log what it missed: nothing is lost as long as retention leaves that there"
                               : "what is overwritten before it comes there, or is over its byte budget, is lost to it",
                       has_log ? "a faster handler, narrower filters, or more such programs; after a long standstill it catches up by itself"
                               : "a faster handler, narrower filters, or a larger ring (--slots); a consumer of a bus with a log loses nothing"});
    }
}

} // namespace

findings check_members(const bus_facts& b, const judgement& how) {
    findings out;
    if (!b.view) return out;
    const bus_view& v = *b.view;
    const std::size_t died = v.members.size() - v.living();
    if (v.closed) {
        out.push_back(closed_ring(b));
    } else if (v.living() == 0 && !v.recorder_alive) {
        out.push_back(empty_bus(b, how));
    } else {
        out.push_back({severity::fine, "members", "bus " + b.name, std::to_string(v.living()) + " member(s), head at seq " + std::to_string(v.head)});
    }
    if (died != 0)
        out.push_back({severity::fine, "died", "bus " + b.name, std::to_string(died) + " member(s) died without leaving",
                       "their numbers go to who comes next"});
    if (!v.closed) add_unfinished(b, out);
    if (!v.closed) add_suspended(b, out);
    if (v.stamps == evbus::ring::stamp_mode::counter && (!how.clock.invariant || how.clock.distrusted()))
        out.push_back({severity::warning, "stamps-doubtful", "bus " + b.name,
                       "its events are stamped by a counter that the kernel has given up since it was created",
                       "order and delivery are right; publish times may be off by seconds",
                       "evctl remove " + b.name + " when it can be stopped: the next ring is stamped by the clock"});
    return out;
}

} // namespace evctl::doctor
