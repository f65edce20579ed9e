// evlog gaps and repair: what is missing, and a whole log made of what is left.
#include "tests/tools/evlog_fixture.hpp"

#include "tests/support/scratch_bus.hpp"

#include <nlohmann/json.hpp>

#include <csignal>

#include <sys/stat.h>

using namespace tools_test;
using log_test::lines;
namespace fs = std::filesystem;

namespace {

/// Names of all files below `dir` with their bytes.
std::vector<std::pair<std::string, std::string>> contents(const std::string& dir) {
    std::vector<std::pair<std::string, std::string>> out;
    for (const auto& e : fs::recursive_directory_iterator(dir))
        if (e.is_regular_file()) out.emplace_back(e.path().string(), log_test::test_log::slurp(e.path()));
    std::sort(out.begin(), out.end());
    return out;
}

/// A harmed log and the place beside it where the new one goes.
struct harmed : three_segments {
    std::string to = dir + ".new";

    harmed() {
        flip_bit(1, 8 * (128 + 112 + 50)); // the fourth event
        remove(2);                         // and all from the seventh on
        event("a", "ten").write();         // begins where the missing ones ended
        close();
    }
    ~harmed() {
        fs::remove_all(to);
        fs::remove_all(to + ".unfinished");
    }
};

lines read_all(const std::string& dir) {
    evbus::log::log_reader r(evbus::log::posix(), dir);
    return log_test::drain(r);
}

} // namespace

TEST_CASE("evlog gaps: each gap with its cause and the times around it") {
    three_segments t;
    const finished none = evlog({"gaps", t.dir});
    CHECK(none.code == 0);
    CHECK(none.out.empty());
    CHECK(has(none.err, "no gap up to seq 9"));
    t.reopen();
    t.lost(4).write();
    t.event("a.1", "after", 1'000'000'020'000'000'000).write();
    t.close();
    t.flip_bit(0, 8 * (128 + 112 + 50));
    const finished f = evlog({"gaps", t.dir});
    CHECK(f.code == 3);
    REQUIRE(f.out_lines().size() == 3);
    CHECK(has(f.out_lines()[0], "CAUSE"));
    CHECK(has(f.out_lines()[1], "damage"));
    CHECK(has(f.out_lines()[2], "recorder lost"));
    CHECK(has(f.out_lines()[2], "2001-09-09T01:46:49"));
    CHECK(has(f.out_lines()[2], "2001-09-09T01:47:00"));
    const finished j = evlog({"gaps", t.dir, "--json", "--from", "5", "--to", "11"});
    CHECK(j.code == 3);
    REQUIRE(j.out_lines().size() == 1);
    const auto gap = nlohmann::json::parse(j.out)["gap"];
    CHECK(gap["from"] == "10");
    CHECK(gap["to"] == "11");
    CHECK(gap["count"] == 2);
    CHECK(gap["before_ns"] == "1000000009000000000");
    CHECK(evlog({"gaps", t.dir, "--from", "2", "--to", "9"}).code == 0);
    CHECK(evlog({"gaps", t.dir, "--from", "9", "--to", "2"}).code == 2);
    CHECK(evlog({"gaps", t.dir, "--from", "0"}).code == 2);
    const finished behind = evlog({"gaps", t.dir, "--from", "5000"});
    CHECK(behind.code == 0);
    CHECK(has(behind.err, "nothing was looked at: the log ends with seq "));
}

TEST_CASE("evlog repair: the new log gives what could be read of the old one, which stays as it was") {
    harmed t;
    const lines readable = read_all(t.dir);
    const auto before = contents(t.dir);
    CHECK(evlog({"verify", t.dir}).code == 4);
    const finished f = evlog({"repair", t.dir, "--to", t.to});
    CAPTURE(f.err);
    CHECK(f.code == 3);
    CHECK(has(f.out, "missing"));
    CHECK(has(f.out, "the new log is whole"));
    CHECK(contents(t.dir) == before);
    CHECK(read_all(t.to) == readable);
    const finished v = evlog({"verify", t.to});
    CHECK(v.code == 3);
    CHECK(!fs::exists(t.to + ".unfinished"));
    // A second repair has nothing to do, and a place that is taken is refused.
    CHECK(evlog({"repair", t.to, "--to", t.to}).code == 2);
    CHECK(evlog({"repair", t.dir, "--to", t.to}).code == 2);
    CHECK(evlog({"repair", t.dir, "--to", t.dir + "/new"}).code == 2);
    CHECK(evlog({"repair", t.dir}).code == 2);
    CHECK(evlog({"repair", t.dir, "--to", "/no/such/place"}).code == 2);
    CHECK(contents(t.dir) == before);
}

TEST_CASE("evlog repair: a whole log comes out the same, and an empty directory is a place for it") {
    three_segments t;
    const std::string to = t.dir + ".new";
    fs::create_directory(to);
    const finished f = evlog({"repair", t.dir, "--to", to + "/"});
    CHECK(f.code == 0);
    CHECK(read_all(to) == t.read());
    CHECK(evlog({"verify", to}).code == 0);
    fs::remove_all(to);
}

TEST_CASE("evlog repair: what was left by one that was killed is not taken for a log, and not written over") {
    harmed t;
    fs::create_directory(t.to + ".unfinished");
    const finished f = evlog({"repair", t.dir, "--to", t.to});
    CHECK(f.code == 2);
    CHECK(has(f.err, ".unfinished"));
    CHECK(!fs::exists(t.to));
}

TEST_CASE("evlog repair: on a disk that is full nothing is left behind") {
    harmed t;
    t.event("big", std::string(30'000, 'b')).write();
    t.close();
    const finished f = support::run({"bash", "-c", "ulimit -f 8; exec \"$0\" repair \"$1\" --to \"$2\"", support::tool("evlog"), t.dir, t.to});
    CHECK(f.code == 2);
    CHECK(f.signal == 0);
    CAPTURE(f.err);
    CHECK(has(f.err, "repair log"));
    CHECK(!fs::exists(t.to));
    CHECK(!fs::exists(t.to + ".unfinished"));
}

TEST_CASE("evlog repair: a signal in the midst of it leaves no half log") {
    // A segment whose end nobody ever gives: the repair is still reading it when the signal comes.
    log_test::test_log t(std::uint64_t{512} << 20);
    for (int i = 0; i < 3000; ++i) {
        for (int n = 0; n < 4; ++n) t.event("a", std::string(8000, 'x'));
        t.write();
    }
    t.close();
    const std::string to = t.dir + ".new";
    process p({support::tool("evlog"), "repair", t.dir, "--to", to});
    while (!fs::exists(to + ".unfinished/segments") && p.is_running()) {}
    p.signal(SIGINT);
    const finished f = p.wait();
    // It may have been done before the signal came; then the log is whole.
    if (f.code == 2) {
        CHECK(has(f.err, "is removed again"));
        CHECK(!fs::exists(to));
    } else {
        CHECK(f.code == 0);
        CHECK(evlog({"verify", to}).code == 0);
    }
    CHECK(!fs::exists(to + ".unfinished"));
    fs::remove_all(to);
}

TEST_CASE("evlog repair: a log that is being written is refused; afterwards recorder and evtail take the new one") {
    support::scratch_bus bus;
    const std::string to = bus.dir() + "/new";
    {
        process recorder({support::tool("evrecord"), bus.name(), "--log", bus.log(), "--segment-bytes", "1M", "--keep-free", "0"});
        recorder.wait_for_err("recording bus");
        REQUIRE(support::run({support::tool("evpub"), bus.name(), "a.b", "--count", "30000", "--size", "100", "--wait", "written"}).code == 0);
        const finished busy = evlog({"repair", bus.name(), "--to", to});
        CHECK(busy.code == 2);
        CHECK(has(busy.err, "(recorder of bus " + bus.name() + ") is writing to it"));
        CHECK(!fs::exists(to));
        recorder.signal(SIGTERM);
        REQUIRE(recorder.wait().code == 0);
    }
    std::vector<std::string> segments;
    for (const auto& e : fs::directory_iterator(bus.log() + "/segments")) segments.push_back(e.path());
    std::sort(segments.begin(), segments.end());
    REQUIRE(segments.size() > 2);
    std::string bytes = log_test::test_log::slurp(segments[1]);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
    log_test::test_log::spit(segments[1], bytes);
    CHECK(evlog({"repair", bus.name(), "--to", to}).code == 3);
    const auto tail = [&](const std::string& dir) {
        return support::run({support::tool("evtail"), "--log", dir, "--from", "begin", "-o", "cat", "--on-gap", "ignore"}).out;
    };
    const std::string readable = tail(bus.log());
    CHECK(!readable.empty());
    CHECK(tail(to) == readable);
    fs::rename(bus.log(), bus.log() + ".damaged");
    fs::rename(to, bus.log());
    process recorder({support::tool("evrecord"), bus.name()});
    recorder.wait_for_err("recording bus");
    const finished published = support::run({support::tool("evpub"), bus.name(), "a.b", "--wait", "written"}, "one more\n");
    CHECK(published.code == 0);
    recorder.signal(SIGTERM);
    CHECK(recorder.wait().code == 0);
    CHECK(evlog({"verify", bus.log()}).code == 3);
    CHECK(tail(bus.log()) == readable + "one more\n");
    // Run manifests and the list of creations came along.
    CHECK(fs::exists(bus.log() + "/epochs"));
    CHECK(std::distance(fs::directory_iterator(bus.log() + "/runs"), fs::directory_iterator()) == 2);
}

TEST_CASE("evlog repair: a damaged manifest stays behind, and is named") {
    three_segments t;
    log_test::test_log::spit(t.dir + "/runs/0000000000000001.json", "{");
    const std::string to = t.dir + ".new";
    const finished f = evlog({"repair", t.dir, "--to", to});
    CHECK(f.code == 0);
    CHECK(has(f.out, "runs/0000000000000001.json: it is no manifest of a run"));
    CHECK(evlog({"verify", to}).code == 0);
    fs::remove_all(to);
}
