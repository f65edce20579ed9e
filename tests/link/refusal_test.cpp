// What is no whole stream, and what does not fit to the log it is for, is refused with words; what came before
// stays, and the next import goes on behind it.
#include "tests/link/link_fixture.hpp"

#include "tests/support/doc_tables.hpp"
#include "tests/support/failing_fs.hpp"
#include "tests/support/text.hpp"

#include <map>

using namespace link_test;

namespace {

using support::has;

/// A small log: one event, and what a recorder says around it.
std::string small_stream(test_log& t) {
    t.joined("x").event("a", "hello", 7).write();
    t.event("b", "world", 8).voids(2).write();
    return stream_of(t.dir);
}

std::size_t first_difference(const lines& got, const lines& whole) {
    std::size_t i = 0;
    while (i < got.size() && i < whole.size() && got[i] == whole[i]) ++i;
    return i;
}

} // namespace

TEST_CASE("refusal: a stream cut off at any byte is an error, what came before it is kept, and the whole one completes it") {
    test_log t;
    const std::string stream = small_stream(t);
    const lines whole = t.read();
    for (std::size_t bytes = 0; bytes < stream.size(); ++bytes) {
        CAPTURE(bytes);
        place copy;
        const imported r = import(copy.dir, std::string_view(stream).substr(0, bytes));
        REQUIRE(r.error != "");
        REQUIRE(r.kind == errc::cut_short);
        const lines got = read_log(copy.dir);
        REQUIRE(first_difference(got, whole) == got.size());
        REQUIRE(r.next - 1 == (r.durable == no_seq ? 0 : r.durable));
        if (bytes % 16 != 0) continue;
        REQUIRE(import(copy.dir, stream).error == "");
        REQUIRE(same_segments(t.dir, copy.dir));
    }
}

TEST_CASE("refusal: every flipped bit of a stream is found") {
    test_log t;
    t.event("a", "hello", 7).write();
    const std::string stream = stream_of(t.dir);
    const lines whole = t.read();
    for (std::size_t bit = 0; bit < stream.size() * 8; ++bit) {
        CAPTURE(bit);
        std::string bad = stream;
        bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
        place copy;
        const imported r = import(copy.dir, bad);
        REQUIRE(r.error != "");
        if (r.counts.commits != 0) REQUIRE(read_log(copy.dir) == whole);
    }
}

TEST_CASE("refusal: noise, text, and bytes behind the end") {
    test_log t;
    const std::string stream = small_stream(t);
    place copy;
    CHECK(import(copy.dir, std::string(100, 'x')).kind == errc::not_a_bus);
    CHECK(import(copy.dir, std::string(4096, '\0')).kind == errc::not_a_bus);
    CHECK(has(import(copy.dir, "").error, "it is empty"));
    CHECK(import(copy.dir, stream + std::string(64, 'x')).kind == errc::damaged);
    CHECK(import(copy.dir, stream + stream).kind == errc::damaged);
    CHECK(import(copy.dir, stream).error == ""); // what came before was kept each time
}

TEST_CASE("refusal: another bus, a fork, a gap") {
    test_log t(900);
    fill(t);
    place copy;
    CHECK(import(copy.dir, stream_of(t.dir, {.to = 4})).error == "");
    const lines before = read_log(copy.dir);

    const imported gap = import(copy.dir, stream_of(t.dir, {.from = 20}));
    CHECK(gap.kind == errc::mismatch);
    CHECK(has(gap.error, "would be missing"));

    test_log other;
    for (int i = 0; i < 30; ++i) other.event("a", "something else " + std::to_string(i), i).write();
    const imported fork = import(copy.dir, stream_of(other.dir));
    CHECK(fork.kind == errc::mismatch);
    CHECK(has(fork.error, "fork"));
    // Also when they differ only behind what both have.
    const seq_t next = importer(log::posix(), copy.dir).next_seq();
    CHECK(import(copy.dir, stream_of(other.dir, {.from = next})).kind == errc::mismatch);
    CHECK(read_log(copy.dir) == before);

    test_log foreign;
    foreign.options.bus = other_bus;
    foreign.event("a", "1").write();
    place theirs;
    fs::copy(foreign.dir, theirs.dir, fs::copy_options::recursive);
    const imported r = import(theirs.dir, stream_of(t.dir));
    CHECK(r.kind == errc::foreign_log);
    CHECK(import(copy.dir, stream_of(t.dir)).error == "");
    CHECK(same_segments(t.dir, copy.dir));
}

TEST_CASE("refusal: a log that somebody else writes to") {
    test_log t;
    fill(t, 1);
    const std::string stream = stream_of(t.dir);
    const log::log_lock held = log::log_lock::acquire(log::posix(), t.dir, "evrecord");
    const imported r = import(t.dir, stream);
    CHECK(r.kind == errc::busy);
    CHECK(has(r.error, "evrecord"));
}

TEST_CASE("refusal: exporting what retention took, or what is not there yet") {
    test_log t(900);
    fill(t);
    const seq_t end = t.writer().next_seq();
    t.remove(0);
    CHECK_THROWS_AS(stream_of(t.dir, {.from = 1}), evbus::error);
    CHECK_THROWS_AS(stream_of(t.dir, {.from = end + 1}), evbus::error);
    place copy;
    CHECK(import(copy.dir, stream_of(t.dir)).error == "");
    CHECK(read_log(copy.dir) == t.read());
    CHECK(import(copy.dir, stream_of(t.dir, {.from = end})).error == "");
}

TEST_CASE("refusal: the k-th call fails, once or for good: what was called durable is there, and the next import completes it") {
    test_log t(900);
    fill(t, 2);
    const std::string stream = stream_of(t.dir);
    const lines whole = t.read();
    for (const evbus_test::fault how : {evbus_test::fault::once, evbus_test::fault::for_good})
        for (const int error : {ENOSPC, EIO})
            for (int k = 1;; ++k) {
                CAPTURE(k);
                CAPTURE(error);
                place copy;
                evbus_test::failing_file_system files(k, how, error);
                const imported r = import(copy.dir, stream, files, 200);
                if (!files.reached()) {
                    CHECK(r.error == "");
                    CHECK(k > 20);
                    break;
                }
                const lines got = read_log(copy.dir);
                REQUIRE(first_difference(got, whole) == got.size());
                if (r.durable != no_seq) {
                    log::log_reader reader(log::posix(), copy.dir, {test_bus});
                    REQUIRE(reader.last_seq() >= r.durable);
                }
                REQUIRE(import(copy.dir, stream).error == "");
                REQUIRE(read_log(copy.dir) == whole);
            }
}

#define FIELD(type, name) {offsetof(evbus::link::type, name), sizeof(evbus::link::type::name), #name}

TEST_CASE("stream document: its tables are what the structs are") {
    const std::map<std::string, std::pair<std::size_t, std::vector<evbus_test::doc_field>>> structs = {
        {"stream_header",
         {sizeof(evbus::link::stream_header),
          {FIELD(stream_header, magic), FIELD(stream_header, version), FIELD(stream_header, flags), FIELD(stream_header, bus_id),
           FIELD(stream_header, first_seq), FIELD(stream_header, previous_chain), FIELD(stream_header, time_ns),
           FIELD(stream_header, last_seq), FIELD(stream_header, bytes), FIELD(stream_header, reserved), FIELD(stream_header, checksum)}}},
        {"stream_mark",
         {sizeof(evbus::link::stream_mark),
          {FIELD(stream_mark, magic), FIELD(stream_mark, kind), FIELD(stream_mark, text_bytes), FIELD(stream_mark, first),
           FIELD(stream_mark, last), FIELD(stream_mark, chain), FIELD(stream_mark, time_ns), FIELD(stream_mark, text_hash),
           FIELD(stream_mark, checksum)}}},
    };
    const std::vector<evbus_test::doc_table> tables = evbus_test::read_doc_tables(std::string(EVBUS_SOURCE_DIR) + "/docs/stream-format.md");
    REQUIRE(tables.size() == structs.size());
    for (const evbus_test::doc_table& table : tables) {
        CAPTURE(table.name);
        REQUIRE(structs.contains(table.name));
        CHECK(table.bytes == structs.at(table.name).first);
        CHECK((table.fields == structs.at(table.name).second));
    }
}
