// evrecord's disk limits as a person meets them: its flags, its words, and a limit on the size of files.
#include "tests/tools/evtail_fixture.hpp"

#include <algorithm>

using namespace tools_test;

namespace {

struct space_fixture : evtail_fixture {
    space_fixture() { create({.slots = 1024, .slot_bytes = 512, .pacing = evbus::pacing::paced, .log_dir = log()}); }
    void publish_many(int n) const {
        for (int i = 0; i < n; ++i) publish("a.b", std::string(300, 'x'));
    }
    [[nodiscard]] finished refused(words more) const {
        words w{support::tool("evrecord"), name()};
        w.insert(w.end(), more.begin(), more.end());
        return run(w);
    }
    [[nodiscard]] std::ptrdiff_t segments() const {
        const std::filesystem::directory_iterator all(log() + "/segments");
        return std::count_if(begin(all), end(all), [](const auto& e) { return e.path().extension() == ".evseg"; });
    }
    static std::filesystem::directory_iterator begin(const std::filesystem::directory_iterator& i) { return i; }
    static std::filesystem::directory_iterator end(const std::filesystem::directory_iterator&) { return {}; }
    using evtail_fixture::end;
};

} // namespace

TEST_CASE_FIXTURE(space_fixture, "evrecord: keeps to its limits after each roll, and says what went") {
    process recorder = record({"--segment-bytes", "1M", "--keep-segments", "2", "--keep-free", "0"});
    publish_many(20'000);
    recorder.wait_for_err("over the limit of segments");
    CHECK(has(recorder.err(), "retention: seqs 1 to "));
    wait_written(20'000);
    CHECK(end(recorder) == 0);
    const finished t = tail_of({"--log", log(), "-n", "1", "-o", "cat"});
    CHECK(t.out == std::string(300, 'x') + "\n");
    // And at its start, what a stop left over.
    process again = record({"--keep-segments", "1", "--keep-free", "0", "--segment-bytes", "1M"});
    publish_many(1);
    again.wait_for_err("retention: ");
    CHECK(end(again) == 0);
}

TEST_CASE_FIXTURE(space_fixture, "evrecord: a limit on the size of files is a full disk with its own words, not a death by SIGXFSZ") {
    const finished f = [&] {
        process p({"/bin/sh", "-c", "ulimit -f 600; exec " + support::tool("evrecord") + " " + name() + " --keep-free 0"});
        p.wait_for_err("recording bus");
        publish_many(3000);
        return p.wait();
    }();
    CHECK(f.signal == 0);
    CHECK(f.code == 5);
    CHECK(has(f.err, "File too large"));
    // Without the limit what the ring still has is recorded, the rest is named as lost.
    process recorder = record({"--keep-free", "0"});
    wait_written(3000);
    CHECK(end(recorder) == 0);
}

TEST_CASE_FIXTURE(space_fixture, "evrecord: refuses limits that cannot be met or understood") {
    CHECK(has(refused({"--keep-bytes", "1M"}).err, "--segment-bytes"));
    for (const words& bad : {words{"--keep-free", "100%"}, {"--keep-free", "-1%"}, {"--keep-free", "nan%"}, {"--keep-free", "%"}, {"--keep-free", ""},
                             {"--keep-segments", "0"}, {"--keep-age", "-1s"}, {"--keep-bytes", "1M", "--segment-bytes", "2M"}}) {
        const finished f = refused(bad);
        CHECK_MESSAGE(f.code == 2, bad[1]);
        CHECK_MESSAGE(has(f.err, bad[0]), f.err);
    }
}
