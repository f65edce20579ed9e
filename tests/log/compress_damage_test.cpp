// Compressed segments that are damaged, cut, or made by somebody who means harm: a gap or an end, never
// another content, and no more memory than any commit may take.
#include "tests/log/compress_fixture.hpp"

#include <algorithm>
#include <functional>

#include <zstd.h>

using namespace log_test;

namespace {

/// A log of one compressed segment and the beginning of the next.
std::unique_ptr<test_log> small_log() {
    auto t = std::make_unique<test_log>(1500);
    for (int i = 0; t->writer().rolls() == 0; ++i) {
        t->run_start().joined("p").event("a.b", words(i), 5 + i).event("a.b", words(i + 1), 6 + i).voids(2).anchor("x");
        t->write();
    }
    t->crash();
    log::compress_options any;
    any.worth = 2;
    REQUIRE(compress(*t, 0, log::posix(), any).outcome == compress_outcome::compressed);
    return t;
}

/// What reading gives is a part of `whole`, with damage said where the rest was; seqs without hole.
std::string wrong_in(const test_log& t, const lines& whole) {
    log::log_reader r(log::posix(), t.dir, {test_bus});
    r.seek(1);
    log::entry e;
    log::step s;
    seq_t next = 1;
    while ((s = r.next(e)) == log::step::entry) {
        const std::string line = line_of(e);
        const bool gap = e.kind == log::entry_kind::gap && e.cause == gap_cause::damage;
        if (!gap && std::find(whole.begin(), whole.end(), line) == whole.end()) return "made up: " + line;
        if (e.range.first != next) return "a hole before " + line;
        next = e.range.last + 1;
    }
    return s == log::step::end ? "" : r.failure();
}

/// Replaces the first commit's body, with header and checksums that vouch for it.
void forge(const test_log& t, const std::string& stored, const std::function<void(log::commit_header&)>& change = {}) {
    std::string b = t.bytes(0);
    log::commit_header h;
    std::memcpy(&h, b.data() + sizeof(log::segment_header), sizeof h);
    const std::size_t behind = sizeof(log::segment_header) + sizeof h + h.stored_bytes;
    std::string padded = stored;
    padded.resize((stored.size() + 7) & ~std::size_t{7});
    h.codec = static_cast<std::uint8_t>(log::codec::zstd);
    h.stored_bytes = static_cast<std::uint32_t>(padded.size());
    h.stored_checksum = evbus::detail::xxh3(padded.data(), padded.size(), test_bus.seed());
    if (change) change(h);
    h.header_checksum = log::header_checksum(h, test_bus.seed());
    const std::string head(reinterpret_cast<const char*>(&h), sizeof h);
    t.set_bytes(0, b.substr(0, sizeof(log::segment_header)) + head + padded + b.substr(behind));
}

std::string zipped(const std::string& raw, bool with_size = true, int window_log = 0) {
    std::string out(ZSTD_compressBound(raw.size()), ' ');
    ZSTD_CCtx* const c = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, with_size ? 1 : 0);
    if (window_log != 0) ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, window_log);
    out.resize(ZSTD_compress2(c, out.data(), out.size(), raw.data(), raw.size()));
    ZSTD_freeCCtx(c);
    return out;
}

/// The records of the first commit.
std::string records_of(const test_log& t) {
    log::segment_reader in;
    log::commit_view c;
    REQUIRE(in.open(log::posix(), t.path(0), test_bus.seed()) == 0);
    REQUIRE(in.read(sizeof(log::segment_header), c) == log::walk::commit);
    return {reinterpret_cast<const char*>(c.body.data()), c.body.size()};
}

log::commit_fault fault_of(const test_log& t) {
    log::segment_reader in;
    log::commit_view c;
    REQUIRE(in.open(log::posix(), t.path(0), test_bus.seed()) == 0);
    return in.read(sizeof(log::segment_header), c) == log::walk::commit ? log::commit_fault::none : in.fault();
}

} // namespace

TEST_CASE("compress damage: any single bit flipped is a gap, never another content") {
    const auto t = small_log();
    const lines whole = t->read();
    const std::string bytes = t->bytes(0);
    for (std::uint64_t bit = 0; bit < bytes.size() * 8; ++bit) {
        std::string flipped = bytes;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
        t->set_bytes(0, flipped);
        const std::string wrong = wrong_in(*t, whole);
        CHECK_MESSAGE(wrong.empty(), "byte ", bit / 8, " bit ", bit % 8, ": ", wrong);
    }
}

TEST_CASE("compress damage: cut at any byte, the commits before the cut are kept") {
    const auto t = small_log();
    const lines whole = t->read();
    const std::string bytes = t->bytes(0);
    std::size_t most = 0;
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        t->set_bytes(0, bytes.substr(0, cut));
        const std::string wrong = wrong_in(*t, whole);
        CHECK_MESSAGE(wrong.empty(), "cut at ", cut, ": ", wrong);
        const lines got = t->read();
        const auto kept = static_cast<std::size_t>(std::count_if(
            got.begin(), got.end(), [](const std::string& l) { return l.find("damage") == std::string::npos; }));
        CHECK(kept + 1 >= most); // the gap's record takes no more with it
        most = std::max(most, kept);
    }
    CHECK(most + 2 >= whole.size());
}

TEST_CASE("compress damage: bodies that a right checksum vouches for and that are none") {
    const auto t = small_log();
    const std::string records = records_of(*t);
    const lines whole = t->read();
    const std::string kept = t->bytes(0);
    const auto refused = [&](const std::string& stored, const std::function<void(log::commit_header&)>& change = {}) {
        t->set_bytes(0, kept);
        forge(*t, stored, change);
        CHECK(wrong_in(*t, whole).empty());
        return fault_of(*t) == log::commit_fault::body;
    };
    t->set_bytes(0, kept);
    forge(*t, zipped(records));
    CHECK(fault_of(*t) == log::commit_fault::none); // forging itself is no reason
    CHECK(t->read() == whole);

    CHECK(refused(""));
    CHECK(refused("not a frame of zstd at all"));
    CHECK(refused(records));
    CHECK(refused(zipped(records, false)));                                     // says no size
    CHECK(refused(zipped(records.substr(0, records.size() - 8))));              // shorter than it should be
    CHECK(refused(zipped(records + std::string(8, '\0'))));                     // longer
    CHECK(refused(zipped(std::string(records.size(), 'x'))));                   // other records
    CHECK(refused(zipped(records) + zipped(records)));                          // two frames
    CHECK(refused(zipped(records) + std::string(16, '\0')));                    // more padding than that
    CHECK(refused(std::string("\x50\x2a\x4d\x18\x08\0\0\0abcdefgh", 16)));       // a frame to be skipped
    CHECK(refused(zipped(std::string(std::size_t{64} << 20, 'x'), true, 27)));  // 64 MiB behind a few bytes
    CHECK(refused(zipped(records), [](log::commit_header& h) { h.raw_bytes = log::max_commit_body; }));
    CHECK(refused(zipped(records), [](log::commit_header& h) { h.raw_bytes = 0; }));
    std::string cut = zipped(records);
    cut.resize(cut.size() - 9);
    CHECK(refused(cut));
}

TEST_CASE("compress damage: lengths are bounded for a compressed commit too") {
    const auto t = small_log();
    const std::string records = records_of(*t);
    for (const std::uint32_t bytes : {0xffff'fff8u, log::max_commit_body + 8, 7u}) {
        forge(*t, zipped(records), [bytes](log::commit_header& h) { h.raw_bytes = bytes; });
        CHECK(fault_of(*t) == log::commit_fault::header);
    }
}
