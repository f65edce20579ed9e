// What this machine offers to a bus. Looking changes nothing.
#pragma once

#include "tools/evctl/doctor/logind.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace evctl::doctor {

struct shm_facts {
    std::string path = "/dev/shm";
    bool there = true;
    bool tmpfs = true;
    std::uint64_t total_bytes = 0; ///< 0: without limit
    std::uint64_t free_bytes = 0;
    std::uint64_t free_files = ~std::uint64_t{0};
    int create_error = 0; ///< errno of making an unnamed object there; 0: it works
    std::size_t buses = 0;
    std::uint64_t bus_bytes = 0; ///< memory of all that is named as ours
};

struct clock_facts {
    bool invariant = true;
    std::string source = "tsc"; ///< what the kernel keeps time by
    /// A kernel that keeps time by something slower has found the counter wanting.
    [[nodiscard]] bool distrusted() const;
};

struct kernel_facts {
    bool proc = true;         ///< /proc is there
    int membarrier_error = 0; ///< errno of the barrier that sleepers ask for; ENOTSUP: not offered
    bool wipe_on_fork = true;
    bool populate = true;
};

struct user_facts {
    std::string name;
    unsigned uid = 0;
    bool is_system = true;
    bool lingers = false;
    bool has_buses = false;
};

struct machine_facts {
    shm_facts shm;
    clock_facts clock;
    kernel_facts kernel;
    logind_facts logind;
    std::vector<user_facts> users; ///< who runs this, and who owns a bus
    std::uint64_t file_size_limit = ~std::uint64_t{0}; ///< RLIMIT_FSIZE
    std::uint64_t open_files_limit = ~std::uint64_t{0};
};

[[nodiscard]] machine_facts look_at_machine();

/// Shared memory of a bus that is created without options.
[[nodiscard]] std::uint64_t default_bus_bytes();

/// "root", or the number of a user without a name.
[[nodiscard]] std::string name_of_user(unsigned uid);

} // namespace evctl::doctor
