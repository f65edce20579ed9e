// evctl: what it shows, makes and removes; what it refuses.
#include "tests/support/process.hpp"
#include "tests/support/scratch_bus.hpp"
#include "tests/tools/bus_reader.hpp"

#include <evbus/publisher.hpp>
#include <evbus/ring/retire.hpp>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <thread>

using support::finished;
using support::process;
using support::run;
using support::scratch_bus;
using support::words;

namespace {

namespace fs = std::filesystem;

finished ctl(words more) {
    more.insert(more.begin(), support::tool("evctl"));
    return run(std::move(more));
}

struct fixture : scratch_bus {
    finished create(words more = {}) const {
        more.insert(more.begin(), {"create", name()});
        return ctl(std::move(more));
    }
    finished remove(words more = {}) const {
        more.insert(more.begin(), {"remove", name()});
        return ctl(std::move(more));
    }
    nlohmann::json info() const { return nlohmann::json::parse(ctl({"info", name(), "--json"}).out); }
    std::vector<std::string> epochs() const {
        finished f;
        f.out = support::read_file(log() + "/epochs");
        return f.out_lines();
    }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

} // namespace

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
