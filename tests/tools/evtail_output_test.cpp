// evtail's output, byte for byte, and what it says of gaps.
#include "tests/tools/evtail_fixture.hpp"

#include "tools/cli/when.hpp"

#include <evbus/subscriber.hpp>

#include <nlohmann/json.hpp>

using namespace tools_test;
using nlohmann::json;

namespace {

struct output_fixture : evtail_fixture {
    // Two events and when they were published.
    output_fixture() {
        create_ring();
        publish("md.trade.A", "price=1\tbig", {{"type", "trade"}, {"correlation-id", "c-7"}});
        publish("md.quote.B", std::string("\xff\x00\n", 3));
        evbus::subscriber sub(*bus, {.from = evbus::from::oldest()});
        sub.poll([&](const evbus::event& e) { times.push_back(e.published()); });
        REQUIRE(times.size() == 2);
    }
    [[nodiscard]] std::string iso(std::size_t i) const { return cli::format_iso(times[i], cli::zone::utc); }
    [[nodiscard]] std::string clock(std::size_t i) const { return iso(i).substr(11, 15); }
    [[nodiscard]] std::string shown(words w) const {
        w.push_back("--utc");
        const finished f = tail(w);
        CHECK(f.code == 0);
        CHECK(f.err.empty());
        return f.out;
    }
    std::vector<std::int64_t> times;
};

} // namespace

TEST_CASE_FIXTURE(output_fixture, "evtail -o: every mode, byte for byte") {
    CHECK(shown({}) == clock(0) + " 1 md.trade.A price=1\\tbig\n" + clock(1) + " 2 md.quote.B \\xff\\x00\\n\n");
    CHECK(shown({"-o", "short"}) == shown({}));
    CHECK(shown({"-o", "iso"}) == iso(0) + " 1 md.trade.A price=1\\tbig\n" + iso(1) + " 2 md.quote.B \\xff\\x00\\n\n");
    const std::string ns = std::to_string(times[1] - times[0]);
    CHECK(shown({"-o", "delta"}) == "+0.000000000 1 md.trade.A price=1\\tbig\n+0." + std::string(9 - ns.size(), '0') + ns +
                                        " 2 md.quote.B \\xff\\x00\\n\n");
    CHECK(shown({"-o", "raw"}) == std::string("price=1\tbig\xff\x00\n", 14));
    CHECK(shown({"-o", "cat"}) == std::string("price=1\tbig\n\xff\x00\n\n", 16));
    CHECK(shown({"-o", "hex", "-n", "1"}) ==
          iso(1) + " 2 md.quote.B\n  00000000  ff 00 0a                                          |...|\n");
    CHECK(shown({"-o", "verbose", "-c", "1"}) == "seq 1\n  topic       md.trade.A\n  time        " + iso(0) +
                                                     "\n  publisher   gateway (1.1)\n  header      type=trade\n"
                                                     "  header      correlation-id=c-7\n  length      11\n"
                                                     "  payload     price=1\\tbig\n");
    CHECK(shown({"-o", "json"}) == "{\"seq\":\"1\",\"topic\":\"md.trade.A\",\"time\":\"" + iso(0) + "\",\"time_ns\":\"" +
                                       std::to_string(times[0]) +
                                       "\",\"publisher\":\"gateway\",\"headers\":{\"type\":\"trade\",\"correlation-id\":\"c-7\"},"
                                       "\"payload\":\"price=1\\tbig\"}\n"
                                       "{\"seq\":\"2\",\"topic\":\"md.quote.B\",\"time\":\"" + iso(1) + "\",\"time_ns\":\"" +
                                       std::to_string(times[1]) + "\",\"publisher\":\"gateway\",\"headers\":{},\"payload_b64\":\"/wAK\"}\n");
}

TEST_CASE_FIXTURE(output_fixture, "evtail -F: every letter, and wins over -o") {
    CHECK(shown({"-F", "%s|%t|%T|%n|%P|%h|%l|%p|%%", "-c", "1", "-o", "json"}) ==
          "1|md.trade.A|" + iso(0) + "|" + std::to_string(times[0]) + "|gateway|type=trade,correlation-id=c-7|11|price=1\tbig|%\n");
    CHECK(shown({"-F", "%s %x\\n"}) == "1 70726963653d3109626967\n2 ff000a\n");
}

TEST_CASE_FIXTURE(output_fixture, "evtail: times are local without --utc") {
    const finished f = run(command({"-o", "iso", "-n", "1"}), {}, {.environment = {"TZ=XYZ-3"}});
    CHECK(f.out.starts_with(iso(1).substr(0, 8)));
    CHECK(has(f.out, "+03:00 2 "));
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail --topics: count, rate and last time, the busiest first") {
    create_ring();
    for (int i = 0; i < 3; ++i) publish("b", "x");
    publish("a.long.topic", "x");
    publish("c", "x");
    const lines l = tail({"--topics", "--utc"}).out_lines();
    REQUIRE(l.size() == 4);
    CHECK(l[0] == "TOPIC                COUNT  RATE (1/s)  LAST");
    CHECK(l[1].starts_with("b                        3 "));
    CHECK(l[2].starts_with("a.long.topic             1 "));
    CHECK(l[3].starts_with("c                        1 "));
    const lines objects = tail({"--topics", "-o", "json", "--from", "2", "--to", "4"}).out_lines();
    REQUIRE(objects.size() == 2);
    const json first = json::parse(objects[0]);
    CHECK(first["topic"] == "b");
    CHECK(first["count"] == "2");
    CHECK(first["rate"].is_number());
    CHECK(first["last_ns"].is_string());
    CHECK(tail({"--topics", "-n", "1"}).out_lines().size() == 2);
    CHECK(tail({"--topics", "none"}).code == 1);
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail --stats: what was read, and from where, on stderr") {
    create_ring();
    publish_numbers(20);
    const finished f = tail({"--stats", "-o", "cat"});
    CHECK(f.out_lines().size() == 10);
    CHECK(f.err == "evtail: shown 10; read 20 events from the ring (91 bytes), 0 from the log (0 bytes in 0 reads, 0 commits); 0 void seqs; 0 gaps of 0 seqs\n");
}

namespace {

// A ring of 64 slots with 100 events: who asks for seq 30 is told of a gap. Where it ends (36, or some
// seqs later to keep clear of the writers) is the reader's business.
struct gap_fixture : evtail_fixture {
    gap_fixture() {
        create_ring();
        publish_numbers(100);
        const json first = json::parse(tail({"--from", "30", "-o", "json"}).out_lines().front());
        last_lost = std::stoi(first["gap"]["to"].get<std::string>());
        CHECK(last_lost >= 36);
        CHECK(last_lost < 50);
    }
    [[nodiscard]] std::string range() const { return "30.." + std::to_string(last_lost) + " (" + std::to_string(last_lost - 29) + ")"; }
    [[nodiscard]] std::string line() const { return "-- gap " + range() + ": overwritten --"; }
    int last_lost = 0;
};

} // namespace

TEST_CASE_FIXTURE(gap_fixture, "evtail: a gap stands in its place where the mode has one, else on stderr; exit 3") {
    const finished shown = tail({"--from", "30"});
    CHECK(shown.code == 3);
    CHECK(shown.out.starts_with(line() + "\n"));
    CHECK(shown.err.empty());
    const std::string next = std::to_string(last_lost + 1);
    CHECK(tail({"--from", "30", "-o", "json"}).out.starts_with("{\"gap\":{\"from\":\"30\",\"to\":\"" + std::to_string(last_lost) +
                                                            "\",\"cause\":\"overwritten\"}}\n{\"seq\":\"" + next + "\""));
    for (const words& w : {words{"-o", "cat"}, words{"-o", "raw"}, words{"-F", "%p"}}) {
        words more{"--from", "30", "--to", "60"};
        more.insert(more.end(), w.begin(), w.end());
        const finished f = tail(more);
        CHECK(f.code == 3);
        CHECK(f.err == "evtail: gap: seqs " + range() + " cannot be had: overwritten\n");
        CHECK(f.out.starts_with(next));
    }
    CHECK(tail({"--from", "30", "--to", "33"}).out == "-- gap 30..33 (4): overwritten --\n");
    CHECK(tail({"--from", "30", "-r"}).out_lines().back() == line());
    CHECK(tail({"--from", "50"}).code == 0);
}

TEST_CASE_FIXTURE(gap_fixture, "evtail --on-gap: error ends at the first one, ignore says nothing") {
    const finished stop = tail({"--from", "30", "--on-gap", "error"});
    CHECK(stop.code == 3);
    CHECK(stop.out == line() + "\n");
    const finished quiet = tail({"--from", "30", "--on-gap", "ignore", "-o", "cat"});
    CHECK(quiet.code == 0);
    CHECK(quiet.err.empty());
    CHECK(quiet.out_lines() == numbers(last_lost + 1, 100));
}
