// The newest event of each topic: found from the log's end, and the same as somebody finds who reads all of
// it; whatever is sealed, compressed, cut, damaged or gone, and with what goes on behind the place asked for.
#include "tests/log/random_log.hpp"

#include "lib/log/compress.hpp"

#include "tests/support/failing_fs.hpp"

#include <evbus/log/newest_search.hpp>

#include <algorithm>
#include <map>

using namespace log_test;

namespace {

constexpr std::uint64_t lap = 400; ///< seqs at the end that are read whole

struct newest_answer {
    lines given; ///< events, and all behind the limit
    lines gaps;
    tally account;
    seq_t begin = no_seq;
    log::read_stats search;
    log::read_stats all;
};

void walk_all(log_walk& walk, seq_t& next, filter_set& wanted, delivery& deliver, seq_t limit, const std::function<void(const event&)>& on_event,
              const std::function<void(const gap&)>& on_gap) {
    log_rest rest;
    while ((rest = walk.poll(next, limit, wanted, deliver, on_event, on_gap, [](const auto&) {}, {})) == log_rest::limits) {}
    REQUIRE_MESSAGE(rest == log_rest::end, walk.log().failure());
}

/// By the tables.
newest_answer find(const std::string& dir, const question& q, seq_t limit, log::file_system& files = log::posix()) {
    newest_answer out;
    log_walk walk(files, dir, {test_bus});
    filter_set wanted(q.filters, q.exclude);
    const header_filter headers(q.headers);
    newest_topics topics(wanted, headers);
    log::newest_search search(files, {dir}, walk.log(), wanted, headers, topics);
    search.run(limit, lap);
    out.search = walk.log().stats();
    out.search.bytes += search.stats().bytes;
    const newest_pick pick = topics.pick(limit);
    delivery deliver;
    walk.want_headers(headers);
    if (!q.headers.empty()) deliver.pick_by_first_frames();
    walk.want_only(&pick.ranges);
    out.begin = pick.begin;
    seq_t next = pick.begin;
    walk_all(walk, next, wanted, deliver, max_seq,
             [&](const event& e) {
                 if (e.seq() > limit || pick.wants(e)) out.given.push_back(line_of(e));
             },
             [&](const gap& g) { out.gaps.push_back(range_text(g.range) + " " + to_string(g.cause)); });
    out.account = deliver.account();
    out.all = walk.log().stats();
    out.all.bytes += search.stats().bytes;
    return out;
}

/// By reading everything.
newest_answer expect(const std::string& dir, const question& q, seq_t limit) {
    newest_answer out;
    log_walk walk(log::posix(), dir, {test_bus});
    filter_set wanted(q.filters, q.exclude);
    delivery deliver;
    walk.want_headers(header_filter(q.headers));
    if (!q.headers.empty()) deliver.pick_by_first_frames();
    std::map<std::string, std::pair<seq_t, std::string>> newest;
    seq_t next = 1;
    lines behind;
    walk_all(walk, next, wanted, deliver, max_seq,
             [&](const event& e) {
                 if (e.seq() > limit) behind.push_back(line_of(e));
                 else newest[std::string(e.topic())] = {e.seq(), line_of(e)};
             },
             [&](const gap& g) { out.gaps.push_back(range_text(g.range) + " " + to_string(g.cause)); });
    std::map<seq_t, std::string> in_order;
    for (const auto& [topic, e] : newest) in_order[e.first] = e.second;
    for (const auto& [seq, line] : in_order) out.given.push_back(line);
    out.given.insert(out.given.end(), behind.begin(), behind.end());
    out.account = deliver.account();
    return out;
}

question some_question(random_source& random) {
    question q;
    const char* const patterns[] = {"rare.x0", "rare.x1", "rare.>", "t1.common", "*.common", "$bus.note", "none.such", ">", "t2.*", "t0.common"};
    for (std::size_t i = random.below(4); i-- > 0;) q.filters.push_back(patterns[random.below(std::size(patterns))]);
    if (random.one_in(4)) q.exclude.push_back(patterns[random.below(std::size(patterns))]);
    if (random.one_in(3)) q.headers.push_back({"type", random.one_in(2) ? "new" : "gone"});
    if (random.one_in(8)) q.headers.push_back({"x-own", "1"});
    return q;
}

std::string describe(const question& q, seq_t limit) {
    std::string out = "up to " + std::to_string(limit);
    for (const std::string& f : q.filters) out += " " + f;
    for (const std::string& f : q.exclude) out += " -x " + f;
    for (const auto& h : q.headers) out += " " + h.key + "=" + h.value;
    return out;
}

seq_t end_of(const std::string& dir) { return log::log_reader(log::posix(), dir, {test_bus}).last_seq(); }

/// What one has and the other has not, and nothing when they are equal.
lines difference(const lines& got, const lines& expected) {
    lines out;
    for (const std::string& l : expected)
        if (std::find(got.begin(), got.end(), l) == got.end()) out.push_back("missing " + l);
    for (const std::string& l : got)
        if (std::find(expected.begin(), expected.end(), l) == expected.end()) out.push_back("too much " + l);
    if (out.empty() && got != expected) out.push_back("another order");
    return out;
}

/// Every gap of the walk through everything that lies above where the other began was told by it as well.
void check_same(const newest_answer& got, const newest_answer& expected) {
    CHECK(difference(got.given, expected.given) == lines{});
    for (const std::string& g : expected.gaps) {
        const seq_t first = std::strtoull(g.c_str(), nullptr, 10);
        if (first >= got.begin && g.find("incomplete") == std::string::npos) CHECK_MESSAGE(std::count(got.gaps.begin(), got.gaps.end(), g) == 1, g);
    }
}

int logs(int few) { return std::getenv("EVBUS_SWEEP_ALL") != nullptr ? 30 * few : few; }

} // namespace

TEST_CASE("newest: random logs, random questions: the events are those that reading everything finds") {
    random_source random;
    CAPTURE(random.seed());
    for (int i = 0; i < logs(10); ++i) {
        test_log t(std::uint64_t{100'000} << random.below(4));
        random_log made(random, t, 3);
        const unindexed_copy whole(t);
        const seq_t last = end_of(t.dir);
        for (int k = 0; k < 16; ++k) {
            const question q = some_question(random);
            const seq_t limit = random.one_in(2) ? last : lap + random.below(last - lap);
            CAPTURE(describe(q, limit));
            const newest_answer expected = expect(whole.dir(), q, limit);
            const newest_answer got = find(t.dir, q, limit);
            check_same(got, expected);
            CHECK(got.account.walked() == last + 1 - std::min(got.begin, last + 1));
            check_same(find(whole.dir(), q, limit), expected); // and without any table
        }
    }
}

TEST_CASE("newest: a table that was cut, and compressed segments, find the same") {
    random_source random;
    CAPTURE(random.seed());
    for (int i = 0; i < logs(4); ++i) {
        test_log t(200'000);
        random_log made(random, t, 3);
        const unindexed_copy whole(t);
        const seq_t last = end_of(t.dir);
        const bool cut = random.one_in(2);
        for (std::size_t s = 0; s + 1 < t.segments().size(); ++s) {
            if (cut)
                index_again(t, s, {.topics = 1 + static_cast<std::uint32_t>(random.below(60)),
                                   .keys = 1,
                                   .places = 4 + static_cast<std::uint32_t>(random.below(100)),
                                   .values = static_cast<std::uint32_t>(random.below(300))});
            else
                (void)log::compress_segment(log::posix(), {t.dir}, *log::parse_segment_name(t.segments()[s]));
        }
        for (int k = 0; k < 16; ++k) {
            const question q = some_question(random);
            const seq_t limit = random.one_in(2) ? last : lap + random.below(last - lap);
            CAPTURE(describe(q, limit));
            check_same(find(t.dir, q, limit), expect(whole.dir(), q, limit));
        }
    }
}

TEST_CASE("newest: a deleted segment, a flipped bit: what was found is whole, and what hides something newer is told") {
    random_source random;
    CAPTURE(random.seed());
    for (int i = 0; i < logs(6); ++i) {
        test_log t(100'000);
        random_log made(random, t, 4);
        const seq_t last = end_of(t.dir);
        const unindexed_copy before(t);
        const newest_answer sound = expect(before.dir(), {}, last);
        if (random.one_in(2)) t.remove(random.below(t.segments().size() - 1));
        else
            for (int k = 0; k < 3; ++k) {
                const std::size_t segment = random.below(t.segments().size()); // the newest may be short
                t.flip_bit(segment, 8 * 128 + random.below(8 * (std::min<std::uint64_t>(t.bytes(segment).size(), 50'000) - 128)));
            }
        const seq_t now = end_of(t.dir); // a break at the very end is nothing yet, and no gap
        const newest_answer got = find(t.dir, {}, now);
        for (const std::string& l : got.given) { // each is an event of the log, with nothing of its topic behind it but in gaps
            const seq_t seq = std::strtoull(l.c_str() + l.find('-') + 1, nullptr, 10);
            const std::string topic = l.substr(l.find(' '), l.find(' ', l.find(' ') + 1) - l.find(' ') + 1);
            for (const std::string& s : sound.given) {
                if (s.find(topic) == std::string::npos) continue;
                const seq_t newest = std::strtoull(s.c_str() + s.find('-') + 1, nullptr, 10);
                CHECK(seq <= newest);
                if (seq < newest && newest <= now) CHECK_MESSAGE(!got.gaps.empty(), l, " for ", s);
            }
        }
    }
}

TEST_CASE("newest: a segment of one block, damaged, is told of although nothing of it is wanted") {
    test_log t;
    t.event("a", "old").write();
    REQUIRE(t.writer().close().ok());
    for (int i = 0; i < 20; ++i) t.event("a", "new");
    t.write();
    REQUIRE(t.writer().close().ok());
    const seq_t last = end_of(t.dir);
    t.flip_bit(1, 8 * 400);
    const newest_answer got = find(t.dir, {}, last);
    REQUIRE(got.given.size() == 1);
    CHECK(got.given[0].find("old") != std::string::npos);
    CHECK(got.gaps == lines{"2-21 damage"});
}

TEST_CASE("newest: whichever call fails, it says so or finds the same") {
    random_source random;
    CAPTURE(random.seed());
    test_log t(100'000);
    random_log made(random, t, 2);
    const seq_t last = end_of(t.dir);
    const newest_answer sound = find(t.dir, {}, last);
    int said = 0, same = 0;
    for (int k = 1;; ++k) {
        evbus_test::failing_file_system files(k, evbus_test::fault::once, EIO, evbus_test::calls::opens | evbus_test::calls::reads | evbus_test::calls::looks);
        try {
            log_walk walk(files, t.dir, {test_bus});
            filter_set wanted;
            const header_filter headers;
            newest_topics topics(wanted, headers);
            log::newest_search search(files, {t.dir}, walk.log(), wanted, headers, topics);
            search.run(last, lap);
            const newest_pick pick = topics.pick(last);
            bool fine = pick.newest.size() <= sound.given.size();
            for (const auto& [topic, seq] : pick.newest)
                fine = fine && std::any_of(sound.given.begin(), sound.given.end(), [&, seq = seq](const std::string& l) {
                           return l.find("-" + std::to_string(seq) + " ") != std::string::npos;
                       });
            CHECK(fine);
            same += pick.newest.size() == sound.given.size() ? 1 : 0;
        } catch (const error& e) {
            ++said;
            CHECK(std::string(e.what()).size() > 20);
        }
        if (!files.reached()) break;
    }
    CHECK(said > 0);
    CHECK(same > 0);
}
