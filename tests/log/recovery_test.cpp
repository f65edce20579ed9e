// What a log is after something went wrong with its bytes.
#include "tests/log/log_fixture.hpp"
#include "tests/support/rounds.hpp"

#include <map>

using namespace log_test;

namespace {

/// A small log of several segments with every kind of record, closed or not.
void fill(test_log& t) {
    t.run_start().joined("gw").event("a.b", "one", 10).write();
    t.voids(2).lost(3).event("a.c", "two", 20).write();
    t.fragment("big", "part1", 30).anchor("mark").write();
    t.event("a.b", "three", 40).event("a.b", "four", 50).write();
}

/// Each commit of the log: which segment, where it ends, and its last seq.
struct commit_end {
    std::size_t segment;
    std::uint64_t end;
    seq_t last;
};
std::vector<commit_end> commits_of(const test_log& t) {
    std::vector<commit_end> out;
    const std::vector<std::string> names = t.segments();
    for (std::size_t i = 0; i < names.size(); ++i) {
        log::segment_reader in;
        REQUIRE(in.open(log::posix(), t.path(i), test_bus.seed()) == 0);
        const seq_t first = *log::parse_segment_name(names[i]);
        static_cast<void>(log::walk_segment(in, {test_bus.seed(), 0, 0, first}, [&](const log::commit_view& c) {
            out.push_back({i, c.end(), c.header.last_seq});
        }));
    }
    return out;
}

/// What reading must give when exactly the seqs up to `last` are left: whole lines, by their seq.
lines up_to(const test_log& whole, seq_t last) { return last == 0 ? lines{} : whole.read(1, last); }

std::map<std::string, std::string> save(const test_log& t) {
    std::map<std::string, std::string> out;
    for (const auto& e : fs::directory_iterator(t.dir + "/segments"))
        out[e.path().string()] = test_log::slurp(e.path().string());
    return out;
}
void restore(const test_log& t, const std::map<std::string, std::string>& files) {
    for (const auto& e : fs::directory_iterator(t.dir + "/segments")) fs::remove(e.path());
    for (const auto& e : fs::directory_iterator(t.dir + "/quarantine")) fs::remove(e.path());
    for (const auto& [path, bytes] : files) test_log::spit(path, bytes);
}

} // namespace

TEST_CASE("recovery: cut at any byte, every whole commit is kept and nothing else") {
    for (const bool sealed : {false, true}) {
        for (const bool with_index : {false, true}) {
            if (sealed && with_index) continue; // a footer goes before an index
            test_log t(300);
            fill(t);
            if (sealed) t.close();
            t.crash();
            const std::vector<commit_end> commits = commits_of(t);
            test_log whole(300);
            fill(whole);
            const std::map<std::string, std::string> files = save(t);
            const std::size_t segments = t.segments().size();
            REQUIRE(segments >= 3);
            for (std::size_t segment = 0; segment < segments; ++segment) {
                restore(t, files);
                const std::uint64_t size = t.bytes(segment).size();
                for (std::uint64_t cut = 0; cut < size; cut += support::rounds<std::uint64_t>(1, 7)) {
                    CAPTURE(sealed);
                    CAPTURE(segment);
                    CAPTURE(cut);
                    restore(t, files);
                    REQUIRE(t.segments().size() == segments);
                    while (t.segments().size() > segment + 1) t.remove(t.segments().size() - 1);
                    if (with_index) test_log::spit(t.path(segment).substr(0, t.path(segment).size() - 5) + "evidx", "rubbish");
                    t.truncate(segment, cut);
                    seq_t last = 0;
                    for (const commit_end& c : commits)
                        if (c.segment < segment || (c.segment == segment && c.end <= cut)) last = std::max(last, c.last);
                    CHECK(t.read(1, last) == up_to(whole, last));
                    for (const std::string& line : t.read()) CHECK(line.find("damage") == std::string::npos);
                    t.reopen();
                    REQUIRE(t.writer().next_seq() == last + 1);
                    t.event("after", "x").write();
                    lines want = up_to(whole, last);
                    const lines got = t.read();
                    // Records without a seq that stood at the very end are whole commits too.
                    REQUIRE(got.size() > want.size());
                    CHECK(lines(got.begin(), got.begin() + static_cast<std::ptrdiff_t>(want.size())) == want);
                    CHECK(got.back() == std::to_string(last + 1) + " after x @0");
                    t.crash();
                }
            }
        }
    }
}

TEST_CASE("recovery: any single bit flipped is a gap or an end, never another content") {
    test_log t(300);
    fill(t);
    t.close();
    t.crash();
    const lines whole = t.read();
    const std::map<std::string, std::string> files = save(t);
    for (std::size_t segment = 0; segment < t.segments().size(); ++segment) {
        restore(t, files);
        const std::uint64_t bits = t.bytes(segment).size() * 8;
        for (std::uint64_t bit = 0; bit < bits; bit += support::rounds<std::uint64_t>(1, 7)) { // 7: every bit of a byte has its turn
            restore(t, files);
            t.flip_bit(segment, bit);
            CAPTURE(segment);
            CAPTURE(bit / 8);
            CAPTURE(bit % 8);
            log::log_reader r(log::posix(), t.dir, {test_bus});
            r.seek(1);
            log::entry e;
            log::step s;
            seq_t next = 1;
            bool fine = true;
            while ((s = r.next(e)) == log::step::entry) {
                const std::string line = line_of(e);
                const bool known = std::find(whole.begin(), whole.end(), line) != whole.end();
                const bool gap = e.kind == log::entry_kind::gap && e.cause == gap_cause::damage;
                fine = fine && (known || gap) && e.range.first == next;
                next = e.range.last + 1;
            }
            // A version or feature bit that passes no checksum is damage as well, never "newer".
            fine = fine && s == log::step::end;
            CHECK(fine);
            if (bit % 8 != segment % 8) continue; // opening for writing: one bit of each byte is enough
            t.options.torn = log::on_torn::trim;
            t.reopen();
            fine = t.writer().next_seq() >= next;
            t.event("after", "x").write();
            CHECK(fine);
            CHECK(t.read().back().find("after x") != std::string::npos);
            t.crash();
        }
    }
}

TEST_CASE("recovery: a torn tail goes to quarantine and is told; refusing throws and touches nothing") {
    test_log t;
    t.event("a", "1").write();
    t.event("a", "2").write();
    t.crash();
    const std::string before = t.bytes(0);
    t.truncate(0, before.size() - 3);
    t.options.torn = log::on_torn::refuse;
    try {
        t.reopen();
        FAIL("a torn log was opened");
    } catch (const evbus::error& e) {
        CHECK(e.kind() == errc::damaged);
        CHECK(std::string(e.what()).find(".evseg") != std::string::npos);
        CHECK(std::string(e.what()).find("offset") != std::string::npos);
    }
    CHECK(t.bytes(0).size() == before.size() - 3);
    t.options.torn = log::on_torn::trim;
    t.reopen();
    REQUIRE(t.quarantine().size() == 1);
    CHECK(t.quarantine()[0].find(log::seq_digits(2) + ".torn") != std::string::npos);
    REQUIRE(t.notices.size() == 1);
    CHECK(t.notices[0].kind == notice_kind::repaired);
    CHECK(t.read() == lines{"1 a 1 @0"});
    CHECK(t.writer().next_seq() == 2);
}

TEST_CASE("recovery: behind a break with a whole commit nothing is cut, and a new segment begins") {
    test_log t;
    for (int i = 1; i <= 5; ++i) t.event("a", std::to_string(i)).write();
    t.crash();
    const std::uint64_t size = t.bytes(0).size();
    const std::uint64_t one = (size - sizeof(log::segment_header)) / 5;
    t.flip_bit(0, (sizeof(log::segment_header) + 2 * one + one - 5) * 8);
    const lines damaged{"1 a 1 @0", "2 a 2 @0", "gap 3-3 damage", "4 a 4 @0", "5 a 5 @0"};
    CHECK(t.read() == damaged);
    t.reopen();
    CHECK(t.bytes(0).size() == size);
    CHECK(t.segments().size() == 2);
    CHECK(fs::exists(log::index_path({t.dir}, 1)));
    CHECK(t.notices.size() == 1);
    CHECK(t.read() == damaged);
    t.event("a", "6").write();
    lines more = damaged;
    more.push_back("6 a 6 @0");
    CHECK(t.read() == more);
    t.reopen();
    CHECK(t.segments().size() == 2);
    CHECK(t.read() == more);
}

TEST_CASE("recovery: an equal commit twice is skipped, a different one for the same seqs is a fork") {
    test_log t;
    t.event("a", "1").write();
    t.event("a", "2").write();
    t.crash();
    const std::string whole = t.bytes(0);
    const std::string last = whole.substr(sizeof(log::segment_header) + (whole.size() - sizeof(log::segment_header)) / 2);
    t.append_bytes(0, last);
    CHECK(t.read() == lines{"1 a 1 @0", "2 a 2 @0"});
    t.reopen();
    t.event("a", "3").write();
    CHECK(t.read() == lines{"1 a 1 @0", "2 a 2 @0", "3 a 3 @0"});

    test_log f;
    f.event("a", "1").write();
    f.event("a", "other").write();
    f.crash();
    const std::string other = f.bytes(0);
    t.crash();
    t.set_bytes(0, whole + other.substr(other.size() - last.size()));
    try {
        t.reopen();
        FAIL("a forked log was opened");
    } catch (const evbus::error& e) {
        CHECK(e.kind() == errc::damaged);
        CHECK(std::string(e.what()).find("fork") != std::string::npos);
    }
    CHECK(t.read() == lines{"1 a 1 @0", "2 a 2 @0"});
}

TEST_CASE("recovery: a missing middle segment is damage, a missing first one is retention") {
    test_log t(300);
    for (int i = 1; i <= 8; ++i) t.event("a", std::to_string(i)).write();
    t.close();
    t.crash();
    const std::vector<std::string> names = t.segments();
    REQUIRE(names.size() >= 4);
    const seq_t second = *log::parse_segment_name(names[1]);
    const seq_t third = *log::parse_segment_name(names[2]);
    t.remove(1);
    const lines with_hole = t.read();
    const std::string gap = range_text({second, third - 1});
    CHECK(std::find(with_hole.begin(), with_hole.end(), "gap " + gap + " damage") != with_hole.end());
    CHECK(with_hole.back() == "8 a 8 @0");
    t.reopen(); // who goes on reads the newest segment alone: holes between others are for readers and verify
    CHECK(t.notices.empty());
    t.crash();
    CHECK(log::scan(log::posix(), {t.dir}, test_bus).holes.size() == 1);
    t.remove(0);
    CHECK(t.read().front() == "gap 1-" + std::to_string(third - 1) + " retention");
    CHECK(t.read(third).front() == std::to_string(third) + " a " + std::to_string(third) + " @0");
}

TEST_CASE("recovery: a segment deleted while it is read is retention") {
    test_log t(300);
    for (int i = 1; i <= 8; ++i) t.event("a", std::to_string(i)).write();
    log::log_reader r(log::posix(), t.dir);
    log::entry e;
    REQUIRE(r.next(e) == log::step::entry);
    const std::vector<std::string> names = t.segments();
    const seq_t second = *log::parse_segment_name(names[1]);
    const seq_t fourth = *log::parse_segment_name(names[3]);
    for (int i = 0; i < 3; ++i) t.remove(0);
    const lines rest = drain(r);
    const std::string gap = "gap " + range_text({second, fourth - 1}) + " retention";
    CHECK(std::find(rest.begin(), rest.end(), gap) != rest.end());
    CHECK(rest.back() == "8 a 8 @0");
}

TEST_CASE("recovery: commits of another bus, noise and zeros at the end are no commits") {
    test_log foreign;
    foreign.options.bus = other_bus;
    foreign.event("a", "1").write();
    foreign.event("a", "2").write();
    foreign.event("a", "3").write();
    foreign.crash();
    std::string noise(1000, '\0');
    std::uint64_t x = 0x9e3779b97f4a7c15;
    MESSAGE("noise seed " << x);
    for (char& c : noise) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        c = static_cast<char>(x);
    }
    for (const std::string& tail : {foreign.bytes(0).substr(sizeof(log::segment_header)), noise, std::string(5000, '\0')}) {
        test_log t;
        t.event("a", "1").write();
        t.crash();
        t.append_bytes(0, tail);
        CHECK(t.read() == lines{"1 a 1 @0"});
        t.reopen();
        CHECK(t.quarantine().size() == 1);
        t.event("a", "2").write();
        CHECK(t.read() == lines{"1 a 1 @0", "2 a 2 @0"});
    }
}

TEST_CASE("recovery: a payload that is a commit of this very log is not taken for one") {
    test_log t;
    t.event("a", "1").write();
    t.event("a", "2").write();
    t.event("a", "3").write();
    t.crash();
    const std::string commits = t.bytes(0).substr(sizeof(log::segment_header));
    test_log u;
    u.event("a", "1").write();
    u.event("copy", commits).write();
    u.event("a", "3").write();
    u.crash();
    const lines whole = u.read();
    REQUIRE(whole.size() == 3);
    // Break the header of the commit that carries the copy: its length is not believed any more.
    const std::uint64_t one = commits.size() / 3;
    u.flip_bit(0, (sizeof(log::segment_header) + one + 20) * 8);
    CHECK(u.read() == lines{whole[0], "gap 2-2 damage", whole[2]});
    u.reopen();
    CHECK(u.writer().next_seq() == 4);
}

TEST_CASE("recovery: footers tell what a scan of every commit tells") {
    test_log t(2000);
    for (int i = 1; i <= 50; ++i) t.event("a", std::to_string(i)).write();
    t.close();
    t.crash();
    const log::log_state s = log::scan(log::posix(), {t.dir}, test_bus);
    for (const log::segment_state& seg : s.segments) CHECK(!seg.walked);
    CHECK(s.end.next == 51);
    const log::log_state deep = log::scan(log::posix(), {t.dir}, test_bus, log::scan_depth::all);
    CHECK(deep.end.chain == s.end.chain);
    CHECK(deep.holes.empty());
    for (const log::segment_state& seg : deep.segments) CHECK(seg.walk.chain_breaks == 0);
}
