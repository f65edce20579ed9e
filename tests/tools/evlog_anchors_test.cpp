// evlog anchors and evtail --from anchor as their users meet them, beside a recorder and on a log that is left.
#include "tests/tools/evtail_fixture.hpp"

#include <evbus/anchor.hpp>

#include <nlohmann/json.hpp>

using namespace tools_test;
using nlohmann::json;

namespace {

struct anchors_fixture : evtail_fixture {
    [[nodiscard]] finished anchors(words more, const std::string& where = {}) const {
        words w{support::tool("evlog"), "anchors", where.empty() ? name() : where};
        w.insert(w.end(), more.begin(), more.end());
        return run(w, {}, {.environment = {"TZ=UTC"}});
    }
    [[nodiscard]] finished evlog(words more) const {
        more.insert(more.begin(), support::tool("evlog"));
        return run(more, {}, {.environment = {"TZ=UTC"}});
    }
    [[nodiscard]] finished info(words more) const {
        more.insert(more.begin(), {support::tool("evctl"), "info", name()});
        return run(more);
    }
    /// Publishes 1 to n beside a recorder, all of it synced.
    process recorded(int n) {
        create_logged(256);
        process r = record();
        publish_numbers(n);
        REQUIRE(bus->wait_durable(static_cast<evbus::seq_t>(n), std::chrono::hours(1)));
        return r;
    }
};

} // namespace

TEST_CASE_FIXTURE(anchors_fixture, "evlog anchors: none at first; put, and listed with time, hash and reference, the newest last") {
    process r = recorded(20);
    const finished none = anchors({});
    CHECK(none.code == 1);
    CHECK(none.out.empty());
    CHECK(has(none.err, "there is no anchor in " + log()));
    CHECK(json::parse(anchors({"--json"}).out)["anchors"].empty());
    CHECK(!has(info({}).out, "anchor"));
    CHECK(json::parse(info({"--json"}).out)["anchor"].is_null());

    const std::string file = write("snapshot", "state of the machine");
    const finished put = anchors({"put", "10", file, "--hash-of", file});
    CHECK(put.code == 0);
    CHECK(put.out.empty());
    CHECK(has(put.err, "anchor at seq 10: " + file + ", hash "));
    CHECK(anchors({"put", "12", "s3://bucket/12", "--hash", "0xC0FFEE"}).code == 0);
    CHECK(anchors({"put", "15", "no hash"}).code == 0);

    const finished f = anchors({});
    CHECK(f.code == 0);
    CHECK(anchors({"list"}).out == f.out);
    REQUIRE(f.out_lines().size() == 4);
    CHECK(has(f.out_lines()[0], "SEQ  PUT"));
    CHECK(has(f.out_lines()[1], file));
    CHECK(has(f.out_lines()[2], "0000000000c0ffee  s3://bucket/12"));
    CHECK(has(f.out_lines()[3], "-                 no hash"));

    // The newest one is seen without the log.
    CHECK(has(info({}).out, "anchor     15 (5 behind the head)"));
    CHECK(json::parse(info({"--json"}).out)["anchor"]["seq"] == "15");

    const json j = json::parse(anchors({"--json"}).out);
    CHECK(j["log"] == log());
    REQUIRE(j["anchors"].size() == 3);
    CHECK(j["anchors"][0]["seq"] == "10");
    CHECK(j["anchors"][0]["replay_from"] == "11");
    CHECK(j["anchors"][0]["reference"] == file);
    const std::string content = "state of the machine";
    CHECK(std::stoull(j["anchors"][0]["hash"].get<std::string>(), nullptr, 16) == evbus::content_hash(std::as_bytes(std::span(content))));
    CHECK(j["anchors"][2]["hash"].is_null());
    CHECK(has(j["anchors"][2]["time"], "Z"));
    CHECK(std::stoll(j["anchors"][2]["time_ns"].get<std::string>()) > 0);
    CHECK(end(r) == 0);
    // The log alone tells the same.
    CHECK(anchors({"--json"}, log()).out == anchors({"--json"}).out);
    CHECK(evlog({"verify", log()}).code == 0);
}

TEST_CASE_FIXTURE(anchors_fixture, "evlog anchors put: what is refused, in words, and with which exit code") {
    process r = recorded(20);
    const auto refused = [&](words more, const std::string& because, const std::string& where = {}) {
        const finished f = anchors(std::move(more), where);
        CHECK(f.code == 2);
        CHECK(f.out.empty());
        CHECK_MESSAGE(has(f.err, because), f.err);
    };
    refused({"put", "21", "x"}, "only seqs up to 20 are synced");
    CHECK(anchors({"put", "10", "x"}).code == 0);
    refused({"put", "9", "x"}, "the newest anchor is at seq 10");
    refused({"put", "0", "x"}, "is no event's");
    refused({"put", "11", ""}, "is empty");
    refused({"put", "11", "two\nlines"}, "control character");
    refused({"put", "11", std::string(256, 'x')}, "longer than 255 bytes");
    refused({"put", "11"}, "is nothing to do with anchors");
    refused({"put", "eleven", "x"}, "eleven");
    refused({"put", "-1", "x"}, "-1");
    refused({"drop"}, "is nothing to do with anchors");
    refused({"put", "11x", "ref"}, "'11x': is no seq");
    refused({"put", "11", "x", "--hash", "xyz"}, "is no hash");
    refused({"put", "11", "x", "--hash", "11112222333344445"}, "is no hash");
    refused({"put", "11", "x", "--hash", ""}, "is no hash");
    refused({"put", "11", "x", "--hash-of", file("missing")}, "no such file");
    refused({"put", "11", "x", "--hash-of", dir()}, "not a regular file");
    refused({"put", "11", "x", "--hash-of", "/dev/zero"}, "/dev/zero: it is not a regular file; name a file, or give --hash");
    refused({"put", "11", "x", "--hash", "1", "--hash-of", "/dev/null"}, "two hashes");
    refused({"--hash", "1"}, "belongs to put");
    refused({"put", "11", "x"}, "only its recorder writes anchors", log());
    refused({}, "neither its ring nor its log is there", "nobodys-bus-" + name());
    r.signal(SIGSTOP);
    const finished late = anchors({"put", "11", "x", "--timeout", "10ms"});
    CHECK(late.code == 124);
    CHECK(has(late.err, "it was not put"));
    r.signal(SIGCONT);
    CHECK(end(r) == 0);
    refused({"put", "11", "x"}, "start evrecord " + name());
    CHECK(json::parse(anchors({"--json"}).out)["anchors"].size() == 1);
}

TEST_CASE_FIXTURE(anchors_fixture, "evtail --from anchor: what came behind the newest one, live and from the log that is left") {
    process r = recorded(20);
    CHECK(payloads({"--from", "anchor"}) == numbers(1, 20)); // without one: all there is
    CHECK(anchors({"put", "5", "five"}).code == 0);
    CHECK(anchors({"put", "12", "twelve"}).code == 0);
    CHECK(payloads({"--from", "anchor"}) == numbers(13, 20));
    CHECK(payloads({"--from", "anchor", "-n", "3"}) == numbers(18, 20));
    CHECK(payloads({"--from", "anchor", "-r"}) == numbers(20, 13));
    CHECK(payloads({"--from", "anchor", "--to", "14"}) == numbers(13, 14));
    CHECK(payloads({"--from", "anchor", "--source", "log"}) == numbers(13, 20));
    CHECK(payloads({"--from", "anchor", "--from", "begin"}) == numbers(1, 20));
    process p = start({"-f", "-o", "cat", "--from", "anchor", "-c", "9"});
    p.wait_for_out("20\n");
    publish_numbers(1, 21);
    CHECK(p.wait().out_lines() == numbers(13, 21));
    CHECK(end(r) == 0);
    const finished alone = tail_of({"--log", log(), "-o", "cat", "--from", "anchor"});
    CHECK(alone.code == 0);
    CHECK(alone.out_lines() == numbers(13, 21));
    for (const words& more : {words{"--source", "ring"}, words{"--cursor", "c"}, words{"-S", "-5m"}}) {
        words w{"--from", "anchor"};
        w.insert(w.end(), more.begin(), more.end());
        w.insert(w.begin(), name());
        CHECK(tail_of(w).code == 2);
    }
}

TEST_CASE_FIXTURE(anchors_fixture, "evtail --from anchor: an event that was not whole at the anchor's seq is shown whole, what ended before it is not") {
    create_logged(256);
    process r = record();
    publish("a.b", "before");
    publish("a.b", std::string(1500, 'x'));
    const evbus::seq_t last = bus->head() - 1;
    REQUIRE(bus->wait_durable(last, std::chrono::hours(1)));
    evbus::put_anchor(*bus, {.seq = last - 2, .reference = "x", .walk_from = 2}, std::chrono::hours(1));
    CHECK(payloads({"--from", "anchor"}) == lines{std::string(1500, 'x')});
    CHECK(payloads({"--from", "anchor", "--source", "log"}) == lines{std::string(1500, 'x')});
    evbus::put_anchor(*bus, {.seq = last, .reference = "x", .walk_from = 1}, std::chrono::hours(1));
    CHECK(payloads({"--from", "anchor"}).empty());
    CHECK(payloads({"--from", "anchor", "--source", "log"}).empty());
    CHECK(end(r) == 0);
}

TEST_CASE_FIXTURE(anchors_fixture, "evlog retain: what the newest anchor needs is spared, by its name, unless forced") {
    create({.slots = 64, .slot_bytes = 256, .pacing = evbus::pacing::strict, .log_dir = log()});
    process r = record({"--segment-bytes", "1M"});
    const auto publish_more = [&] {
        for (int i = 0; i < 10'000; ++i) publish("a.b", std::string(150, 'x'));
        REQUIRE(bus->wait_durable(bus->head() - 1, std::chrono::hours(1)));
    };
    publish_more();
    CHECK(anchors({"put", "7", "/snap/7"}).code == 0);
    publish_more();
    CHECK(end(r) == 0);
    const finished spared = evlog({"retain", log(), "--keep-segments", "1", "--do"});
    CHECK(spared.code == 0);
    CHECK(has(spared.out, "needed by the newest anchor (seq 7, /snap/7)"));
    CHECK(has(spared.err, "put a newer anchor (evlog anchors), or give --force"));
    CHECK(has(spared.err, "deleted 0 segments"));
    CHECK(anchors({}).code == 0);
    CHECK(has(evlog({"retain", log(), "--keep-segments", "1", "--force", "--do"}).err, "deleted"));
    CHECK(anchors({}).code == 1);
}
