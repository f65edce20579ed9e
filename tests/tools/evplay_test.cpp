// evplay: what was recorded, published again.
#include "tests/tools/bus_reader.hpp"
#include "tests/tools/evtail_fixture.hpp"
#include "tools/evplay/pace.hpp"

using namespace tools_test;

namespace {

struct play_fixture : evtail_fixture {
    support::scratch_bus stage; ///< the bus to play on

    void record_some(int n) {
        create_logged(1 << 12);
        for (int i = 1; i <= n; ++i)
            publish(i % 2 == 0 ? "even.x" : "odd.x", std::to_string(i), evbus::headers{{"type", "t" + std::to_string(i)}});
        record_all();
    }
    [[nodiscard]] words play_words(words more) const {
        more.insert(more.begin(), {support::tool("evplay"), log(), stage.name()});
        return more;
    }
    [[nodiscard]] finished play(words more = {}) const { return run(play_words(std::move(more))); }
};

} // namespace

TEST_CASE_FIXTURE(play_fixture, "evplay: topics, payloads, headers and order are kept, and when it happened first") {
    record_some(50);
    const finished f = play({"--speed", "max"});
    INFO(f.err);
    CHECK(f.code == 0);
    CHECK(has(f.err, "played 50 events, seqs 1 to 50"));
    const std::vector<seen_event> all = read_all(stage.name());
    REQUIRE(all.size() == 50);
    const std::vector<seen_event> was = read_all(name());
    for (std::size_t i = 0; i < all.size(); ++i) {
        CHECK(all[i].topic == was[i].topic);
        CHECK(all[i].payload == was[i].payload);
        CHECK(all[i].headers.at("type") == was[i].headers.at("type"));
        CHECK(all[i].headers.at("origin-time").size() == 19);
    }
    // Played once more, the first time is the one that stays.
    const support::scratch_bus second;
    record_all();
    const std::string origin = all[0].headers.at("origin-time");
    CHECK(run({support::tool("evplay"), log(), second.name(), "--speed", "max", "--to", "1"}).code == 0);
    CHECK(read_all(second.name()).at(0).headers.at("origin-time") == origin);
}

TEST_CASE_FIXTURE(play_fixture, "evplay: ranges, filters, and what matches nothing") {
    record_some(20);
    CHECK(play({"--speed", "max", "--from", "3", "--to", "8", "even.>"}).code == 0);
    CHECK(tools_test::payloads(stage.name()) == lines{"4", "6", "8"});
    CHECK(play({"--speed", "max", "--from", "9", "-x", "odd.*", "--to", "10"}).code == 0);
    CHECK(tools_test::payloads(stage.name()) == lines{"4", "6", "8", "10"});
    CHECK(play({"--speed", "max", "nothing.at.all"}).code == 1);
    CHECK(play({"--speed", "max", "--until", "@1"}).code == 1);
    CHECK(play({"--speed", "max", "--since", "+1h"}).code == 1);
}

TEST_CASE_FIXTURE(play_fixture, "evplay: the pace is that of the log, divided by the speed") {
    create_logged();
    // Stamps are what the bus gives: two events with a known distance.
    publish("a", "1");
    ::usleep(300'000);
    publish("a", "2");
    record_all();
    const std::vector<seen_event> was = [&] {
        REQUIRE(play({"--speed", "max"}).code == 0);
        return read_all(stage.name());
    }();
    const auto ns_of = [](const seen_event& e) { return std::stoll(e.headers.at("origin-time")); };
    const long long distance = ns_of(was.at(1)) - ns_of(was.at(0));
    const auto began = std::chrono::steady_clock::now();
    REQUIRE(play().code == 0);
    const long long took = std::chrono::nanoseconds(std::chrono::steady_clock::now() - began).count();
    CHECK(took >= distance); // never earlier; how much later is the machine's business
    const auto hasty = std::chrono::steady_clock::now();
    REQUIRE(play({"--speed", "0.5"}).code == 0);
    CHECK(std::chrono::nanoseconds(std::chrono::steady_clock::now() - hasty).count() >= 2 * distance);
}

TEST_CASE_FIXTURE(play_fixture, "evplay: a signal ends it between two events, also in the middle of a long pause") {
    create_logged();
    publish("a", "1");
    ::usleep(50'000);
    publish("a", "2");
    record_all();
    process p(play_words({"--speed", "0.000001"}));
    for (bool there = false; !there;) { // the first one is out
        REQUIRE(p.is_running());
        try {
            there = tools_test::payloads(stage.name()) == lines{"1"};
        } catch (const evbus::error&) {
            ::usleep(1000);
        }
    }
    p.signal(SIGINT);
    const finished f = p.wait();
    CHECK(f.code == 128 + SIGINT);
    CHECK(has(f.err, "played 1 event,"));
}

TEST_CASE("evplay: when events are due: pauses longer than the longest bring all that follows forward, and no stamp leads back") {
    using std::chrono::nanoseconds;
    evplay::pace p(1.0, nanoseconds(10));
    CHECK(p.due(1000) == 0);
    CHECK(p.due(1005) == 5);
    CHECK(p.due(1100) == 15); // 95 later, and 10 are waited
    CHECK(p.due(1103) == 18); // the distance that it had
    CHECK(p.due(1050) == 18);
    CHECK(p.due(0) == 18); // not known when
    CHECK(p.due(1113) == 28); // exactly the longest
    evplay::pace fast(2.0, nanoseconds(10)); // the pause that is made counts, not the one that was
    CHECK(fast.due(1000) == 0);
    CHECK(fast.due(1018) == 9);
    CHECK(fast.due(1118) == 19);
    evplay::pace none(1.0, nanoseconds(0));
    CHECK(none.due(1000) == 0);
    CHECK(none.due(900'000'000'000) == 0);
    evplay::pace whole(1.0, std::nullopt);
    CHECK(whole.due(1) == 0);
    CHECK(whole.due(900'000'000'001) == 900'000'000'000);
}

TEST_CASE_FIXTURE(play_fixture, "evplay: --longest-pause cuts a long pause short, and is waited for") {
    create_logged();
    for (const char* text : {"1", "2", "3"}) {
        publish("a", text);
        ::usleep(2000);
    }
    record_all();
    const auto began = std::chrono::steady_clock::now();
    const finished f = play({"--speed", "0.000001", "--longest-pause", "50ms"}); // else half an hour between two events
    CHECK(f.code == 0);
    CHECK(tools_test::payloads(stage.name()) == lines{"1", "2", "3"});
    CHECK(std::chrono::steady_clock::now() - began >= std::chrono::milliseconds(100));
    CHECK(play({"--longest-pause", "soon"}).code == 2);
    CHECK(play({"--longest-pause", "-1s"}).code == 2);
}

TEST_CASE_FIXTURE(play_fixture, "evplay: --loop begins again at the end, in order, until it is stopped") {
    create_logged();
    for (const char* text : {"1", "2", "3"}) {
        publish("a", text);
        ::usleep(5000);
    }
    record_all();
    process p(play_words({"--loop", "--from", "2"}));
    std::size_t heard = 0;
    while (heard < 7) {
        REQUIRE(p.is_running());
        try {
            heard = tools_test::payloads(stage.name()).size();
        } catch (const evbus::error&) {
        }
        ::usleep(1000);
    }
    p.signal(SIGTERM);
    const finished f = p.wait();
    CHECK(f.code == 128 + SIGTERM);
    const lines all = tools_test::payloads(stage.name());
    CHECK(has(f.err, "played " + std::to_string(all.size()) + " events, seqs 2 to "));
    for (std::size_t i = 0; i < all.size(); ++i) CHECK(all[i] == (i % 2 == 0 ? "2" : "3"));
}

TEST_CASE_FIXTURE(play_fixture, "evplay: --loop with nothing to play ends") {
    record_some(4);
    const finished f = play({"--loop", "--speed", "max", "nothing.at.all"});
    CHECK(f.code == 1);
}

TEST_CASE_FIXTURE(play_fixture, "evplay: gaps are told in their place, and in the exit code") {
    record_some(30);
    std::filesystem::path segment = std::filesystem::directory_iterator(log() + "/segments")->path();
    std::string bytes = support::read_file(segment.string());
    bytes[bytes.find("odd.x")] ^= 1;
    std::ofstream(segment, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    const finished f = play({"--speed", "max"});
    INFO(f.err);
    CHECK(f.code == 3);
    CHECK(has(f.err, "cannot be had: damage"));
}

TEST_CASE_FIXTURE(play_fixture, "evplay: never on the log's own bus, and what is wrong is said") {
    record_some(3);
    for (const std::string& from : {log(), name()}) {
        const finished f = run({support::tool("evplay"), from, name(), "--speed", "max"});
        CHECK(f.code == 2);
        CHECK(has(f.err, "itself"));
    }
    CHECK(bus->head() == 4);
    for (const char* speed : {"0", "-1", "abc", "", "nan", "1e3"}) CHECK(play({"--speed", speed}).code == 2);
    CHECK(play({"a..b"}).code == 2);
    CHECK(play({"--from", "5", "--to", "4"}).code == 2);
    CHECK(run({support::tool("evplay"), log() + "/nowhere", stage.name()}).code == 2);
    // An event that is too large for the stage.
    publish("big", std::string(40'000, 'x'));
    record_all();
    (void)evbus::bus::create(stage.name(), {.slots = 64, .slot_bytes = 128, .with_log = false});
    const finished f = play({"--speed", "max"});
    CHECK(f.code == 2);
    CHECK(has(f.err, "does not fit"));
}

TEST_CASE_FIXTURE(play_fixture, "evplay: sample files recorded, verified, compressed, exported, imported and played come out byte for byte") {
    const std::filesystem::path samples = std::filesystem::path(EVBUS_SOURCE_DIR) / ".." / "shared" / "data" / "loghub";
    if (!std::filesystem::exists(samples)) {
        MESSAGE("skipped: no sample files in ", samples.string());
        return;
    }
    create({.slots = 1024, .slot_bytes = 256, .pacing = evbus::pacing::paced, .log_dir = log()});
    process recorder = record({"--segment-bytes", "1M", "--keep-free", "0"});
    std::vector<std::pair<std::string, std::string>> files;
    for (const auto& e : std::filesystem::directory_iterator(samples)) {
        if (e.path().extension() != ".log") continue;
        const std::string topic = "file." + e.path().stem().string();
        REQUIRE(run({support::tool("evpub"), name(), topic, "--lines", e.path().string(), "-H", "type=" + topic}).code == 0);
        std::string text = support::read_file(e.path().string());
        if (!text.ends_with('\n')) text += '\n';
        files.emplace_back(topic, std::move(text));
    }
    wait_written(bus->head() - 1);
    CHECK(end(recorder) == 0);
    const auto check_lines = [&](const std::string& dir) {
        for (const auto& file : files) { // no structured binding: clang 14 lets no lambda have one, and INFO is one
            const std::string &topic = file.first, &text = file.second;
            INFO(dir, " ", topic);
            const finished f = tail_of({"--log", dir, topic, "-n", "all", "-o", "cat"});
            CHECK(f.code == 0);
            CHECK((f.out == text));
        }
    };
    const auto verify = [](const std::string& dir) { return run({support::tool("evlog"), "verify", dir}).code; };
    const auto stored = [](const std::string& dir) {
        std::uintmax_t bytes = 0;
        for (const auto& e : std::filesystem::directory_iterator(dir + "/segments")) bytes += e.file_size();
        return bytes;
    };
    check_lines(log());
    CHECK(verify(log()) == 0);
    const std::uintmax_t plain = stored(log());
    REQUIRE(run({support::tool("evlog"), "compress", log()}).code == 0);
    CHECK(stored(log()) < plain / 2);
    CHECK(verify(log()) == 0);
    check_lines(log());
    const std::string copy = log() + "-copy", played = log() + "-played";
    const finished stream = run({support::tool("evlog"), "export", log()});
    REQUIRE(stream.code == 0);
    REQUIRE(run({support::tool("evlog"), "import", copy}, stream.out).code == 0);
    CHECK(verify(copy) == 0);
    check_lines(copy);
    // On a stage with a log of its own, whose recorder paces the player.
    const evbus::bus there = evbus::bus::create(stage.name(), {.slots = 1024, .slot_bytes = 512, .pacing = evbus::pacing::strict, .log_dir = played});
    process second({support::tool("evrecord"), stage.name()});
    second.wait_for_err("recording bus");
    const finished f = run({support::tool("evplay"), copy, stage.name(), "--speed", "max"});
    INFO(f.err);
    CHECK(f.code == 0);
    REQUIRE(there.wait_written(there.head() - 1, std::chrono::seconds(30)));
    CHECK(end(second) == 0);
    CHECK(verify(played) == 0);
    check_lines(played);
    const finished types = tail_of({"--log", played, "-n", "1", "-F", "%h"});
    CHECK(has(types.out, "type=" + files.back().first));
    CHECK(has(types.out, "origin-time="));
    for (const std::string& dir : {copy, played}) std::filesystem::remove_all(dir);
}
