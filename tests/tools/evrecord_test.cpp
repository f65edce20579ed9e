// evrecord's command line: what it refuses, and where its words go.
#include "tests/support/process.hpp"
#include "tests/support/scratch_bus.hpp"
#include "tests/support/text.hpp"

#include <evbus/bus.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <sys/stat.h>

using support::finished;
using support::run;
using support::scratch_bus;

namespace {

struct fixture : scratch_bus {
    finished record(support::words more) const {
        support::words w{support::tool("evrecord"), name(), "--log", log()};
        w.insert(w.end(), more.begin(), more.end());
        return run(w);
    }
    std::string read(const std::string& path) const {
        std::ostringstream all;
        all << std::ifstream(path).rdbuf();
        return all.str();
    }
};

using support::has;

} // namespace

TEST_CASE_FIXTURE(fixture, "evrecord: makes no bus that it could not record") {
    const finished f = run({support::tool("evrecord"), name(), "--no-log"});
    CHECK(f.code == 2);
    CHECK(has(f.err, "--no-log"));
    CHECK(objects() == 0);
}

TEST_CASE("evrecord: control characters of a name do not reach the terminal") {
    const finished f = run({support::tool("evrecord"), "a\x1b[31m\nb"});
    CHECK(f.code == 2);
    CHECK(has(f.err, "a\\e[31m\\nb"));
    CHECK_FALSE(has(f.err, "\x1b["));
}

TEST_CASE_FIXTURE(fixture, "evrecord: started with closed standard descriptors it writes its words into no file of the log") {
    REQUIRE_NOTHROW((void)evbus::bus::create(name(), {.slots = 64, .log_dir = log()}));
    const finished f = run({"/bin/sh", "-c", "timeout -s TERM 1 " + support::tool("evrecord") + " " + name() + " <&- >&- 2>&-"});
    CHECK(f.code == 124);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(log()))
        if (entry.is_regular_file() && entry.path().extension() != ".json")
            CHECK_MESSAGE(!has(read(entry.path().string()), "evrecord info"), entry.path().string());
}

TEST_CASE_FIXTURE(fixture, "evrecord: a FIFO in a segment's place is refused, not waited for") {
    REQUIRE_NOTHROW((void)evbus::bus::create(name(), {.slots = 64, .log_dir = log()}));
    std::filesystem::create_directories(log() + "/segments");
    REQUIRE(::mkfifo((log() + "/segments/00000000000000000001.evseg").c_str(), 0600) == 0);
    const finished f = run({"timeout", "-s", "KILL", "20", support::tool("evrecord"), name()});
    CHECK(f.code == 2);
    CHECK(has(f.err, "00000000000000000001.evseg"));
    const finished t = run({"timeout", "-s", "KILL", "20", support::tool("evtail"), "--log", log()});
    CHECK(t.code == 2);
    CHECK(has(t.err, log()));
}
