// Several things wrong at once, by chance; and commits that are whole but not for this reader.
#include "tests/log/log_fixture.hpp"

#include "tests/support/random.hpp"

#include <set>

using namespace log_test;

namespace {

using rng = evbus_test::random_source;

/// A log of random records in random batches, commits and segments; closed, crashed or both.
void fill(test_log& t, rng& r) {
    const std::uint64_t batches = 3 + r.below(12);
    for (std::uint64_t b = 0; b < batches; ++b) {
        for (std::uint64_t n = 1 + r.below(8); n > 0; --n) switch (r.below(8)) {
            case 0: t.voids(1 + r.below(5)); break;
            case 1: t.lost(1 + r.below(5)); break;
            case 2: t.joined("p" + std::to_string(r.below(9))); break;
            case 3: t.fragment("frag", std::string(r.below(300), 'f'), static_cast<std::int64_t>(r.below(1000))); break;
            case 4: t.event("large", std::string(20'000, 'L')); break;
            default: t.event("t." + std::to_string(r.below(5)), std::to_string(r.word()), static_cast<std::int64_t>(r.below(1000)));
            }
        t.write();
        if (r.below(12) == 0) t.close();
        else if (r.below(12) == 0) t.reopen();
    }
}

void harm(test_log& t, rng& r) {
    const std::size_t segment = r.below(t.segments().size());
    const std::uint64_t size = t.bytes(segment).size();
    if (size == 0) return;
    switch (r.below(8)) {
    case 0: t.truncate(segment, r.below(size)); break;
    case 1: t.append_bytes(segment, std::string(r.below(500), static_cast<char>(r.below(256)))); break;
    case 2:
        if (t.segments().size() > 1) t.remove(segment);
        break;
    case 3: { // a run of bytes becomes zero, as a lost page does
        std::string b = t.bytes(segment);
        const std::size_t at = r.below(size);
        const std::size_t n = std::min<std::size_t>(r.below(4096), b.size() - at);
        b.replace(at, n, n, '\0');
        t.set_bytes(segment, b);
        break;
    }
    default: t.flip_bit(segment, r.below(size * 8));
    }
}

/// Reads all of it and says whether seqs followed each other and all content was in the whole log.
bool reads_soundly(const test_log& t, const std::set<std::string>& frames, seq_t from) {
    log::log_reader r(log::posix(), t.dir, {test_bus});
    r.seek(from);
    log::entry e;
    log::step s;
    seq_t next = from;
    while ((s = r.next(e)) == log::step::entry) {
        if (e.range.first != next) return false;
        if (e.kind == log::entry_kind::frame && !frames.contains(line_of(e))) return false;
        next = e.range.last + 1;
    }
    const seq_t last = r.last_seq();
    return s == log::step::end && r.position() == next && (from > last + 1 || next == last + 1);
}

} // namespace

TEST_CASE("damage: whatever happens to a log, seqs follow each other and no content is made up") {
    rng r;
    SHOW_SEED(r);
    const char* const more = std::getenv("EVBUS_ROUNDS");
    const int rounds = more == nullptr ? 150 : std::stoi(more);
    for (int round = 0; round < rounds; ++round) {
        CAPTURE(round);
        test_log t(200 + r.below(60'000));
        fill(t, r);
        if (r.below(2) == 0) t.close();
        t.crash();
        std::set<std::string> frames;
        for (const std::string& line : t.read()) frames.insert(line);
        CHECK(reads_soundly(t, frames, 1));
        for (std::uint64_t n = 1 + r.below(3); n > 0; --n) harm(t, r);
        CHECK(reads_soundly(t, frames, 1));
        CHECK(reads_soundly(t, frames, 1 + r.below(60)));
        const lines before = t.read();
        try {
            t.reopen();
        } catch (const evbus::error& e) {
            // Only a log without one readable header may be refused here: nothing in it is a fork.
            FAIL_CHECK(e.what());
            continue;
        }
        // Recovery takes no seq away that could be read. (A damaged segment without seqs goes to
        // quarantine with the MEMBER records in it.)
        const lines after = t.read();
        for (const std::string& line : before)
            if (line.find("gap") == std::string::npos && line.find("joined") == std::string::npos)
                CHECK(std::find(after.begin(), after.end(), line) != after.end());
        const seq_t next = t.writer().next_seq();
        t.event("after", "x").write();
        t.close();
        CHECK(t.read(next).back() == std::to_string(next) + " after x @0");
        frames.insert(std::to_string(next) + " after x @0");
        CHECK(reads_soundly(t, frames, 1));
        t.reopen();
        CHECK(t.writer().next_seq() == next + 1);
    }
}

namespace {

/// Changes the header of the segment's first commit and makes its checksum right again.
template <class Change>
void change_header(test_log& t, Change change) {
    std::string b = t.bytes(0);
    log::commit_header h;
    std::memcpy(&h, b.data() + sizeof(log::segment_header), sizeof h);
    change(h);
    h.header_checksum = log::header_checksum(h, test_bus.seed());
    std::memcpy(b.data() + sizeof(log::segment_header), &h, sizeof h);
    t.set_bytes(0, b);
}

} // namespace

TEST_CASE("damage: an unknown codec and a newer version are errors by name, not damage") {
    test_log t;
    t.event("a", "1").write();
    t.crash();
    const std::string whole = t.bytes(0);
    change_header(t, [](log::commit_header& h) { h.codec = 9; });
    CHECK(t.read().back().find("codec") != std::string::npos);
    CHECK_THROWS_AS(t.reopen(), evbus::error);
    t.set_bytes(0, whole);
    change_header(t, [](log::commit_header& h) { h.version = 2; });
    CHECK(t.read().back().find("newer version") != std::string::npos);
    CHECK_THROWS_AS(t.reopen(), evbus::error);
    CHECK(t.bytes(0).size() == whole.size());
}

TEST_CASE("damage: lengths that a right checksum vouches for are bounded all the same") {
    for (const std::uint32_t bytes : {0xffff'fff8u, 0x0010'0000u, 7u}) {
        test_log t;
        t.event("a", "1").write();
        t.crash();
        change_header(t, [&](log::commit_header& h) { h.stored_bytes = h.raw_bytes = bytes; });
        CHECK(t.read().empty());
    }
}

TEST_CASE("damage: an edited commit with right checksums breaks the chain") {
    test_log t;
    t.event("a", "1").write();
    t.event("a", "2").write();
    t.crash();
    change_header(t, [](log::commit_header& h) { h.running_max_ns = 5; });
    const log::log_state s = log::scan(log::posix(), {t.dir}, test_bus, log::scan_depth::all);
    CHECK(s.chain_breaks == 1);
}

TEST_CASE("damage: a segment that was begun and never written is moved away and begun anew for its reader") {
    test_log t(300);
    t.event("a", "1").write();
    t.event("a", "2").write();
    t.crash();
    log::log_reader r(log::posix(), t.dir);
    CHECK(drain(r).size() == 2);
    const std::string torn = log::segment_path({t.dir}, 3);
    test_log::spit(torn, "half a header");
    CHECK(drain(r).empty());
    CHECK(r.last_seq() == 2);
    t.reopen();
    CHECK(!fs::exists(torn));
    CHECK(t.quarantine().size() == 1);
    t.event("a", "3").write();
    CHECK(drain(r) == lines{"3 a 3 @0"});
    CHECK(r.last_seq() == 3);
}
