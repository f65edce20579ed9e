// Creating a bus, with everything that keeps its seqs from ever coming back. Included by bus.hpp.
#pragma once

#include <evbus/bus.hpp>
#include <evbus/detail/probe.hpp>
#include <evbus/detail/system.hpp>
#include <evbus/log/epochs.hpp>
#include <evbus/log/log_lock.hpp>
#include <evbus/log/seq_floor.hpp>
#include <evbus/ring/clock.hpp>
#include <evbus/ring/create.hpp>
#include <evbus/ring/retire.hpp>

#include <algorithm>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace detail {

/// Least distance that a new ring keeps from one whose last seqs nobody knows.
inline constexpr std::uint64_t unknown_ring_jump = std::uint64_t{1} << 44;

/// No ring begins above this seq: room for a century of events before seqs would wrap.
inline constexpr seq_t last_first_seq = seq_t{1} << 63;

inline void check_option(bool fine, const std::string& bus, const std::string& option, const std::string& rule) {
    if (!fine) throw error(errc::bad_option, {"create bus " + bus, option, "out of range", rule});
}

/// Throws bad_name or bad_option.
inline void check_options(const std::string& name, const bus_options& o) {
    ring::check_bus_name(name);
    check_option(ring::valid_slots(o.slots.value_or(default_slots)), name, "slots " + std::to_string(o.slots.value_or(0)),
                 "use a power of two from 64 to 16777216");
    check_option(ring::valid_slot_bytes(o.slot_bytes.value_or(default_slot_bytes)), name,
                 "slot bytes " + std::to_string(o.slot_bytes.value_or(0)), "use a multiple of 64 from 128 to 65536");
    check_option(o.with_log || o.pacing.value_or(pacing::overwrite) == pacing::overwrite, name,
                 std::string("pacing ") + to_string(o.pacing.value_or(pacing::overwrite)),
                 "a bus without a log has no recorder to keep pace with: use overwrite");
    check_option(o.stall_limit.count() > 0, name, "stall limit", "use more than 0 ns");
    check_option(o.log_dir.value_or("").size() <= ring::max_log_dir, name, "log directory", "use a path of at most 1023 bytes");
}

[[nodiscard]] inline unsigned file_mode(group_access g) noexcept {
    return g == group_access::none ? 0600 : g == group_access::read ? 0640 : 0660;
}
[[nodiscard]] inline unsigned dir_mode(group_access g) noexcept {
    return g == group_access::none ? 0700 : g == group_access::read ? 0750 : 0770;
}
[[nodiscard]] inline group_access group_of_mode(unsigned mode) noexcept {
    return (mode & 0020) != 0 ? group_access::write : (mode & 0040) != 0 ? group_access::read : group_access::none;
}

/// The counter where it can be trusted, else the clock; says so when it is the clock.
[[nodiscard]] inline ring::stamp_mode choose_stamps(const bus_options& o) {
    if (!o.stamps) return ring::stamp_mode::none;
    const std::string source = read_small_file("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    // A kernel that keeps time by something slower has found the counter wanting.
    const bool distrusted = source == "hpet" || source == "acpi_pm" || source == "jiffies" || source == "refined-jiffies";
    if (counter_is_invariant() && !distrusted) return ring::stamp_mode::counter;
    if (o.on_notice)
        o.on_notice({notice_kind::clock_fallback, "the time-stamp counter is not invariant here: events are stamped "
                                                  "by clock_gettime, which costs about 20 ns each"});
    return ring::stamp_mode::wall_ns;
}

/// A directory that has things in it, and nothing of ours, was surely not meant to become a log.
inline void refuse_foreign_dir(const std::string& name, const std::string& dir) {
    std::vector<std::string> found;
    if (const int r = log::posix().list(dir, found); r < 0) throw_errno(-r, "create bus " + name, dir);
    // One look: who creates this very bus at the same time may be putting its LOCK there right now.
    for (const std::string& entry : found)
        if (entry == "LOCK" || entry == "epochs" || entry == "segments") return;
    if (!found.empty())
        throw error(errc::foreign_log, {"create bus " + name, dir, "that directory holds other things, such as '" + found.front() + "'",
                                        "give the log a directory of its own with --log"});
}

struct made_log_dir {
    std::string path;
    bool is_new = false; ///< nothing was there before
};

/// The log's directory as every process can find it; makes it when it is missing.
[[nodiscard]] inline made_log_dir make_log_dir(const std::string& name, const bus_options& o) {
    const unsigned mode = dir_mode(o.group.value_or(group_access::none));
    const auto is_there = [](const std::string& place) {
        log::file_info info;
        return log::posix().stat(place, info) != -ENOENT;
    };
    if (!o.log_dir) {
        std::vector<std::string> there = log::default_log_dirs(name);
        std::erase_if(there, [&](const std::string& place) { return !is_there(place); });
        const std::string dir = log::make_default_log_dir(log::posix(), name, mode);
        return {dir, std::find(there.begin(), there.end(), dir) == there.end()};
    }
    const std::string dir = std::filesystem::absolute(*o.log_dir).lexically_normal().string();
    const bool is_new = !is_there(dir);
    if (const int r = log::make_dirs(log::posix(), dir, mode); r < 0)
        throw_errno(-r, "make log directory", dir, "name a directory that can be written with --log");
    refuse_foreign_dir(name, dir);
    return {dir, is_new};
}

/// One try. A directory that another creator, who failed, has taken away again is made anew.
[[nodiscard]] inline std::optional<log::log_lock> lock_log_dir(const std::string& name, const bus_options& o, made_log_dir& dir) {
    try {
        return log::log_lock::try_acquire(log::posix(), dir.path, "creating bus " + name, {}, file_mode(o.group.value_or(group_access::none)));
    } catch (const error& e) {
        if (e.kind() != errc::not_found) throw;
        dir = make_log_dir(name, o);
        return std::nullopt;
    }
}

/// Takes a log directory away that a creation has made which then failed, as long as it holds nothing but
/// that failure: no file but LOCK, which the caller holds, and epochs, without a seq that was given out.
inline void remove_new_log_dir(const std::string& dir) noexcept {
    try {
        std::vector<std::string> found;
        if (log::posix().list(dir, found) < 0) return;
        for (const std::string& entry : found)
            if (entry != "LOCK" && entry != "epochs") return;
        const std::vector<log::epoch_record> lines = log::read_epochs(log::posix(), {dir});
        const bool taken_back = lines.size() == 2 && lines[0].epoch == lines[1].epoch && lines[0].first_seq == lines[1].first_seq;
        if (!lines.empty() && !taken_back) return;
        (void)log::posix().unlink(log::log_dir{dir}.epochs());
        (void)log::posix().unlink(log::log_dir{dir}.lock());
        std::error_code ignored; // somebody else has begun with it
        std::filesystem::remove(dir, ignored);
    } catch (const std::exception&) { // the error that led here is the one to tell
    }
}

/// First seq and bus id for a new ring on this log. The caller holds the log's LOCK.
inline void continue_log(const std::string& dir, const bus_options& o, ring::creation& c) {
    const log::known_seqs known = log::seq_floor(log::posix(), dir);
    const std::vector<log::epoch_record> epochs = log::read_epochs(log::posix(), {dir});
    c.first_seq = known.next;
    c.id = known.bus;
    // Without a bus id nothing was ever given out under it. A log that lost its list of epochs has one, from its segments.
    bool ended_well = epochs.empty() && known.bus.empty();
    if (!epochs.empty()) {
        const log::epoch_record& last = epochs.back();
        if (!last.name.empty() && last.name != "-" && last.name != c.name)
            throw error(errc::foreign_log, {"create bus " + c.name, dir, "that log belongs to bus '" + last.name + "'",
                                            "choose another directory with --log"});
        if (c.id.empty()) c.id = last.bus;
        ended_well = epochs.size() > 1 && epochs[epochs.size() - 2].epoch == last.epoch;
    }
    if (!ended_well) {
        // The sum of both, because the same may happen twice without a trace in the log: nobody publishes an
        // event a ns, so the later one lands above all that the ring of the earlier one can have given out.
        const std::int64_t silence = wall_ns() - known.last_time_ns;
        c.first_seq += unknown_ring_jump + (silence > 0 ? static_cast<std::uint64_t>(silence) : 0);
        if (o.on_notice)
            o.on_notice({notice_kind::repaired, "the last ring of this bus vanished with what was not recorded: the new one "
                                                "starts at a seq far above all that it can have given out", c.first_seq});
    }
    if (c.id.empty()) c.id = random_bus_id();
    if (c.first_seq > last_first_seq || c.first_seq < known.next)
        throw error(errc::damaged, {"create bus " + c.name, dir, "the seqs of this log are used up, or a file name in it claims so: the next "
                                    "one would be " + std::to_string(known.next),
                                    "look for a strange name in its directories, or begin a new log with --log"});
    log::append_epoch(log::posix(), {dir}, {c.epoch, c.first_seq, wall_ns(), boot_id(), c.id, c.name}, c.mode);
    mark(probe::create_epoch_noted);
}

/// Makes the ring. With a log, the caller holds its LOCK. False when another process was first.
[[nodiscard]] inline bool create_bus(const std::string& name, const std::string& log_dir, const bus_options& o) {
    ring::creation c;
    c.name = name;
    c.slots = o.slots.value_or(default_slots);
    c.slot_bytes = o.slot_bytes.value_or(default_slot_bytes);
    c.mode = file_mode(o.group.value_or(group_access::none));
    c.pacing = o.pacing.value_or(o.with_log ? pacing::paced : pacing::overwrite);
    c.stamps = choose_stamps(o);
    c.exclusive = o.exclusive.value_or(false);
    c.stall_limit_ns = static_cast<std::uint64_t>(o.stall_limit.count());
    c.epoch = static_cast<epoch_t>(random_u64());
    c.log_dir = log_dir;
    if (!o.with_log) {
        c.id = random_bus_id();
        return ring::create_ring(c);
    }
    continue_log(log_dir, o, c);
    // A ring that never came to be gave out no seq: without this line the next creation would take it
    // for one that vanished, and start far above.
    const auto take_back = [&]() noexcept {
        try {
            log::append_epoch(log::posix(), {log_dir}, {c.epoch, c.first_seq, wall_ns(), boot_id(), c.id, c.name}, c.mode);
        } catch (const error&) { // then the next creation starts far above; the first error is the one to tell
        }
    };
    bool made = false;
    try {
        made = ring::create_ring(c);
    } catch (...) {
        take_back();
        throw;
    }
    if (!made) take_back();
    return made;
}

template <class Value>
void check_same(const std::string& bus, const char* what, const std::optional<Value>& asked, const Value& there) {
    const auto text = [](const Value& v) -> std::string {
        if constexpr (std::is_same_v<Value, bool>) return v ? "yes" : "no";
        else if constexpr (std::is_arithmetic_v<Value>) return std::to_string(v);
        else if constexpr (std::is_enum_v<Value>) return to_string(v);
        else return v;
    };
    if (asked && *asked != there)
        throw error(errc::mismatch, {"open bus " + bus, what, "asked for " + text(*asked) + ", but the bus has " + text(there),
                                     "leave the option away, or remove the bus and create it anew"});
}

} // namespace detail

namespace detail {

/// A ring that is closed and still has its name: who removes it is about to take that away, or died.
inline void finish_removal(const bus& closed) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    while (closed.is_current() && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    errno = 0;
    if (!closed.is_current() || ring::unlink_closed(closed.name(), closed.epoch())) return;
    const bool at_work = errno == 0; // its creation byte is held: whoever removes it is stopped in the middle of it
    throw error(at_work ? errc::busy : errc::retired,
                {"open bus " + closed.name(), ring::shm_path(ring::ring_object(closed.name())),
                 at_work ? "it was closed, and the process that is removing it does not get on"
                         : "it was closed, and its name cannot be taken away by this user",
                 at_work ? "let that process go on, or end it, and try again"
                         : "its owner can: evctl remove " + closed.name() + " --force"});
}

} // namespace detail

inline bus bus::create(const std::string& name, const bus_options& options) {
    detail::check_options(name, options);
    const auto is_there = [&] { return static_cast<bool>(ring::shm_file::try_open(ring::ring_object(name), ring::access::read_only)); };
    const auto refuse = [&] {
        throw error(errc::already_exists, {"create bus " + name, ring::shm_path(ring::ring_object(name)), "it is there already",
                                           "open it, or remove it first with evctl remove " + name});
    };
    if (is_there()) refuse(); // before a log directory is made for nothing
    detail::made_log_dir log_dir;
    const std::string& dir = log_dir.path;
    std::optional<log::log_lock> lock;
    if (options.with_log) {
        log_dir = detail::make_log_dir(name, options);
        const auto patience = std::chrono::seconds(5);
        const auto deadline = std::chrono::steady_clock::now() + patience;
        while (!(lock = detail::lock_log_dir(name, options, log_dir))) {
            // Who holds it may be making this very bus.
            if (is_there() || std::chrono::steady_clock::now() > deadline) break;
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        if (!lock && !is_there())
            throw error(errc::busy, {"create bus " + name, log::log_dir{dir}.lock(),
                                     "held by " + log::log_lock::holder(log::posix(), dir) + ", which has no ring to record",
                                     "stop that process, or choose another log directory"});
    }
    mark(probe::create_locked);
    try {
        if (is_there() || !detail::create_bus(name, dir, options)) refuse();
    } catch (const error& e) {
        if (e.kind() != errc::already_exists && lock && log_dir.is_new) detail::remove_new_log_dir(dir);
        throw;
    }
    bus made = open(name);
    return made;
}

inline bus bus::open_or_create(const std::string& name, const bus_options& options) {
    detail::check_options(name, options);
    const auto opened = [&]() -> std::optional<bus> {
        try {
            bus there = open(name);
            if (!there.is_retired()) return there;
            detail::finish_removal(there);
            return std::nullopt;
        } catch (const error& e) {
            if (e.kind() != errc::not_found) throw;
            return std::nullopt;
        }
    };
    std::optional<bus> found = opened();
    while (!found) {
        try {
            found = create(name, options);
        } catch (const error& e) {
            if (e.kind() != errc::already_exists) throw;
            found = opened();
        }
    }
    detail::check_same(name, "slots", options.slots, found->slots());
    detail::check_same(name, "slot bytes", options.slot_bytes, found->slot_bytes());
    detail::check_same(name, "pacing", options.pacing, found->pacing());
    detail::check_same(name, "exclusive", options.exclusive, found->exclusive());
    detail::check_same(name, "group", options.group, detail::group_of_mode(found->at_->description().raw.mode));
    const std::string log = found->log_dir().empty() ? "none" : found->log_dir();
    if (options.log_dir)
        detail::check_same<std::string>(name, "log directory", std::filesystem::absolute(*options.log_dir).lexically_normal().string(), log);
    if (!options.with_log) detail::check_same<std::string>(name, "log directory", "none", log);
    return *std::move(found);
}

} // namespace v1
} // namespace evbus
