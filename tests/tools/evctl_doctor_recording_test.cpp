// evctl doctor on recorders that died, hang, halted or wait, and on logs that do not fit their ring.
#include "tests/tools/doctor_fixture.hpp"

#include <evbus/log/log_lock.hpp>
#include <evbus/ring/create.hpp>

#include <csignal>
#include <memory>

#include <sys/mount.h>

using namespace doctor_test;

namespace {

struct recorded : fixture {
    process record(words more = {}) const {
        words w{support::tool("evrecord"), name()};
        w.insert(w.end(), more.begin(), more.end());
        process p(std::move(w));
        p.wait_for_err("recording bus");
        return p;
    }
    /// Publishes and waits until it is in the log.
    void record_all(int events) const {
        process p = record();
        publish(events);
        REQUIRE(bus().wait_written(static_cast<evbus::seq_t>(events), std::chrono::hours(1)));
        p.signal(SIGTERM);
        REQUIRE(p.wait().code == 0);
    }
    /// Another ring under this name, as somebody would make who knows nothing of the log.
    void replace_ring(evbus::bus_id id, const std::string& dir) const {
        const std::string ctl = ctl_path();
        fs::remove(ring_path());
        fs::remove(ctl);
        ring::creation c;
        c.name = name();
        c.slots = 64;
        c.slot_bytes = 128;
        c.id = id;
        c.epoch = static_cast<evbus::epoch_t>(4711);
        c.log_dir = dir;
        REQUIRE(ring::create_ring(c));
    }
};

} // namespace

TEST_CASE_FIXTURE(recorded, "doctor: a recorder that was killed is missed while somebody publishes, and its run is called crashed") {
    create_with_log();
    process recorder = record();
    recorder.kill();
    const diagnosis quiet = doctor();
    CHECK(quiet.severity("recorder-died") == "fine"); // nothing is being lost
    CHECK(quiet.severity("run-crashed") == "fine");
    const evbus::publisher pub(bus());
    const diagnosis d = doctor();
    CHECK(d.severity("recorder-died") == "problem");
    CHECK(has(d.text("recorder-died", "means"), "publishers go on without it"));
    CHECK(has(d.text("recorder-died", "way_out"), "evrecord " + name()));
}

TEST_CASE_FIXTURE(recorded, "doctor: a recorder that is stopped does not move, and is told with the way to wake it") {
    create_with_log();
    process recorder = record();
    recorder.signal(SIGSTOP);
    publish(5); // whatever it still took before it stood
    while (bus().frontier().written >= bus().head() - 1) publish(1);
    const diagnosis d = doctor({"--fix"});
    CHECK(d.severity("recorder-stands") == "problem");
    CHECK(has(d.text("recorder-stands"), "its process is stopped"));
    CHECK(d.text("recorder-stands", "way_out") == "kill -CONT " + std::to_string(recorder.pid()));
    recorder.signal(SIGCONT);
    REQUIRE(bus().wait_written(bus().head() - 1, std::chrono::hours(1)));
    CHECK(doctor().severity("recorder") == "fine");
}

TEST_CASE_FIXTURE(recorded, "doctor: a recorder without space is told: halted, or waiting and losing") {
    fs::create_directories(log());
    if (::mount("evbus-test", log().c_str(), "tmpfs", 0, "size=300k") != 0) {
        MESSAGE("no file system of our own to be had: not tested");
        return;
    }
    const std::unique_ptr<const std::string, void (*)(const std::string*)> mounted(
        new std::string(log()), [](const std::string* at) {
            ::umount2(at->c_str(), MNT_DETACH);
            delete at;
        });
    create_with_log();
    const auto fill_until = [&](ring::recorder_state state) {
        while (bus().frontier().state != state) publish(20);
    };
    SUBCASE("halted") {
        process recorder = record();
        fill_until(ring::recorder_state::no_space);
        CHECK(recorder.wait().code == 5);
        const diagnosis d = doctor();
        CHECK(d.severity("recorder-halted") == "problem");
        CHECK(has(d.text("recorder-halted"), "no space"));
        CHECK(has(d.text("recorder-halted", "way_out"), "df -h " + log()));
    }
    SUBCASE("waiting") {
        process recorder = record({"--on-full", "lose"});
        fill_until(ring::recorder_state::waiting_space);
        const diagnosis d = doctor();
        CHECK(d.severity("recorder-waits") == "problem");
        CHECK(has(d.text("recorder-waits", "means"), "events are being lost"));
        recorder.kill();
    }
}

TEST_CASE_FIXTURE(recorded, "doctor: a strict bus that nobody records is a problem once somebody publishes") {
    create({"--log", log(), "--pacing", "strict"});
    CHECK(doctor().severity("recorder") == "fine");
    const evbus::publisher pub(bus());
    const diagnosis d = doctor();
    CHECK(d.severity("recorder") == "problem");
    CHECK(has(d.text("recorder", "means"), "publishers wait"));
}

TEST_CASE_FIXTURE(recorded, "doctor: logs that do not fit their ring: gone, ahead of it, of another bus, locked by somebody else") {
    create_with_log();
    record_all(50);
    const evbus::bus_id id = bus().id();
    SUBCASE("gone") {
        fs::rename(log(), log() + ".away");
        CHECK(doctor().severity("log-gone") == "problem");
    }
    SUBCASE("ahead") {
        replace_ring(id, log());
        publish(3);
        const diagnosis d = doctor();
        CHECK(d.severity("ring-behind") == "problem");
        CHECK(has(d.text("ring-behind"), "up to seq 50, its ring only up to 3"));
    }
    SUBCASE("of another bus") {
        replace_ring({{1, 2}}, log());
        CHECK(doctor().severity("log-foreign") == "problem");
    }
    SUBCASE("locked") {
        const auto lock = evbus::log::log_lock::acquire(evbus::log::posix(), log(), "somebody else");
        const diagnosis d = doctor();
        CHECK(d.severity("log-locked") == "warning");
        CHECK(has(d.text("log-locked"), "process " + std::to_string(::getpid()) + " (somebody else)"));
    }
    const json after = doctor({"--fix"}).whole;
    for (const json& f : after["findings"]) CHECK_MESSAGE(!f.contains("fixed"), f.dump());
    CHECK(objects() == 2);
}

TEST_CASE_FIXTURE(recorded, "doctor: a log whose ring is gone is at rest") {
    const words at_home{"XDG_STATE_HOME=" + dir()};
    create({"--log", dir() + "/evbus/" + name()});
    record_all(9);
    REQUIRE(run({support::tool("evctl"), "remove", name()}).code == 0);
    for (const words& w : {words{"doctor", "--json"}, {"doctor", name(), "--json"}}) {
        words command{support::tool("evctl")};
        command.insert(command.end(), w.begin(), w.end());
        const diagnosis d(run(command, {}, {.environment = at_home}));
        bool told = false;
        for (const json& f : d.whole["findings"])
            told |= f["check"] == "log-at-rest" && f["object"] == "log of " + name() && has(f["found"], "up to seq 9") && f["severity"] == "fine";
        CHECK(told);
    }
}
