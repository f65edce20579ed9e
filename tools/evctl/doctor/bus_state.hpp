// What there is of one bus: its objects, its ring, its recorder, its log. Looking changes nothing; what
// only time can tell (does it move?) is looked at twice.
#pragma once

#include "tools/evctl/bus_view.hpp"

#include <evbus/error.hpp>
#include <evbus/ids.hpp>
#include <evbus/ring/slot_word.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace evctl::doctor {

struct object_facts {
    std::string name; ///< below /dev/shm
    unsigned uid = 0;
    unsigned gid = 0;
    unsigned mode = 0;
    std::uint64_t bytes = 0;
    std::uint64_t allocated = 0; ///< memory behind it
    std::uint64_t inode = 0;
    bool regular = true;
    bool mine = true; ///< may be removed by who runs this
};

/// Who holds a byte of a control object, and lives therefore.
struct holder {
    std::uint16_t number = 0;
    std::uint32_t pid = 0;
    std::string name;
};

struct ctl_facts {
    object_facts object;
    evbus::epoch_t epoch{};
    bool readable = true;
    bool in_making = false; ///< its creation byte is held
    std::vector<holder> holders;
};

/// A slot that was claimed and not finished.
struct slot_facts {
    evbus::seq_t seq = 0;
    evbus::ring::slot_word word;
    bool owner_lives = false;
    bool still = false;         ///< the same at the second look
    bool owner_stopped = false; ///< its process is stopped (SIGSTOP, debugger)
    std::string owner;          ///< "publisher 3 feed (pid 12)"
};

struct log_facts {
    std::string dir; ///< empty: a bus without one
    bool there = true;
    bool readable = true;
    std::optional<evbus::errc> fault; ///< opening it as this bus's
    std::string fault_text;
    evbus::seq_t last = 0;
    bool locked = false;
    std::string lock_holder;
    std::size_t open_runs = 0; ///< manifests that say running
};

struct bus_facts {
    std::string name;
    std::optional<object_facts> ring; ///< nothing: no file of that name
    std::optional<unsigned> described_mode;
    std::optional<evbus::epoch_t> names_ctl; ///< the epoch in the ring's header, unchecked
    std::optional<evbus::errc> fault;        ///< of attaching
    std::string fault_text;
    std::optional<bus_view> view; ///< the second look
    std::vector<ctl_facts> ctls;
    std::vector<slot_facts> unfinished;
    bool closed_still = false;   ///< closed at both looks
    bool recorder_still = false; ///< behind, and no frontier moved between the looks
    bool recorder_stopped = false;
    std::int64_t watched_ns = 0;   ///< between the looks; 0: one was enough
    std::int64_t last_sign_ns = 0; ///< the latest time at which somebody did something here, as far as can be told
    log_facts log;
    evbus::seq_t head_after_log = 0; ///< the head as it was once the log had been looked at
};

/// Names of buses that have a ring or a control object, sorted; objects with our prefix and no name of
/// ours go into `strangers`.
[[nodiscard]] std::vector<std::string> names_in_shm(std::vector<object_facts>& strangers);

[[nodiscard]] bus_facts look_at_bus(const std::string& name);
[[nodiscard]] log_facts look_at_log(const std::string& dir, const evbus::bus_id& bus);

/// Logs in the usual places, of buses without a ring: names, sorted.
[[nodiscard]] std::vector<std::string> logs_in_usual_places();

} // namespace evctl::doctor
