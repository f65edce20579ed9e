// Compressing a segment: nobody who reads notices, nobody who writes is in the way, and what cannot or
// should not be compressed stays as it is, byte for byte.
#include "tests/log/compress_fixture.hpp"

#include <evbus/log/log_lock.hpp>

#include <random>

#include <sys/stat.h>

using namespace log_test;

namespace {

std::string noise(std::size_t bytes, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::string out(bytes, ' ');
    for (char& c : out) c = static_cast<char>(random());
    return out;
}

/// The bytes of a sealed segment whose footer was moved by so much.
std::string resealed(std::string bytes, std::uint64_t moved) {
    log::footer_tail tail;
    char* const at = bytes.data() + bytes.size() - sizeof tail;
    std::memcpy(&tail, at, sizeof tail);
    tail.footer_offset += moved;
    tail.checksum = log::checksum_of(tail, test_bus.seed());
    std::memcpy(at, &tail, sizeof tail);
    return bytes;
}

/// What a program knows that did not opt in to zstd.
struct without_zstd {
    log::decoder_maker kept = log::detail::zstd_maker.exchange(nullptr);
    ~without_zstd() { log::detail::zstd_maker = kept; }
};

} // namespace

TEST_CASE("compress: from every seq on, readers get what they got before") {
    const auto t = log_of_three();
    const lines all = t->read();
    log::log_reader before(log::posix(), t->dir);
    const seq_t last = before.last_seq();
    std::vector<lines> wanted;
    for (seq_t s = 1; s <= last; s += 5) wanted.push_back(t->read(s));

    for (const std::size_t segment : {0u, 1u}) {
        const log::compress_result r = compress(*t, segment);
        CHECK(r.outcome == compress_outcome::compressed);
        CHECK(r.before_bytes > 7000);
        CHECK(2 * r.after_bytes < r.before_bytes);
        CHECK(r.after_bytes == t->bytes(segment).size());
    }
    CHECK(t->segments().size() == 3); // nothing beside them
    CHECK(t->read() == all);
    for (std::size_t i = 0; i < wanted.size(); ++i) CHECK(t->read(1 + 5 * i) == wanted[i]);
    CHECK(amiss(*t).empty());
    log::log_reader after(log::posix(), t->dir);
    CHECK(after.last_seq() == last);
    CHECK(after.last_time_ns() == before.last_time_ns());
    for (const std::int64_t ns : {1, 150, 320, 350, 999}) CHECK(after.seek_time(ns) == before.seek_time(ns));
    CHECK(after.stats().chain_breaks == 0);
}

TEST_CASE("compress: a second time nothing happens, and again at another level gives the same") {
    const auto t = log_of_three();
    const lines all = t->read();
    REQUIRE(compress(*t, 0).outcome == compress_outcome::compressed);
    const std::string once = t->bytes(0);
    CHECK(compress(*t, 0).outcome == compress_outcome::compressed_before);
    CHECK(t->bytes(0) == once);
    log::compress_options smallest;
    smallest.level = 19;
    smallest.again = true;
    smallest.worth = 1;
    CHECK(compress(*t, 0, log::posix(), smallest).outcome == compress_outcome::compressed);
    CHECK(t->bytes(0) != once);
    CHECK(t->read() == all);
}

TEST_CASE("compress: who reads in the middle of a segment goes on, and so does who reads its end") {
    test_log t(8 * 1024);
    fill(t);
    t.close(); // the newest is sealed too
    const lines all = t.read();
    log::log_reader middle(log::posix(), t.dir);
    log::log_reader end(log::posix(), t.dir);
    REQUIRE(drain(end) == all);
    log::entry e;
    lines got;
    for (int i = 0; i < 20 && middle.next(e) == log::step::entry; ++i) got.push_back(line_of(e));
    for (std::size_t i = 0; i < t.segments().size(); ++i) REQUIRE(compress(t, i).outcome == compress_outcome::compressed);
    for (const std::string& line : drain(middle)) got.push_back(line);
    CHECK(got == all);
    CHECK(drain(end).empty());
    CHECK(end.last_seq() == middle.last_seq());
    t.event("a", "later").write();
    CHECK(drain(end).size() == 1);
    CHECK(drain(middle).size() == 1);
}

TEST_CASE("compress: the open segment is left alone, and the newest one while somebody has the log") {
    test_log t(8 * 1024);
    fill(t);
    const std::string open = t.bytes(2);
    CHECK(compress(t, 2).outcome == compress_outcome::unsealed);
    CHECK(t.bytes(2) == open);
    t.close();
    const std::string sealed = t.bytes(2);
    {
        const auto recorder = log::log_lock::acquire(log::posix(), t.dir, "a recorder");
        CHECK(compress(t, 2).outcome == compress_outcome::in_use);
        CHECK(t.bytes(2) == sealed);
        CHECK(compress(t, 0).outcome == compress_outcome::compressed);
    }
    CHECK(compress(t, 2).outcome == compress_outcome::compressed);
    CHECK(t.segments().size() == 3);
}

TEST_CASE("compress: a sealed segment without seqs is the next recorder's") {
    test_log t;
    t.run_start().joined(std::string(100, 'x')).joined(std::string(100, 'x')).write();
    t.close();
    CHECK(compress(t, 0).outcome == compress_outcome::unsealed);
}

TEST_CASE("compress: writing goes on behind a compressed segment, also behind one that lost its footer") {
    test_log t(8 * 1024);
    fill(t);
    t.close();
    const std::size_t newest = t.segments().size() - 1;
    lines wanted = t.read();
    REQUIRE(compress(t, newest).outcome == compress_outcome::compressed);
    t.event("a", "next").write();
    t.crash();
    wanted.push_back(t.read().back());
    CHECK(t.segments().size() == newest + 2);
    CHECK(t.read() == wanted);

    t.remove(newest + 1);
    t.truncate(newest, t.bytes(newest).size() - 8); // the footer's tail is torn
    t.reopen();
    t.event("a", "next").write();
    t.close();
    CHECK(t.segments().size() == newest + 1); // in the same segment, plain behind compressed
    CHECK(t.read() == wanted);
    CHECK(amiss(t).empty());
}

TEST_CASE("compress: noise stays as it is, and one noisy commit stays plain among the others") {
    test_log t(8 * 1024);
    for (std::uint32_t i = 0; t.writer().rolls() == 0; ++i) t.event("a", noise(900, i)).write();
    t.crash();
    const std::string before = t.bytes(0);
    const log::compress_result r = compress(t, 0);
    CHECK(r.outcome == compress_outcome::not_worth_it);
    CHECK(t.bytes(0) == before);
    CHECK(t.segments().size() == 2);

    test_log mixed(8 * 1024);
    mixed.event("a", noise(900, 1)).write();
    fill(mixed);
    mixed.crash();
    const lines all = mixed.read();
    CHECK(compress(mixed, 0).outcome == compress_outcome::compressed);
    CHECK(mixed.read() == all);
}

TEST_CASE("compress: a damaged segment stays as it is, wherever the damage lies") {
    const auto t = log_of_three();
    const std::string whole = t->bytes(0);
    log::segment_reader in;
    REQUIRE(in.open(log::posix(), t->path(0), test_bus.seed()) == 0);
    log::segment_footer footer;
    REQUIRE(footer.open(in.source(), 1, test_bus.seed()));
    for (std::uint64_t at = 0; at < footer.offset(); at += 13) {
        t->set_bytes(0, whole);
        t->flip_bit(0, at * 8 + at % 8);
        const std::string broken = t->bytes(0);
        const compress_outcome o = compress(*t, 0).outcome;
        const bool left_alone = o == compress_outcome::damaged || o == compress_outcome::unsealed;
        CHECK_MESSAGE(left_alone, "byte ", at, ": ", log::to_string(o));
        REQUIRE(t->bytes(0) == broken);
    }
    t->set_bytes(0, whole);
    CHECK(compress(*t, 0).outcome == compress_outcome::compressed);
}

TEST_CASE("compress: commits that repeat, are missing or are not the footer's are damage too") {
    const auto t = log_of_three();
    const std::string whole = t->bytes(0);
    log::segment_reader in;
    log::commit_view first;
    REQUIRE(in.open(log::posix(), t->path(0), test_bus.seed()) == 0);
    REQUIRE(in.read(sizeof(log::segment_header), first) == log::walk::commit);
    const std::string commit = whole.substr(first.offset, first.end() - first.offset);
    t->set_bytes(0, resealed(whole.substr(0, first.end()) + commit + whole.substr(first.end()), commit.size()));
    CHECK(compress(*t, 0).outcome == compress_outcome::damaged);
    t->set_bytes(0, resealed(whole.substr(0, first.offset) + whole.substr(first.end()), 0 - commit.size()));
    CHECK(compress(*t, 0).outcome == compress_outcome::damaged);
}

TEST_CASE("compress: the new file has the old one's mode and times") {
    const auto t = log_of_three();
    REQUIRE(::chmod(t->path(0).c_str(), 0640) == 0);
    const timespec long_ago[2] = {{1'000'000, 5}, {2'000'000, 7}};
    REQUIRE(::utimensat(AT_FDCWD, t->path(0).c_str(), long_ago, 0) == 0);
    REQUIRE(compress(*t, 0).outcome == compress_outcome::compressed);
    struct ::stat s {};
    REQUIRE(::stat(t->path(0).c_str(), &s) == 0);
    CHECK((s.st_mode & 0777) == 0640);
    CHECK(s.st_mtim.tv_sec == 2'000'000);
}

TEST_CASE("compress: a program without zstd says what it lacks, and takes nothing for damage") {
    const auto t = log_of_three();
    const lines all = t->read();
    REQUIRE(compress(*t, 1).outcome == compress_outcome::compressed);
    {
        const without_zstd none;
        const lines got = t->read();
        CHECK(got.back().find("link libzstd") != std::string::npos);
        CHECK(lines(got.begin(), got.end() - 1) == lines(all.begin(), all.begin() + static_cast<long>(got.size()) - 1));
        log::log_reader r(log::posix(), t->dir);
        CHECK(r.last_seq() >= first_of(*t, 2)); // the newest segment is readable
    }
    CHECK(t->read() == all);
}
