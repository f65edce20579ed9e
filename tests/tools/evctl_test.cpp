// evctl: what it shows and makes; what it refuses.
#include "tests/tools/evctl_fixture.hpp"

#include <evbus/publisher.hpp>
#include <evbus/subscriber.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

using namespace evctl_test;
namespace fs = std::filesystem;

TEST_CASE_FIXTURE(fixture, "evctl: creates once, and shows what it made") {
    const finished made = create({"--slots", "128", "--slot-bytes", "512", "--pacing", "strict", "--log", log()});
    CHECK(made.code == 0);
    CHECK(made.out.empty());
    CHECK(has(made.err, "128 slots of 512 bytes, strict, first seq 1, log in " + log()));
    const finished again = create({"--slots", "128"});
    CHECK(again.code == 2);
    CHECK(has(again.err, "there already"));
    const finished info = ctl({"info", name()});
    CHECK(info.code == 0);
    for (const char* part : {"128 slots of 512 bytes", "strict", "head       1\n", "recorder   none", "members    none", "durable    0 (all)"})
        CHECK_MESSAGE(has(info.out, part), info.out);
    CHECK(!has(info.out, "\033"));
    const nlohmann::json j = this->info();
    CHECK(j["slots"] == 128);
    CHECK(j["head"] == "1");
    CHECK(j["log_dir"] == log());
    CHECK(j["recorder"]["alive"] == false);
}

TEST_CASE_FIXTURE(fixture, "evctl: info names every member, the dead among them") {
    REQUIRE(create({"--no-log"}).code == 0);
    const evbus::bus bus = evbus::bus::open(name());
    evbus::publisher pub(bus, {.name = "gateway"});
    evbus::subscriber sub(bus, {.from = evbus::from::oldest(), .name = "viewer"});
    for (int i = 0; i < 5; ++i) REQUIRE(pub.publish(evbus::topic("t"), std::string_view("x")));
    CHECK(sub.poll([](const evbus::event&) {}, {.max_events = 2}) == 2);
    process dies({support::tool("evpub"), name(), "t", "--name", "victim"});
    dies.write("6\n");
    while (bus.head() < 7) REQUIRE(dies.is_running());
    dies.kill();

    std::map<std::string, nlohmann::json> members;
    const nlohmann::json shown = info();
    for (const auto& m : shown["members"]) members[m["name"]] = m;
    REQUIRE(members.size() == 3);
    CHECK(members["gateway"]["kind"] == "publisher");
    CHECK(members["gateway"]["events"] == 5);
    CHECK(members["gateway"]["pid"] == ::getpid());
    CHECK(members["viewer"]["lag"] == 4);
    CHECK(members["viewer"]["position"] == "3");
    CHECK(members["victim"]["alive"] == false);
    const finished text = ctl({"info", name()});
    CHECK(has(text.out, "died"));
    CHECK(has(text.out, "members    2\n"));
}

TEST_CASE_FIXTURE(fixture, "evctl: list shows every bus, a damaged one with its error") {
    scratch_bus damaged;
    REQUIRE(create({"--no-log"}).code == 0);
    std::ofstream(damaged.ring_path()) << "short";
    const finished text = ctl({"list"});
    CHECK(text.code == 0);
    CHECK(has(text.out, name()));
    CHECK(has(text.out, "file cut short"));
    std::map<std::string, nlohmann::json> all;
    const nlohmann::json listed = nlohmann::json::parse(ctl({"list", "--json"}).out);
    for (const auto& b : listed) all[b["name"]] = b;
    CHECK(all[name()]["pacing"] == "overwrite");
    CHECK(all[name()]["members"] == 0);
    CHECK(all[damaged.name()]["error"] == "file cut short");
    fs::remove(damaged.ring_path());
}

TEST_CASE_FIXTURE(fixture, "evctl: an empty machine lists nothing, with exit code 1") {
    const finished f = run({"unshare", "-m", "sh", "-c", "mount -t tmpfs none /dev/shm || exit 77; exec " + support::tool("evctl") + " list"});
    if (f.code == 77 || has(f.err, "unshare")) {
        MESSAGE("no mount namespace to be had: not tested");
        return;
    }
    CHECK(f.code == 1);
    CHECK(f.out.empty());
    CHECK(has(f.err, "there is no bus"));
}

TEST_CASE("evctl: wrong usage is refused") {
    for (const words& w : {words{}, {"frobnicate"}, {"info"}, {"create"}, {"remove"}, {"info", "Bad"}, {"info", "a", "b"},
                           {"create", "x y"}, {"remove", "no/such"}, {"list", "--force"}, {"info", "no-such-bus-here"}}) {
        const finished f = ctl(w);
        CHECK(f.code == 2);
        CHECK(!f.err.empty());
        CHECK(f.out.empty());
    }
    for (const words& help : {words{"--help"}, words{"remove", "--help"}}) CHECK(ctl(help).code == 0);
}
