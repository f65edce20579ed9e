// evlog info: what a log holds, from its footers and from the one segment that has none.
#include "tests/tools/evlog_fixture.hpp"

#include <nlohmann/json.hpp>

using namespace tools_test;
using json = nlohmann::json;
namespace fs = std::filesystem;

namespace {

json info_of(const std::string& dir, words more = {}) {
    more.insert(more.begin(), {"info", dir, "--json"});
    const finished f = evlog(more);
    CHECK(f.code == 0);
    CHECK(f.err.empty());
    return json::parse(f.out);
}

} // namespace

TEST_CASE("evlog info: sums of sealed segments and of an open one") {
    three_segments t;
    t.reopen();
    t.event("b", "ten", 1'000'000'010'000'000'000).voids(2).lost(3).write();
    t.crash();
    const json r = info_of(t.dir, {"--segments", "--topics"});
    CHECK(r["bus_id"] == to_string(log_test::test_bus));
    CHECK(r["first_seq"] == "1");
    CHECK(r["last_seq"] == "15");
    CHECK(r["events"] == 10);
    CHECK(r["voids"] == 2);
    CHECK(r["lost"] == 3);
    CHECK(r["missing_between_segments"] == 0);
    CHECK(r["first_time"] == "2001-09-09T01:46:41.000000000Z");
    CHECK(r["last_time"] == "2001-09-09T01:46:50.000000000Z");
    CHECK(r["events_a_second"].get<double>() == doctest::Approx(10.0 / 9));
    REQUIRE(r["segment_list"].size() == t.segments().size());
    CHECK(r["segment_list"][0]["sealed"] == true);
    CHECK(r["segment_list"].back()["sealed"] == false);
    REQUIRE(r["topics"].size() == 4);
    CHECK(r["topics"][0]["topic"] == "a.0");
    CHECK(r["topics"][0]["frames"] == 3);
    CHECK(r["topics"][0]["last_seq"] == "9");
    CHECK(r["topics"][0]["last_time"] == "2001-09-09T01:46:49.000000000Z");
    CHECK(r["topics"][3]["topic"] == "b");
    const finished text = evlog({"info", t.dir, "--topics", "--segments"});
    CHECK(text.code == 0);
    for (const char* const part : {"seqs       1 to 15", "3 seqs lost", "a.0 ", "TOPIC", "STATE", "open"}) CHECK(has(text.out, part));
}

TEST_CASE("evlog info: of sealed segments the footers alone are read") {
    three_segments t;
    // A commit that is damaged does not show here, and does in verify: nothing but the footer was looked at.
    t.flip_bit(0, 8 * (128 + 112 + 50));
    CHECK(info_of(t.dir)["events"] == 9);
    CHECK(evlog({"verify", t.dir}).code == 4);
}

TEST_CASE("evlog info: a log with a segment missing, or one that is no segment, says so") {
    three_segments t;
    const std::string path = t.path(1);
    const json before = info_of(t.dir, {"--segments"});
    fs::remove(path);
    const json gone = info_of(t.dir);
    CHECK(gone["missing_between_segments"].get<std::uint64_t>() > 0);
    CHECK(has(evlog({"info", t.dir}).out, "between segments"));
    fs::create_directory(path);
    const json r = info_of(t.dir, {"--segments"});
    REQUIRE(r["segment_list"].size() == before["segment_list"].size());
    CHECK(r["segment_list"][1].contains("trouble"));
}

TEST_CASE("evlog info: who took part, told again by each run, sealed or not") {
    three_segments t;
    t.reopen();
    t.joined("gw").event("b", "ten").write();
    t.close();
    t.reopen();
    t.joined("gw").event("b", "eleven").left().joined("other").event("b", "twelve").write();
    t.crash();
    const json r = info_of(t.dir, {"--members"});
    REQUIRE(r["members"].size() == 2);
    CHECK(r["members"][0]["name"] == "gw");
    CHECK(r["members"][0]["seq"] == "10");
    CHECK(r["members"][0]["pid"] == 42);
    CHECK(r["members"][0]["joined"] == "1970-01-01T00:00:00.000000005Z");
    CHECK(r["members"][0]["left"] == "1970-01-01T00:00:00.000000009Z");
    CHECK(r["members"][1]["name"] == "other");
    CHECK(r["members"][1]["seq"] == "12");
    CHECK(r["members"][1]["left"].is_null());
    const finished text = evlog({"info", t.dir, "--members"});
    CHECK(has(text.out, "members    2"));
    CHECK(has(text.out, "FROM SEQ"));
    CHECK(has(evlog({"info", t.dir}).out, "members") == false);
}

TEST_CASE("evlog info: an empty log") {
    log_test::test_log t;
    t.writer();
    const finished f = evlog({"info", t.dir, "--segments", "--topics"});
    CHECK(f.code == 0);
    CHECK(has(f.out, "none yet"));
    CHECK(evlog({"verify", t.dir}).code == 0);
    CHECK(evlog({"gaps", t.dir}).code == 0);
    CHECK(evlog({"info", "/no/such/dir"}).code == 2);
}
