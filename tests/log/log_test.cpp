// Writing a log and reading it back, with nothing going wrong.
#include "tests/log/log_fixture.hpp"

#include <doctest/doctest.h>

using namespace log_test;

TEST_CASE("log: what was written is read back in order, every kind of record in its place") {
    test_log t;
    t.run_start().joined("gateway").event("a.b", "one", 10).voids(2).lost(3).anchor("open").fragment("a.c", "two", 20);
    t.write();
    t.event("a.b", "three", 30);
    t.write();
    CHECK(t.read() == lines{"run start", "joined gateway", "1 a.b one @10", "void 2-3", "gap 4-6 recorder lost",
                            "anchor open", "7 a.c two @20 part", "8 a.b three @30"});
    CHECK(t.writer().next_seq() == 9);
}

TEST_CASE("log: a reader without a limit gets what is appended later, and end until then") {
    test_log t;
    t.event("a", "1").write();
    log::log_reader r(log::posix(), t.dir);
    CHECK(drain(r) == lines{"1 a 1 @0"});
    CHECK(drain(r).empty());
    t.event("a", "2").write();
    CHECK(r.last_seq() == 2);
    CHECK(drain(r) == lines{"2 a 2 @0"});
    t.close();
    CHECK(drain(r).empty());
    t.event("a", "3").write();
    CHECK(t.segments().size() == 2);
    CHECK(drain(r) == lines{"3 a 3 @0"});
    CHECK(r.last_seq() == 3);
}

TEST_CASE("log: a limit ends reading and cuts ranges") {
    test_log t;
    t.event("a", "1").voids(10).event("a", "12").write();
    CHECK(t.read(1, 5) == lines{"1 a 1 @0", "void 2-5"});
    CHECK(t.read(7, 12) == lines{"void 7-11", "12 a 12 @0"});
    log::log_reader r(log::posix(), t.dir);
    CHECK(drain(r, 4) == lines{"1 a 1 @0", "void 2-4"});
    CHECK(drain(r, 8) == lines{"void 5-8"});
    CHECK(drain(r) == lines{"void 9-11", "12 a 12 @0"});
}

TEST_CASE("log: it rolls, seals what it leaves, and goes on after a clean end in a new segment") {
    test_log t(1000);
    for (int i = 1; i <= 20; ++i) {
        t.event("topic." + std::to_string(i % 3), "payload " + std::to_string(i), i);
        t.write();
    }
    CHECK(t.segments().size() > 3);
    CHECK(t.writer().synced() > 0);
    t.close();
    const std::size_t before = t.segments().size();
    t.event("x", "more");
    t.write();
    CHECK(t.segments().size() == before + 1);
    const lines all = t.read();
    REQUIRE(all.size() == 21);
    for (seq_t s = 1; s <= 21; ++s) {
        const lines tail = t.read(s);
        CHECK(tail == lines(all.begin() + static_cast<std::ptrdiff_t>(s - 1), all.end()));
    }
    CHECK(t.read(22).empty());
}

TEST_CASE("log: adjacent voids become one record") {
    test_log t;
    t.voids(1).voids(1).voids(5).event("a", "x").voids(2).write();
    CHECK(t.read() == lines{"void 1-7", "8 a x @0", "void 9-10"});
}

TEST_CASE("log: a batch that does not follow is refused and changes nothing") {
    test_log t;
    t.event("a", "1").write();
    log::batch b;
    REQUIRE(b.add_frame(5, 0, make_frame("a", "x")));
    CHECK(t.writer().append(b).status == log::append_status::out_of_order);
    CHECK(t.read() == lines{"1 a 1 @0"});
}

TEST_CASE("log: a new epoch begins a segment and writes what the ring lost") {
    test_log t;
    t.event("a", "1").write();
    REQUIRE(t.writer().begin_epoch(epoch_t{2}, 10).ok());
    CHECK(t.writer().next_seq() == 10);
    t.event("a", "10").write();
    CHECK(t.segments().size() == 2);
    CHECK(t.read() == lines{"1 a 1 @0", "gap 2-9 ring lost", "10 a 10 @0"});
    CHECK(t.writer().begin_epoch(epoch_t{3}, 5).status == log::append_status::behind);
}

TEST_CASE("log: an epoch that begins before any event takes the open segment over") {
    test_log t;
    t.run_start().write();
    REQUIRE(t.writer().begin_epoch(epoch_t{2}, 1).ok());
    t.event("a", "1").write();
    CHECK(t.segments().size() == 1);
    CHECK(t.read() == lines{"run start", "1 a 1 @0"});
    t.options.epoch = epoch_t{2};
    t.close();
    t.run_start().write();
    t.close();
    t.run_start().event("a", "2").write();
    CHECK(t.segments().size() == 2);
    CHECK(t.read() == lines{"run start", "1 a 1 @0", "run start", "run start", "2 a 2 @0"});
}

TEST_CASE("log: seek_time goes by the greatest time so far") {
    test_log t(1000);
    // 1..40 with times 10, 20, ..., but every fifth is stamped far behind its neighbours.
    for (int i = 1; i <= 40; ++i) {
        t.event("a", std::to_string(i), i % 5 == 0 ? 1 : i * 10);
        if (i % 3 == 0) t.write();
    }
    t.write();
    log::log_reader r(log::posix(), t.dir);
    for (int ns = 1; ns <= 400; ++ns) {
        int want = (ns + 9) / 10;
        if (want % 5 == 0) ++want;
        CAPTURE(ns);
        CHECK(r.seek_time(ns) == static_cast<seq_t>(want));
        log::entry e;
        if (want <= 40) {
            REQUIRE(r.next(e) == log::step::entry);
            CHECK(e.seq() == static_cast<seq_t>(want));
        }
    }
    CHECK(r.seek_time(10'000) == 41);
}

TEST_CASE("log: a frame that fills the largest slot goes in as a commit of its own") {
    test_log t;
    const std::string big(65'000, 'x');
    for (int i = 0; i < 5; ++i) {
        t.event("a", "small").event("big", big);
        t.write();
    }
    const lines all = t.read();
    REQUIRE(all.size() == 10);
    CHECK(all[9] == "10 big " + big + " @0");
}

TEST_CASE("log: of a log that is not there, not a log, or another bus's the reader says so") {
    CHECK_THROWS_AS(log::log_reader(log::posix(), "/nonexistent/log"), evbus::error);
    test_log t;
    t.event("a", "1").write();
    try {
        log::log_reader r(log::posix(), t.dir, {other_bus});
        FAIL("a foreign log was opened");
    } catch (const evbus::error& e) {
        CHECK(e.kind() == errc::foreign_log);
    }
    t.options.bus = other_bus;
    CHECK_THROWS_AS(t.reopen(), evbus::error);
}

TEST_CASE("log: one that a ring's creation has begun, and no recorder has come to, is an empty log of its bus") {
    test_log t;
    t.crash();
    fs::remove_all(log::log_dir{t.dir}.segments());
    CHECK_THROWS_AS(log::log_reader(log::posix(), t.dir), error);
    log::append_epoch(log::posix(), {t.dir}, {epoch_t{5}, 1, 10, "boot", test_bus, "md"});
    std::vector<seq_t> firsts{7};
    CHECK(log::list_segments(log::posix(), {t.dir}, firsts) == 0);
    CHECK(firsts.empty());
    log::log_reader r(log::posix(), t.dir);
    CHECK(r.bus() == test_bus);
    CHECK(r.first_seq() == no_seq);
    CHECK(r.last_seq() == no_seq);
    CHECK(drain(r).empty());
    t.reopen();
    t.event("a", "1").write();
    CHECK(drain(r) == lines{"1 a 1 @0"});
    CHECK_THROWS_AS(log::log_reader(log::posix(), t.dir + "/elsewhere"), error);
}

TEST_CASE("log: a device in a segment's place is an error, and nobody reads it without end") {
    test_log t;
    for (const char* const payload : {"1", "2"}) {
        t.event("a", payload).write();
        t.close();
    }
    const std::string path = log::segment_path({t.dir}, 1);
    fs::remove(path);
    fs::create_symlink("/dev/zero", path);
    CHECK(log::posix().open(path, O_RDONLY, 0) == -ENODEV);
    const lines got = t.read();
    REQUIRE(got.size() == 1);
    CHECK(got[0].starts_with("failed: "));
}
