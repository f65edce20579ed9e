// evtail finds events by topic and by header, in the ring, in the log and in a dead ring; of a log it
// reads only what can match, and says how much.
#include "tests/tools/evtail_fixture.hpp"

#include <charconv>
#include <cstdint>
#include <filesystem>

using namespace tools_test;
namespace fs = std::filesystem;

namespace {

/// The number in front of `words` in what --stats said.
std::uint64_t stat_before(const std::string& said, const std::string& words) {
    const std::size_t end = said.find(words);
    REQUIRE_MESSAGE(end != std::string::npos, said);
    std::size_t begin = end;
    while (begin > 0 && said[begin - 1] >= '0' && said[begin - 1] <= '9') --begin;
    std::uint64_t n = 0;
    std::from_chars(said.data() + begin, said.data() + end, n);
    return n;
}

std::uint64_t log_bytes(const std::string& said) { return stat_before(said, " bytes in "); }
std::uint64_t log_reads(const std::string& said) { return stat_before(said, " reads, "); }

evbus::headers of_order(int id) { return {{"correlation-id", "order-" + std::to_string(id)}, {"x-desk", id % 2 == 0 ? "even" : "odd"}}; }

} // namespace

TEST_CASE_FIXTURE(evtail_fixture, "evtail: --header picks events from the ring, from the log and from a dead ring alike") {
    create_logged(64);
    process recorder = record();
    for (int i = 1; i <= 200; ++i) {
        publish("orders", std::to_string(i), of_order(i % 20));
        if (i % 40 == 0) wait_written(static_cast<evbus::seq_t>(i));
    }
    const lines of_seven{"7", "27", "47", "67", "87", "107", "127", "147", "167", "187"};
    CHECK(payloads({"--from", "begin", "--header", "correlation-id=order-7"}) == of_seven);
    CHECK(payloads({"-n", "2", "--header", "correlation-id=order-7"}) == lines{"167", "187"});
    CHECK(payloads({"-r", "-n", "2", "--header", "correlation-id=order-7"}) == lines{"187", "167"});
    CHECK(payloads({"--source", "ring", "-n", "all", "--header", "correlation-id=order-7"}) == lines{"147", "167", "187"});
    CHECK(payloads({"--from", "begin", "--header", "correlation-id=order-7", "--header", "x-desk=odd"}) == of_seven);
    CHECK(tail({"--from", "begin", "--header", "correlation-id=order-7", "--header", "x-desk=even"}).code == 1);
    CHECK(tail({"--from", "begin", "--header", "correlation-id=order"}).code == 1);
    CHECK(tail({"--from", "begin", "--header", "no-such-key=1"}).code == 1);
    const std::string copy = log() + "/dead.ring";
    fs::copy_file("/dev/shm/evbus." + name() + ".ring", copy);
    CHECK(tail_of({"--ring", copy, "-o", "cat", "-n", "all", "--header", "correlation-id=order-7"}).out_lines() == lines{"147", "167", "187"});
    CHECK(end(recorder) == 0);
    remove_ring_files();
    CHECK(tail_of({"--log", log(), "-o", "cat", "--from", "begin", "--header", "correlation-id=order-7"}).out_lines() == of_seven);
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail: --header finds large events whole, among the parts of others") {
    create_logged(1024);
    const std::string large(1500, 'L');
    for (int i = 1; i <= 60; ++i) publish("big", std::to_string(i) + large, of_order(i % 6));
    record_all();
    remove_ring_files();
    for (const words& where : {words{"--log", log(), "--from", "begin"}, words{"--log", log(), "-n", "all"}}) {
        words args{"-o", "cat", "--header", "correlation-id=order-3", "big"};
        args.insert(args.begin(), where.begin(), where.end());
        const finished f = tail_of(args);
        CHECK(f.code == 0);
        REQUIRE(f.out_lines().size() == 10);
        CHECK(f.out_lines().front() == "3" + large);
        CHECK(f.out_lines().back() == "57" + large);
    }
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail: a rare topic, a header value and the last few are read without the rest of the log") {
    create({.slots = 1024, .slot_bytes = 2048, .pacing = evbus::pacing::overwrite, .log_dir = log()});
    process recorder = record({"--segment-bytes", "1M"});
    const std::string filler(1800, 'x');
    for (int i = 1; i <= 4000; ++i) {
        if (i == 1234) publish("alarm", "hot", of_order(4711));
        publish("common", std::to_string(i) + " " + filler);
        if (i % 500 == 0) wait_written(bus->head() - 1);
    }
    CHECK(end(recorder) == 0);
    remove_ring_files();
    const auto ask = [&](words more) {
        words args{"--log", log(), "-o", "cat", "--stats"};
        args.insert(args.end(), more.begin(), more.end());
        return tail_of(args);
    };
    const finished all = ask({"--from", "begin"});
    REQUIRE(all.out_lines().size() == 4001);
    REQUIRE(log_bytes(all.err) > 7'000'000);
    for (const words& more : {words{"alarm"}, words{"alarm", "--from", "begin"}, words{"--from", "begin", "--header", "correlation-id=order-4711"}}) {
        const finished f = ask(more);
        CHECK(f.out_lines() == lines{"hot"});
        CHECK_MESSAGE(log_bytes(f.err) < log_bytes(all.err) / 4, f.err);
    }
    const finished last = ask({"-n", "3"});
    CHECK(last.out_lines().size() == 3);
    CHECK_MESSAGE(log_bytes(last.err) < log_bytes(all.err) / 4, last.err);
    const finished none = ask({"--from", "begin", "no.such.topic"});
    CHECK(none.code == 1);
    CHECK_MESSAGE(log_bytes(none.err) < log_bytes(all.err) / 10, none.err);
    CHECK(log_reads(none.err) < 100);
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail: --header without a key or a value is wrong usage") {
    create_ring();
    for (const char* wrong : {"correlation-id", "=x", ""}) {
        const finished f = tail({"--header", wrong});
        CHECK(f.code == 2);
        CHECK(has(f.err, "KEY=VALUE"));
    }
    CHECK(tail({"--header", "a="}).code == 1); // an empty value is one
}
