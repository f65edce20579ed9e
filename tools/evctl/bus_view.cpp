#include "tools/evctl/bus_view.hpp"

#include <evbus/ring/head.hpp>
#include <evbus/ring/liveness.hpp>
#include <evbus/ring/pacing.hpp>

#include <algorithm>
#include <filesystem>

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

namespace evctl {
namespace {

namespace ring = evbus::ring;

std::string user_name(uid_t uid) {
    const passwd* entry = ::getpwuid(uid);
    return entry != nullptr ? entry->pw_name : std::to_string(uid);
}

std::string group_name(gid_t gid) {
    const ::group* entry = ::getgrgid(gid);
    return entry != nullptr ? entry->gr_name : std::to_string(gid);
}

void add_members(const ring::attachment& at, bus_view& v) {
    const auto add = [&](std::uint32_t first, std::uint32_t last) {
        for (std::uint32_t n = first; n <= std::min<std::uint32_t>(last, evbus::member_count - 1); ++n) {
            const auto number = static_cast<evbus::member_no>(n);
            // The lock first: who joins in between is not there yet, and nobody looks dead who is not.
            member_view m{ring::read_member(at, number), ring::is_alive(at, number)};
            if (!m.alive && m.info.joined) m.info = ring::read_member(at, number); // left meanwhile?
            if (!m.alive && !m.info.joined) continue;
            // A recorder notes its place in its own words, and in its entry only now and then.
            if (m.alive && m.info.kind == ring::member_kind::recorder) m.info.position = std::max(m.info.position, v.captured + 1), m.info.pressure = v.disk;
            m.lag = m.reads() && v.head > m.info.position ? v.head - m.info.position : 0;
            if (const ring::latency_words* words = m.handles_events() ? ring::latency_of(at.latencies(), number) : nullptr)
                m.latency = ring::read_latency(*words, m.info.incarnation);
            v.members.push_back(std::move(m));
        }
    };
    add(1, std::min<std::uint32_t>(at.ctl().publishers_high.load(), evbus::max_publishers));
    add(evbus::first_reader_no, at.ctl().readers_high.load());
}

} // namespace

std::size_t bus_view::living() const {
    return static_cast<std::size_t>(std::count_if(members.begin(), members.end(), [](const member_view& m) { return m.alive; }));
}

std::vector<std::string> bus_names() {
    constexpr std::string_view before = "evbus.";
    constexpr std::string_view after = ".ring";
    std::vector<std::string> names;
    std::error_code fault;
    for (const auto& entry : std::filesystem::directory_iterator(ring::shm_directory, fault)) {
        const std::string file = entry.path().filename().string();
        if (file.size() <= before.size() + after.size() || !file.starts_with(before) || !file.ends_with(after)) continue;
        std::string name = file.substr(before.size(), file.size() - before.size() - after.size());
        if (ring::valid_bus_name(name)) names.push_back(std::move(name));
    }
    if (fault) evbus::detail::throw_errno(fault.value(), "list buses", ring::shm_directory);
    std::sort(names.begin(), names.end());
    return names;
}

std::string ring_owner(const std::string& bus) {
    struct stat s {};
    return ::lstat(ring::shm_path(ring::ring_object(bus)).c_str(), &s) == 0 ? user_name(s.st_uid) : "?";
}

bus_view look_at(const std::string& bus) {
    return look_at(*ring::attachment::open(bus, ring::access::read_only, ring::access::read_only));
}

bus_view look_at(const ring::attachment& at) {
    const ring::ring_description& d = at.description().raw;
    const ring::frontier_words& f = at.ctl().frontier;
    bus_view v;
    v.name = at.name();
    v.slots = d.slots;
    v.slot_bytes = d.slot_bytes;
    v.ring_bytes = d.file_bytes;
    v.mode = d.mode;
    struct stat s {};
    if (::fstat(at.test_fd(), &s) == 0) {
        v.owner = user_name(s.st_uid);
        v.group = group_name(s.st_gid);
    }
    v.pacing = at.description().pacing();
    v.exclusive = at.description().exclusive();
    v.stamps = at.description().stamps();
    v.epoch = at.description().epoch();
    v.id = at.description().id();
    v.log_dir = at.description().log_dir;
    v.created_ns = d.created_ns;
    v.first_seq = d.first_seq;
    // The frontiers before the head, so that they are never ahead of it here.
    v.durable = f.durable.load(std::memory_order_acquire);
    v.written = f.written.load(std::memory_order_acquire);
    v.captured = f.captured.load(std::memory_order_acquire);
    v.anchor = f.anchor.load(std::memory_order_acquire);
    v.head = ring::find_head(at);
    const ring::slot_word at_head = ring::load_word(at, v.head);
    v.closed = at_head.phase() == ring::phase::closed && at_head.laps_ahead_of(at.shape().lap(v.head)) == 0;
    v.generation = f.generation.load();
    v.recorder = static_cast<ring::recorder_state>(f.state.load());
    v.recorder_pid = f.recorder_pid.load();
    v.disk = f.pressure.load();
    v.suspensions = f.suspensions.load();
    v.recorder_alive = ring::byte_is_held(at.test_fd(), ring::recorder_lock_byte);
    v.verdict_stands = v.pacing == evbus::pacing::paced &&
                       at.ctl().verdict.verdict.load() == ring::pack_verdict(v.generation, f.written.load());
    for (std::size_t i = 0; i < v.notices.size(); ++i) v.notices[i] = at.ctl().notices[i].load();
    v.to_written = ring::read_latency(at.latencies().written, v.generation);
    v.to_durable = ring::read_latency(at.latencies().durable, v.generation);
    add_members(at, v);
    return v;
}

const char* to_text(ring::recorder_state s) {
    switch (s) {
    case ring::recorder_state::none: return "none";
    case ring::recorder_state::recording: return "recording";
    case ring::recorder_state::ended: return "ended";
    case ring::recorder_state::no_space: return "no space";
    case ring::recorder_state::sync_failed: return "sync failed";
    case ring::recorder_state::backpressure: return "backpressure";
    case ring::recorder_state::corruption: return "corruption";
    case ring::recorder_state::waiting_space: return "waiting for space";
    case ring::recorder_state::write_failed: return "write failed";
    }
    return "unknown";
}

const char* to_text(ring::stamp_mode s) {
    switch (s) {
    case ring::stamp_mode::none: return "none";
    case ring::stamp_mode::wall_ns: return "clock";
    case ring::stamp_mode::counter: return "counter";
    }
    return "unknown";
}

std::string recorder_text(const bus_view& v) {
    if (v.log_dir.empty()) return "no log";
    std::string text = to_text(v.recorder);
    const bool says_it_works = v.recorder == ring::recorder_state::recording || v.recorder == ring::recorder_state::waiting_space;
    if (says_it_works && !v.recorder_alive) text += " (dead)";
    if (!says_it_works && v.recorder_alive) text += " (starting)";
    return text;
}

} // namespace evctl
