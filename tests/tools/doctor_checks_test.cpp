// The doctor's checks, fed with machines and buses that no test can have.
#include "tests/support/scratch_bus.hpp"
#include "tests/support/text.hpp"
#include "tools/evctl/doctor/check_bus.hpp"
#include "tools/evctl/doctor/check_machine.hpp"
#include "tools/evctl/doctor/report.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <map>

using namespace evctl::doctor;
using evctl::bus_view;
using evbus::ring::recorder_state;

namespace {

constexpr std::int64_t hour_ns = 3'600'000'000'000;

const finding* of(const findings& all, const std::string& check) {
    for (const finding& f : all)
        if (f.check == check) return &f;
    return nullptr;
}
/// "warning", or "-" when there is no such finding.
std::string level(const findings& all, const std::string& check) {
    const finding* f = of(all, check);
    return f == nullptr ? "-" : to_string(f->level);
}
using support::has;

/// A recorded bus with one publisher, as it should be.
bus_facts healthy() {
    bus_facts b;
    b.name = "md";
    b.ring = object_facts{"evbus.md.ring", 1000, 1000, 0600, 8192, 8192, 1, true, true};
    b.described_mode = 0600;
    b.names_ctl = static_cast<evbus::epoch_t>(7);
    bus_view v;
    v.name = "md";
    v.log_dir = "/log/md";
    v.pacing = evbus::pacing::paced;
    v.head = 101;
    v.written = v.captured = v.durable = 100;
    v.recorder = recorder_state::recording;
    v.recorder_alive = true;
    v.recorder_pid = 5;
    evctl::member_view pub;
    pub.info.kind = evbus::ring::member_kind::publisher;
    pub.alive = true;
    v.members.push_back(pub);
    b.view = v;
    b.log.dir = v.log_dir;
    b.head_after_log = 101;
    return b;
}

} // namespace

TEST_CASE("doctor checks: a counter that cannot be used is a warning that says what it costs") {
    CHECK(level(check_clock({true, "tsc"}), "clock") == "fine");
    CHECK(level(check_clock({true, ""}), "clock") == "fine"); // hidden by a container
    const findings hidden = check_clock({false, "kvm-clock"});
    CHECK(level(hidden, "clock-counter") == "warning");
    CHECK(has(hidden[0].means, "20 ns"));
    const findings slow = check_clock({false, "hpet"});
    CHECK(has(slow[0].means, "a system call"));
    for (const char* source : {"hpet", "acpi_pm", "jiffies", "refined-jiffies"})
        CHECK(level(check_clock({true, source}), "clock-source") == "warning");
}

TEST_CASE("doctor checks: a ring stamped by a counter that the kernel has since given up") {
    bus_facts b = healthy();
    b.view->stamps = evbus::ring::stamp_mode::counter;
    CHECK(level(check_members(b, {}), "stamps-doubtful") == "-");
    judgement given_up;
    given_up.clock = {true, "hpet"};
    CHECK(level(check_members(b, given_up), "stamps-doubtful") == "warning");
}

TEST_CASE("doctor checks: a kernel without what evbus uses") {
    CHECK(level(check_kernel({}), "kernel") == "fine");
    kernel_facts old;
    old.wipe_on_fork = old.populate = false;
    const findings f = check_kernel(old);
    CHECK(level(f, "wipe-on-fork") == "warning");
    CHECK(level(f, "populate") == "fine");
    CHECK(level(f, "kernel") == "-");
}

TEST_CASE("doctor checks: RemoveIPC threatens users who are no system users, do not linger, and have a logind") {
    const logind_facts yes{true, true, ""};
    const user_facts alice{"alice", 1000, false, false, true};
    const findings f = check_remove_ipc(yes, {alice});
    CHECK(level(f, "remove-ipc") == "warning");
    CHECK(has(f[0].object, "alice"));
    CHECK(has(f[0].way_out, "loginctl enable-linger alice"));
    CHECK(has(f[0].means, "logged out"));
    user_facts system = alice;
    system.is_system = true;
    user_facts lingering = alice;
    lingering.lingers = true;
    CHECK(level(check_remove_ipc(yes, {system, lingering}), "remove-ipc") == "fine");
    CHECK(level(check_remove_ipc({true, false, ""}, {alice}), "remove-ipc") == "fine");
    CHECK(level(check_remove_ipc({false, true, ""}, {alice}), "remove-ipc") == "fine");
}

TEST_CASE("doctor checks: logind's configuration is read as logind reads it") {
    CHECK(parse_remove_ipc("[Login]\nRemoveIPC=no\n", true) == false);
    CHECK(parse_remove_ipc("#RemoveIPC=no\n[Login]\n; RemoveIPC=no\n", true) == true);
    CHECK(parse_remove_ipc("[Other]\nRemoveIPC=no\n", true) == true);
    CHECK(parse_remove_ipc("[Login]\n RemoveIPC = OFF \r\nRemoveIPC=perhaps", true) == false);
    CHECK(parse_remove_ipc("[Login]\nRemoveIPC=no\nRemoveIPC=1", true) == true);

    const support::scratch_bus scratch;
    const auto put = [&](const std::string& path, const std::string& text) {
        std::filesystem::create_directories(std::filesystem::path(scratch.file(path)).parent_path());
        scratch.write(path, text);
    };
    const auto now = [&] { return look_at_logind(scratch.dir()); };
    CHECK_FALSE(now().runs);
    CHECK(now().remove_ipc); // the default
    std::filesystem::create_directories(scratch.file("run/systemd/users"));
    put("usr/lib/systemd/logind.conf", "[Login]\nRemoveIPC=no\n");
    CHECK(now().runs);
    CHECK_FALSE(now().remove_ipc);
    put("etc/systemd/logind.conf", "[Login]\n"); // hides that of /usr/lib
    CHECK(now().remove_ipc);
    put("usr/lib/systemd/logind.conf.d/50-a.conf", "[Login]\nRemoveIPC=no\n");
    CHECK_FALSE(now().remove_ipc);
    CHECK(has(now().set_in, "50-a.conf"));
    put("run/systemd/logind.conf.d/40-b.conf", "[Login]\nRemoveIPC=yes\n"); // sorts before
    CHECK_FALSE(now().remove_ipc);
    put("etc/systemd/logind.conf.d/50-a.conf", ""); // masks the one of the same name
    CHECK(now().remove_ipc);

    CHECK(last_system_uid(scratch.dir()) == 999);
    put("etc/login.defs", "# SYS_UID_MAX 1\nSYS_UID_MIN 101\nSYS_UID_MAX\t\t 499\n");
    CHECK(last_system_uid(scratch.dir()) == 499);
    CHECK_FALSE(lingers("alice", scratch.dir()));
    put("var/lib/systemd/linger/alice", "");
    CHECK(lingers("alice", scratch.dir()));
}

TEST_CASE("doctor checks: nothing is found on a healthy bus") {
    for (const finding& f : check_bus(healthy(), {})) CHECK_MESSAGE(f.level == severity::fine, f.check);
}

TEST_CASE("doctor checks: every way in which a recorder halts has a way out of its own") {
    std::map<std::string, int> ways;
    for (const auto state : {recorder_state::no_space, recorder_state::sync_failed, recorder_state::backpressure, recorder_state::corruption,
                             recorder_state::write_failed}) {
        bus_facts b = healthy();
        b.view->recorder = state;
        b.view->recorder_alive = false;
        const findings f = check_recording(b);
        REQUIRE(level(f, "recorder-halted") == "problem");
        CHECK(has(of(f, "recorder-halted")->found, evctl::to_text(state)));
        ++ways[of(f, "recorder-halted")->way_out];
    }
    CHECK(ways.size() == 5);
}

TEST_CASE("doctor checks: a recorder that stands is told with what publishers do about it") {
    bus_facts b = healthy();
    b.view->head = b.head_after_log = 201;
    CHECK(level(check_recording(b), "recorder") == "fine"); // behind, and moving
    b.recorder_still = true;
    CHECK(has(of(check_recording(b), "recorder-stands")->means, "a second at most"));
    b.view->verdict_stands = true;
    CHECK(has(of(check_recording(b), "recorder-stands")->means, "have given up"));
    b.view->pacing = evbus::pacing::strict;
    CHECK(has(of(check_recording(b), "recorder-stands")->means, "wait"));
    b.recorder_still = false;
    CHECK(level(check_recording(b), "verdict") == "warning");
}

TEST_CASE("doctor checks: a bus is stale only after its time, without members, and without unrecorded events") {
    bus_facts b = healthy();
    b.view->members.clear();
    b.view->recorder_alive = false;
    b.view->recorder = recorder_state::ended;
    b.last_sign_ns = 100 * hour_ns;
    judgement how;
    how.asked = true;
    how.now_ns = 123 * hour_ns;
    CHECK(level(check_members(b, how), "no-members") == "fine");
    CHECK(has(of(check_members(b, how), "no-members")->found, "23 hours"));
    how.now_ns = 125 * hour_ns;
    REQUIRE(level(check_members(b, how), "bus-stale") == "warning");
    CHECK(of(check_members(b, how), "bus-stale")->fix == cure::remove_bus);
    b.view->head = 111;
    CHECK(of(check_members(b, how), "bus-stale")->fix == cure::none);
    b.view->head = 101;
    how.asked = false;
    CHECK(of(check_members(b, how), "bus-stale")->fix == cure::none);
    how.now_ns = 0; // a clock that was set back
    CHECK(level(check_members(b, how), "no-members") == "fine");
}

TEST_CASE("doctor checks: what belongs to somebody else is a warning at most, and nothing of it is cleaned") {
    bus_facts b;
    b.name = "md";
    b.ctls.push_back({{"evbus.md.ctl-0000000000000007", 1, 1, 0600, 1, 1, 1, true, false}, static_cast<evbus::epoch_t>(7), true, false, {}});
    findings f = check_bus(b, {});
    REQUIRE(level(f, "ctl-orphaned") == "warning");
    CHECK(f[0].fix == cure::none);
    CHECK(has(f[0].way_out, "its owner"));
    b = healthy();
    b.ring->mine = false;
    b.log.there = false;
    CHECK(level(check_bus(b, {}), "log-gone") == "warning");
}

TEST_CASE("doctor checks: the report shows the worst first, in columns, and nothing of a stranger's name runs wild") {
    findings all{{severity::fine, "a", "x", "well"}, {severity::problem, "b", "bus m\033[31m", "bad", "it hurts", "rest"}};
    all[1].unfixed = "no";
    sort_by_severity(all);
    const std::string text = report_text(all, false);
    CHECK(text.starts_with("problem  bus m\\e[31m"));
    CHECK(text.find('\033') == std::string::npos);
    CHECK(has(text, "do     rest\n"));
    CHECK(has(text, "left   no\n"));
    CHECK(has(report_text(all, true), "\033[1;31mproblem"));
    all[0].means = "many words that do not fit into one line of a terminal as narrow as this one is";
    for (std::size_t at = 0, columns = 40; at < report_text(all, false, columns).size();) {
        const std::string narrow = report_text(all, false, columns);
        const std::size_t end = narrow.find('\n', at);
        CHECK(end - at <= columns);
        at = end + 1;
    }
    CHECK(has(report_text(all, false, 40), "         means  many words that do not\n                fit into"));
    CHECK(count_left(all, severity::problem) == 1);
    all[0].fixed = "done";
    CHECK(count_left(all, severity::problem) == 0);
    CHECK(has(report_json(all), "\"fixed\": \"done\""));
}

TEST_CASE("doctor checks: a reader that does not keep up is named, with what it costs it and a way out") {
    bus_facts b = healthy();
    evctl::member_view slow;
    slow.info.kind = evbus::ring::member_kind::consumer;
    slow.info.name = "billing";
    slow.info.pid = 77;
    slow.info.position = 1;
    slow.alive = true;
    slow.lag = 1234;
    const auto found = [&](evbus::pressure p) {
        slow.info.pressure = static_cast<std::uint32_t>(p);
        b.view->members = {slow};
        return check_members(b, {});
    };
    CHECK(level(found(evbus::pressure::normal), "member-suspended") == "-");
    CHECK(level(found(evbus::pressure::throttled), "member-suspended") == "-");
    const findings all = found(evbus::pressure::suspended);
    CHECK(level(all, "member-suspended") == "warning");
    const finding& f = *of(all, "member-suspended");
    CHECK(f.found == "consumer billing (pid 77) does not keep up: 1,234 event(s) behind the head");
    CHECK(has(f.means, "nothing is lost"));
    slow.info.shed = 2;
    slow.info.kind = evbus::ring::member_kind::subscriber;
    const findings lossy = found(evbus::pressure::suspended);
    CHECK(has(of(lossy, "member-suspended")->found, ", 2 large one(s) over its byte budget"));
    CHECK(has(of(lossy, "member-suspended")->means, "is lost to it"));
    slow.alive = false; // what the dead left there says nothing
    CHECK(level(found(evbus::pressure::suspended), "member-suspended") == "-");
}

TEST_CASE("doctor checks: a recorder that waits for its disk is a warning that says what it does to publishers") {
    bus_facts b = healthy();
    b.view->disk = 2;
    b.view->suspensions = 3;
    const findings paced = check_recording(b);
    CHECK(level(paced, "recorder-suspended") == "warning");
    CHECK(has(of(paced, "recorder-suspended")->found, "3 time(s) suspended so far"));
    CHECK(has(of(paced, "recorder-suspended")->means, "held up"));
    b.view->pacing = evbus::pacing::overwrite;
    CHECK(has(of(check_recording(b), "recorder-suspended")->means, "LOST"));
    b.recorder_still = true; // it does not move at all: that is the greater trouble
    CHECK(level(check_recording(b), "recorder-suspended") == "-");
    CHECK(level(check_recording(b), "recorder-stands") == "problem");
    b.view->disk = 1;
    b.recorder_still = false;
    CHECK(level(check_recording(b), "recorder") == "fine");
}
