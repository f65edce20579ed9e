// The shared memory objects of a bus as files and locks, whatever is in them.
#pragma once

#include "tools/evctl/doctor/bus_state.hpp"

#include <optional>
#include <string>
#include <vector>

namespace evctl::doctor {

[[nodiscard]] std::optional<object_facts> look_at_object(const std::string& object);
[[nodiscard]] std::vector<ctl_facts> look_at_ctls(const std::string& bus);

/// True when the process `pid` of this namespace has `object` mapped and is stopped.
[[nodiscard]] bool is_stopped_user_of(std::uint32_t pid, const std::string& object);

} // namespace evctl::doctor
