// Bytes that were right somewhere, at another time, or for another bus; and segments that lost their end or their
// middle. What is whole and in its place is delivered; the rest is a gap with its seqs; nothing comes twice.
#include "tests/log/log_fixture.hpp"

#include <set>

using namespace log_test;

namespace {

struct piece {
    std::uint64_t begin, end;
    seq_t first, last;
};

/// Every kind of record, in commits that hold seqs, several segments; the newest is sealed or not.
void fill(test_log& t, bool sealed) {
    t.run_start().joined("gw").event("a.b", "one", 10).write();
    t.voids(2).lost(3).event("a.c", "two", 20).write();
    t.fragment("big", "part1", 30).anchor("mark").write();
    t.damaged(2).event("a.b", "three", 40).write();
    t.event("a.b", "four", 50).left("gw").write();
    t.event("a.b", "five", 60).write();
    if (sealed) t.close();
    t.crash();
}

std::vector<piece> commits_in(const test_log& t, std::size_t segment) {
    std::vector<piece> out;
    log::segment_reader in;
    REQUIRE(in.open(log::posix(), t.path(segment), test_bus.seed()) == 0);
    const seq_t first = *log::parse_segment_name(t.segments()[segment]);
    static_cast<void>(log::walk_segment(in, {test_bus.seed(), 0, 0, first}, [&](const log::commit_view& c) {
        out.push_back({c.offset, c.end(), c.header.first_seq, c.header.last_seq});
    }));
    return out;
}

/// The seqs that reading delivers as anything but damage; 0 stands for a broken law.
std::set<seq_t> delivered(const test_log& t, const lines& whole) {
    log::log_reader r(log::posix(), t.dir, {test_bus});
    r.seek(1);
    log::entry e;
    seq_t next = 1;
    std::set<seq_t> out;
    log::step s;
    while ((s = r.next(e)) == log::step::entry) {
        if (e.range.first != next) return {0};
        next = e.range.last + 1;
        const bool known = std::find(whole.begin(), whole.end(), line_of(e)) != whole.end();
        const bool gap = e.kind == log::entry_kind::gap && e.cause == gap_cause::damage;
        if (!known && !gap) return {0};
        if (!known) continue;
        for (seq_t q = e.range.first; q <= e.range.last; ++q) out.insert(q);
    }
    return s == log::step::end ? out : std::set<seq_t>{0};
}

/// A start goes on behind all of it, what could be read is still there, and the next start has nothing to mend.
bool goes_on(test_log& t, const std::set<seq_t>& had, lines whole) {
    t.reopen();
    const seq_t next = t.writer().next_seq();
    t.event("after", "x").write();
    whole.push_back(std::to_string(next) + " after x @0");
    t.close();
    std::set<seq_t> now = delivered(t, whole);
    if (!now.contains(next) || !std::includes(now.begin(), now.end(), had.begin(), had.end())) return false;
    t.reopen();
    for (const notice& n : t.notices)
        if (n.kind == notice_kind::repaired) return false;
    return t.writer().next_seq() == next + 1;
}

std::set<seq_t> all_up_to(seq_t last) {
    std::set<seq_t> out;
    for (seq_t s = 1; s <= last; ++s) out.insert(s);
    return out;
}
void without(std::set<seq_t>& from, const piece& p) {
    for (seq_t s = p.first; s <= p.last; ++s) from.erase(s);
}

} // namespace

TEST_CASE("misplaced: a segment cut at any byte, those behind it kept: every whole commit of both is delivered") {
    for (const bool sealed : {false, true}) {
        test_log t(300);
        fill(t, sealed);
        const lines whole = t.read();
        const seq_t last = log::log_reader(log::posix(), t.dir).last_seq();
        REQUIRE(delivered(t, whole) == all_up_to(last));
        const std::size_t segments = t.segments().size();
        REQUIRE(segments >= 4);
        for (std::size_t n = 0; n + 1 < segments; ++n) {
            const std::string bytes = t.bytes(n);
            const std::vector<piece> commits = commits_in(t, n);
            for (std::uint64_t cut = 0; cut < bytes.size(); ++cut) {
                CAPTURE(sealed);
                CAPTURE(n);
                CAPTURE(cut);
                t.truncate(n, cut);
                std::set<seq_t> want = all_up_to(last);
                for (const piece& c : commits)
                    if (c.end > cut) without(want, c);
                CHECK(delivered(t, whole) == want);
                t.set_bytes(n, bytes);
            }
        }
        t.truncate(1, 200);
        CHECK(goes_on(t, delivered(t, whole), whole));
    }
}

TEST_CASE("misplaced: two commits in each other's place are gaps, and no fork") {
    test_log t;
    for (int i = 1; i <= 6; ++i) t.event("a", std::to_string(i)).write();
    t.crash();
    const lines whole = t.read();
    const std::string bytes = t.bytes(0);
    const std::vector<piece> commits = commits_in(t, 0);
    for (std::size_t a = 0; a < commits.size(); ++a) {
        for (std::size_t b = a + 1; b < commits.size(); ++b) {
            CAPTURE(a);
            CAPTURE(b);
            std::string swapped = bytes.substr(0, commits[a].begin);
            const auto put = [&](const piece& p) { swapped += bytes.substr(p.begin, p.end - p.begin); };
            put(commits[b]);
            for (std::size_t i = a + 1; i < b; ++i) put(commits[i]);
            put(commits[a]);
            for (std::size_t i = b + 1; i < commits.size(); ++i) put(commits[i]);
            t.set_bytes(0, swapped);
            std::set<seq_t> want = all_up_to(6);
            without(want, commits[a]);
            without(want, commits[b]);
            const std::set<seq_t> got = delivered(t, whole);
            CHECK(got == want);
            for (const std::string& q : t.quarantine()) fs::remove(t.dir + "/quarantine/" + q);
            CHECK(goes_on(t, got, whole));
            t.crash();
            while (t.segments().size() > 1) t.remove(t.segments().size() - 1);
            fs::remove(log::index_path({t.dir}, 1));
        }
    }
}

TEST_CASE("misplaced: a commit twice, thrice, and at the end again changes nothing") {
    test_log t;
    for (int i = 1; i <= 4; ++i) t.event("a", std::to_string(i)).write();
    t.crash();
    const lines whole = t.read();
    const std::string bytes = t.bytes(0);
    for (const piece& c : commits_in(t, 0)) {
        const std::string one = bytes.substr(c.begin, c.end - c.begin);
        for (const std::string& more : {one, one + one, one + bytes.substr(c.end) + one}) {
            t.set_bytes(0, bytes.substr(0, c.end) + more);
            CHECK(delivered(t, whole).contains(c.last));
            CHECK(!delivered(t, whole).contains(0));
        }
        t.set_bytes(0, bytes + one);
        CHECK(t.read() == whole);
    }
}

TEST_CASE("misplaced: commits of another bus, noise and zeros in the middle hide what they stand on, and nothing else") {
    test_log foreign;
    foreign.options.bus = other_bus;
    for (int i = 1; i <= 6; ++i) foreign.event("a", std::to_string(i)).write();
    foreign.crash();
    test_log t;
    for (int i = 1; i <= 6; ++i) t.event("a", std::to_string(i)).write();
    t.crash();
    const lines whole = t.read();
    const std::string bytes = t.bytes(0);
    const std::string other = foreign.bytes(0);
    REQUIRE(bytes.size() == other.size());
    std::string noise(bytes.size(), '\0');
    std::uint64_t x = 0x9e3779b97f4a7c15;
    for (char& c : noise) x = x * 6364136223846793005u + 1442695040888963407u, c = static_cast<char>(x >> 56);
    const std::vector<piece> commits = commits_in(t, 0);
    for (const std::string* with : {&other, static_cast<const std::string*>(&noise)}) {
        for (std::size_t i = 0; i + 1 < commits.size(); ++i) {
            std::string b = bytes;
            const std::size_t n = commits[i].end - commits[i].begin;
            b.replace(commits[i].begin, n, with->substr(commits[i].begin, n));
            t.set_bytes(0, b);
            std::set<seq_t> want = all_up_to(6);
            without(want, commits[i]);
            CHECK(delivered(t, whole) == want);
        }
    }
    // A lost sector, wherever it begins.
    for (std::size_t at = sizeof(log::segment_header); at + 64 < bytes.size(); at += 8) {
        std::string b = bytes;
        b.replace(at, 64, 64, '\0');
        t.set_bytes(0, b);
        std::set<seq_t> want = all_up_to(6);
        for (const piece& c : commits)
            if (c.begin < at + 64 && at < c.end) without(want, c);
        CHECK(delivered(t, whole) == want);
    }
    CHECK(goes_on(t, delivered(t, whole), whole));
}

TEST_CASE("misplaced: a segment of this log under another one's name is damage, and hides only what stood there") {
    test_log t(300);
    fill(t, true);
    const lines whole = t.read();
    const std::size_t segments = t.segments().size();
    for (std::size_t n = 1; n + 1 < segments; ++n) {
        const std::string bytes = t.bytes(n);
        t.set_bytes(n, t.bytes(n + 1));
        std::set<seq_t> got = delivered(t, whole);
        CHECK(!got.contains(0));
        for (const piece& c : commits_in(t, n + 1)) CHECK(got.contains(c.last));
        t.set_bytes(n, bytes);
        CHECK(!delivered(t, whole).empty());
    }
}

TEST_CASE("misplaced: any bit flipped in an unsealed segment or in an index: other content never, and the index costs nothing") {
    test_log t;
    fill(t, false);
    const lines whole = t.read();
    const std::string bytes = t.bytes(0);
    const std::vector<piece> commits = commits_in(t, 0);
    const seq_t last = commits.back().last;
    for (std::uint64_t bit = 0; bit < bytes.size() * 8; ++bit) {
        t.set_bytes(0, bytes);
        t.flip_bit(0, bit);
        std::set<seq_t> want = all_up_to(last);
        for (const piece& c : commits)
            if (c.begin <= bit / 8 && bit / 8 < c.end) without(want, c);
        const bool fine = delivered(t, whole) == want;
        CAPTURE(bit);
        CHECK(fine);
    }
    // With a break the segment is left as it is, and gets an index.
    t.set_bytes(0, bytes);
    t.flip_bit(0, (commits[1].begin + 150) * 8);
    const std::set<seq_t> broken = delivered(t, whole);
    t.reopen();
    t.crash();
    const std::string index = log::index_path({t.dir}, 1);
    REQUIRE(fs::exists(index));
    const std::string entries = test_log::slurp(index);
    for (std::uint64_t bit = 0; bit < entries.size() * 8; bit += 11) {
        std::string b = entries;
        b[bit / 8] = static_cast<char>(b[bit / 8] ^ (1 << (bit % 8)));
        test_log::spit(index, b);
        const bool same = delivered(t, whole) == broken && log::scan(log::posix(), {t.dir}, test_bus).end.next == last + 1;
        CAPTURE(bit);
        CHECK(same);
    }
    for (std::uint64_t cut = 0; cut < entries.size(); cut += 5) {
        test_log::spit(index, entries.substr(0, cut));
        CHECK(log::scan(log::posix(), {t.dir}, test_bus).end.next == last + 1);
    }
}
