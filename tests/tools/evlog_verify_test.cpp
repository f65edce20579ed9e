// evlog verify: exit codes, words, JSON, and files that only an enemy would put there.
#include "tests/tools/evlog_fixture.hpp"

#include "tests/support/scratch_bus.hpp"

#include <nlohmann/json.hpp>

#include <csignal>

#include <sys/stat.h>
#include <sys/un.h>
#include <sys/socket.h>

using namespace tools_test;
using json = nlohmann::json;
namespace fs = std::filesystem;

namespace {

json findings_of(const std::string& dir, int code) {
    const finished f = evlog({"verify", dir, "--json"});
    CHECK(f.code == code);
    CHECK(f.err.empty());
    return json::parse(f.out);
}

std::vector<std::string> kinds(const json& report, const std::string& severity) {
    std::vector<std::string> out;
    for (const json& f : report["findings"])
        if (f["severity"] == severity) out.push_back(f["kind"]);
    return out;
}

} // namespace

TEST_CASE("evlog: every subcommand of looking after a log has its help, with examples first") {
    for (const char* const name : {"info", "verify", "gaps", "repair"}) {
        const finished f = evlog({name, "--help"});
        CAPTURE(name);
        CHECK(f.code == 0);
        CHECK(f.err.empty());
        CHECK(f.out.find("Examples:") < f.out.find("Usage:"));
        CHECK(has(f.out, std::string("evlog ") + name));
    }
    const finished none = evlog({});
    CHECK(none.code == 2);
    CHECK(has(none.err, "evlog --help"));
}

TEST_CASE("evlog: who names no log is told every place that was looked at") {
    const finished f = evlog({"verify", "no-such-bus"}, {.environment = {"XDG_STATE_HOME=/tmp/no-such-state"}});
    CHECK(f.code == 2);
    CHECK(has(f.err, "/dev/shm/evbus.no-such-bus.ring, /var/lib/evbus/no-such-bus, /tmp/no-such-state/evbus/no-such-bus"));
    CHECK(has(evlog({"verify", "/tmp/no-such-dir/"}).err, "/tmp/no-such-dir/"));
    CHECK(evlog({"verify", "/tmp"}).code == 2);
    CHECK(has(evlog({"verify", "/tmp"}).err, "neither segments/ nor epochs"));
    CHECK(evlog({"verify", "/dev/null"}).code == 2);
    CHECK(evlog({"verify", ""}).code == 2);
}

TEST_CASE("evlog verify: a whole log ends with 0, one that owns up to losses with 3") {
    three_segments t;
    const finished f = evlog({"verify", t.dir});
    CHECK(f.code == 0);
    CHECK(has(f.out, "fine: everything is whole"));
    CHECK(has(f.out, "seqs      1 to 9"));
    t.reopen();
    t.voids(3).write();
    t.close();
    CHECK(evlog({"verify", t.dir}).code == 0);
    t.reopen();
    t.lost(3).write();
    t.close();
    const json r = findings_of(t.dir, 3);
    CHECK(r["result"] == "gaps");
    CHECK(r["gaps"]["lost"] == 3);
}

TEST_CASE("evlog verify: damage ends with 4, and says what, where, what is still good and what to do") {
    three_segments t;
    t.flip_bit(1, 8 * (128 + 112 + 50));
    const json r = findings_of(t.dir, 4);
    CHECK(r["result"] == "damage");
    REQUIRE(kinds(r, "damage") == std::vector<std::string>{"commit"});
    const json f = r["findings"][0]["severity"] == "damage" ? r["findings"][0] : r["findings"][1];
    CHECK(f["file"] == "segments/" + t.segments()[1]);
    CHECK(f["offset"] == 128);
    CHECK(f["seqs"]["from"] == f["seqs"]["to"]);
    const finished text = evlog({"verify", t.dir, "-j", "1"});
    CHECK(text.code == 4);
    for (const char* const part : {"what: the commit's body fails its checksum", "still good: everything before it", "what to do: ", "1 seq lost by it"})
        CHECK(has(text.out, part));
}

TEST_CASE("evlog verify: what stands in a segment's place and is none is named, and nothing hangs") {
    three_segments t;
    const std::string path = t.path(1);
    fs::remove(path);
    std::string words;
    SUBCASE("a pipe") {
        REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
        words = "a pipe";
    }
    SUBCASE("a directory") {
        fs::create_directory(path);
        words = "a directory";
    }
    SUBCASE("a link to itself") {
        fs::create_symlink(path, path);
        words = "leads to itself";
    }
    SUBCASE("a link to nothing") {
        fs::create_symlink("/no/such/file", path);
        words = "a symbolic link to nothing";
    }
    SUBCASE("a socket") {
        const int s = ::socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        path.copy(name.sun_path, sizeof name.sun_path - 1);
        REQUIRE(::bind(s, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
        ::close(s);
        words = "a socket";
    }
    SUBCASE("an empty file") {
        log_test::test_log::spit(path, "");
        words = "shorter than a segment's header";
    }
    SUBCASE("a terabyte of nothing") {
        log_test::test_log::spit(path, "");
        REQUIRE(::truncate(path.c_str(), std::int64_t{1} << 40) == 0);
        words = "is not a segment of evbus";
    }
    SUBCASE("rubbish") {
        std::string bytes(100'000, '\0');
        for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>((i * 2654435761U) >> 13);
        log_test::test_log::spit(path, bytes);
        words = "is not a segment of evbus";
    }
    const finished f = evlog({"verify", t.dir});
    CHECK(f.code == 4);
    CHECK(has(f.out, words));
    // The events of the other segments are checked all the same.
    CHECK(has(f.out, "seqs lost by it"));
    const finished gaps = evlog({"gaps", t.dir});
    CHECK((gaps.code == 3 || gaps.code == 2));
    CHECK(gaps.signal == 0);
}

TEST_CASE("evlog verify: a terabyte of nothing behind the events is damage too") {
    three_segments t;
    t.reopen();
    t.event("a", "last").write();
    t.crash();
    const std::string newest = t.path(t.segments().size() - 1);
    REQUIRE(::truncate(newest.c_str(), std::int64_t{1} << 40) == 0);
    const finished f = evlog({"verify", t.dir});
    CHECK(f.code == 4);
    CHECK(has(f.out, "behind it stands no whole commit"));
}

TEST_CASE("evlog verify: what may not be read is not called damage") {
    if (::geteuid() != 0) return;
    three_segments t;
    fs::permissions(t.dir, fs::perms::all);
    fs::permissions(t.dir + "/segments", fs::perms::all);
    const auto as_nobody = [&](words more) {
        words w{"setpriv", "--reuid", "65534", "--clear-groups", support::tool("evlog")};
        w.insert(w.end(), more.begin(), more.end());
        return support::run(w);
    };
    // Where nobody may not even start programs of this build, there is nothing to see.
    if (as_nobody({"--version"}).code != 0) return;
    const finished f = as_nobody({"verify", t.dir});
    CHECK(f.code == 4); // not one header can be read: the bus is not known
    CHECK(has(f.out, "run evlog as the user that owns the log"));
    for (std::size_t i = 0; i < 2; ++i) fs::permissions(t.path(i), fs::perms::all);
    const finished some = as_nobody({"verify", t.dir});
    CHECK(some.code == 2);
    CHECK(has(some.out, "Permission denied"));
    CHECK(has(some.out, "not everything could be"));
}

TEST_CASE("evlog verify: runs that the log does not bear out, and a list of creations that makes no sense") {
    support::scratch_bus bus;
    process recorder({support::tool("evrecord"), bus.name(), "--log", bus.log(), "--segment-bytes", "1M", "--keep-free", "0"});
    recorder.wait_for_err("recording bus");
    // While it records, its unfinished end is no damage, and the run that runs is none either.
    const finished live = evlog({"verify", bus.name()});
    CHECK(live.code == 0);
    CHECK(has(live.out, "a recorder is writing"));
    REQUIRE(support::run({support::tool("evpub"), bus.name(), "a.b", "--count", "20000", "--size", "100", "--wait", "written"}).code == 0);
    recorder.signal(SIGTERM);
    REQUIRE(recorder.wait().code == 0);
    CHECK(evlog({"verify", bus.log()}).code == 0);
    std::vector<fs::path> segments;
    for (const auto& e : fs::directory_iterator(bus.log() + "/segments")) segments.push_back(e.path());
    std::sort(segments.begin(), segments.end());
    REQUIRE(segments.size() > 2);

    SUBCASE("the newest segment is gone") {
        fs::remove(segments.back());
        const json r = findings_of(bus.log(), 4);
        CHECK(kinds(r, "damage") == std::vector<std::string>{"missing"});
        CHECK(r["findings"][0]["seqs"]["to"] == "20000");
    }
    SUBCASE("a manifest is rubbish") {
        for (const auto& e : fs::directory_iterator(bus.log() + "/runs")) log_test::test_log::spit(e.path(), "{\"run\": 12");
        CHECK(kinds(findings_of(bus.log(), 4), "damage") == std::vector<std::string>{"run"});
    }
    SUBCASE("a line of epochs is rubbish") {
        log_test::test_log::spit(bus.log() + "/epochs", "what is this\n" + log_test::test_log::slurp(bus.log() + "/epochs"));
        CHECK(kinds(findings_of(bus.log(), 4), "damage") == std::vector<std::string>{"epochs"});
    }
    SUBCASE("the last line of epochs was cut off by a crash") {
        log_test::test_log::spit(bus.log() + "/epochs", log_test::test_log::slurp(bus.log() + "/epochs") + "8a8a8a8a 12");
        CHECK(kinds(findings_of(bus.log(), 0), "note") == std::vector<std::string>{"epochs"});
    }
    SUBCASE("a recorder that was killed") {
        process again({support::tool("evrecord"), bus.name()});
        again.wait_for_err("recording bus");
        again.kill();
        again.wait();
        CHECK(kinds(findings_of(bus.log(), 0), "note") == std::vector<std::string>{"run"});
    }
    SUBCASE("a file that nobody knows") {
        log_test::test_log::spit(bus.log() + "/segments/notes.txt", "hello");
        CHECK(kinds(findings_of(bus.log(), 0), "note") == std::vector<std::string>{"stray"});
    }
}

TEST_CASE("evlog verify: a log that grows, rolls and is synced meanwhile is never called damaged") {
    support::scratch_bus bus;
    process recorder({support::tool("evrecord"), bus.name(), "--log", bus.log(), "--segment-bytes", "1M", "--keep-free", "0"});
    recorder.wait_for_err("recording bus");
    process load({support::tool("evpub"), bus.name(), "a.b", "--count", "400000", "--size", "100"});
    for (int looks = 0; looks < 12; ++looks) {
        const finished f = evlog({"verify", bus.name()});
        CAPTURE(f.out);
        CHECK(f.code == 0);
        const finished gaps = evlog({"gaps", bus.name()});
        CAPTURE(gaps.out);
        CHECK(gaps.code == 0);
    }
    load.signal(SIGTERM);
    load.wait();
    recorder.signal(SIGTERM);
    CHECK(recorder.wait().code == 0);
}
