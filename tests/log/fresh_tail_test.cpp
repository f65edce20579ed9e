// What is written afresh and what is not; and what does not read back any more.
#include "lib/log/verify.hpp"
#include "tests/log/log_fixture.hpp"

#include <evbus/detail/system.hpp>
#include <evbus/log/epochs.hpp>

using namespace log_test;

namespace {

/// Six events, a commit each; the writer was killed and its syncs had come to `durable`.
struct killed_log : test_log {
    explicit killed_log(seq_t durable) {
        for (int i = 1; i <= 6; ++i) event("a", std::to_string(i)).write();
        crash();
        options.end.durable = durable;
    }
    [[nodiscard]] std::uint64_t commit_bytes() const { return (bytes(0).size() - sizeof(log::segment_header)) / 6; }
    /// A page of the commit of `seq` is gone from the cache, and was never on the disk.
    void lose_page_of(seq_t seq) { flip_bit(0, (sizeof(log::segment_header) + (seq - 1) * commit_bytes() + commit_bytes() - 5) * 8); }
    [[nodiscard]] bool is_in_order() const {
        const log::log_state s = log::scan(log::posix(), {dir}, test_bus, log::scan_depth::all);
        return !s.fork && s.chain_breaks == 0;
    }
};
const lines all_six{"1 a 1 @0", "2 a 2 @0", "3 a 3 @0", "4 a 4 @0", "5 a 5 @0", "6 a 6 @0"};

} // namespace

TEST_CASE("afresh: what lies past the last durable seq stands in a segment of its own, once, and its writer goes on there") {
    killed_log t(2);
    t.reopen();
    REQUIRE(t.segments().size() == 2);
    CHECK(t.segments()[1] == log::segment_name(3));
    CHECK(t.bytes(1).size() - sizeof(log::segment_header) == 2 * (t.bytes(0).size() - sizeof(log::segment_header))); // 4 commits, and 2
    CHECK(t.quarantine().empty());
    REQUIRE(t.notices.size() == 1);
    CHECK(t.notices[0].text.find("seqs 3 to 6") != std::string::npos);
    CHECK(t.read() == all_six);
    t.event("a", "7").write();
    lines more = all_six;
    more.push_back("7 a 7 @0");
    CHECK(t.read() == more);
    CHECK(t.is_in_order());
}

TEST_CASE("afresh: with nothing known to be durable the copy takes the segment's own place, under a reader's eyes") {
    killed_log t(0);
    log::log_reader r(log::posix(), t.dir);
    log::entry e;
    for (int i = 0; i < 4; ++i) REQUIRE(r.next(e) == log::step::entry);
    t.reopen();
    CHECK(t.segments().size() == 1);
    t.event("a", "7").write();
    CHECK(drain(r) == lines{"5 a 5 @0", "6 a 6 @0", "7 a 7 @0"});
    CHECK(r.last_seq() == 7);
}

TEST_CASE("afresh: a reader beyond the place where the old segment is cut goes on in the copy") {
    killed_log t(2);
    log::log_reader r(log::posix(), t.dir);
    log::entry e;
    for (int i = 0; i < 5; ++i) REQUIRE(r.next(e) == log::step::entry);
    t.reopen();
    t.event("a", "7").write();
    CHECK(drain(r) == lines{"6 a 6 @0", "7 a 7 @0"});
}

TEST_CASE("afresh: what does not read back is damage in its place, when nobody else has it") {
    killed_log t(2);
    t.lose_page_of(4);
    t.reopen();
    CHECK(t.read() == lines{"1 a 1 @0", "2 a 2 @0", "3 a 3 @0", "gap 4-4 damage", "5 a 5 @0", "6 a 6 @0"});
    CHECK(t.writer().next_seq() == 7);
    t.event("a", "7").write();
    CHECK(t.is_in_order());
    t.options.end = {};
    t.reopen();
    CHECK(t.notices.empty());
}

TEST_CASE("afresh: what does not read back and the ring still has is taken again from there, with all behind it") {
    killed_log t(2);
    t.lose_page_of(4);
    t.options.end.ring_from = 4;
    t.reopen();
    CHECK(t.read() == lines{"1 a 1 @0", "2 a 2 @0", "3 a 3 @0"});
    CHECK(t.writer().next_seq() == 4);
    CHECK(t.quarantine().size() == 1); // 5 and 6, if the ring should lose them meanwhile
    for (int i = 4; i <= 6; ++i) t.event("a", std::to_string(i)).write();
    CHECK(t.read() == all_six);
    CHECK(t.is_in_order());
}

TEST_CASE("afresh: nothing is, when all was durable, when it was closed well, or when the ring's boot is over") {
    const auto untouched = [](killed_log& t) {
        const std::size_t before = t.segments().size();
        t.reopen();
        CHECK(t.notices.empty());
        CHECK(t.segments().size() == before);
        CHECK(t.read() == all_six);
    };
    killed_log durable(6);
    untouched(durable);
    killed_log closed(max_seq);
    closed.close();
    closed.options.end = {6, true, max_seq};
    untouched(closed);
    killed_log rebooted(2);
    log::append_epoch(log::posix(), {rebooted.dir}, {epoch_t{1}, 1, 0, "another-boot", test_bus, "b"});
    untouched(rebooted);
    killed_log here(2);
    log::append_epoch(log::posix(), {here.dir}, {epoch_t{1}, 1, 0, evbus::detail::boot_id(), test_bus, "b"});
    here.reopen();
    CHECK(here.segments().size() == 2);
}

TEST_CASE("afresh: a segment that begins within the one before and is no copy of its end is a fork, and nothing is cut") {
    killed_log t(2);
    test_log other;
    for (int i = 1; i <= 3; ++i) other.event("a", std::to_string(i)).write();
    other.close();
    for (int i = 4; i <= 6; ++i) other.event("a", "different").write();
    other.crash();
    test_log::spit(log::segment_path({t.dir}, 4), other.bytes(1));
    const std::string before = t.bytes(0);
    try {
        t.reopen();
        FAIL("a forked log was opened");
    } catch (const evbus::error& e) {
        CHECK(e.kind() == errc::damaged);
        CHECK(std::string(e.what()).find("forked") != std::string::npos);
    }
    CHECK(t.bytes(0) == before);
}

TEST_CASE("afresh: the segment that was cut has an index in its footer's place, so that nobody takes it for damaged") {
    killed_log t(2);
    t.reopen();
    CHECK_FALSE(log::verify(log::posix(), {t.dir}, {}).has_damage());
    REQUIRE(fs::remove(log::index_path({t.dir}, 1))); // the disk was full, or it was killed before that
    CHECK(log::verify(log::posix(), {t.dir}, {}).has_damage());
    t.crash();
    t.options.end = {};
    t.reopen();
    CHECK_FALSE(log::verify(log::posix(), {t.dir}, {}).has_damage());
    CHECK(t.read() == all_six);
}
