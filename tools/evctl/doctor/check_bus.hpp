// What the facts of one bus mean. Pure: `now_ns` is given, and so is what counts as long.
#pragma once

#include "tools/evctl/doctor/bus_state.hpp"
#include "tools/evctl/doctor/finding.hpp"
#include "tools/evctl/doctor/machine.hpp"

#include <cstdint>

namespace evctl::doctor {

struct judgement {
    std::int64_t now_ns = 0;
    std::int64_t stale_after_ns = 86'400'000'000'000; ///< a bus without members is called stale after this
    bool asked = false;    ///< this very bus was named
    clock_facts clock{};
};

[[nodiscard]] findings check_bus(const bus_facts& b, const judgement& how);

// The parts of it.
[[nodiscard]] findings check_objects(const bus_facts& b, const judgement& how);
[[nodiscard]] findings check_members(const bus_facts& b, const judgement& how);
[[nodiscard]] findings check_recording(const bus_facts& b);

/// A file with our prefix and no name of ours.
[[nodiscard]] finding check_stranger(const object_facts& object);
/// A log whose bus has no ring.
[[nodiscard]] findings check_resting_log(const std::string& bus, const log_facts& log);

} // namespace evctl::doctor
