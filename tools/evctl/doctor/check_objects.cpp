#include "tools/evctl/doctor/check_bus.hpp"

#include "tools/cli/units.hpp"

#include <cstdio>

namespace evctl::doctor {
namespace {

using evbus::errc;

std::string path_of(const object_facts& o) { return "/dev/shm/" + o.name; }

std::string octal(unsigned mode) {
    char text[8];
    std::snprintf(text, sizeof text, "%04o", mode & 07777U);
    return text;
}

std::string text_of(const std::vector<holder>& all) {
    std::string text;
    for (const holder& h : all) {
        if (!text.empty()) text += ", ";
        text += h.name.empty() ? "number " + std::to_string(h.number) : h.name;
        if (h.pid != 0) text += " (pid " + std::to_string(h.pid) + ")";
    }
    return text;
}

std::size_t holders_of(const bus_facts& b) {
    std::size_t n = 0;
    for (const ctl_facts& c : b.ctls) n += c.holders.size();
    return n;
}

const ctl_facts* own_ctl(const bus_facts& b) {
    for (const ctl_facts& c : b.ctls)
        if (b.names_ctl && c.epoch == *b.names_ctl) return &c;
    return nullptr;
}

// What to type when a ring can be used no more. Removal by force tells nobody who is still in it.
std::string recreate(const bus_facts& b) {
    const std::size_t living = holders_of(b);
    return (living != 0 ? std::to_string(living) + " process(es) still hold it, evctl cannot tell them: restart them after " : std::string{}) +
           "evctl remove " + b.name + " --force; its log stays, and the next start creates the ring above all of its seqs";
}

finding mode_or_owner(const bus_facts& b, finding f) {
    const ctl_facts* ctl = own_ctl(b);
    f.means = "whoever opens it anew is refused: somebody has changed who may write it since it was created";
    const auto differs = [&](const object_facts& o) { return b.described_mode && (o.mode & 0777U) != *b.described_mode; };
    const object_facts* odd = differs(*b.ring) ? &*b.ring : ctl != nullptr && differs(ctl->object) ? &ctl->object : nullptr;
    if (odd != nullptr) {
        f.check = "mode-differs";
        f.found = path_of(*odd) + " has mode " + octal(odd->mode) + ", it was created with " + octal(*b.described_mode);
        f.way_out = "chmod " + octal(*b.described_mode) + " " + path_of(*odd) + ", if you trust what is in it";
    } else if (ctl != nullptr && (ctl->object.uid != b.ring->uid || ctl->object.gid != b.ring->gid)) {
        f.check = "owner-differs";
        f.found = path_of(ctl->object) + " belongs to " + name_of_user(ctl->object.uid) + ", its ring to " + name_of_user(b.ring->uid) +
                  ", or to another group";
        f.way_out = "chown --reference=" + path_of(*b.ring) + " " + path_of(ctl->object) + ", if you trust what is in it";
    } else {
        f.check = "name-differs";
        f.means = "it was renamed or copied; nobody can open it under this name";
        f.way_out = "give it its name back, or rm " + path_of(*b.ring);
    }
    return f;
}

finding broken_ring(const bus_facts& b) {
    finding f{severity::problem, "ring-damaged", "bus " + b.name, b.fault_text,
              "nobody can open it; who is in it already may go on, or end with SIGBUS if it was cut", recreate(b)};
    switch (*b.fault) {
    case errc::mismatch: return mode_or_owner(b, std::move(f));
    case errc::not_a_bus:
        f.check = "foreign-file";
        f.means = "some other program's file has the name of a ring: nobody can open or create this bus";
        f.way_out = "see what it is (file " + path_of(*b.ring) + "), then evctl remove " + b.name + " --force";
        break;
    case errc::byte_order:
        f.check = "other-version";
        f.means = "a copy from a machine of the other byte order, or damage: nobody here can open it";
        break;
    case errc::wrong_version:
    case errc::unknown_feature:
        f.check = "other-version";
        f.means = "it was made by another release of evbus: this one cannot join it, and does not touch it";
        f.way_out = "use one release in all processes; to go on with this one, stop the others and evctl remove " + b.name + " --force";
        break;
    case errc::cut_short: f.check = "ring-cut"; break;
    case errc::damaged:
        if (own_ctl(b) != nullptr || !b.names_ctl) break;
        f.check = "ctl-gone";
        f.found = "the ring is there, its control object evbus." + b.name + ".ctl-" + to_string(*b.names_ctl) + " is gone";
        f.means = "who is in it goes on, and cannot be seen from outside; nobody can join";
        break;
    default: break;
    }
    return f;
}

finding unreadable(const bus_facts& b, const judgement& how) {
    return {how.asked ? severity::warning : severity::fine, "not-readable", "bus " + b.name,
            "belongs to " + name_of_user(b.ring->uid) + ", mode " + octal(b.ring->mode) + ": not for this user",
            "this user can neither use it nor tell how it is",
            "run evctl doctor as its owner; for others to use it, create it with --group read or write"};
}

finding other_ctl(const bus_facts& b, const ctl_facts& c) {
    finding f{severity::warning, "ctl-orphaned", "bus " + b.name,
              path_of(c.object) + " belongs to no ring (" + cli::format_size(c.object.allocated) + ")",
              "a creator or remover died half way; it holds memory and nothing else, and the next creator clears it",
              "evctl doctor --fix", cure::remove_ctl, c.object.name};
    if (!c.object.regular)
        return {severity::warning, "foreign-file", "bus " + b.name, path_of(c.object) + " is no regular file",
                "it has the name of a control object and is none; it is in nobody's way", "see what it is, then remove it (rm, rmdir)"};
    if (!c.readable) {
        f.found += "; this user may not look at its locks";
        f.fix = cure::none;
        f.way_out = "its owner, " + name_of_user(c.object.uid) + ", can: evctl doctor --fix";
    } else if (c.in_making) {
        f.level = severity::fine;
        f.check = "in-making";
        f.found = "somebody is creating or removing it at this moment";
        f.means.clear();
        f.way_out.clear();
        f.fix = cure::none;
    } else if (!c.holders.empty()) {
        f.check = "ring-lost";
        f.found = "its ring was removed, and " + std::to_string(c.holders.size()) + " member(s) are still in it: " + text_of(c.holders);
        f.means = "they go on among themselves, unseen by who comes now" + std::string(b.ring ? " and opens the new ring" : "");
        f.way_out = "restart them (members that look at is_current(), as the tools do, open the bus anew by themselves)";
        f.fix = cure::none;
    }
    return f;
}

} // namespace

findings check_objects(const bus_facts& b, const judgement& how) {
    findings out;
    if (b.ring && !b.ring->regular)
        out.push_back({severity::problem, "foreign-file", "bus " + b.name, path_of(*b.ring) + " is no regular file",
                       "nobody can open or create this bus", "see what it is, then remove it (rm, rmdir)"});
    else if (b.ring && b.fault == errc::permission && !b.ring->mine) out.push_back(unreadable(b, how));
    else if (b.ring && b.fault == errc::permission)
        out.push_back({severity::problem, "mode-differs", "bus " + b.name, b.fault_text, "its own owner may not open it",
                       "chmod 0600 " + path_of(*b.ring) + ", or the mode that it was created with"});
    else if (b.ring && b.fault && *b.fault != errc::not_found) out.push_back(broken_ring(b));
    else if (b.ring && b.view && b.ring->allocated < b.ring->bytes)
        out.push_back({severity::warning, "not-reserved", "bus " + b.name,
                       cli::format_size(b.ring->bytes - b.ring->allocated) + " of its ring have no memory behind them",
                       "it was copied or punched: should /dev/shm become full, its next user dies of SIGBUS", recreate(b)});
    // With a ring that cannot be read nobody knows which of the others is its own.
    const bool known = !b.ring || b.names_ctl || !b.ring->regular;
    for (const ctl_facts& c : b.ctls) {
        if (!known || (b.ring && b.names_ctl && c.epoch == *b.names_ctl)) continue;
        out.push_back(other_ctl(b, c));
        if (b.ring && !b.ring->regular) out.back().fix = cure::none;
    }
    return out;
}

finding check_stranger(const object_facts& object) {
    return {severity::warning, "foreign-file", path_of(object), "begins as our objects do, and is none",
            "evbus never uses it; it may hold memory (" + cli::format_size(object.allocated) + ")",
            "see what it is; if it is nobody's: rm " + path_of(object)};
}

} // namespace evctl::doctor
