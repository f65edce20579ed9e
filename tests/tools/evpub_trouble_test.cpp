// evpub when something is wrong: each has its own message, its exit code, and leaves nothing behind.
#include "tests/support/process.hpp"
#include "tests/support/scratch_bus.hpp"
#include "tests/tools/bus_reader.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <fstream>

using support::finished;
using support::process;
using support::run;
using support::scratch_bus;
using support::words;
using tools_test::payloads;
using tools_test::read_all;

namespace {

struct fixture : scratch_bus {
    words command(words more, const std::string& topic = "t") const {
        words w{support::tool("evpub"), name(), topic};
        w.insert(w.end(), more.begin(), more.end());
        return w;
    }
    finished pub(words more, std::string_view input = {}, const std::string& topic = "t") const {
        return run(command(std::move(more), topic), input);
    }
};

void check_refused(const finished& f, const std::string& because) {
    CHECK(f.code == 2);
    CHECK(f.out.empty());
    CHECK_MESSAGE(f.err.find(because) != std::string::npos, f.err, " lacks: ", because);
}

words as_nobody(words command) {
    words w{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"};
    w.insert(w.end(), command.begin(), command.end());
    return w;
}

bool can_be_nobody() {
    if (::geteuid() == 0 && run(as_nobody({"true"})).code == 0) return true;
    MESSAGE("not root, or no setpriv: not tested");
    return false;
}

} // namespace

TEST_CASE_FIXTURE(fixture, "evpub: wrong flags and values are refused before anything is made") {
    const std::vector<std::pair<words, std::string>> cases{
        {{"--slots", "100"}, "power of two"},
        {{"--slots", "32"}, "power of two"},
        {{"--slots", "many"}, "--slots"},
        {{"--slot-bytes", "100"}, "multiple of 64"},
        {{"--slot-bytes", "1M"}, "65536"},
        {{"--pacing", "slow"}, "overwrite|paced|strict"},
        {{"--group", "all"}, "none|read|write"},
        {{"--no-log", "--pacing", "strict"}, "use overwrite"},
        {{"--no-log", "--log", "/tmp"}, "contradict"},
        {{"--log", ""}, "--log"},
        {{"--lines", "/nowhere/file"}, "no such file"},
        {{"--lines", "/tmp"}, "directory"},
        {{"--count", "0x"}, "--count"},
        {{"--count", "5", "--lines", "f"}, "--lines"},
        {{"--count", "5", "--crlf"}, "--crlf"},
        {{"--count", "5", "--size", "17M"}, "16 MiB"},
        {{"--size", "5"}, "--count"},
        {{"--rate", "0"}, "zero"},
        {{"--timeout", "soon"}, "--timeout"},
        {{"--wait", "long"}, "written|durable"},
        {{"-H", "nothing"}, "key=value"},
        {{"-H", "=x"}, "key=value"},
        {{"-H", "k=" + std::string(5000, 'v')}, "4,096"},
        {{"--name", ""}, "1-39"},
        {{"--name", std::string(40, 'n')}, "1-39"},
        {{"--max-events", "0"}, "--max-events"},
        {{"--unknown"}, "unknown flag"},
        {{"more"}, "more"}};
    for (const auto& wrong : cases) {
        check_refused(pub(wrong.first), wrong.second);
        CHECK_MESSAGE(objects() == 0, wrong.second);
    }
    check_refused(pub({}, {}, "a..b"), "empty token");
    check_refused(pub({}, {}, "a.*"), "wildcard");
    check_refused(run({support::tool("evpub"), "Upper", "t"}), "bus name");
    check_refused(run({support::tool("evpub"), "../x", "t"}), "bus name");
    check_refused(run({support::tool("evpub"), "x"}), "TOPIC");
    CHECK(run({support::tool("evpub"), "--help"}).out.find("Examples:") < 200);
}

TEST_CASE_FIXTURE(fixture, "evpub: a line longer than any event is named, what stood before it is published") {
    const finished f = pub({"--no-log"}, "fine\n" + std::string((16u << 20) + 1, 'x') + "\nnever\n");
    check_refused(f, "standard input, line 2: it: is longer than 16 MiB");
    CHECK(f.err.find("published 1 event, seq 1, in ") != std::string::npos);
    CHECK(payloads(name()) == words{"fine"});
}

TEST_CASE_FIXTURE(fixture, "evpub: an event too large for its ring names the line, its bytes and the limit") {
    const finished f = pub({"--no-log", "--slots", "64", "--slot-bytes", "128"}, "1\n" + std::string(5000, 'x') + "\n");
    check_refused(f, "line 2: an event of 5,000 bytes: bus " + name());
    CHECK(f.err.find("takes at most 1,") != std::string::npos);
    CHECK(f.err.find("--slot-bytes") != std::string::npos);
    check_refused(pub({"--no-log", "-H", "k=" + std::string(200, 'v')}, "2\n"), "do not fit into a slot of 128 bytes");
    CHECK(payloads(name()) == words{"1"});
}

TEST_CASE_FIXTURE(fixture, "evpub: the largest line passes where the ring is large enough") {
    const std::string line(16u << 20, 'y');
    const finished f = pub({"--no-log", "--slots", "2048", "--slot-bytes", "64K", "--crlf"}, line + "\r\n");
    CHECK(f.code == 0);
    const auto all = read_all(name());
    REQUIRE(all.size() == 1);
    CHECK(all[0].payload == line);
}

TEST_CASE_FIXTURE(fixture, "evpub: a strict bus without a recorder holds the 65th event up until --timeout") {
    const finished f = pub({"--log", log(), "--slots", "64", "--pacing", "strict", "--timeout", "50ms", "--count", "100"});
    CHECK(f.code == 124);
    CHECK(f.err.find("published 64 events, then pacing") != std::string::npos);
    CHECK(f.err.find("start evrecord") != std::string::npos);
    CHECK(pub({"--timeout", "0"}, "x\n").code == 124);
    CHECK(payloads(name()).size() == 64);
}

TEST_CASE_FIXTURE(fixture, "evpub: a signal ends it between events, held up or idle") {
    for (const int number : {SIGINT, SIGTERM}) {
        scratch_bus bus;
        process held({support::tool("evpub"), bus.name(), "t", "--log", bus.log(), "--slots", "64", "--pacing", "strict", "--count", "1000"});
        while (!std::filesystem::exists(bus.ring_path()) || payloads(bus.name()).size() < 64) REQUIRE(held.is_running());
        held.signal(number);
        const finished f = held.wait();
        CHECK(f.code == 128 + number);
        CHECK(f.err.find("published ") != std::string::npos);
    }
    scratch_bus other;
    process idle({support::tool("evpub"), other.name(), "t", "--no-log"});
    idle.write("1\n");
    while (!std::filesystem::exists(other.ring_path()) || payloads(other.name()).empty()) REQUIRE(idle.is_running());
    idle.signal(SIGINT);
    idle.wait_for_err("published 1 event");
    CHECK(idle.wait().code == 130);
}

TEST_CASE_FIXTURE(fixture, "evpub: started with closed standard descriptors it writes its words into no file of the bus") {
    for (const char* closed : {"<&- >&- 2>&-", "<&- 2>&-", ">&- 2>&-", "2>&-", "<&- >&-"}) {
        const finished f = run({"/bin/sh", "-c", support::tool("evpub") + " " + name() + " t --no-log --count 1 " + closed});
        CHECK_MESSAGE(f.code == 0, closed);
        CHECK_NOTHROW_MESSAGE((void)evbus::bus::open(name()), closed);
    }
    CHECK(read_all(name()).size() == 5);
}

TEST_CASE_FIXTURE(fixture, "evpub: a file size limit is an error that is told, not its death") {
    const finished f = run({"/bin/sh", "-c", "ulimit -f 100; exec " + support::tool("evpub") + " " + name() + " t --no-log --count 1"});
    check_refused(f, "file size limit reached");
    CHECK(objects() == 0);
}

TEST_CASE_FIXTURE(fixture, "evpub: --wait without a recorder says so instead of hanging") {
    const finished f = pub({"--log", log(), "--wait", "durable"}, "x\n");
    check_refused(f, "no recorder lives on bus " + name());
    CHECK(f.err.find("start evrecord " + name()) != std::string::npos);
    CHECK(f.err.find("published 1 event") != std::string::npos);
    const finished patient = pub({"--wait", "written", "--timeout", "30ms"}, "y\n");
    CHECK(patient.code == 124);
    CHECK(patient.err.find("seq 2 was not recorded within 30ms") != std::string::npos);
    CHECK(pub({"--wait", "written"}, "").code == 0); // nothing to wait for

    scratch_bus bare;
    check_refused(run({support::tool("evpub"), bare.name(), "t", "--no-log", "--wait", "written"}, "x\n"), "has no log");
}

TEST_CASE_FIXTURE(fixture, "evpub: --wait returns when the recorder has it, and not before") {
    if (!std::filesystem::exists(support::tool("evrecord"))) {
        MESSAGE("no evrecord is built: not tested");
        return;
    }
    process recorder({support::tool("evrecord"), name(), "--log", log(), "--pacing", "strict", "--slots", "64"});
    recorder.wait_for_err("recording");
    for (const char* how : {"written", "durable"}) {
        const finished f = pub({"--count", "1000", "--wait", how, "--timeout", "50s"});
        CHECK_MESSAGE(f.code == 0, f.err);
        const evbus::frontiers now = evbus::bus::open(name()).frontier();
        CHECK((how == std::string("written") ? now.written : now.durable) % 1000 == 0);
    }
    const finished named = run({support::tool("evctl"), "remove", name()});
    check_refused(named, "recorder");
    recorder.signal(SIGTERM);
    CHECK(recorder.wait().code == 0);
    CHECK(pub({"--wait", "durable"}, "").code == 0);
    CHECK(run({support::tool("evctl"), "remove", name(), "--with-log"}).code == 0);
    CHECK(!std::filesystem::exists(log()));
}

TEST_CASE_FIXTURE(fixture, "evpub: goes on with the bus created anew when its ring is removed") {
    process p(command({"--log", log(), "--slots", "128", "--name", "survivor"}));
    p.write("1\n");
    while (!std::filesystem::exists(ring_path()) || payloads(name()).empty()) REQUIRE(p.is_running());
    SUBCASE("by evctl remove --force") {
        const finished removed = run({support::tool("evctl"), "remove", name(), "--force"});
        CHECK(removed.code == 0);
        CHECK(removed.err.find("publisher survivor") != std::string::npos);
    }
    SUBCASE("by hand") { std::filesystem::remove(ring_path()); }
    p.write("2\n");
    p.wait_for_err("was removed: going on");
    p.write("3\n");
    const finished f = p.wait();
    CHECK(f.code == 0);
    CHECK(f.err.find("published 3 events") != std::string::npos);
    const evbus::bus anew = evbus::bus::open(name());
    CHECK(anew.slots() == 128);
    CHECK(anew.log_dir() == log());
    const auto all = read_all(name());
    REQUIRE(!all.empty());
    CHECK(all.back().payload == "3");
    CHECK(all.front().seq > 1);
}

TEST_CASE_FIXTURE(fixture, "evpub: another user is refused by name of the file, or let in by the group") {
    if (!can_be_nobody()) return;
    REQUIRE(pub({"--no-log"}, "x\n").code == 0);
    check_refused(run(as_nobody(command({})), "y\n"), "permission denied");
    const std::string secret = write("secret.txt", "s\n");
    std::filesystem::permissions(dir(), std::filesystem::perms(0755));
    std::filesystem::permissions(secret, std::filesystem::perms(0600));
    check_refused(run(as_nobody(command({"--lines", secret})), {}), secret);

    scratch_bus unlogged;
    const words elsewhere{support::tool("evpub"), unlogged.name(), "t", "--log", "/var/lib/evbus-of-root/x"};
    check_refused(run(as_nobody(elsewhere), "z\n"), "/var/lib/evbus-of-root");
    CHECK(unlogged.objects() == 0);
    CHECK(payloads(name()) == words{"x"});
}

TEST_CASE_FIXTURE(fixture, "evpub: too little shared memory is an error now, and none later") {
    const std::string script = "mount -t tmpfs -o size=2M none /dev/shm || exit 77; " + support::tool("evpub") + " " + name() +
                               " t --log " + log() + " < /dev/null; echo code $?; ls -A /dev/shm; " + support::tool("evpub") +
                               " " + name() + " t --log " + log() + " --slots 1024 < /dev/null; echo code $?; " +
                               support::tool("evctl") + " info " + name();
    const finished f = run({"unshare", "-m", "sh", "-c", script});
    if (f.code == 77 || f.err.find("unshare") != std::string::npos) {
        MESSAGE("no mount namespace to be had: not tested");
        return;
    }
    CHECK(f.out.starts_with("code 2\ncode 0\n")); // nothing left behind in between
    CHECK_MESSAGE(f.err.find("no space left") != std::string::npos, f.err);
    CHECK(f.err.find("--shm-size") != std::string::npos);
    CHECK_MESSAGE(f.out.find("first seq  1\n") != std::string::npos, f.out); // the failure used no seq up
}

TEST_CASE_FIXTURE(fixture, "evpub: a ring that is none is told from a ring cut short, of another version, or damaged") {
    REQUIRE(pub({"--no-log", "--slots", "64"}, "x\n").code == 0);
    const std::string whole = support::read_file(ring_path());
    const auto with = [&](const std::string& bytes, const std::string& because) {
        std::ofstream(ring_path(), std::ios::binary | std::ios::trunc) << bytes;
        check_refused(pub({}, "y\n"), because);
        check_refused(run({support::tool("evctl"), "info", name()}), because);
    };
    const auto poked = [&](std::size_t at, char byte) {
        std::string bytes = whole;
        bytes[at] = byte;
        return bytes;
    };
    with("", "less than a ring's header");
    with(whole.substr(0, 100), "less than a ring's header");
    with(whole.substr(0, whole.size() - 1), "instead of");
    with(whole + "x", "instead of");
    with(std::string(whole.size(), '\x5a'), "no evbus ring");
    with(poked(8, 1), "other byte order");
    with(poked(12, 99), "layout version 99");
    with(poked(24, 64), "feature bits");
    with(poked(40, 1), "checksum");
    with(poked(200, 'q'), "checksum");
    std::ofstream(ring_path(), std::ios::binary | std::ios::trunc) << whole;
    CHECK(pub({}, "y\n").code == 0);
    CHECK(payloads(name()) == words{"x", "y"});
}
