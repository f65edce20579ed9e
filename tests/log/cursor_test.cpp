// A cursor over a log: what is refused, in which words, and what it goes on from.
#include "tests/log/log_fixture.hpp"
#include "tests/support/text.hpp"

#include <evbus/cursor.hpp>

#include <optional>

#include <sys/wait.h>

using namespace log_test;

namespace {

/// A log of 20 events on a.b, and cursors into it.
struct cursor_world : test_log {
    cursor_world() {
        for (int i = 1; i <= 20; ++i) event("a.b", std::to_string(i));
        write();
        crash();
    }
    log::log_dir where{dir};
    log::cursor_paths at{where, "billing"};
    cursor_options how{.filters = {"a.>", "b"}, .exclude = {"a.c"}, .on_notice = [this](const notice& n) { notices.push_back(n); }};

    [[nodiscard]] cursor open(const std::string& name = "billing") { return cursor(cursor_home::of_log(dir), name, how); }
    /// Saves places through one cursor, which is closed then.
    void save(std::initializer_list<seq_t> places) {
        cursor c = open();
        for (const seq_t s : places) c.save({s, s});
    }
    [[nodiscard]] std::optional<seq_t> place() {
        const cursor c = open();
        return c.place() ? std::optional(c.place()->next) : std::nullopt;
    }
    /// What stands against opening it: "kind: words"; empty when nothing does.
    [[nodiscard]] std::string refusal(const std::string& name = "billing") {
        try {
            (void)open(name);
        } catch (const error& e) {
            return std::string(evbus::detail::describe(e.kind())) + ": " + e.what();
        }
        return {};
    }
    static void damage(const std::string& path) { spit(path, "damage"); }
};

using support::has;

} // namespace

TEST_CASE("cursor: none yet begins at the oldest, and then at what was saved") {
    cursor_world t;
    {
        cursor c = t.open();
        CHECK(!c.place());
        CHECK(c.start().what() == from::kind::oldest);
        c.save({5, 5});
        CHECK(c.place()->next == 5);
    }
    CHECK(t.place() == 5);
    CHECK(t.open().start().first_seq() == 5);
    t.save({9});
    t.save({9}); // the same place again
    t.save({21});
    CHECK(t.place() == 21);
    CHECK(t.notices.empty());
}

TEST_CASE("cursor: what was open at the place is kept with it") {
    cursor_world t;
    {
        cursor c = t.open();
        c.save({9, 7});
        c.save({9, 9}); // it ended as no event
    }
    t.open().save({12, 10});
    CHECK(t.open().start().place() == cursor_place{12, 10});
}

TEST_CASE("cursor: going back is refused, unless it is meant") {
    cursor_world t;
    t.save({5, 9});
    {
        cursor c = t.open();
        CHECK_THROWS_WITH(c.save({8, 8}), "save cursor billing: seq 8: lies before its place, seq 9; reset it, if going back is meant");
        CHECK(c.place()->next == 9);
        c.reset({3, 3});
        CHECK(c.place()->next == 3);
        CHECK_THROWS_AS(c.save({0, 0}), error);
        CHECK_THROWS_AS(c.save({7, 8}), error);
    }
    t.damage(t.at.current);
    CHECK(t.place() == 3); // the place before the reset is gone from the other file too
}

TEST_CASE("cursor: names are those of buses") {
    cursor_world t;
    for (const char* name : {"", "A", ".x", "a/b", "../a", "a b", "-a", "a\n", "\xc3\xa4"}) CHECK(has(t.refusal(name), "malformed name"));
    CHECK(has(t.refusal(std::string(64, 'a')), "malformed name"));
    for (const std::string& name : {std::string("0"), std::string("a.b_c-d"), std::string(63, 'a'), std::string("x.cursor")}) {
        CHECK(t.refusal(name).empty());
        t.open(name).save({2, 2});
    }
    CHECK(list_cursors(log::posix(), t.where, test_bus).size() == 4);
}

TEST_CASE("cursor: one user at a time, who is named") {
    cursor_world t;
    t.how.program = "teller";
    std::optional<cursor> mine = t.open();
    CHECK(log::lock_file::is_held(log::posix(), t.at.lock()));
    CHECK(has(t.refusal(), "in use by process " + std::to_string(::getpid()) + " (teller)"));
    CHECK(t.refusal("other").empty());
    mine.reset();
    CHECK(!log::lock_file::is_held(log::posix(), t.at.lock()));
    CHECK(t.refusal().empty());
}

TEST_CASE("cursor: another filter is refused; another order of the same is not") {
    cursor_world t;
    t.save({5});
    t.how.filters = {"b", "a.>", "b"};
    CHECK(t.refusal().empty());
    t.how.exclude.clear();
    CHECK(has(t.refusal(), "different from what was asked for: open cursor billing: it was saved with the filter 'a.> b -x a.c', and not with 'a.> b'"));
    t.how.exclude = {"a.c"};
    t.how.also = "-g x";
    CHECK(has(t.refusal(), "-g x"));
    t.how.also.clear();
    t.how.filters = {"a..b"};
    CHECK(has(t.refusal(), "malformed filter"));
    t.how.filters.assign(20'000, "abc.def");
    CHECK(has(t.refusal(), "'abc.def -x a.c'")); // patterns given twice count once
    for (std::size_t i = 0; i < t.how.filters.size(); ++i) t.how.filters[i] += "." + std::to_string(i);
    CHECK(has(t.refusal(), "too large"));
}

TEST_CASE("cursor: of another bus, it is refused") {
    cursor_world t;
    t.save({5});
    CHECK_THROWS_AS(cursor(cursor_home{t.dir, other_bus, 21}, "billing", t.how), error);
    cursor_world other;
    other.options.bus = other_bus;
    fs::remove_all(other.where.segments());
    other.event("a.b", "1").write();
    other.crash();
    fs::create_directories(other.where.cursors());
    fs::copy(t.at.current, other.at.current);
    CHECK(has(other.refusal(), "log of another bus: open cursor billing: it belongs to another bus"));
}

TEST_CASE("cursor: the newest damaged, the one before is used, with a notice; both, and it is an error") {
    cursor_world t;
    t.save({5, 9});
    const std::string before = test_log::slurp(t.at.before());
    t.damage(t.at.current);
    CHECK(t.place() == 5);
    REQUIRE(t.notices.size() == 1);
    CHECK(has(t.notices[0].text, "cursor billing: its newest file is damaged"));
    t.save({12}); // and goes on, without moving the damage over what is whole
    CHECK(t.place() == 12);
    CHECK(test_log::slurp(t.at.before()) == before);
    t.damage(t.at.current);
    t.damage(t.at.before());
    CHECK(has(t.refusal(), "damaged: open cursor billing: damaged, and so is the one saved before it; `evlog cursors DIR reset billing SEQ`"));
    fs::remove(t.at.before());
    CHECK(has(t.refusal(), "damaged"));
    fs::remove(t.at.current);
    t.damage(t.at.before());
    CHECK(has(t.refusal(), "damaged"));
}

TEST_CASE("cursor: a place ahead of ring and log is refused; one behind what is kept is not") {
    cursor_world t;
    t.save({21});
    CHECK(t.refusal().empty());
    t.open().reset({22, 22});
    CHECK(has(t.refusal(), "its place, seq 22, lies ahead of ring and log, which end before seq 21"));
    CHECK_NOTHROW((void)cursor(cursor_home{t.dir, test_bus, 22}, "billing", t.how)); // the ring has it
    test_log later(500);
    for (int i = 0; i < 50; ++i) later.event("a.b", "x").write();
    later.crash();
    later.remove(0);
    later.remove(0);
    cursor(cursor_home::of_log(later.dir), "old").save({7, 7});
    CHECK(cursor(cursor_home::of_log(later.dir), "old").place()->next == 7);
}

TEST_CASE("cursor: in a forked child it saves nothing") {
    cursor_world t;
    cursor c = t.open();
    c.save({5, 5});
    const pid_t child = ::fork();
    if (child == 0) {
        try {
            c.save({6, 6});
        } catch (const error& e) {
            ::_exit(e.kind() == errc::forked ? 7 : 1);
        }
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WEXITSTATUS(status) == 7);
    c.save({6, 6});
}

TEST_CASE("cursor: its files have the mode of the log's directory") {
    cursor_world t;
    const auto mode = [](const std::string& path) {
        log::file_info info;
        REQUIRE(log::posix().stat(path, info) == 0);
        return info.mode;
    };
    t.save({5});
    CHECK(mode(t.at.current) == 0600);
    REQUIRE(::chmod(t.dir.c_str(), 0770) == 0);
    cursor(cursor_home::of_log(t.dir), "shared").save({5, 5});
    CHECK(mode(log::cursor_paths(t.where, "shared").current) == 0660);
    CHECK(mode(log::cursor_paths(t.where, "shared").lock()) == 0660);
}
