// What goes out of one log comes into another: whole, again and again, in parts, with holes, compressed.
#include "tests/link/link_fixture.hpp"

#include "lib/log/compress.hpp"

#include <evbus/log/seq_floor.hpp>

using namespace link_test;

TEST_CASE("copy: segments come out byte for byte as they were, whatever pieces the bytes come in") {
    test_log t(900);
    fill(t);
    CHECK(t.segments().size() > 2);
    const std::string stream = stream_of(t.dir);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{4096}}) {
        place copy;
        const imported r = import(copy.dir, stream, log::posix(), 1, piece);
        CHECK(r.error == "");
        CHECK(same_segments(t.dir, copy.dir));
        CHECK(read_log(copy.dir) == t.read());
        CHECK(r.durable == r.next - 1);
        CHECK(r.counts.added == seq_range{1, r.next - 1});
    }
}

TEST_CASE("copy: a log that was sealed is sealed there, and an empty one is empty") {
    test_log t;
    fill(t, 1);
    t.close();
    place copy;
    CHECK(import(copy.dir, stream_of(t.dir)).error == "");
    CHECK(same_segments(t.dir, copy.dir));

    test_log none;
    none.writer();
    place empty;
    evbus::link::export_options how;
    how.wait = [](int) { return true; };
    string_sink out;
    CHECK(evbus::link::exporter(log::posix(), none.dir, test_bus, how).run(out));
    const imported r = import(empty.dir, out.text);
    CHECK(r.error == "");
    CHECK(r.next == 1);
}

TEST_CASE("copy: the same stream twice adds nothing, a longer one adds what is new") {
    test_log t(900);
    fill(t, 2);
    place copy;
    const std::string shorter = stream_of(t.dir);
    CHECK(import(copy.dir, shorter).error == "");
    const imported twice = import(copy.dir, shorter);
    CHECK(twice.error == "");
    CHECK(twice.counts.commits == 0);
    CHECK(twice.counts.compared != 0);
    fill(t, 2);
    const imported more = import(copy.dir, stream_of(t.dir));
    CHECK(more.error == "");
    CHECK(more.counts.commits != 0);
    CHECK(same_segments(t.dir, copy.dir));
    CHECK(import(copy.dir, shorter).error == ""); // a shorter one is no fork
    CHECK(same_segments(t.dir, copy.dir));
}

TEST_CASE("copy: from every seq on, into an empty log and onto what ends at every commit") {
    test_log t(900);
    fill(t, 2);
    const seq_t end = t.writer().next_seq();
    const lines all = t.read();
    for (seq_t from = 1; from <= end; ++from) {
        CAPTURE(from);
        place part;
        CHECK(import(part.dir, stream_of(t.dir, {.from = from})).error == "");
        if (from < end) {
            log::log_reader r(log::posix(), part.dir, {test_bus});
            CHECK(r.first_seq() <= from);
            // What has no seq of its own may have stood at the end of the segment before.
            const lines got = read_log(part.dir, from), there = t.read(from);
            REQUIRE(got.size() >= there.size());
            CHECK(lines(got.end() - static_cast<std::ptrdiff_t>(there.size()), got.end()) == there);
        }
        // One half first, then the rest from there, as one asks who resumes.
        place copy;
        CHECK(import(copy.dir, stream_of(t.dir, {.to = from})).error == "");
        const seq_t next = importer(log::posix(), copy.dir).next_seq();
        CHECK(next > std::min(from, end - 1));
        CHECK(import(copy.dir, stream_of(t.dir, {.from = next})).error == "");
        CHECK(read_log(copy.dir) == all);
        CHECK(import(copy.dir, stream_of(t.dir)).error == "");
    }
}

TEST_CASE("copy: compressed commits travel as they are, onto what came uncompressed as well") {
    test_log t(6000);
    for (int i = 0; i < 100; ++i) t.event("a.b", "an event like all others, number " + std::to_string(i), i).write();
    t.close();
    place before;
    CHECK(import(before.dir, stream_of(t.dir, {.to = 50})).error == "");
    for (const std::string& name : t.segments())
        static_cast<void>(log::compress_segment(log::posix(), {t.dir}, *log::parse_segment_name(name), {.worth = 10}));
    place copy;
    const imported r = import(copy.dir, stream_of(t.dir));
    CHECK(r.error == "");
    CHECK(read_log(copy.dir) == t.read());
    CHECK(test_log::slurp(copy.dir + "/segments/" + t.segments()[0]).size() <= t.bytes(0).size());
    const imported onto = import(before.dir, stream_of(t.dir));
    CHECK(onto.error == "");
    CHECK(onto.counts.compared != 0);
    CHECK(read_log(before.dir) == t.read());
}

TEST_CASE("copy: what was damaged there is a hole here, of the same seqs, and does not come back") {
    test_log t(900);
    fill(t, 3);
    t.close();
    for (std::size_t s = 0; s < t.segments().size(); ++s) {
        test_log bad(900);
        fill(bad, 3);
        bad.close();
        CAPTURE(s);
        bad.flip_bit(s, (sizeof(log::segment_header) + sizeof(log::commit_header) + 20) * 8); // its first commit
        bad.flip_bit(s, (bad.bytes(s).size() / 2) * 8);
        evbus::link::export_counts counts;
        const std::string stream = stream_of(bad.dir, {}, &counts);
        place copy;
        const imported r = import(copy.dir, stream);
        CHECK(r.error == "");
        CHECK(r.counts.missing == counts.missing);
        CHECK(read_log(copy.dir) == bad.read());
        CHECK(import(copy.dir, stream).error == "");
        CHECK(read_log(copy.dir) == bad.read());
    }
}

TEST_CASE("copy: a hole at the log's very end is kept by the name of the next segment") {
    test_log t;
    t.event("a", "1", 1).event("a", "2", 2).write();
    t.event("a", "3", 3).write();
    t.close();
    const std::string whole = t.bytes(0);
    const std::size_t second = sizeof(log::segment_header) + whole.substr(sizeof(log::segment_header) + 8).find("\xfe""ecommit") + 8;
    t.flip_bit(0, (second + sizeof(log::commit_header) + 20) * 8);
    place copy;
    const imported r = import(copy.dir, stream_of(t.dir));
    CHECK(r.error == "");
    CHECK(r.counts.missing == 1);
    CHECK(importer(log::posix(), copy.dir).next_seq() == 4);
    CHECK(read_log(copy.dir) == lines{"1 a 1 @1", "2 a 2 @2", "gap 3-3 damage"});
}

TEST_CASE("copy: creations of the ring come along, once each") {
    test_log t;
    t.event("a", "1", 1).write();
    for (const seq_t first : {seq_t{1}, seq_t{5000}}) log::append_epoch(log::posix(), {t.dir}, {epoch_t{first + 7}, first, 5, "boot", test_bus, "md"});
    place copy;
    CHECK(import(copy.dir, stream_of(t.dir)).error == "");
    CHECK(import(copy.dir, stream_of(t.dir)).error == "");
    CHECK(test_log::slurp(copy.dir + "/epochs") == test_log::slurp(t.dir + "/epochs"));
    CHECK(log::seq_floor(log::posix(), copy.dir).next == log::seq_floor(log::posix(), t.dir).next);
}

TEST_CASE("copy: the epoch of a segment that was given to another ring before it held a seq is the new one") {
    test_log t;
    t.run_start().write();
    const std::string before = stream_of(t.dir);
    place copy;
    CHECK(import(copy.dir, before).error == "");
    REQUIRE(t.writer().begin_epoch(epoch_t{2}, 1).ok());
    t.event("a", "1", 1).write();
    CHECK(import(copy.dir, stream_of(t.dir)).error == "");
    CHECK(same_segments(t.dir, copy.dir));
}

TEST_CASE("copy: a log that is compressed while it is followed gives no commit twice, also none without seqs") {
    test_log t;
    t.event("a", std::string(500, 'x')).write();
    t.run_start().write();
    t.joined("gateway").write();
    t.close();
    evbus::link::commit_walk walk(log::posix(), t.dir, test_bus);
    lines seen;
    const auto look = [&] {
        for (evbus::link::found what; (what = walk.next()) != evbus::link::found::end;) {
            if (what == evbus::link::found::hole) seen.push_back("hole");
            if (what == evbus::link::found::commit) seen.push_back(range_text({walk.commit().first_seq, walk.commit().last_seq}));
        }
    };
    look();
    REQUIRE(log::compress_segment(log::posix(), {t.dir}, 1, {}).outcome == log::compress_outcome::compressed);
    look();
    CHECK(seen == lines{"1-1", "2-1", "2-1"});
    t.event("a", "2").write();
    look();
    CHECK(seen == lines{"1-1", "2-1", "2-1", "2-2"});
}
