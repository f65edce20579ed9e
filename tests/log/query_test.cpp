// Queries read only what can match, and answer as a walk through everything does: the same events, the
// same gaps, the same account. An index that is missing, damaged, cut or of another segment changes
// nothing but how much is read.
#include "tests/log/random_log.hpp"
#include "tests/support/rounds.hpp"

#include "lib/log/compress.hpp"

using namespace log_test;
using evbus_test::random_source;

namespace {

question random_question(random_source& random, seq_t last) {
    question q;
    const char* const patterns[] = {"rare.x0", "rare.x1", "rare.>", "t1.common", "*.common", "$bus.note", "$bus.>", "none.such", ">", "t2.*"};
    for (std::size_t i = random.below(3); i-- > 0;) q.filters.push_back(patterns[random.below(std::size(patterns))]);
    if (random.one_in(4)) q.exclude.push_back(patterns[random.below(std::size(patterns))]);
    if (random.one_in(3)) q.headers.push_back({"correlation-id", "id-" + std::to_string(random.below(4000))});
    if (random.one_in(6)) q.headers.push_back({"type", random.one_in(2) ? "new" : "gone"});
    if (random.one_in(8)) q.headers.push_back({"x-own", "1"});
    if (random.one_in(12)) q.headers.push_back({"origin-time", "1"});
    if (random.one_in(3)) q.from = 1 + random.below(last + 10);
    return q;
}

void check_same(const answer& got, const answer& expected) {
    CHECK(got.given == expected.given);
    CHECK(text_of(got.account) == text_of(expected.account));
}

seq_t last_seq(const std::string& dir) { return log::log_reader(log::posix(), dir, {test_bus}).last_seq(); }

std::string describe(const question& q) {
    std::string out = "from " + std::to_string(q.from);
    for (const std::string& f : q.filters) out += " " + f;
    for (const std::string& f : q.exclude) out += " -x " + f;
    for (const auto& h : q.headers) out += " " + h.key + "=" + h.value;
    return out;
}

/// Three sealed segments of some blocks each; "rare" stands in the second.
void write_three(test_log& t) {
    log_maker out(t);
    for (int i = 0; i < 6000; ++i) {
        out.frame({i == 3000 ? "rare" : "common", std::string(90, 'p'),
                   i % 1500 == 700 ? std::vector<header>{{header_key::correlation_id, "c-" + std::to_string(i)}} : std::vector<header>{}},
                  i + 1);
        if (i % 2000 == 1000) out.voids(2);
        if (i % 40 == 0) out.flush();
    }
    out.flush();
    t.close();
}

} // namespace

TEST_CASE("query: random logs, random questions: events, gaps and account are those of a walk through everything") {
    random_source random;
    CAPTURE(random.seed());
    const int logs = std::getenv("EVBUS_SWEEP_ALL") != nullptr ? 400 : 12;
    for (int i = 0; i < logs; ++i) {
        test_log t(std::uint64_t{100'000} << random.below(4));
        random_log made(random, t, 3);
        const unindexed_copy whole(t);
        const seq_t last = last_seq(t.dir);
        for (int k = 0; k < 20; ++k) {
            const question q = random_question(random, last);
            CAPTURE(describe(q));
            const answer expected = ask(whole.dir(), q);
            check_same(ask(t.dir, q), expected);
            CHECK(expected.account.walked() + (q.from > last ? 0 : q.from - 1) == (q.from > last ? 0 : last));
        }
    }
}

TEST_CASE("query: who asks for something else in the middle of what was passed over gets it") {
    test_log t(std::uint64_t{1} << 20);
    write_three(t);
    log::log_reader r(log::posix(), t.dir, {test_bus});
    const filter_set rare({"rare"}), common({"common"});
    log::entry e;
    r.seek(1);
    r.select({.topics = &rare});
    while (r.next(e, 500) == log::step::entry) {}
    REQUIRE(r.position() == 501);
    REQUIRE(e.kind == log::entry_kind::skipped); // and it goes on behind 500
    r.select({.topics = &common});
    REQUIRE(r.next(e) == log::step::entry);
    CHECK(e.kind == log::entry_kind::frame);
    CHECK(e.seq() == 501);
}

TEST_CASE("query: a table that was cut answers as a whole one does") {
    random_source random;
    CAPTURE(random.seed());
    for (int i = 0; i < 4; ++i) {
        test_log t(200'000);
        random_log made(random, t, 3);
        const unindexed_copy whole(t);
        const seq_t last = last_seq(t.dir);
        for (std::size_t s = 0; s + 1 < t.segments().size(); ++s)
            index_again(t, s, {.topics = 1 + static_cast<std::uint32_t>(random.below(20)),
                               .keys = 1,
                               .places = 4 + static_cast<std::uint32_t>(random.below(100)),
                               .values = static_cast<std::uint32_t>(random.below(300))});
        for (int k = 0; k < 20; ++k) {
            const question q = random_question(random, last);
            CAPTURE(describe(q));
            check_same(ask(t.dir, q), ask(whole.dir(), q));
        }
    }
}

TEST_CASE("query: compressed segments answer as they did before") {
    random_source random;
    CAPTURE(random.seed());
    test_log t(400'000);
    random_log made(random, t, 3);
    const unindexed_copy whole(t);
    const seq_t last = last_seq(t.dir);
    std::size_t compressed = 0;
    for (std::size_t s = 0; s + 1 < t.segments().size(); ++s) {
        const seq_t first = *log::parse_segment_name(t.segments()[s]);
        compressed += log::compress_segment(log::posix(), {t.dir}, first).outcome == log::compress_outcome::compressed ? 1U : 0U;
    }
    REQUIRE(compressed > 0);
    for (int k = 0; k < 30; ++k) {
        const question q = random_question(random, last);
        CAPTURE(describe(q));
        check_same(ask(t.dir, q), ask(whole.dir(), q));
    }
}

TEST_CASE("query: a rare topic and a rare header value are read without the rest") {
    test_log t(300'000);
    write_three(t);
    const std::uint64_t all = ask(t.dir, {}).read.bytes;
    REQUIRE(all > 900'000);
    const answer rare = ask(t.dir, {.filters = {"rare"}});
    CHECK(rare.account.events == 1);
    CHECK(rare.account.voids == 6);
    CHECK(rare.read.bytes < all / 3);
    const answer one = ask(t.dir, {.filters = {}, .exclude = {}, .headers = {{"correlation-id", "c-3700"}}});
    CHECK(one.account.events == 1);
    CHECK(one.read.bytes < all / 3);
    const answer none = ask(t.dir, {.filters = {"nowhere"}});
    CHECK(none.account.events == 0);
    CHECK(none.account.filtered == 6000);
    CHECK(none.account.voids == 6);
}

TEST_CASE("query: a footer with any bit flipped gives the same answers") {
    test_log t(300'000);
    write_three(t);
    const question questions[] = {{.filters = {"rare"}}, {.filters = {}, .exclude = {}, .headers = {{"correlation-id", "c-3700"}}}};
    const unindexed_copy whole(t);
    const answer expected[] = {ask(whole.dir(), questions[0]), ask(whole.dir(), questions[1])};
    const std::size_t segment = 1;
    const std::uint64_t begin = footer_offset(t.path(segment)) * 8;
    const std::uint64_t end = fs::file_size(t.path(segment)) * 8;
    REQUIRE(end > begin);
    const std::uint64_t step = std::getenv("EVBUS_SWEEP_ALL") != nullptr ? 1 : support::rounds<std::uint64_t>(7, 31);
    for (std::uint64_t bit = begin; bit < end; bit += step) {
        t.flip_bit(segment, bit);
        const std::size_t which = bit % 2;
        const answer got = ask(t.dir, questions[which]);
        if (got.given != expected[which].given || text_of(got.account) != text_of(expected[which].account)) {
            CAPTURE(bit - begin);
            check_same(got, expected[which]);
        }
        t.flip_bit(segment, bit);
    }
}

TEST_CASE("query: another segment's footer is none, and neither is one of this segment's youth") {
    test_log t(300'000);
    write_three(t);
    const question q{.filters = {"rare"}};
    const unindexed_copy whole(t);
    const answer expected = ask(whole.dir(), q);
    const std::string original = t.bytes(1);
    const std::string commits = original.substr(0, footer_offset(t.path(1)));
    const std::string other = t.bytes(0).substr(footer_offset(t.path(0)));
    t.set_bytes(1, commits + other);
    check_same(ask(t.dir, q), expected);
    const std::string footer = original.substr(commits.size());
    t.set_bytes(1, commits + footer + footer);
    check_same(ask(t.dir, q), expected);
    t.set_bytes(1, commits + std::string(64, '\0') + footer);
    check_same(ask(t.dir, q), expected);
}

TEST_CASE("query: what is damaged where a block is read is a gap, and what is lost between is one too") {
    test_log t(300'000);
    {
        log_maker out(t);
        for (int i = 0; i < 5000; ++i) {
            out.frame({i % 500 == 0 ? "rare" : "common", std::string(90, 'p')}, i + 1);
            if (i == 1250) out.lost(3);
            if (i % 50 == 0) out.flush();
        }
        out.flush();
        t.close();
    }
    // The commit that holds the third of them.
    log::segment_reader in;
    REQUIRE(in.open(log::posix(), t.path(0), test_bus.seed()) == 0);
    log::commit_view c;
    const log::commit_place place = log::seek_seq(in, 1, test_bus.seed(), 1001);
    REQUIRE(in.read(place.offset, c) == log::walk::commit);
    for (const std::uint64_t at : {c.offset + 20, c.offset + sizeof(log::commit_header) + 40}) { // its header, its body
        t.flip_bit(0, at * 8);
        const unindexed_copy whole(t);
        const answer got = ask(t.dir, {.filters = {"rare"}});
        check_same(got, ask(whole.dir(), {.filters = {"rare"}}));
        CHECK(got.account.in_gaps(gap_cause::damage) == c.header.last_seq - c.header.first_seq + 1);
        CHECK(got.account.in_gaps(gap_cause::recorder_lost) == 3);
        CHECK(got.account.events == 9);
        t.flip_bit(0, at * 8);
    }
}

TEST_CASE("query: asking for no frames at all gives what stands between them") {
    test_log t(300'000);
    {
        log_maker out(t);
        for (int i = 0; i < 5000; ++i) {
            if (i == 2500) out.member(3, log::member_change::joined);
            out.frame({"common", std::string(90, 'p')}, i + 1);
        }
        out.flush();
        t.close();
    }
    log::log_reader r(log::posix(), t.dir, {test_bus});
    r.select({.topics = nullptr, .headers = nullptr, .frames = false});
    std::uint64_t seqs = 0;
    std::uint64_t frames = 0;
    std::size_t members = 0;
    log::entry e;
    while (r.next(e) == log::step::entry) {
        seqs += e.range.count();
        if (e.kind == log::entry_kind::frame) ++frames;
        if (e.kind == log::entry_kind::member) ++members;
    }
    CHECK(seqs == 5000);
    CHECK(members == 1);
    CHECK(frames < 1000);
}
