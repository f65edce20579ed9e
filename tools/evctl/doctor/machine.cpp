#include "tools/evctl/doctor/machine.hpp"

#include <evbus/bus_options.hpp>
#include <evbus/ring/create.hpp>
#include <evbus/ring/doorbell.hpp>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>

#include <fcntl.h>
#include <linux/magic.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace evctl::doctor {
namespace {

namespace ring = evbus::ring;

// An object without a name, as a creator makes it: gone when it is closed.
int try_create(const char* dir) {
    const int fd = ::open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) return errno;
    ::close(fd);
    return 0;
}

shm_facts look_at_shm(std::set<unsigned>& owners) {
    shm_facts facts;
    facts.path = ring::shm_directory;
    struct stat dir {};
    facts.there = ::stat(ring::shm_directory, &dir) == 0 && S_ISDIR(dir.st_mode);
    if (!facts.there) return facts;
    struct statfs kind {};
    struct statvfs space {};
    if (::statfs(ring::shm_directory, &kind) == 0) facts.tmpfs = kind.f_type == TMPFS_MAGIC;
    if (::statvfs(ring::shm_directory, &space) == 0) {
        facts.total_bytes = std::uint64_t{space.f_blocks} * space.f_frsize;
        facts.free_bytes = std::uint64_t{space.f_bavail} * space.f_frsize;
        if (space.f_files != 0) facts.free_files = space.f_favail;
    }
    facts.create_error = try_create(ring::shm_directory);
    std::error_code fault;
    for (const auto& entry : std::filesystem::directory_iterator(ring::shm_directory, fault)) {
        const std::string name = entry.path().filename().string();
        struct stat s {};
        if (!name.starts_with("evbus.") || ::lstat(entry.path().c_str(), &s) != 0) continue;
        facts.bus_bytes += static_cast<std::uint64_t>(s.st_blocks) * 512;
        if (!name.ends_with(".ring")) continue;
        ++facts.buses;
        owners.insert(s.st_uid);
    }
    return facts;
}

bool advice_is_known(int advice) {
    void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return true; // that is another trouble
    const bool known = ::madvise(page, 4096, advice) == 0 || errno != EINVAL;
    ::munmap(page, 4096);
    return known;
}

kernel_facts look_at_kernel() {
    constexpr int wipe_on_fork = 18; // MADV_WIPEONFORK, MADV_POPULATE_READ: also where the headers are older
    constexpr int populate_read = 22;
    kernel_facts facts;
    facts.proc = ::access("/proc/self/fd", F_OK) == 0;
    if (!ring::fences::can_ring_unfenced() || !ring::fences::everywhere()) facts.membarrier_error = errno != 0 ? errno : ENOTSUP;
    facts.wipe_on_fork = advice_is_known(wipe_on_fork);
    facts.populate = advice_is_known(populate_read);
    return facts;
}

std::uint64_t limit_of(__rlimit_resource what) {
    struct rlimit limit {};
    return ::getrlimit(what, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY ? limit.rlim_cur : ~std::uint64_t{0};
}

} // namespace

bool clock_facts::distrusted() const {
    return source == "hpet" || source == "acpi_pm" || source == "jiffies" || source == "refined-jiffies";
}

std::uint64_t default_bus_bytes() {
    return ring::ring_bytes(evbus::default_slots, evbus::default_slot_bytes) + ring::ctl_bytes;
}

std::string name_of_user(unsigned uid) {
    const passwd* entry = ::getpwuid(uid);
    return entry != nullptr ? entry->pw_name : std::to_string(uid);
}

machine_facts look_at_machine() {
    machine_facts facts;
    std::set<unsigned> owners;
    facts.shm = look_at_shm(owners);
    facts.clock = {evbus::detail::counter_is_invariant(),
                   evbus::detail::read_small_file("/sys/devices/system/clocksource/clocksource0/current_clocksource")};
    facts.kernel = look_at_kernel();
    facts.logind = look_at_logind();
    facts.file_size_limit = limit_of(RLIMIT_FSIZE);
    facts.open_files_limit = limit_of(RLIMIT_NOFILE);
    std::set<unsigned> users = owners;
    users.insert(::geteuid());
    for (const unsigned uid : users) {
        const std::string name = name_of_user(uid);
        facts.users.push_back({name, uid, uid <= last_system_uid(), lingers(name), owners.count(uid) == 1});
    }
    return facts;
}

} // namespace evctl::doctor
