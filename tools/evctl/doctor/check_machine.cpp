#include "tools/evctl/doctor/check_machine.hpp"

#include "tools/cli/units.hpp"

#include <cerrno>
#include <cstring>

namespace evctl::doctor {
namespace {

constexpr auto fine = severity::fine;
constexpr auto warning = severity::warning;
constexpr auto problem = severity::problem;

/// A /dev/shm that holds fewer buses of the default size than this is called small.
constexpr std::uint64_t few_buses = 16;

constexpr const char* enlarge = "mount -o remount,size=1G /dev/shm (in a container: --shm-size=1g, Kubernetes: an emptyDir "
                                "with medium Memory); evctl remove what is not needed";

finding shm_space(const shm_facts& shm) {
    const std::uint64_t one = default_bus_bytes();
    const std::string bus = "a bus of the default size reserves " + cli::format_size(one);
    std::string state = cli::format_size(shm.free_bytes) + " of " + cli::format_size(shm.total_bytes) + " free; " +
                        std::to_string(shm.buses) + (shm.buses == 1 ? " bus reserves " : " buses reserve ") + cli::format_size(shm.bus_bytes);
    if (shm.total_bytes == 0)
        return {fine, "shm", shm.path, "without limit; " + std::to_string(shm.buses) + " bus(es) reserve " + cli::format_size(shm.bus_bytes)};
    if (shm.total_bytes < one)
        return {problem, "shm-small", shm.path, state, bus + ": that can never be created here", enlarge};
    if (shm.free_bytes < one)
        return {problem, "shm-full", shm.path, state,
                bus + ": creating one fails now, and so does the next start after a reboot of what stands here. Buses that are there "
                      "have all of their memory and go on", enlarge};
    if (shm.total_bytes < few_buses * one)
        return {warning, "shm-small", shm.path, state,
                bus + ": there is room for " + std::to_string(shm.free_bytes / one) + " more", enlarge};
    if (shm.free_bytes < shm.total_bytes / 10)
        return {warning, "shm-full", shm.path, state, "nearly full; creating a bus fails once it is", enlarge};
    return {fine, "shm", shm.path, std::move(state)};
}

} // namespace

findings check_shm(const shm_facts& shm) {
    const std::string mount = "mkdir -p /dev/shm && mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /dev/shm";
    if (!shm.there)
        return {{problem, "shm-missing", shm.path, "there is no such directory", "no bus can be created or opened on this machine", mount}};
    findings out;
    if (!shm.tmpfs)
        out.push_back({warning, "shm-no-tmpfs", shm.path, "it is no tmpfs but some other file system",
                       "rings lie on that file system: slower, written back to a disk, and still there, without any member, after a reboot",
                       mount});
    if (shm.create_error != 0)
        out.push_back({problem, "shm-refuses", shm.path, std::string("making an object there fails: ") + std::strerror(shm.create_error),
                       "no bus can be created by this user; those that are there can be used",
                       shm.create_error == EACCES || shm.create_error == EPERM ? "chmod 1777 /dev/shm"
                       : shm.create_error == EROFS                             ? "mount -o remount,rw /dev/shm"
                       : shm.create_error == EOPNOTSUPP || shm.create_error == EISDIR ? mount : enlarge});
    if (shm.free_files < 2)
        out.push_back({problem, "shm-files", shm.path, "no file can be made there any more (its inodes are used up)",
                       "a bus needs two", "mount -o remount,nr_inodes=0 /dev/shm"});
    out.push_back(shm_space(shm));
    return out;
}

findings check_clock(const clock_facts& clock) {
    const bool quick = clock.source == "tsc" || clock.source == "kvm-clock" || clock.source.starts_with("hyperv") || clock.source == "arch_sys_counter";
    const std::string cost = quick || clock.source.empty() ? "about 20 ns an event" : "a system call an event, since the kernel keeps time by " + clock.source;
    if (!clock.invariant)
        return {{warning, "clock-counter", "clock", "the processor's counter is not invariant (or hidden by the hypervisor)",
                 "events are stamped by clock_gettime: " + cost + " and handle; nothing is wrong with the times",
                 "in a virtual machine: let the hypervisor pass invtsc on; where times are not needed: bus_options::stamps = false"}};
    if (clock.distrusted())
        return {{warning, "clock-source", "clock", "the counter is invariant, but the kernel keeps time by " + clock.source,
                 "it has found the counter wanting: new buses stamp events by clock_gettime, " + cost,
                 "dmesg | grep -i -e tsc -e clocksource says why; boot with tsc=reliable only if you know better"}};
    return {{fine, "clock", "clock", "invariant counter" + (clock.source.empty() ? "" : ", clock source " + clock.source)}};
}

findings check_kernel(const kernel_facts& kernel) {
    findings out;
    if (!kernel.proc)
        out.push_back({problem, "proc-missing", "/proc", "it is not mounted",
                       "no bus can be created: giving an object its name goes through /proc/self/fd", "mount -t proc proc /proc"});
    if (kernel.membarrier_error != 0)
        out.push_back({warning, "membarrier", "kernel", std::string("membarrier is refused: ") + std::strerror(kernel.membarrier_error),
                       "each publish pays for a full fence (about 10 ns), and sleeping readers wake every millisecond to look for themselves: "
                       "nothing is lost, but idle processes are not idle",
                       "allow membarrier in the seccomp profile (Docker's and Podman's own do); it needs Linux 4.16"});
    if (!kernel.wipe_on_fork)
        out.push_back({warning, "wipe-on-fork", "kernel", "MADV_WIPEONFORK is not there",
                       "a forked child that uses its parent's handles is not told so, and disturbs the parent's place",
                       "open the bus in the child; Linux 4.14 or newer has it"});
    if (!kernel.populate)
        out.push_back({fine, "populate", "kernel", "MADV_POPULATE is not there (Linux before 5.14)",
                       "publishers pay 1-2 us at the first write to each page of a ring"});
    if (out.empty()) out.push_back({fine, "kernel", "kernel", "/proc, membarrier, wipe-on-fork and populate are there"});
    return out;
}

findings check_remove_ipc(const logind_facts& logind, const std::vector<user_facts>& users) {
    findings out;
    for (const user_facts& u : users) {
        if (!logind.runs || !logind.remove_ipc || u.is_system || u.lingers) continue;
        out.push_back({warning, "remove-ipc", "user " + u.name,
                       "logind removes all shared memory of a user at the end of his last session (RemoveIPC=yes, " +
                           (logind.set_in.empty() ? std::string("its default") : logind.set_in) + ")",
                       std::string("once ") + u.name + " has logged out, the names of " + (u.has_buses ? "his buses" : "buses he creates") +
                           " are gone: who is on them goes on among themselves, newcomers start an empty ring, and what was not recorded is lost to them",
                       "loginctl enable-linger " + u.name + "; or RemoveIPC=no in /etc/systemd/logind.conf.d/evbus.conf and "
                       "systemctl restart systemd-logind; or run it as a system service under a system user"});
    }
    if (!out.empty()) return out;
    out.push_back({fine, "remove-ipc", "logind",
                   !logind.runs         ? "does not run here: nobody removes shared memory at log-out"
                   : !logind.remove_ipc ? "leaves shared memory alone (RemoveIPC=no)"
                                        : "removes the shared memory of nobody here (system users, or lingering ones)"});
    return out;
}

findings check_limits(const machine_facts& m) {
    findings out;
    if (m.file_size_limit < default_bus_bytes())
        out.push_back({problem, "limit-fsize", "limits", "files may not grow beyond " + cli::format_size(m.file_size_limit) + " (ulimit -f)",
                       "it holds for shared memory and for the log: creating a bus of the default size fails, and recorders halt at that size",
                       "ulimit -f unlimited, or LimitFSIZE=infinity in the unit"});
    if (m.open_files_limit < 64)
        out.push_back({warning, "limit-files", "limits", "a process may have " + std::to_string(m.open_files_limit) + " files open (ulimit -n)",
                       "each handle of a bus needs two or three; opening fails when there are no more", "ulimit -n 1024"});
    return out;
}

findings check_machine(const machine_facts& m) {
    findings all;
    const auto add = [&](findings some) { all.insert(all.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end())); };
    add(check_shm(m.shm));
    add(check_clock(m.clock));
    add(check_kernel(m.kernel));
    add(check_remove_ipc(m.logind, m.users));
    add(check_limits(m));
    return all;
}

} // namespace evctl::doctor
