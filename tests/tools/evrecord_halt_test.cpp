// What evrecord says and ends with when its disk fails, and what the next one does: the program itself, over a disk
// whose calls are made to fail (tests/support/failing_disk.cpp).
#include "tests/support/process.hpp"
#include "tests/support/scratch_bus.hpp"
#include "tests/support/text.hpp"

#include <evbus/bus.hpp>
#include <evbus/publisher.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using support::finished;
using support::process;

namespace {

struct recorded : support::scratch_bus {
    recorded() {
        (void)evbus::bus::create(name(), {.slots = 256, .log_dir = log()});
        pen.emplace(bus(), evbus::publisher_options{.name = "author"});
    }
    evbus::bus bus() const { return evbus::bus::open(name()); }
    process record(const std::vector<std::string>& more = {}) const {
        std::vector<std::string> args = {support::tool("evrecord"), name(), "--sync", "commit"};
        args.insert(args.end(), more.begin(), more.end());
        return process(args,
                       {.environment = {"LD_PRELOAD=" EVBUS_BUILD_DIR "/tests/support/libfailing_disk.so", "EVBUS_FAILING_DISK=" + file("fault")}});
    }
    /// Publishes and waits until the recorder has it on the disk.
    void settled(int n) {
        publish(n);
        REQUIRE(bus().wait_durable(bus().head() - 1, std::chrono::hours(1)));
    }
    void publish(int n) {
        for (int i = 0; i < n; ++i) REQUIRE(pen->publish(t, std::to_string(bus().head())));
    }
    /// All seqs of the log by evtail; each event's payload is its seq.
    bool is_whole(evbus::seq_t last) const {
        const finished f = support::run({support::tool("evtail"), name(), "--source", "log", "-n", "all", "-F", "%s %p"});
        std::string want;
        for (evbus::seq_t s = 1; s <= last; ++s) want += std::to_string(s) + " " + std::to_string(s) + "\n";
        if (f.out != want) MESSAGE(f.out << f.err);
        return f.code == 0 && f.out == want;
    }
    void heal() const { std::filesystem::remove(file("fault")); }

    evbus::topic t{"t"};
    std::optional<evbus::publisher> pen;
};

using support::has;

/// One way to halt, and the start after it.
void halts(recorded& w, const std::string& fault, int code, evbus::ring::recorder_state state, const std::string& words) {
    process recorder = w.record();
    w.settled(5);
    w.write("fault", fault);
    w.publish(5);
    const finished f = recorder.wait();
    CHECK(f.code == code);
    CHECK(has(f.err, words));
    CHECK(has(f.err, "start evrecord again"));
    CHECK(w.bus().frontier().state == state);
    CHECK(w.bus().frontier().durable == 5);
    w.heal();
    process next = w.record();
    w.settled(3);
    next.signal(SIGTERM);
    const finished g = next.wait();
    CHECK(g.code == 0);
    CHECK(has(g.err, "afresh") == (code == 6));
    CHECK(w.is_whole(13));
}

} // namespace

TEST_CASE_FIXTURE(recorded, "evrecord: a failed sync ends it with 6 and the last durable seq frozen; the next one writes the rest afresh, and has all") {
    halts(*this, "sync 5", 6, evbus::ring::recorder_state::sync_failed, "sync failed (Input/output error)");
}

TEST_CASE_FIXTURE(recorded, "evrecord: a full disk, a used-up quota and the limit of a file's size end it with 5; the next one has all") {
    for (const char* fault : {"write 28", "write 122", "write 27"}) {
        CAPTURE(std::string(fault));
        recorded w;
        halts(w, fault, 5, evbus::ring::recorder_state::no_space, "no space");
    }
}

TEST_CASE_FIXTURE(recorded, "evrecord: a write that fails otherwise ends it with 2; the next one has all") {
    halts(*this, "write 5", 2, evbus::ring::recorder_state::write_failed, "write failed (Input/output error)");
}

TEST_CASE_FIXTURE(recorded, "evrecord: a disk that still cannot sync is found out at the start, before anything is called durable") {
    {
        process recorder = record();
        settled(5);
        write("fault", "sync 5");
        publish(5);
        CHECK(recorder.wait().code == 6);
    }
    const finished f = record().wait();
    CHECK(f.code == 2);
    CHECK(has(f.err, "write log's end afresh"));
    CHECK(has(f.err, "Input/output error"));
    CHECK(bus().frontier().durable == 5);
    heal();
    process next = record();
    settled(1);
    next.signal(SIGTERM);
    CHECK(next.wait().code == 0);
    CHECK(is_whole(11));
}

TEST_CASE_FIXTURE(recorded, "evrecord: a disk that stands still for longer than --halt-when-behind ends it with 7; the next one has all") {
    process recorder = record({"--halt-when-behind", "50ms", "--batch-events", "1"});
    settled(5);
    write("fault", "stall 1");
    publish(20);
    while (bus().frontier().state != evbus::ring::recorder_state::backpressure) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    CHECK(recorder.is_running()); // in a write that does not return
    const finished seen = support::run({support::tool("evctl"), "info", name()});
    CHECK(has(seen.out, "backpressure"));
    heal();
    const finished f = recorder.wait();
    CHECK(f.code == 7);
    CHECK(has(f.err, "halted: " + log() + ": events come faster than the disk takes them, for 0.05 s without a break (--halt-when-behind)"));
    CHECK(has(f.err, "start evrecord again"));
    process next = record();
    settled(1);
    next.signal(SIGTERM);
    CHECK(next.wait().code == 0);
    CHECK(is_whole(26));
}

TEST_CASE_FIXTURE(recorded, "evrecord: without --halt-when-behind a disk that stands still is waited for, and said to be slow") {
    process recorder = record({"--batch-events", "1"});
    settled(5);
    write("fault", "stall 1");
    publish(20);
    const auto at = bus().attach(evbus::ring::access::read_only);
    while (at->ctl().frontier.pressure.load() != 2) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    CHECK(has(support::run({support::tool("evctl"), "info", name()}).out, "suspended: recording waits for its disk; 1 time"));
    recorder.wait_for_err("events come faster than the disk takes them; recording waits for it");
    heal();
    recorder.wait_for_err("the disk keeps up again");
    recorder.signal(SIGTERM);
    CHECK(recorder.wait().code == 0);
    CHECK(is_whole(25));
}

TEST_CASE("evrecord: --halt-when-behind out of range is refused, naming the range") {
    for (const char* value : {"0", "10us", "25h", "soon"}) {
        CAPTURE(std::string(value));
        const finished f = support::run({support::tool("evrecord"), "x", "--halt-when-behind", value});
        CHECK(f.code == 2);
        CHECK(has(f.err, "--halt-when-behind"));
    }
}
