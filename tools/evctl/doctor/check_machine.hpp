// What the machine's facts mean for buses on it. Pure.
#pragma once

#include "tools/evctl/doctor/finding.hpp"
#include "tools/evctl/doctor/machine.hpp"

namespace evctl::doctor {

[[nodiscard]] findings check_machine(const machine_facts& m);

// The parts of it.
[[nodiscard]] findings check_shm(const shm_facts& shm);
[[nodiscard]] findings check_clock(const clock_facts& clock);
[[nodiscard]] findings check_kernel(const kernel_facts& kernel);
[[nodiscard]] findings check_remove_ipc(const logind_facts& logind, const std::vector<user_facts>& users);
[[nodiscard]] findings check_limits(const machine_facts& m);

} // namespace evctl::doctor
