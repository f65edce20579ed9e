// A seq, a time and the end of a log are found in a few reads, however many segments there are, however
// large the open one is, and with or without footers; and they are the right ones.
#include "tests/log/query_fixture.hpp"

#include "tests/support/passing_fs.hpp"
#include "tests/support/random.hpp"

#include <set>

using namespace log_test;
using evbus_test::random_source;

namespace {

/// Counts reads and lists, and the segments that were opened.
class counting_file_system final : public evbus_test::passing_file_system {
public:
    int open(const std::string& p, int flags, unsigned mode) noexcept override {
        if (p.ends_with(".evseg")) opened.insert(p);
        return real_.open(p, flags, mode);
    }
    std::int64_t pread(int fd, void* to, std::size_t n, std::uint64_t at) noexcept override {
        const std::int64_t got = real_.pread(fd, to, n, at);
        ++reads;
        if (got > 0) bytes += static_cast<std::uint64_t>(got);
        return got;
    }
    int list(const std::string& p, std::vector<std::string>& names) override {
        ++lists;
        return real_.list(p, names);
    }

    std::set<std::string> opened;
    std::uint64_t reads = 0;
    std::uint64_t bytes = 0;
    std::uint64_t lists = 0;
};

constexpr seq_t events_a_segment = 50;

/// So many sealed segments, and an open one; event n is stamped 10 n.
void write_many(test_log& t, int segments, seq_t in_the_last, std::size_t payload) {
    log_maker out(t);
    seq_t seq = 0;
    for (int s = 0; s < segments; ++s) {
        for (seq_t i = 0; i < events_a_segment; ++i) {
            ++seq;
            out.frame({"a.b", "event " + std::to_string(seq) + std::string(100, '.')}, static_cast<std::int64_t>(seq) * 10);
        }
        out.flush();
    }
    t.options.segment_bytes = std::uint64_t{1} << 40;
    t.close();
    for (seq_t i = 0; i < in_the_last; ++i) {
        ++seq;
        out.frame({"a.b", "event " + std::to_string(seq) + std::string(payload, '.')}, static_cast<std::int64_t>(seq) * 10);
    }
    out.flush();
    t.crash();
}

std::string first_line(log::log_reader& r) {
    log::entry e;
    const log::step s = r.next(e);
    return s == log::step::entry ? line_of(e) : s == log::step::end ? "end" : "failed: " + r.failure();
}
std::string event_line(seq_t seq) { return std::to_string(seq) + " a.b event " + std::to_string(seq) + "."; }

/// What seek_time should find: by a walk through every commit header.
seq_t find_time_slowly(const std::string& dir, std::int64_t ns) {
    log::log_reader r(log::posix(), dir, {test_bus});
    log::entry e;
    std::int64_t greatest = 0;
    while (r.next(e) == log::step::entry) {
        if (e.kind != log::entry_kind::frame) continue;
        greatest = std::max(greatest, e.time_ns());
        if (greatest >= ns) return e.seq();
    }
    return r.last_seq() + 1;
}

} // namespace

TEST_CASE("seek: the last ten, any seq and any time of a log of 1,000 segments in fewer than 20 reads") {
    random_source random;
    CAPTURE(random.seed());
    test_log t(1);
    write_many(t, 1000, 200'000, 200); // the open segment has some 50 MB
    const seq_t last = 1000 * events_a_segment + 200'000;
    {
        counting_file_system files;
        log::log_reader r(files, t.dir, {test_bus});
        CHECK(r.last_seq() == last);
        r.seek(last - 9);
        lines got = drain(r);
        CHECK(got.size() == 10);
        CHECK(files.reads < 20);
        CHECK(files.opened.size() == 1);
    }
    for (int i = 0; i < 60; ++i) {
        const seq_t seq = 1 + (i % 2 == 0 ? random.below(last) : random.below(1000 * events_a_segment));
        CAPTURE(seq);
        counting_file_system by_seq;
        log::log_reader r(by_seq, t.dir, {test_bus});
        r.seek(seq);
        CHECK(first_line(r).starts_with(event_line(seq)));
        CHECK(by_seq.reads < 20);
        counting_file_system by_time;
        log::log_reader q(by_time, t.dir, {test_bus});
        CHECK(q.seek_time(static_cast<std::int64_t>(seq) * 10 - 5) == seq);
        CHECK(by_time.reads < 20);
        CHECK(q.stats().reads <= by_time.reads);
        CHECK(q.stats().bytes <= by_time.bytes);
    }
    CHECK(log::log_reader(log::posix(), t.dir, {test_bus}).last_time_ns() == static_cast<std::int64_t>(last) * 10);
}

TEST_CASE("seek: opening a log of 1,000 segments reads none of the sealed ones, and a walk lists them a few times only") {
    test_log t(1);
    write_many(t, 1000, 10, 0);
    counting_file_system files;
    log::log_reader r(files, t.dir, {test_bus});
    CHECK(r.first_seq() == 1);
    CHECK(r.last_seq() == 1000 * events_a_segment + 10);
    CHECK(r.last_time_ns() == (1000 * static_cast<std::int64_t>(events_a_segment) + 10) * 10);
    CHECK(files.opened.size() == 1);
    CHECK(files.bytes < 100'000);
    files.lists = 0;
    CHECK(drain(r).size() == 1000 * events_a_segment + 10);
    CHECK(files.lists < 10);
}

TEST_CASE("seek: times that go back and forth, with footers and without, over damage: as a walk finds them") {
    random_source random;
    CAPTURE(random.seed());
    for (int round = 0; round < 6; ++round) {
        test_log t(400'000);
        {
            log_maker out(t);
            std::int64_t ns = 1000;
            for (int i = 0; i < 12'000; ++i) {
                ns += static_cast<std::int64_t>(random.below(4));
                out.frame({"t", std::string(100, 'p')}, ns - static_cast<std::int64_t>(random.below(500)));
                if (random.one_in(60)) out.flush();
            }
        }
        if (round % 2 == 0) t.close();
        t.crash();
        if (round >= 4) t.flip_bit(1, 8 * (sizeof(log::segment_header) + random.below(300'000)));
        const unindexed_copy whole(t);
        for (int k = 0; k < 12; ++k) {
            const std::int64_t ns = static_cast<std::int64_t>(random.below(20'000));
            CAPTURE(ns);
            const seq_t expected = find_time_slowly(t.dir, ns);
            log::log_reader with(log::posix(), t.dir, {test_bus});
            CHECK(with.seek_time(ns) == expected);
            log::log_reader without(log::posix(), whole.dir(), {test_bus});
            CHECK(without.seek_time(ns) == expected);
            const seq_t seq = 1 + random.below(12'000);
            CHECK(t.read(seq, seq + 50) == [&] {
                log::log_reader r(log::posix(), whole.dir(), {test_bus});
                r.seek(seq);
                return drain(r, seq + 50);
            }());
        }
    }
}

TEST_CASE("seek: a segment that holds no commit yet, or none that can be read, hides no time before it") {
    for (const std::size_t empty : {std::size_t{1}, std::size_t{2}, std::size_t{3}}) {
        CAPTURE(empty);
        test_log t;
        for (int i = 1; i <= 9; ++i) {
            t.event("a", std::to_string(i), i * 10).write();
            if (i % 3 == 0) REQUIRE(t.writer().close().ok());
        }
        t.crash();
        if (empty == 3) test_log::spit(log::segment_path({t.dir}, 10), ""); // just made
        else t.truncate(empty, sizeof(log::segment_header));
        for (std::int64_t ns = 5; ns < 90; ns += 10) {
            CAPTURE(ns);
            log::log_reader r(log::posix(), t.dir, {test_bus});
            CHECK(r.seek_time(ns) == find_time_slowly(t.dir, ns));
        }
    }
}
