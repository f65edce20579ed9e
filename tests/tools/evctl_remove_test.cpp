// evctl remove: what goes, what stays, and what is refused.
#include "tests/tools/bus_reader.hpp"
#include "tests/tools/evctl_fixture.hpp"

#include <evbus/publisher.hpp>
#include <evbus/ring/retire.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <thread>

using namespace evctl_test;
namespace fs = std::filesystem;

TEST_CASE_FIXTURE(fixture, "evctl: removal is refused while somebody lives, naming him") {
    REQUIRE(create({"--log", log()}).code == 0);
    {
        const evbus::publisher pub(evbus::bus::open(name()), {.name = "gateway"});
        const finished f = remove();
        CHECK(f.code == 2);
        CHECK(has(f.err, "publisher gateway (pid " + std::to_string(::getpid()) + ")"));
        CHECK(has(f.err, "--force"));
        CHECK(objects() == 2);
    }
    CHECK(remove().code == 0);
    CHECK(objects() == 0);
    CHECK(remove().code == 2);
}

TEST_CASE_FIXTURE(fixture, "evctl: after a removal in good order the next ring goes on with the next seq") {
    REQUIRE(create({"--log", log(), "--slots", "64"}).code == 0);
    REQUIRE(run({support::tool("evpub"), name(), "t", "--count", "100"}).code == 0);
    const finished f = remove();
    CHECK(f.code == 0);
    CHECK(has(f.err, "100 seq(s) of it were not recorded (1-100)"));
    REQUIRE(epochs().size() == 2);
    CHECK(epochs()[0].substr(0, 17) == epochs()[1].substr(0, 17));
    REQUIRE(create({"--log", log()}).code == 0);
    CHECK(info()["first_seq"] == "101");
    // And once more, with nothing published in between.
    REQUIRE(remove().code == 0);
    REQUIRE(create({"--log", log()}).code == 0);
    CHECK(info()["first_seq"] == "101");
    // A ring that vanished is another matter.
    fs::remove(ring_path());
    const finished far = create({"--log", log()});
    CHECK(far.code == 0);
    CHECK(has(far.err, "vanished"));
    CHECK(std::stoull(info()["first_seq"].get<std::string>()) > (1ull << 44));
}

TEST_CASE_FIXTURE(fixture, "evctl: a forced removal tells who publishes and who reads, and loses no event it told of") {
    REQUIRE(create({"--log", log(), "--slots", "1024"}).code == 0);
    const evbus::bus bus = evbus::bus::open(name());
    evbus::subscriber sub(bus, {.from = evbus::from::oldest()});
    evbus::seq_t last = 0;
    std::thread busy([&] {
        evbus::publisher pub(bus, {.name = "busy"});
        const evbus::topic t("t");
        evbus::published r;
        while ((r = pub.publish(t, std::string_view("x")))) last = r.seq;
        CHECK(r.status == evbus::publish_status::retired);
    });
    while (bus.head() < 2000) std::this_thread::yield();
    const finished f = remove({"--force"});
    busy.join();
    CHECK_MESSAGE(f.code == 0, f.err);
    CHECK(has(f.err, "publisher busy"));
    CHECK(objects() == 0);
    evbus::seq_t newest = 0;
    while (!sub.retired()) {
        sub.poll([&](const evbus::event& e) { newest = e.seq(); });
        REQUIRE((sub.retired() || sub.wait(std::chrono::seconds(30)) || sub.retired()));
    }
    CHECK(newest == last);
    CHECK(has(epochs().back(), " " + std::to_string(last + 1) + " "));
}

TEST_CASE_FIXTURE(fixture, "evctl: retiring comes through against publishers at full speed") {
    for (int turn = 0; turn < 5; ++turn) {
        REQUIRE(create({"--no-log", "--slots", turn % 2 == 0 ? "64" : "16384"}).code == 0);
        const evbus::bus bus = evbus::bus::open(name());
        std::vector<std::thread> busy;
        for (int i = 0; i < 2; ++i)
            busy.emplace_back([&] {
                evbus::publisher pub(bus);
                const evbus::topic t("t");
                while (pub.publish(t, std::string_view("x"))) {}
            });
        while (bus.head() < 10000) std::this_thread::yield();
        const auto at = bus.attach(evbus::ring::access::read_write);
        const evbus::seq_t closed = evbus::ring::retire(*at, std::chrono::seconds(20));
        CHECK(closed != evbus::no_seq);
        CHECK(evbus::ring::retire(*at, std::chrono::seconds(1)) == closed);
        for (std::thread& t : busy) t.join();
        CHECK(info()["closed"] == true);
        CHECK(remove().code == 0); // finishes what a killed removal left
        CHECK(objects() == 0);
    }
}

TEST_CASE_FIXTURE(fixture, "evctl: a stopped publisher's unfinished slot does not hold a removal up") {
    REQUIRE(create({"--no-log", "--slots", "64"}).code == 0);
    const evbus::bus bus = evbus::bus::open(name());
    const auto at = bus.attach(evbus::ring::access::read_write);
    evbus::ring::membership stopped(at, evbus::ring::member_kind::publisher, "stopped");
    evbus::ring::claimer pen(*at, stopped.number());
    REQUIRE(pen.claim() == evbus::ring::claim_status::claimed);
    evbus::publisher pub(bus);
    const evbus::topic t("t");
    for (int i = 0; i < 63; ++i) REQUIRE(pub.publish(t, std::string_view("x")));
    const evbus::seq_t closed = evbus::ring::retire(*at, std::chrono::seconds(20));
    CHECK(closed == 66); // its slot was stepped over: 65 is a void
    CHECK(!pen.commit());
}

TEST_CASE_FIXTURE(fixture, "evctl: a damaged ring is removed by force alone, which says what it is") {
    REQUIRE(create({"--no-log"}).code == 0);
    std::ofstream(ring_path(), std::ios::trunc) << "noise";
    CHECK(remove().code == 2);
    CHECK(objects() == 2);
    const finished f = remove({"--force"});
    CHECK(f.code == 0);
    CHECK(has(f.err, "less than a ring's header"));
    CHECK(has(f.err, "removed 2 names"));
    CHECK(objects() == 0);
}

TEST_CASE_FIXTURE(fixture, "evctl: an orphaned control object goes too") {
    REQUIRE(create({"--no-log"}).code == 0);
    fs::remove(ring_path());
    CHECK(objects() == 1);
    CHECK(remove().code == 0);
    CHECK(objects() == 0);
    CHECK(remove().code == 2);
}

TEST_CASE_FIXTURE(fixture, "evctl: a bus whose name looks like a control object is nobody's orphan") {
    const std::string strange = name() + ".ctl-0123456";
    const std::string padded = strange + std::string(11 - 7, 'f'); // its ring's name ends 16 bytes after "ctl-"
    REQUIRE(ctl({"create", padded, "--no-log"}).code == 0);
    REQUIRE(create({"--no-log"}).code == 0);
    CHECK(ctl({"info", padded}).code == 0);
    CHECK(ctl({"remove", padded}).code == 0);
}

TEST_CASE_FIXTURE(fixture, "evctl: --with-log deletes what evbus made, and nothing else") {
    REQUIRE(create({"--log", log()}).code == 0);
    const std::string seq = "00000000000000000001";
    const std::string letters = "dead-letters/billing/";
    for (const char* d : {"segments", "runs", "quarantine", "cursors", "dead-letters/billing/segments"}) fs::create_directories(log() + "/" + d);
    for (const std::string& f : {"segments/" + seq + ".evseg", "segments/" + seq + ".evidx", std::string("runs/00ff.json"),
                                 "quarantine/" + seq + ".7." + seq + ".torn", std::string("cursors/billing.cursor"), letters + "LOCK",
                                 letters + "segments/" + seq + ".evseg", letters + "segments/" + seq + ".evseg.fresh"})
        std::ofstream(log() + "/" + f) << "x";
    SUBCASE("all of it is ours") {
        const finished f = remove({"--with-log"});
        CHECK(f.code == 0);
        CHECK(has(f.err, "10 files"));
        CHECK(!fs::exists(log()));
    }
    SUBCASE("strangers stay") {
        std::ofstream(log() + "/segments/notes.txt") << "mine";
        std::ofstream(log() + "/diary") << "mine";
        std::ofstream(log() + "/" + letters + "notes") << "mine";
        const finished f = remove({"--with-log"});
        CHECK(f.code == 0);
        CHECK(has(f.err, "left alone: " + log() + "/segments/notes.txt"));
        CHECK(has(f.err, log() + "/diary"));
        CHECK(support::read_file(log() + "/diary") == "mine");
        CHECK(fs::exists(log() + "/segments/notes.txt"));
        CHECK(!fs::exists(log() + "/runs"));
        CHECK(fs::exists(log() + "/" + letters + "notes"));
        CHECK(!fs::exists(log() + "/" + letters + "segments"));
    }
    SUBCASE("a recorder that lives keeps it") {
        const auto at = evbus::bus::open(name()).attach(evbus::ring::access::read_only);
        const auto held = evbus::ring::held_byte::try_take(at->ctl_name(), evbus::ring::recorder_lock_byte);
        REQUIRE(held);
        const finished f = remove({"--with-log", "--force"});
        CHECK(f.code == 2);
        CHECK(has(f.err, "recorder"));
        CHECK(fs::exists(log() + "/segments/" + seq + ".evseg"));
        CHECK(objects() == 2);
    }
}

TEST_CASE_FIXTURE(fixture, "evctl: another user may look where the group may, and remove nothing") {
    const words nobody{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", support::tool("evctl")};
    if (::geteuid() != 0 || run({"setpriv", "--version"}).code != 0) {
        MESSAGE("not root, or no setpriv: not tested");
        return;
    }
    REQUIRE(create({"--no-log"}).code == 0);
    const auto as_nobody = [&](words more) {
        words w = nobody;
        w.insert(w.end(), more.begin(), more.end());
        return run(w);
    };
    for (const words& w : {words{"info", name()}, {"remove", name()}, {"remove", name(), "--force"}}) {
        const finished f = as_nobody(w);
        CHECK(f.code == 2);
        CHECK(has(f.err, "ermission denied"));
    }
    const finished list = as_nobody({"list"});
    CHECK(list.code == 0);
    CHECK(has(list.out, "permission denied"));
    CHECK(objects() == 2);
}

TEST_CASE_FIXTURE(fixture, "evctl: a member of the group who may write, and may not remove, closes nothing by trying") {
    const words guest{"setpriv", "--reuid", "65534", "--regid", "0", "--clear-groups", support::tool("evctl")};
    if (::geteuid() != 0 || run({"setpriv", "--version"}).code != 0) {
        MESSAGE("not root, or no setpriv: not tested");
        return;
    }
    REQUIRE(create({"--no-log", "--group", "write"}).code == 0);
    const evbus::bus bus = evbus::bus::open(name());
    for (const words& more : {words{"remove", name()}, {"remove", name(), "--force"}}) {
        words w = guest;
        w.insert(w.end(), more.begin(), more.end());
        const finished f = run(w);
        CHECK(f.code == 2);
        CHECK(has(f.err, "ermi"));
        CHECK_FALSE(bus.is_retired());
        CHECK(objects() == 2);
    }
}
