// evtail on a live ring: which events it shows, in which order, and how it ends.
#include "tests/tools/evtail_fixture.hpp"

#include "tools/cli/when.hpp"

using namespace tools_test;

TEST_CASE_FIXTURE(evtail_fixture, "evtail: the last 10, or as many as there are") {
    create_ring();
    publish_numbers(3);
    CHECK(payloads({}) == numbers(1, 3));
    publish_numbers(9, 4);
    CHECK(payloads({}) == numbers(3, 12));
    CHECK(tail().code == 0);
    CHECK(tail().err.empty());
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail -n: so many, all, none") {
    create_ring();
    publish_numbers(20);
    CHECK(payloads({"-n", "1"}) == numbers(20, 20));
    CHECK(payloads({"--last", "15"}) == numbers(6, 20));
    CHECK(payloads({"-n", "all"}) == numbers(1, 20));
    CHECK(payloads({"-n", "1000000"}) == numbers(1, 20));
    const finished none = tail({"-n", "0"});
    CHECK(none.out.empty());
    CHECK(none.code == 1);
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail: a ring that went round holds its last lap, and that is no gap to who asks for the last") {
    create_ring();
    publish_numbers(1000);
    CHECK(payloads({}) == numbers(991, 1000));
    const finished all = tail({"-n", "200", "-o", "cat"});
    CHECK(all.out_lines() == numbers(937, 1000));
    CHECK(all.code == 0);
    CHECK(payloads({"-n", "20000"}) == numbers(937, 1000));
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail: filters, exclusions and their order on the command line") {
    create_ring();
    for (const char* topic : {"md.trade.A", "md.quote.A", "md.trade.TEST", "x", "$bus.own"}) publish(topic, topic);
    CHECK(payloads({"md.>"}) == lines{"md.trade.A", "md.quote.A", "md.trade.TEST"});
    CHECK(payloads({"md.>", "-x", "md.*.TEST"}) == lines{"md.trade.A", "md.quote.A"});
    CHECK(payloads({"-x", "md.trade.*", "md.*.*", "x"}) == lines{"md.quote.A", "x"});
    CHECK(payloads({"--exclude", "x", "-x", "md.quote.A"}) == lines{"md.trade.A", "md.trade.TEST"});
    CHECK(payloads({}) == lines{"md.trade.A", "md.quote.A", "md.trade.TEST", "x"});
    CHECK(payloads({"$bus.>"}) == lines{"$bus.own"});
    const finished f = tail({"nothing.here"});
    CHECK(f.code == 1);
    CHECK(f.out.empty());
    CHECK(f.err.empty());
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail --from and --to: ranges by seq, both inclusive") {
    create_ring();
    publish_numbers(20);
    CHECK(payloads({"--from", "begin"}) == numbers(1, 20));
    CHECK(payloads({"--from", "15"}) == numbers(15, 20));
    CHECK(payloads({"--from", "5", "--to", "7"}) == numbers(5, 7));
    CHECK(payloads({"--to", "7"}) == numbers(1, 7));
    CHECK(payloads({"--to", "7", "-n", "2"}) == numbers(6, 7));
    CHECK(payloads({"--from", "5", "-n", "3"}) == numbers(18, 20));
    CHECK(payloads({"--from", "19", "-n", "7"}) == numbers(19, 20));
    CHECK(payloads({"--from", "begin", "-c", "4"}) == numbers(1, 4));
    CHECK(payloads({"-n", "5", "-c", "2"}) == numbers(16, 17));
    CHECK(tail({"--from", "21"}).code == 1);
    CHECK(tail({"--from", "end"}).code == 1);
    CHECK(tail({"--from", "18446744073709551614"}).code == 2);
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail -r: newest first, of the last or of a range") {
    create_ring();
    publish_numbers(20);
    CHECK(payloads({"-r"}) == numbers(20, 11));
    CHECK(payloads({"-r", "-n", "3"}) == numbers(20, 18));
    CHECK(payloads({"--reverse", "--from", "5", "--to", "8"}) == numbers(8, 5));
    CHECK(payloads({"-r", "-n", "all", "-c", "2"}) == numbers(20, 19));
    CHECK(payloads({"-r", "--from", "begin"}) == numbers(20, 1));
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail -S and -U: by publish time, event by event") {
    create_ring();
    publish_numbers(3);
    const std::int64_t between = cli::now_ns() + 20'000'000;
    while (cli::now_ns() < between + 20'000'000) {}
    publish_numbers(3, 4);
    std::string at = "@" + std::to_string(between / 1'000'000'000) + ".";
    const std::string fraction = std::to_string(between % 1'000'000'000);
    at += std::string(9 - fraction.size(), '0') + fraction;
    CHECK(payloads({"-S", at}) == numbers(4, 6));
    CHECK(payloads({"-U", at}) == numbers(1, 3));
    CHECK(payloads({"--since", "-1h", "--until", at}) == numbers(1, 3));
    CHECK(payloads({"-S", "-1h", "-n", "2"}) == numbers(5, 6));
    CHECK(payloads({"-S", at, "-r"}) == numbers(6, 4));
    CHECK(payloads({"-S", "today"}).size() >= 3);
    CHECK(tail({"-S", "+1h"}).code == 1);
    CHECK(tail({"-U", "-1h"}).code == 1);
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail -S on a bus without stamps is refused: nothing would ever match") {
    create({.slots = 64, .with_log = false, .stamps = false});
    publish_numbers(2);
    const finished f = tail({"-S", "-5m"});
    CHECK(f.code == 2);
    CHECK(has(f.err, "no publish times"));
    CHECK(has(tail({"-o", "iso"}).out, "- 1 a.b 1\n"));
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail -g: a regular expression anywhere in the payload") {
    create_ring();
    for (const char* p : {"price=1", "price=10", "qty=1", "PRICE=1", "\xff\xfe price=7"}) publish("a", p);
    CHECK(payloads({"-g", "price=1"}) == lines{"price=1", "price=10"});
    CHECK(payloads({"--grep", "^price=1$"}) == lines{"price=1"});
    CHECK(payloads({"-g", "(?i)price=1$"}) == lines{"price=1", "PRICE=1"});
    CHECK(payloads({"-g", "price=7"}).size() == 1);
    CHECK(payloads({"-g", "price", "-n", "1"}).size() == 1);
    CHECK(tail({"-g", "nowhere"}).code == 1);
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail: events larger than a slot are whole, also at the edge of what is looked at") {
    create_ring(1024);
    const std::string large(20'000, 'L');
    publish_numbers(5);
    const evbus::seq_t at = publish("big", large);
    publish_numbers(3, 6);
    CHECK(payloads({"big"}) == lines{large});
    CHECK(payloads({"-n", "4"}) == lines{large, "6", "7", "8"});
    CHECK(payloads({"-r", "-n", "4"}) == lines{"8", "7", "6", large});
    // Its frames begin before its own seq: who starts in the middle of it is not shown half an event.
    CHECK(payloads({"--from", std::to_string(at)}) == numbers(6, 8));
    CHECK(payloads({"--to", std::to_string(at - 1)}) == numbers(1, 5));
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail: what cannot be meant exits with 2 and names the flag") {
    create_ring();
    publish_numbers(1);
    const auto refused = [&](words w, const std::string& named) {
        const finished f = tail(w);
        INFO(w.front(), ": ", f.err);
        CHECK(f.code == 2);
        CHECK(f.out.empty());
        CHECK(has(f.err, named));
        CHECK(f.err.starts_with("evtail: "));
    };
    refused({"-n", "x"}, "--last");
    refused({"-n", "-3"}, "--last");
    refused({"--from", "0"}, "--from");
    refused({"--from", "start"}, "--from");
    refused({"--to", "0"}, "--to");
    refused({"-S", "whenever"}, "--since");
    refused({"-U", "2026-13-01"}, "--until");
    refused({"-c", "0"}, "--count");
    refused({"-c", "many"}, "--count");
    refused({"--idle", "0"}, "--idle");
    refused({"--idle", "5 parsecs"}, "--idle");
    refused({"--for", "soon"}, "--for");
    refused({"--source", "both"}, "--source");
    refused({"--on-gap", "panic"}, "--on-gap");
    refused({"-o", "xml"}, "--output");
    refused({"-F", "%q"}, "%q");
    refused({"-g", "(unclosed"}, "--grep");
    refused({"a..b"}, "a..b");
    refused({"-x", "a.>.b"}, "a.>.b");
    refused({"--folow"}, "--follow");
    refused({"-r", "-f"}, "--reverse");
    refused({"-r", "--topics"}, "--reverse");
    refused({"-S", "-5m", "--from", "3"}, "--since");
    refused({"--from", "5", "--to", "3"}, "--to");
    refused({"-S", "now", "-U", "-5m"}, "--until");
    refused({"--ring", "a", "--log", "b"}, "--ring and --log");
    refused({"--log", "b", "--source", "ring"}, "--source");
    refused({"--ring", "a", "-f"}, "--follow");
    const finished nothing = tail_of({});
    CHECK(nothing.code == 2);
    CHECK(has(nothing.err, "BUS"));
    CHECK(tail_of({"No Name"}).code == 2);
}

TEST_CASE("evtail --help and --version go to stdout") {
    const finished help = evtail_fixture::tail_of({"--help"});
    CHECK(help.code == 0);
    CHECK(help.err.empty());
    CHECK(help.out.find("Examples:") < help.out.find("Usage:"));
    for (const char* flag : {"--last", "--from", "--to", "--since", "--until", "--grep", "--reverse", "--follow", "--exit-at-end",
                             "--count", "--idle", "--for", "--source", "--ring", "--log", "--on-gap", "--output", "--format",
                             "--utc", "--topics", "--stats", "--exclude"})
        CHECK_MESSAGE(has(help.out, flag), flag);
    CHECK(evtail_fixture::tail_of({"--version"}).out.starts_with("evtail "));
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail: a bus that is nowhere names every place that was looked at") {
    for (const words& w : {words{}, words{"-f"}}) {
        const finished f = tail(w);
        CHECK(f.code == 2);
        CHECK(has(f.err, ring_path()));
        CHECK(has(f.err, "/var/lib/evbus/" + name()));
        CHECK(has(f.err, "evpub " + name()));
    }
    CHECK(has(tail({"--source", "ring"}).err, ring_path()));
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail: takes no place on the bus and leaves nothing behind") {
    create_ring();
    publish_numbers(5);
    const std::string before = support::read_file("/dev/shm/evbus." + name() + ".ctl-" + to_string(bus->epoch()));
    CHECK(tail().code == 0);
    process p = start({"-f"});
    p.wait_for_out("5 a.b 5");
    CHECK(support::read_file("/dev/shm/evbus." + name() + ".ctl-" + to_string(bus->epoch())) == before);
    CHECK(objects() == 2);
}
