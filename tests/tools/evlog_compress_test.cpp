// evlog compress as its users meet it: beside a recorder and a reader, killed, on a disk that is full,
// over damage, and with words for what it will not do.
#include "tests/support/text.hpp"
#include "tests/tools/evtail_fixture.hpp"

#include <map>

using namespace tools_test;

namespace {

namespace fs = std::filesystem;

struct compress_fixture : evtail_fixture {
    /// Events of 200 bytes or so, enough for some segments of 1 MiB.
    void publish_lines(int n = 12000) const {
        for (int i = 0; i < n; ++i)
            publish(i % 2 == 0 ? "web.get" : "web.put",
                    "level=info status=200 path=/srv/data/item/" + std::to_string(i) + " message=\"request finished\" client=10.0.0." +
                        std::to_string(i % 256) + " " + std::string(100, 'x'));
    }
    void create_paced() { create({.slots = 1024, .slot_bytes = 512, .pacing = evbus::pacing::paced, .log_dir = log()}); }
    [[nodiscard]] process record_small() const { return record({"--segment-bytes", "1M", "--sync", "none", "--keep-free", "0"}); }
    void record_and_end() const {
        process p = record_small();
        publish_lines();
        wait_written(bus->head() - 1);
        REQUIRE(end(p) == 0);
    }
    [[nodiscard]] finished compress(words more = {}) const {
        words w{support::tool("evlog"), "compress", log()};
        w.insert(w.end(), more.begin(), more.end());
        return run(w);
    }
    [[nodiscard]] std::string all() const { return tail_of({"--log", log(), "-n", "all", "-o", "json"}).out; }
    /// Names and contents of what stands in segments/.
    [[nodiscard]] std::map<std::string, std::string> files() const {
        std::map<std::string, std::string> out;
        for (const auto& e : fs::directory_iterator(log() + "/segments"))
            out[e.path().filename().string()] = support::read_file(e.path().string());
        return out;
    }
    [[nodiscard]] std::uint64_t bytes() const {
        std::uint64_t sum = 0;
        for (const auto& [name, content] : files()) sum += content.size();
        return sum;
    }
};

using support::has;

} // namespace

TEST_CASE_FIXTURE(compress_fixture, "evlog compress: beside a recorder and a follower, who notice nothing") {
    create_paced();
    process recorder = record_small();
    publish_lines();
    wait_written(bus->head() - 1);
    process follower = start({"-f", "--from", "begin", "--source", "log", "-o", "json"});
    follower.wait_for_out("item/700 ");
    const std::string before = all();
    const finished done = compress();
    CHECK(done.code == 0);
    CHECK(has(done.err, "segments compressed: "));
    CHECK(has(done.err, "1 not sealed")); // the recorder's
    CHECK(all() == before);
    publish("web.get", "the last one");
    follower.wait_for_out("the last one");
    CHECK(follower.out().starts_with(before));
    CHECK(end(recorder) == 0);
    follower.signal(SIGINT);
    CHECK(follower.wait().code == 0);
}

TEST_CASE_FIXTURE(compress_fixture, "evlog compress: all of a log at rest, once; a recorder goes on behind it") {
    create_paced();
    record_and_end();
    const std::string before = all();
    const std::uint64_t bytes_before = bytes();
    const finished done = compress({"--level", "9", "-j", "2"});
    CHECK(done.code == 0);
    CHECK(done.out_lines().size() == files().size());
    CHECK(3 * bytes() < bytes_before);
    CHECK(all() == before);
    const finished again = compress();
    CHECK(again.code == 0);
    CHECK(again.out.empty());
    CHECK(has(again.err, "0 segments compressed; left as they were: "));

    process recorder = record_small();
    const evbus::seq_t next = publish("web.get", "after");
    wait_written(next);
    CHECK(end(recorder) == 0);
    CHECK(all().starts_with(before));
    CHECK(has(all(), "\"seq\":\"" + std::to_string(next) + "\""));
}

TEST_CASE_FIXTURE(compress_fixture, "evlog compress: killed at any moment, the log is as it was; the next run tidies up") {
    create_paced();
    record_and_end();
    const std::string before = all();
    const std::size_t segments = files().size();
    for (int round = 0; round < 6; ++round) {
        process p({support::tool("evlog"), "compress", log(), "--again", "--level", round % 2 == 0 ? "1" : "19", "-j", "2"});
        if (round >= 3) p.wait_for_out(".evseg"); // one is through
        p.kill();
        (void)p.wait();
        const bool same = all() == before;
        CHECK(same);
    }
    const finished done = compress();
    CHECK(done.code == 0);
    CHECK(files().size() == segments);
    CHECK(all() == before);
}

TEST_CASE_FIXTURE(compress_fixture, "evlog compress: without room for the new file it says so and leaves all as it was") {
    create_paced();
    record_and_end();
    const auto before = files();
    const finished f = run({"/bin/sh", "-c", "ulimit -f 4; exec \"$0\" compress \"$1\"", support::tool("evlog"), log()});
    CHECK(f.code == 2);
    CHECK(has(f.err, ".evseg.tmp"));
    CHECK(has(f.err, "stay as they were"));
    CHECK(files() == before);
}

TEST_CASE_FIXTURE(compress_fixture, "evlog compress: a damaged segment stays as it is, the others do not wait for it") {
    create_paced();
    record_and_end();
    const std::string victim = files().begin()->first;
    std::string content = files().begin()->second;
    content[2000] = static_cast<char>(content[2000] ^ 1);
    support::scratch_bus::write("log/segments/" + victim, content);
    const finished f = compress();
    CHECK(f.code == 4);
    CHECK(has(f.out, victim));
    CHECK(has(f.out, "damaged at offset "));
    CHECK(files()[victim] == content);
    CHECK(has(f.err, "1 damaged"));
}

TEST_CASE_FIXTURE(compress_fixture, "evlog compress: only the segments that are asked for") {
    create_paced();
    record_and_end();
    const auto before = files();
    const finished young = compress({"--older-than", "1h"});
    CHECK(young.code == 0);
    CHECK(files() == before);
    const finished one = compress({"--segments", "1..2"});
    CHECK(one.out_lines().size() == 1);
    const auto after = files();
    CHECK(after.begin()->second != before.begin()->second);
    for (auto a = std::next(after.begin()), b = std::next(before.begin()); a != after.end(); ++a, ++b) CHECK(*a == *b);
}

TEST_CASE_FIXTURE(compress_fixture, "evlog compress: what it cannot do it says, with exit code 2") {
    const auto refused = [](words w, const std::string& why) {
        w.insert(w.begin(), {support::tool("evlog"), "compress"});
        const finished f = run(w);
        CHECK(f.code == 2);
        CHECK(f.out.empty());
        CHECK_MESSAGE(has(f.err, why), f.err);
    };
    refused({dir()}, "compress log");
    refused({"no-such-bus-" + name()}, "compress log");
    refused({dir(), "--level", "20"}, "1 .. 19");
    refused({dir(), "--level", "0"}, "1 .. 19");
    refused({dir(), "--segments", "9..3"}, "no range of seqs");
    refused({dir(), "--segments", "a..b"}, "a");
    refused({dir(), "-j", "0"}, "1 .. 256");
}
