// evtail --last-per-topic: the newest event of each topic, from ring, log, dead ring, and what comes behind; and
// --durable: nothing that a power loss could take back.
#include "tests/tools/evtail_fixture.hpp"

#include <cstdint>
#include <filesystem>

using namespace tools_test;
namespace fs = std::filesystem;

namespace {

/// 300 events of five topics; the newest of topic t.4 is number 100.
struct some_topics : evtail_fixture {
    void publish_all() {
        for (int i = 1; i <= 300; ++i) {
            publish("t." + std::to_string(i <= 100 ? i % 5 : i % 4), std::to_string(i), {{"kind", i % 2 == 0 ? "even" : "odd"}});
            if (i % 50 == 0) wait_written(static_cast<evbus::seq_t>(i));
        }
    }
};
const lines newest_of_five{"99", "297", "298", "299", "300"};

std::uint64_t number_before(const std::string& said, const std::string& words) {
    const std::size_t end = said.find(words);
    REQUIRE_MESSAGE(end != std::string::npos, said);
    std::size_t begin = end;
    while (begin > 0 && said[begin - 1] >= '0' && said[begin - 1] <= '9') --begin;
    return std::stoull(said.substr(begin, end - begin));
}

} // namespace

TEST_CASE_FIXTURE(some_topics, "evtail: --last-per-topic from the bus, the log alone, and a dead ring") {
    create_logged(64);
    process recorder = record();
    publish_all();
    CHECK(payloads({"--last-per-topic"}) == newest_of_five);
    CHECK(payloads({"--last-per-topic", "t.1", "t.4"}) == lines{"99", "297"});
    CHECK(payloads({"--last-per-topic", "-x", "t.0"}) == lines{"99", "297", "298", "299"});
    CHECK(payloads({"--last-per-topic", "--header", "kind=even"}) == lines{"94", "96", "98", "298", "300"});
    CHECK(payloads({"--last-per-topic", "--to", "202"}) == lines{"99", "199", "200", "201", "202"});
    CHECK(payloads({"--last-per-topic", "--source", "ring"}) == lines{"297", "298", "299", "300"});
    CHECK(payloads({"--last-per-topic", "--source", "log"}) == newest_of_five);
    CHECK(payloads({"--last-per-topic", "-g", "9$"}) == lines{"99", "299"});
    CHECK(payloads({"--last-per-topic", "-c", "2"}) == lines{"99", "297"});
    CHECK(payloads({"--last-per-topic", "--durable"}) == newest_of_five);
    CHECK(tail({"--last-per-topic", "no.such"}).code == 1);
    const finished as_json = tail({"--last-per-topic", "t.4", "-o", "json"});
    CHECK(as_json.code == 0);
    CHECK(has(as_json.out, "\"topic\":\"t.4\""));
    const std::string copy = log() + "/dead.ring";
    fs::copy_file("/dev/shm/evbus." + name() + ".ring", copy);
    CHECK(tail_of({"--ring", copy, "-o", "cat", "--last-per-topic"}).out_lines() == lines{"297", "298", "299", "300"});
    CHECK(tail_of({"--ring", copy, "-o", "cat", "--last-per-topic", "--to", "298"}).out_lines() == lines{"295", "296", "297", "298"});
    CHECK(end(recorder) == 0);
    remove_ring_files();
    CHECK(tail_of({"--log", log(), "-o", "cat", "--last-per-topic"}).out_lines() == newest_of_five);
}

TEST_CASE_FIXTURE(some_topics, "evtail: --last-per-topic -f goes on with all that comes") {
    create_logged(64);
    process recorder = record();
    publish_all();
    process follower = start({"--last-per-topic", "-f", "-o", "cat", "-c", "8"});
    follower.wait_for_out("300");
    publish("t.0", "a");
    publish("t.0", "b");
    publish("new", "c");
    const finished f = follower.wait();
    CHECK(f.code == 0);
    lines all = newest_of_five;
    all.insert(all.end(), {"a", "b", "c"});
    CHECK(f.out_lines() == all);
    CHECK(end(recorder) == 0);
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail: --last-per-topic reads little of a large log, and says how much") {
    create({.slots = 1024, .slot_bytes = 2048, .pacing = evbus::pacing::overwrite, .log_dir = log()});
    process recorder = record({"--segment-bytes", "1M"});
    const std::string filler(1800, 'x');
    for (int i = 1; i <= 4000; ++i) {
        if (i == 1234) publish("alarm", "hot");
        publish("common." + std::to_string(i % 20), std::to_string(i) + " " + filler);
        if (i % 500 == 0) wait_written(bus->head() - 1);
    }
    CHECK(end(recorder) == 0);
    remove_ring_files();
    const finished all = tail_of({"--log", log(), "-o", "cat", "--stats", "--from", "begin"});
    const finished newest = tail_of({"--log", log(), "-o", "cat", "--stats", "--last-per-topic"});
    REQUIRE(newest.out_lines().size() == 21);
    CHECK(newest.out_lines().front() == "hot");
    CHECK(newest.out_lines().back().starts_with("4000 "));
    CHECK_MESSAGE(number_before(newest.err, " bytes in ") < number_before(all.err, " bytes in ") / 5, newest.err);
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail: --last-per-topic on a bus without events, and one without a log") {
    create_ring();
    CHECK(tail({"--last-per-topic"}).code == 1);
    publish_numbers(10);
    publish("c", "x");
    CHECK(payloads({"--last-per-topic"}) == lines{"10", "x"});
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail: --durable ends where the log is not synced yet") {
    create_logged(256);
    process recorder = record({"--sync", "none"});
    publish_numbers(20);
    wait_written(20);
    const finished none = tail({"--durable", "--from", "begin"});
    CHECK(none.code == 1);
    CHECK(none.out == "");
    CHECK(payloads({"--from", "begin"}) == numbers(1, 20));
    process follower = start({"--durable", "-f", "--from", "begin", "-o", "cat", "-c", "20"});
    CHECK(end(recorder) == 0); // ends in good order: all is synced
    CHECK(follower.wait().out_lines() == numbers(1, 20));
    publish_numbers(5, 21);
    CHECK(payloads({"--durable", "-n", "3"}) == numbers(18, 20));
    CHECK(payloads({"-n", "3"}) == numbers(23, 25));
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail: --last-per-topic and --durable refuse what contradicts them") {
    create_ring();
    const auto refusal = [&](const words& more) {
        const finished f = tail(more);
        CHECK(f.code == 2);
        CHECK(f.out == "");
        return f.err;
    };
    CHECK(has(refusal({"--last-per-topic", "-n", "3"}), "another beginning"));
    CHECK(has(refusal({"--last-per-topic", "--from", "7"}), "another beginning"));
    CHECK(has(refusal({"--last-per-topic", "-S", "-5m"}), "another beginning"));
    CHECK(has(refusal({"--last-per-topic", "--cursor", "x"}), "--cursor goes on"));
    CHECK(has(refusal({"--last-per-topic", "-r"}), "order of seqs"));
    CHECK(has(refusal({"--durable", "--source", "ring"}), "leave out --source"));
    CHECK(has(refusal({"--durable"}), "without a log"));
    CHECK(has(tail_of({"--durable", "--log", "/nowhere"}).err, "needs the bus"));
}
