// Who reads a segment while its file is replaced by another of the same name goes on with what stands there now,
// however far that has come meanwhile.
#include "tests/log/log_fixture.hpp"

#include "lib/link/commit_walk.hpp"
#include "lib/log/compress.hpp"

#include <evbus/log/zstd.hpp>

using namespace log_test;

namespace {

/// Six events, a commit each; the writer was killed, and none of its syncs had returned.
struct growing_log : test_log {
    growing_log() {
        events(1, 6);
        crash();
        options.end.durable = no_seq;
    }
    void events(int from, int to) {
        for (int i = from; i <= to; ++i) event("a", std::to_string(i)).write();
    }
    /// The next writer writes all of it afresh in its place, goes on there, and begins a segment of its own.
    void record_on() {
        reopen();
        events(7, 9);
        REQUIRE(writer().close().ok());
        events(10, 11);
        REQUIRE(segments() == lines{log::segment_name(1), log::segment_name(10)});
    }
};

lines numbered(int from, int to) {
    lines out;
    for (int i = from; i <= to; ++i) out.push_back(std::to_string(i) + " a " + std::to_string(i) + " @0");
    return out;
}

/// What a walk by commits gives from here on: seqs, and holes.
lines walk_on(link::commit_walk& w) {
    lines out;
    while (true) {
        switch (w.next()) {
        case link::found::end: return out;
        case link::found::commit: out.push_back(range_text({w.commit().first_seq, w.commit().last_seq})); break;
        case link::found::hole: out.push_back("hole " + range_text(w.hole())); break;
        default: break;
        }
    }
}

} // namespace

TEST_CASE("replaced: a reader that slept while its segment was written afresh, went on and was followed by another misses nothing") {
    for (int seen = 1; seen <= 6; ++seen) {
        CAPTURE(seen);
        growing_log t;
        log::log_reader r(log::posix(), t.dir);
        log::entry e;
        for (int i = 0; i < seen; ++i) REQUIRE(r.next(e) == log::step::entry);
        t.record_on();
        CHECK(drain(r) == numbered(seen + 1, 11));
    }
}

TEST_CASE("replaced: so does one that had come to the segment's end, and one that knew of the next segment before") {
    growing_log t;
    log::log_reader r(log::posix(), t.dir);
    CHECK(drain(r) == numbered(1, 6));
    t.record_on();
    CHECK(r.last_seq() == 11); // looks at the directory
    CHECK(drain(r) == numbered(7, 11));
}

TEST_CASE("replaced: a walk by commits, as an exporter makes it, misses nothing either") {
    for (int seen = 1; seen <= 6; ++seen) {
        CAPTURE(seen);
        growing_log t;
        link::commit_walk w(log::posix(), t.dir, test_bus);
        REQUIRE(w.next() == link::found::segment);
        for (int i = 0; i < seen; ++i) REQUIRE(w.next() == link::found::commit);
        t.record_on();
        lines expected;
        for (seq_t s = static_cast<seq_t>(seen) + 1; s <= 11; ++s) expected.push_back(range_text({s, s}));
        CHECK(walk_on(w) == expected);
    }
}

TEST_CASE("replaced: who stands in a segment that was never finished, and was taken away, goes on in the one before") {
    for (const bool followed : {false, true}) {
        CAPTURE(followed);
        test_log t;
        for (int i = 1; i <= 3; ++i) t.event("a", std::to_string(i)).write();
        t.crash();
        test_log::spit(log::segment_path({t.dir}, 4), "half a header");
        log::log_reader r(log::posix(), t.dir, {test_bus});
        link::commit_walk w(log::posix(), t.dir, test_bus);
        CHECK(drain(r) == numbered(1, 3));
        CHECK(walk_on(w) == lines{"1-1", "2-2", "3-3"});
        for (int i = 4; i <= 6; ++i) t.event("a", std::to_string(i)).write();
        CHECK(t.quarantine().size() == 1);
        if (followed) {
            REQUIRE(t.writer().close().ok());
            t.event("a", "7").write();
        }
        CHECK(drain(r) == numbered(4, followed ? 7 : 6));
        lines expected{"4-4", "5-5", "6-6"};
        if (followed) expected.push_back("7-7");
        CHECK(walk_on(w) == expected);
    }
}

TEST_CASE("replaced: seqs missing behind a segment that was compressed under its reader are damage, not retention") {
    test_log t;
    for (int i = 1; i <= 9; ++i) {
        t.event("a", std::to_string(i) + std::string(2000, 'x')).write();
        if (i % 3 == 0) REQUIRE(t.writer().close().ok());
    }
    t.crash();
    log::log_reader r(log::posix(), t.dir, {test_bus});
    log::entry e;
    REQUIRE(r.next(e) == log::step::entry);
    REQUIRE(log::compress_segment(log::posix(), {t.dir}, 1).outcome == log::compress_outcome::compressed);
    t.remove(1);
    CHECK(r.last_seq() == 9); // looks at the directory
    const lines rest = drain(r);
    REQUIRE(rest.size() == 6);
    CHECK(rest[2] == "gap 4-6 damage");
}

TEST_CASE("replaced: the end of a log follows a segment that was sealed without a seq and is gone on with") {
    test_log t;
    t.run_start().write();
    t.close();
    log::log_reader r(log::posix(), t.dir, {test_bus});
    CHECK(r.last_seq() == 0);
    CHECK(drain(r) == lines{"run start"});
    t.event("a", "1").event("a", "2").write();
    CHECK(r.last_seq() == 2);
    CHECK(drain(r) == numbered(1, 2));
}
