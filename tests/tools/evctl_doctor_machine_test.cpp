// evctl doctor on machines that are not as they should be, made by mounts, limits and filters of our own.
#include "tests/ring/process_fixture.hpp"
#include "tests/tools/doctor_fixture.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstddef>

using namespace doctor_test;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer);
#else
constexpr bool sanitized = false;
#endif

const std::string look = support::tool("evctl") + " doctor --json";

void check_found(const std::string& script, const std::string& check, const std::string& severity) {
    const std::optional<finished> f = in_own_mounts(script);
    if (!f) return;
    const diagnosis d(*f);
    CHECK_MESSAGE(d.severity(check) == severity, check);
    if (severity == "problem") CHECK(f->code == 4);
    if (severity != "fine") CHECK(d.text(check, "way_out").size() > 5);
}

// From here on membarrier is refused, as by a container's filter of system calls.
bool refuse_membarrier() {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter{4, program};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

} // namespace

TEST_CASE("doctor: /dev/shm too small, small, nearly full, full, without inodes") {
    const auto of_size = [](const std::string& options) { return "mount -t tmpfs -o " + options + " none /dev/shm || exit 77; "; };
    check_found(of_size("size=2M") + look, "shm-small", "problem");
    check_found(of_size("size=64M") + look, "shm-small", "warning"); // what Docker gives
    const std::string fill = "dd if=/dev/zero of=/dev/shm/x bs=1M status=none count=";
    check_found(of_size("size=200M") + fill + "190; " + look, "shm-full", "warning");
    check_found(of_size("size=20M") + fill + "18; " + look, "shm-full", "problem");
    check_found(of_size("size=200M,nr_inodes=2") + "touch /dev/shm/x; " + look, "shm-files", "problem");
    check_found(of_size("size=200M") + look, "shm", "fine");
}

TEST_CASE("doctor: what the buses reserve is counted") {
    const std::optional<finished> f = in_own_mounts("mount -t tmpfs -o size=200M none /dev/shm || exit 77; " + support::tool("evctl") +
                                                    " create a --no-log --slots 65536 2> /dev/null; " + look);
    if (f) CHECK(has(diagnosis(*f).text("shm"), "1 bus reserves 17"));
}

TEST_CASE("doctor: /dev/shm missing, read-only, or no tmpfs; /proc missing") {
    check_found("mount -t tmpfs none /dev || exit 77; " + look, "shm-missing", "problem");
    check_found("mount -t tmpfs -o ro none /dev/shm || exit 77; " + look, "shm-refuses", "problem");
    check_found("mount -t ramfs none /dev/shm || exit 77; " + look, "shm-no-tmpfs", "warning");
    // The address sanitizer looks for leaks at the end, and reads in /proc how, and whether it shall.
    if (!sanitized) check_found("mount -t tmpfs none /proc || exit 77; " + look, "proc-missing", "problem");
}

TEST_CASE("doctor: limits that stand against a bus") {
    const auto with_limit = [](const std::string& limit) { return diagnosis(run({"sh", "-c", "ulimit " + limit + " && exec " + look})); };
    CHECK(with_limit("-f 1000").severity("limit-fsize") == "problem");
    CHECK(with_limit("-n 32").severity("limit-files") == "warning");
}

TEST_CASE_FIXTURE(fixture, "doctor: a filter that refuses membarrier") {
    const std::string out = file("out");
    ring_test::child filtered([&] {
        if (!refuse_membarrier()) return 77;
        ::execl("/bin/sh", "sh", "-c", (look + " > " + out).c_str(), nullptr);
        return 1;
    });
    const int code = filtered.wait();
    if (code == 77) {
        MESSAGE("no filter of system calls to be had: not tested");
        return;
    }
    const json found = json::parse(support::read_file(out));
    bool told = false;
    for (const json& f : found["findings"]) told |= f["check"] == "membarrier" && f["severity"] == "warning";
    CHECK(told);
    create(); // and a bus works all the same
    publish(1);
}

TEST_CASE_FIXTURE(fixture, "evctl: a creation that fails for lack of memory takes its new log directory away, and no other") {
    const auto fails = [&] {
        const auto f = in_own_mounts("mount -t tmpfs -o size=2M none /dev/shm || exit 77; exec " + support::tool("evctl") + " create " + name() +
                                     " --log " + log());
        if (!f) return false;
        CHECK(f->code == 2);
        CHECK(has(f->err, "no space left"));
        return true;
    };
    if (!fails()) return;
    CHECK(!fs::exists(log()));
    fs::create_directory(log()); // by somebody who had his reasons
    CHECK(fails());
    CHECK(fs::is_directory(log()));
    fs::remove_all(log());
    create_with_log(); // a log that was in use keeps its seqs
    publish(10);
    REQUIRE(run({support::tool("evctl"), "remove", name()}).code == 0);
    CHECK(fails());
    create_with_log();
    CHECK(bus().first_seq() == 11);
}
