#include "tools/evctl/doctor/bus_state.hpp"

#include "lib/recorder/manifest.hpp"
#include "tools/evctl/doctor/object_state.hpp"

#include <evbus/frame.hpp>
#include <evbus/log/log_lock.hpp>
#include <evbus/log/log_reader.hpp>
#include <evbus/ring/clock.hpp>
#include <evbus/ring/create.hpp>
#include <evbus/ring/head.hpp>
#include <evbus/ring/repair.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

namespace evctl::doctor {
namespace {

namespace ring = evbus::ring;
namespace elog = evbus::log;
namespace fs = std::filesystem;
using evbus::seq_t;

constexpr std::size_t most_slots_named = 64;

void read_header(bus_facts& b) {
    ring::ring_description d{};
    const ring::shm_file file = ring::shm_file::try_open(ring::ring_object(b.name), ring::access::read_only);
    if (!file || ::pread(file.fd(), &d, sizeof d, 0) != static_cast<ssize_t>(sizeof d) || d.magic != ring::ring_magic) return;
    b.described_mode = d.mode;
    b.names_ctl = static_cast<evbus::epoch_t>(d.epoch);
}

// The stamp of the newest event that has one; 0 when none of the last few has.
std::int64_t newest_event_ns(const ring::attachment& at, seq_t head) {
    ring::clock_view clock(at.ring().clock, at.description().stamps());
    for (seq_t seq = head; seq-- > std::max(at.first_seq(), head > 16 ? head - 16 : 1);) {
        const ring::slot_word before = ring::load_word(at, seq);
        if (before.phase() != ring::phase::committed || before.laps_ahead_of(at.shape().lap(seq)) != 0) continue;
        const auto stamp = static_cast<std::int64_t>(at.slot(seq)[offsetof(evbus::frame_header, published) / 8].load(std::memory_order_relaxed));
        std::atomic_thread_fence(std::memory_order_acquire);
        if (stamp != 0 && ring::load_word(at, seq) == before) return clock.to_ns(stamp);
    }
    return 0;
}

std::int64_t last_sign_of(const ring::attachment& at, const bus_view& v) {
    std::int64_t last = std::max(v.created_ns, newest_event_ns(at, v.head));
    const auto joined = [&](std::uint32_t first, std::uint32_t high) {
        for (std::uint32_t n = first; n <= std::min<std::uint32_t>(high, evbus::member_count - 1); ++n)
            last = std::max(last, at.member(static_cast<evbus::member_no>(n)).joined_ns.load());
    };
    joined(1, std::min<std::uint32_t>(at.ctl().publishers_high.load(), evbus::max_publishers));
    joined(evbus::first_reader_no, at.ctl().readers_high.load());
    return std::min(last, evbus::detail::wall_ns()); // whatever stands in shared memory
}

std::vector<slot_facts> unfinished_slots(const ring::attachment& at) {
    std::vector<slot_facts> out;
    for (seq_t i = 0; i < at.shape().slots() && out.size() < most_slots_named; ++i) {
        const ring::slot_word w = ring::load_word(at, i);
        if (w.phase() != ring::phase::writing && w.phase() != ring::phase::stalled) continue;
        slot_facts s;
        s.word = w;
        s.seq = at.shape().laps_from(i, w.laps_ahead_of(at.shape().lap(i)));
        s.owner_lives = !ring::owner_is_dead(at, w.owner());
        const ring::member_info who = ring::read_member(at, w.owner());
        s.owner = "publisher " + std::to_string(to_u16(w.owner())) + " " + who.name + " (pid " + std::to_string(who.pid) + ")";
        s.owner_stopped = s.owner_lives && is_stopped_user_of(who.pid, at.ctl_name());
        out.push_back(std::move(s));
    }
    return out;
}

bool is_behind(const bus_view& v) {
    return !v.log_dir.empty() && v.recorder_alive && v.recorder == ring::recorder_state::recording && v.behind(v.written) != 0;
}

void look_twice(const ring::attachment& at, bus_facts& b) {
    const bus_view first = look_at(at);
    b.unfinished = unfinished_slots(at);
    const bool held_up = std::any_of(b.unfinished.begin(), b.unfinished.end(), [](const slot_facts& s) { return s.owner_lives; });
    for (slot_facts& s : b.unfinished) s.still = !s.owner_lives; // who is dead will not go on
    if (!is_behind(first) && !first.closed && !held_up) {
        b.view = first;
        return;
    }
    // As long as publishers of this bus would give a recorder before they call it stuck.
    b.watched_ns = std::clamp<std::int64_t>(static_cast<std::int64_t>(at.description().raw.stall_limit_ns), 100'000'000, 2'000'000'000);
    std::this_thread::sleep_for(std::chrono::nanoseconds(b.watched_ns));
    b.view = look_at(at);
    b.closed_still = first.closed && at.is_current();
    b.recorder_still = is_behind(first) && is_behind(*b.view) && first.written == b.view->written && first.captured == b.view->captured &&
                       first.generation == b.view->generation;
    for (slot_facts& s : b.unfinished) s.still = ring::load_word(at, s.seq) == s.word;
    if (b.recorder_still) b.recorder_stopped = is_stopped_user_of(b.view->recorder_pid, at.ctl_name());
}

void look_inside(bus_facts& b) {
    try {
        const auto at = ring::attachment::open(b.name, ring::access::read_only, ring::access::read_only);
        look_twice(*at, b);
        b.last_sign_ns = last_sign_of(*at, *b.view);
        if (b.view->log_dir.empty()) return;
        b.log = look_at_log(b.view->log_dir, b.view->id);
        b.head_after_log = ring::find_head(*at);
        b.view->recorder_alive |= ring::byte_is_held(at->test_fd(), ring::recorder_lock_byte); // it may have come meanwhile
    } catch (const evbus::error& e) {
        b.fault = e.kind();
        b.fault_text = e.what();
    }
}

bool is_locked(const elog::log_dir& dir) {
    const int fd = ::open(dir.lock().c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool held = ring::byte_is_held(fd, 0);
    ::close(fd);
    return held;
}

} // namespace

bus_facts look_at_bus(const std::string& name) {
    bus_facts b;
    b.name = name;
    b.ctls = look_at_ctls(name);
    b.ring = look_at_object(ring::ring_object(name));
    if (!b.ring) return b;
    read_header(b);
    look_inside(b);
    // Removed or created anew while it was looked at: what is there now counts.
    const std::optional<object_facts> now = look_at_object(ring::ring_object(name));
    if (!now || now->inode != b.ring->inode) b.ring = now, b.fault.reset(), b.view.reset(), b.unfinished.clear(), b.ctls = look_at_ctls(name);
    return b;
}

log_facts look_at_log(const std::string& dir, const evbus::bus_id& bus) {
    log_facts facts;
    facts.dir = dir;
    const elog::log_dir places{dir};
    elog::file_info info;
    if (const int r = elog::posix().stat(dir, info); r < 0) {
        facts.there = r != -ENOENT && r != -ENOTDIR;
        facts.readable = false;
        return facts;
    }
    std::vector<std::string> names;
    facts.readable = elog::posix().list(dir, names) == 0;
    if (!facts.readable) return facts;
    facts.locked = is_locked(places);
    try {
        for (const auto& run : evbus::recorder::load_manifests(elog::posix(), places).runs)
            facts.open_runs += run.status == evbus::recorder::run_status::running;
        std::vector<seq_t> segments;
        if (elog::list_segments(elog::posix(), places, segments) == 0 && !segments.empty()) {
            const bool known = !bus.empty();
            elog::log_reader reader(elog::posix(), dir, known ? elog::reader_options{bus} : elog::reader_options{});
            facts.last = reader.last_seq();
        }
    } catch (const evbus::error& e) {
        facts.fault = e.kind();
        facts.fault_text = e.what();
    }
    facts.locked |= is_locked(places); // before and after: a run is called crashed only if nobody was there
    if (facts.locked) facts.lock_holder = elog::log_lock::holder(elog::posix(), dir);
    return facts;
}

std::vector<std::string> logs_in_usual_places() {
    std::set<std::string> names;
    for (const std::string& place : elog::default_log_dirs("x")) {
        std::error_code fault;
        for (const auto& entry : fs::directory_iterator(fs::path(place).parent_path(), fault)) {
            const std::string name = entry.path().filename().string();
            if (ring::valid_bus_name(name) && elog::is_log_dir(elog::posix(), {entry.path().string()})) names.insert(name);
        }
    }
    return {names.begin(), names.end()};
}

} // namespace evctl::doctor
