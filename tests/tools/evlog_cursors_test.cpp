// evlog cursors: what is listed, and what is done to a cursor.
#include "tests/tools/evtail_fixture.hpp"

#include <evbus/log/cursor_store.hpp>

#include <nlohmann/json.hpp>

using namespace tools_test;

namespace {

struct cursors_fixture : evtail_fixture {
    cursors_fixture() {
        create_logged();
        publish_numbers(20);
        record_all();
        (void)tail({"--cursor", "audit", "-c", "5"});
        (void)tail({"a.b", "-x", "c", "--cursor", "billing", "-c", "15"});
    }
    [[nodiscard]] finished cursors(words more = {}) const {
        more.insert(more.begin(), {support::tool("evlog"), "cursors", name()});
        return run(more, {}, environment());
    }
    [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(cursors({"--json"}).out); }
    [[nodiscard]] std::string file_of(const std::string& cursor) const { return log() + "/cursors/" + cursor + ".cursor"; }
    void damage(const std::string& path) const {
        std::filesystem::copy_file(write("damage", "damage"), path, std::filesystem::copy_options::overwrite_existing);
    }
};

} // namespace

TEST_CASE("evlog cursors: lists place, lag and filter, for people and as JSON") {
    cursors_fixture t;
    const finished f = t.cursors();
    CHECK(f.code == 0);
    REQUIRE(f.out_lines().size() == 3);
    CHECK(has(f.out_lines()[1], "audit           6  15"));
    CHECK(has(f.out_lines()[2], "billing        16   5"));
    CHECK(has(f.out_lines()[2], "a.b -x c"));
    const nlohmann::json j = t.json();
    CHECK(j["head"] == "21");
    CHECK(j["cursors"][0]["name"] == "audit");
    CHECK(j["cursors"][0]["next"] == "6");
    CHECK(j["cursors"][0]["lag_events"] == "15");
    CHECK(j["cursors"][0]["filter"] == ">");
    CHECK(!j["cursors"][0].contains("used_by"));
}

TEST_CASE("evlog cursors: what a killed worker may have handled behind its place is said") {
    cursors_fixture t;
    {
        evbus::log::cursor_store store = evbus::log::cursor_store::open(evbus::log::posix(), {t.log()}, "audit", "test");
        evbus::log::saved_cursor s = *store.found().best();
        s.notes = {.may_repeat = 1200, .unsure_letters = true};
        REQUIRE(store.save(s) == 0);
    }
    const lines shown = t.cursors().out_lines();
    CHECK(has(shown[1], "up to 1,200 may repeat, waiting letters may repeat"));
    CHECK(!has(shown[2], "may repeat"));
    const nlohmann::json j = t.json();
    CHECK(j["cursors"][0]["may_repeat"] == "1200");
    CHECK(j["cursors"][0]["letters_may_repeat"] == true);
    CHECK(j["cursors"][1]["may_repeat"] == "0");
    CHECK(j["cursors"][1]["letters_may_repeat"] == false);
}

TEST_CASE("evlog cursors: who uses one is named, and it can be neither reset nor removed meanwhile") {
    cursors_fixture t;
    process user = t.start({"-f", "--cursor", "audit", "-o", "cat"});
    user.wait_for_out("20\n");
    const std::string named = "process " + std::to_string(user.pid()) + " (evtail)";
    CHECK(has(t.cursors().out, "used by " + named));
    CHECK(t.json()["cursors"][0]["used_by"] == named);
    for (const words& w : {words{"remove", "audit"}, words{"reset", "audit", "begin"}}) {
        const finished f = t.cursors(w);
        CHECK(f.code == 2);
        CHECK(has(f.err, "in use by " + named));
    }
    CHECK(evtail_fixture::end(user) == 0);
    CHECK(t.cursors({"remove", "audit"}).code == 0);
}

TEST_CASE("evlog cursors: reset moves it anywhere that is, and keeps its filter") {
    cursors_fixture t;
    CHECK(t.cursors({"reset", "billing", "3"}).err == "evlog: cursor billing: from seq 16 to seq 3\n");
    CHECK(t.tail({"a.b", "-x", "c", "--cursor", "billing", "-o", "cat", "-c", "1"}).out == "3\n");
    CHECK(t.cursors({"reset", "billing", "end"}).code == 0);
    CHECK(t.tail({"a.b", "-x", "c", "--cursor", "billing"}).code == 1);
    CHECK(t.cursors({"reset", "billing", "begin"}).code == 0);
    CHECK(t.tail({"--cursor", "billing"}).code == 2);
    t.damage(t.file_of("billing")); // and the place from before the reset does not come back
    CHECK(t.tail({"a.b", "-x", "c", "--cursor", "billing", "-o", "cat", "-c", "1"}).out == "1\n");
}

TEST_CASE("evlog cursors: what cannot be is refused, and nothing has changed") {
    cursors_fixture t;
    for (const words& w : {words{"reset", "audit", "22"}, words{"reset", "audit", "0"}, words{"reset", "audit", "-1"}, words{"reset", "audit"},
                           words{"reset", "nobody", "1"}, words{"remove", "nobody"}, words{"remove", "../x"}, words{"remove"}, words{"frob"}}) {
        const finished f = t.cursors(w);
        CHECK(f.code == 2);
        CHECK(f.out.empty());
        CHECK(!f.err.empty());
    }
    CHECK(has(t.cursors({"remove", "nobody"}).err, "there are: audit, billing"));
    CHECK(t.json()["cursors"][0]["next"] == "6");
    CHECK(!std::filesystem::exists(t.file_of("nobody") + ".lock"));
}

TEST_CASE("evlog cursors: remove forgets it, and the next user begins at the oldest") {
    cursors_fixture t;
    CHECK(t.cursors({"remove", "audit"}).code == 0);
    CHECK(t.cursors().out_lines().size() == 2);
    CHECK(t.tail({"--cursor", "audit", "-o", "cat", "-c", "1"}).out == "1\n");
    CHECK(t.cursors({"remove", "audit"}).code == 0);
    CHECK(t.cursors({"remove", "billing"}).code == 0);
    const finished none = t.cursors();
    CHECK(none.code == 1);
    CHECK(none.out.empty());
    CHECK(has(none.err, "there is no cursor"));
}

TEST_CASE("evlog cursors: damage is named, ends with 4, and is mended by a reset") {
    cursors_fixture t;
    (void)t.tail({"--cursor", "audit", "-c", "2"});
    t.damage(t.file_of("audit"));
    const finished older = t.cursors();
    CHECK(older.code == 0);
    CHECK(has(older.err, "cursor audit: its newest file is damaged: the one before stands in for it"));
    t.damage(t.file_of("audit") + ".before");
    const finished f = t.cursors();
    CHECK(f.code == 4);
    CHECK(has(f.err, "cursor audit: damaged, and so is the one saved before it"));
    CHECK(t.json()["cursors"][0]["state"] == "damaged");
    CHECK(t.json()["cursors"][0]["pins"] == "1");
    CHECK(t.cursors({"reset", "audit", "8"}).code == 0);
    CHECK(t.tail({"--cursor", "audit", "-o", "cat", "-c", "1"}).out == "8\n");
}
