// evpub as its users run it: what goes in as lines comes out as events.
#include "tests/support/process.hpp"
#include "tests/support/scratch_bus.hpp"
#include "tests/tools/bus_reader.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>

using support::finished;
using support::process;
using support::run;
using support::scratch_bus;
using support::words;
using tools_test::payloads;
using tools_test::read_all;

namespace {

using lines = std::vector<std::string>;

// evpub BUS TOPIC with a log in the scratch directory.
struct fixture : scratch_bus {
    words command(words more, const std::string& topic = "a.b") const {
        words w{support::tool("evpub"), name(), topic};
        w.insert(w.end(), more.begin(), more.end());
        return w;
    }
    finished pub(words more, std::string_view input = {}, const std::string& topic = "a.b") const {
        return run(command(std::move(more), topic), input);
    }
    finished pub_no_log(words more, std::string_view input = {}, const std::string& topic = "a.b") const {
        more.push_back("--no-log");
        return pub(std::move(more), input, topic);
    }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "evpub: a line an event, the line end is no part of it") {
    const finished f = pub_no_log({}, "one\ntwo\n");
    CHECK(f.code == 0);
    CHECK(f.out.empty());
    CHECK(f.err.find("published 2 events, seq 1-2, in ") != std::string::npos);
    CHECK(payloads(name()) == lines{"one", "two"});
    CHECK(read_all(name())[0].topic == "a.b");
}

TEST_CASE_FIXTURE(fixture, "evpub: empty lines are events, a last line without LF too, no input is none") {
    CHECK(pub_no_log({}, "\n\nx\n\nlast").code == 0);
    CHECK(payloads(name()) == lines{"", "", "x", "", "last"});
    const finished none = pub({}, "");
    CHECK(none.code == 0);
    CHECK(none.err.find("published 0 events") != std::string::npos);
    CHECK(payloads(name()).size() == 5);
}

TEST_CASE_FIXTURE(fixture, "evpub: CR is kept, unless --crlf says that it ends a line") {
    CHECK(pub_no_log({}, "a\r\nb\r").code == 0);
    CHECK(pub_no_log({"--crlf"}, "c\r\nd\r\r\ne\rf\ng\r").code == 0);
    CHECK(payloads(name()) == lines{"a\r", "b\r", "c", "d\r", "e\rf", "g"});
}

TEST_CASE_FIXTURE(fixture, "evpub: any byte passes but LF") {
    std::string all;
    for (int i = 0; i < 256; ++i)
        if (i != '\n') all += static_cast<char>(i);
    CHECK(pub_no_log({}, all + "\n").code == 0);
    CHECK(payloads(name()) == lines{all});
}

TEST_CASE_FIXTURE(fixture, "evpub: lines come from a file, and -q says nothing") {
    const std::string path = write("in.txt", "x\ny\n");
    const finished f = pub_no_log({"--lines", path, "-q"});
    CHECK(f.code == 0);
    CHECK(f.err.empty());
    CHECK(payloads(name()) == lines{"x", "y"});
}

TEST_CASE_FIXTURE(fixture, "evpub: long lines travel in fragments and come out whole") {
    const lines long_ones{std::string(1000, 'k'), std::string(300'000, 'l'), "short"};
    CHECK(pub_no_log({}, long_ones[0] + "\n" + long_ones[1] + "\nshort\n").code == 0);
    CHECK(payloads(name()) == long_ones);
}

TEST_CASE_FIXTURE(fixture, "evpub: a line at a time from a slow pipe is published at once") {
    process p(command({"--no-log", "-q"}));
    p.write("first\nsec");
    evbus::bus const bus = [&] {
        while (true) {
            try {
                return evbus::bus::open(name());
            } catch (const evbus::error&) {
                REQUIRE(p.is_running());
            }
        }
    }();
    evbus::subscriber sub(bus, {.from = evbus::from::oldest()});
    lines got;
    const auto until = [&](std::size_t n) {
        while (got.size() < n) {
            REQUIRE(sub.wait(std::chrono::seconds(30)));
            sub.poll([&](const evbus::event& e) { got.emplace_back(e.text()); });
        }
    };
    until(1);
    p.write("ond\nthird\n");
    until(3);
    CHECK(got == lines{"first", "second", "third"});
    CHECK(p.is_running());
    CHECK(p.wait().code == 0);
}

TEST_CASE_FIXTURE(fixture, "evpub: headers stand on every event") {
    CHECK(pub_no_log({"-H", "type=t", "--header", "own=a=b", "-H", "empty="}, "1\n2\n").code == 0);
    const auto all = read_all(name());
    REQUIRE(all.size() == 2);
    for (const auto& e : all)
        CHECK(e.headers == std::map<std::string, std::string>{{"type", "t"}, {"own", "a=b"}, {"empty", ""}});
}

TEST_CASE_FIXTURE(fixture, "evpub: --max-events ends early, --name is shown to others") {
    process p(command({"--no-log", "--max-events", "2"}));
    p.write("1\n2\n3\n");
    CHECK(p.wait().code == 0);
    CHECK(payloads(name()) == lines{"1", "2"});

    process named(command({"--name", "gateway"}));
    named.write("4\n");
    evbus::subscriber sub(evbus::bus::open(name()), {.from = evbus::from::seq(3)});
    REQUIRE(sub.wait(std::chrono::seconds(30)));
    const finished info = run({support::tool("evctl"), "info", name()});
    CHECK(info.out.find("publisher") != std::string::npos);
    CHECK(info.out.find("gateway") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "evpub: load carries its index, in any size") {
    CHECK(pub_no_log({"--count", "11", "--size", "25"}).code == 0);
    CHECK(pub_no_log({"--count", "12", "--size", "1"}).code == 0);
    CHECK(pub_no_log({"--count", "1", "--size", "0"}).code == 0);
    CHECK(pub_no_log({"--count", "1"}).code == 0);
    const lines all = payloads(name());
    REQUIRE(all.size() == 25);
    CHECK(all[0] == "00000000000000000000abcde");
    CHECK(all[10] == "00000000000000000010abcde");
    CHECK(all[11] == "0");
    CHECK(all[22] == "1");
    CHECK(all[23].empty());
    CHECK(all[24].size() == 64);
}

TEST_CASE_FIXTURE(fixture, "evpub: a rate is kept, by lines and by load") {
    const auto start = std::chrono::steady_clock::now();
    CHECK(pub_no_log({"--count", "50", "--rate", "500"}).code == 0);
    CHECK(pub_no_log({"--rate", "100"}, "1\n2\n3\n4\n5\n6\n").code == 0);
    const auto took = std::chrono::steady_clock::now() - start;
    CHECK(took >= std::chrono::milliseconds(49 * 2 + 50));
    CHECK(payloads(name()).size() == 56);
}

TEST_CASE_FIXTURE(fixture, "evpub: the topic may stand in the line") {
    const std::string in = R"({"t":"x.y","v":1})" "\n" R"({"v":2,"t":"z"})" "\n" R"({"t":"\u00e9"})" "\n";
    CHECK(pub_no_log({"--topic-from-field", "t"}, in, "-").code == 0);
    CHECK(pub_no_log({"--topic-from-field", "t"}, in, "pre.fix").code == 0);
    lines topics;
    for (const auto& e : read_all(name())) topics.push_back(e.topic);
    CHECK(topics == lines{"x.y", "z", "\u00e9", "pre.fix.x.y", "pre.fix.z", "pre.fix.\u00e9"});
    CHECK(payloads(name())[0] == R"({"t":"x.y","v":1})");
}

TEST_CASE_FIXTURE(fixture, "evpub: a bad JSON line is named, what stood before it is published") {
    const std::string good = "{\"t\":\"x\"}\n";
    const lines bad{"{", "[1]", "{}", R"({"t":1})", R"({"t":"a..b"})", R"({"t":""})", "", std::string(100'000, '[')};
    for (const std::string& line : bad) {
        const finished f = pub_no_log({"--topic-from-field", "t"}, good + line + "\n" + good, "-");
        CHECK(f.code == 2);
        CHECK_MESSAGE(f.err.find("standard input, line 2: ") != std::string::npos, f.err);
        CHECK(f.err.find("published 1 event, seq ") != std::string::npos);
    }
    CHECK(payloads(name()).size() == bad.size());
}

TEST_CASE_FIXTURE(fixture, "evpub: creation flags are those of the bus") {
    CHECK(pub({"--slots", "128", "--slot-bytes", "1K", "--pacing", "strict", "--group", "read", "--log", log()}, "x\n").code == 0);
    const evbus::bus bus = evbus::bus::open(name());
    CHECK(bus.slots() == 128);
    CHECK(bus.slot_bytes() == 1024);
    CHECK(bus.pacing() == evbus::pacing::strict);
    CHECK(bus.log_dir() == log());
    CHECK(std::filesystem::status(ring_path()).permissions() == std::filesystem::perms(0640));
    CHECK(pub({"--slots", "128", "--slot-bytes", "1024", "--pacing", "strict", "--group", "read", "--log", log()}, "y\n").code == 0);
    CHECK(payloads(name()) == lines{"x", "y"});
}

TEST_CASE_FIXTURE(fixture, "evpub: flags that differ from the bus that is there are refused, naming both values") {
    REQUIRE(pub({"--log", log()}).code == 0);
    const std::vector<std::pair<words, lines>> cases{
        {{"--slots", "128"}, {"128", "16384"}},     {{"--slot-bytes", "128"}, {"128", "256"}},
        {{"--pacing", "strict"}, {"strict", "paced"}}, {{"--group", "write"}, {"write", "none"}},
        {{"--log", "/nowhere"}, {"/nowhere", log()}}, {{"--no-log"}, {"none", log()}}};
    for (const auto& [flags, values] : cases) {
        const finished f = pub(flags, "x\n");
        CHECK(f.code == 2);
        for (const std::string& v : values) CHECK_MESSAGE(f.err.find(v) != std::string::npos, f.err);
    }
    CHECK(payloads(name()).empty());
}

TEST_CASE_FIXTURE(fixture, "evpub: twenty at once make one bus, and everything is in it") {
    std::vector<process> all;
    for (int i = 0; i < 20; ++i) all.emplace_back(command({"--log", log(), "-q"}));
    for (int i = 0; i < 20; ++i) all[static_cast<std::size_t>(i)].write(std::to_string(i) + "\n" + std::to_string(i + 100) + "\n");
    for (process& p : all) {
        const finished f = p.wait();
        CHECK(f.code == 0);
        CHECK(f.err.empty());
    }
    CHECK(objects() == 2);
    const auto events = read_all(name());
    REQUIRE(events.size() == 40);
    lines got;
    for (std::size_t i = 0; i < events.size(); ++i) {
        CHECK(events[i].seq == i + 1);
        got.push_back(events[i].payload);
    }
    std::sort(got.begin(), got.end());
    CHECK(std::unique(got.begin(), got.end()) == got.end());
}

TEST_CASE_FIXTURE(fixture, "evpub: eight real logs at once, every line is there, in order for each") {
    const std::filesystem::path dir = std::filesystem::path(EVBUS_SOURCE_DIR).parent_path() / "shared/data/loghub";
    if (!std::filesystem::exists(dir)) {
        MESSAGE("no logs at ", dir.string(), ": not tested");
        return;
    }
    std::vector<process> all;
    std::map<std::string, lines> expected;
    for (const auto& entry : std::filesystem::directory_iterator(dir)) {
        if (entry.path().extension() != ".log") continue;
        const std::string topic = entry.path().stem().string();
        all.emplace_back(command({"--no-log", "-q", "--slots", "65536", "--lines", entry.path().string()}, topic));
        const std::string text = support::read_file(entry.path().string());
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t end = std::min(text.find('\n', at), text.size());
            expected[topic].push_back(text.substr(at, end - at));
            at = end + 1;
        }
    }
    for (process& p : all) CHECK(p.wait().code == 0);
    std::map<std::string, lines> got;
    for (const auto& e : read_all(name())) got[e.topic].push_back(e.payload);
    CHECK(got.size() == all.size());
    for (const auto& e : expected) CHECK_MESSAGE(got[e.first] == e.second, e.first);
}
