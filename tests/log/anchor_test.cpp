// Anchors in a log: the record's two forms, finding the newest without reading the log, damage, compressing,
// repairing, and what retention makes of them.
#include "tests/log/log_fixture.hpp"

#include "lib/log/compress.hpp"
#include "lib/log/rescue.hpp"
#include "lib/log/retention.hpp"
#include "lib/log/verify.hpp"
#include "tests/support/failing_fs.hpp"
#include "tests/support/passing_fs.hpp"

#include <evbus/log/anchors.hpp>

#include <algorithm>

using namespace log_test;

namespace {

/// "5 b from 4 #beef": seq, reference, where reading begins, hash.
std::string text_of(const log::anchor& a) {
    std::string out = std::to_string(a.seq) + " " + a.reference;
    if (a.walk_from != no_seq) out += " from " + std::to_string(a.walk_from);
    if (a.content_hash) out += " #" + std::to_string(*a.content_hash);
    return out;
}
lines all_in(const test_log& t) {
    lines out;
    for (const log::anchor& a : log::list_anchors(log::posix(), {t.dir}, {test_bus})) out.push_back(text_of(a));
    return out;
}
std::string newest_in(const test_log& t, log::file_system& files = log::posix()) {
    const std::optional<log::anchor> a = log::newest_anchor(files, {t.dir}, {test_bus});
    return a ? text_of(*a) : "none";
}

/// What is asked of the disk.
struct counting_file_system final : evbus_test::passing_file_system {
    std::int64_t pread(int fd, void* to, std::size_t n, std::uint64_t at) noexcept override {
        const std::int64_t got = passing_file_system::pread(fd, to, n, at);
        if (got > 0) bytes += static_cast<std::uint64_t>(got);
        return got;
    }
    std::uint64_t bytes = 0;
};

/// A megabyte of events in commits of 32 KiB.
void fill(test_log& t, int megabytes = 1) {
    for (int c = 0; c < 32 * megabytes; ++c) {
        for (int i = 0; i < 32; ++i) t.event("a.b", std::string(900, static_cast<char>('a' + i % 26)), 1000);
        t.write();
    }
}

std::uint64_t size_of(const test_log& t) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < t.segments().size(); ++i) sum += t.bytes(i).size();
    return sum;
}

std::vector<std::string> faults_of(const test_log& t) {
    std::vector<std::string> out;
    const log::verify_report r = log::verify(log::posix(), {t.dir}, {});
    for (const log::finding& f : r.found.kept())
        if (f.weight == log::severity::damage) out.push_back(f.what);
    return out;
}

/// What verify says of an anchor whose record was changed before it was written.
template <class Body, class Change>
std::vector<std::string> faults_when(const log::anchor_info& a, Change&& change) {
    test_log t;
    t.event("a.b", "one", 1000).write();
    log::batch b(log::batch::least_capacity);
    REQUIRE(b.add_anchor(a));
    auto* const record = const_cast<std::byte*>(b.bytes().data()) + sizeof(log::commit_header);
    Body body;
    log::record_prefix prefix;
    std::memcpy(&prefix, record, sizeof prefix);
    std::memcpy(&body, record + sizeof prefix, sizeof body);
    change(prefix, body);
    std::memcpy(record, &prefix, sizeof prefix);
    std::memcpy(record + sizeof prefix, &body, sizeof body);
    REQUIRE(t.writer().append(b).ok());
    t.close();
    return faults_of(t);
}
bool names(const std::vector<std::string>& faults, const std::string& what) {
    return std::any_of(faults.begin(), faults.end(), [&](const std::string& f) { return f.find(what) != std::string::npos; });
}

} // namespace

TEST_CASE("anchors: both forms of the record are read, the older one as ever") {
    test_log t;
    t.anchor("older form").event("a.b", "1").write();
    t.anchor({.seq = 2, .time_ns = 7, .label = "plain"}).write();
    t.anchor({.seq = 2, .time_ns = 8, .label = "hashed", .content_hash = 0}).write();
    t.event("a.b", "2").anchor({.seq = 3, .time_ns = 9, .label = "begun before", .walk_from = 1, .content_hash = 77}).write();
    const lines wanted{"0 older form", "1 plain", "1 hashed #0", "2 begun before from 1 #77"};
    CHECK(all_in(t) == wanted);
    CHECK(newest_in(t) == wanted.back());
    t.close();
    CHECK(all_in(t) == wanted);
    CHECK(newest_in(t) == wanted.back());
    CHECK(faults_of(t).empty());
    const log::anchor newest = *log::newest_anchor(log::posix(), {t.dir});
    CHECK(newest.place() == cursor_place{3, 1});
    CHECK(newest.time_ns == 9);
    CHECK(log::list_anchors(log::posix(), {t.dir})[0].place() == cursor_place{1, 1});
}

TEST_CASE("anchors: a log without any, an empty one, one that is not there") {
    test_log t;
    CHECK_THROWS_AS((void)log::newest_anchor(log::posix(), {t.dir + "/none"}, {test_bus}), const error&);
    t.event("a.b", "1").write();
    CHECK(newest_in(t) == "none");
    CHECK(all_in(t).empty());
    t.close();
    CHECK(newest_in(t) == "none");
    CHECK_THROWS_AS((void)log::newest_anchor(log::posix(), {t.dir}, {other_bus}), const error&);
}

TEST_CASE("anchors: the last of a segment that nothing follows in it is found, sealed or not") {
    test_log t(2000);
    t.event("a.b", std::string(900, 'x')).write();
    t.anchor({.seq = 2, .time_ns = 1, .label = "at the end"}).write();
    CHECK(newest_in(t) == "1 at the end");
    t.event("a.b", std::string(900, 'y')).write(); // rolls
    REQUIRE(t.segments().size() == 2);
    CHECK(newest_in(t) == "1 at the end");
    t.event("a.b", std::string(900, 'z')).write();
    t.close();
    CHECK(newest_in(t) == "1 at the end");
    CHECK(all_in(t) == lines{"1 at the end"});
}

TEST_CASE("anchors: of sealed segments little is read, however far back the newest anchor is") {
    test_log t(std::uint64_t{1} << 20);
    t.anchor({.seq = 1, .time_ns = 1, .label = "far back"});
    fill(t, 8);
    t.close();
    REQUIRE(t.segments().size() >= 8);
    counting_file_system files;
    CHECK(newest_in(t, files) == "0 far back");
    CHECK(files.bytes < size_of(t) / 10);
    // And where it is near, no more than its own segment and the one behind it.
    test_log near(std::uint64_t{1} << 20);
    fill(near, 8);
    near.anchor({.seq = 3, .time_ns = 1, .label = "near"}).write();
    near.close();
    counting_file_system few;
    CHECK(newest_in(near, few) == "2 near");
    CHECK(few.bytes < std::uint64_t{1} << 20);
}

TEST_CASE("anchors: whatever bit flips, what is given was put, or there is an error; and behind damage the log is read on") {
    test_log t(1500);
    lines put;
    for (int i = 1; i <= 6; ++i) {
        t.event("a.b", std::string(300, 'x')).write();
        t.anchor({.seq = t.writer().next_seq(), .time_ns = i, .label = "no. " + std::to_string(i), .content_hash = 1000u + static_cast<unsigned>(i)}).write();
        put.push_back(std::to_string(i) + " no. " + std::to_string(i) + " #" + std::to_string(1000 + i));
    }
    t.crash();
    REQUIRE(all_in(t) == put);
    const std::size_t last = t.segments().size() - 1;
    const std::string whole = t.bytes(last);
    const std::size_t step = std::getenv("EVBUS_SWEEP") != nullptr ? 1 : 7;
    for (std::size_t bit = sizeof(log::segment_header) * 8; bit < whole.size() * 8; bit += step) {
        t.flip_bit(last, bit);
        const std::string found = newest_in(t);
        CHECK_MESSAGE(std::count(put.begin(), put.end(), found) == 1, "bit ", bit, ": ", found);
        t.set_bytes(last, whole);
    }
    for (std::size_t size = 0; size < whole.size(); ++size) {
        t.truncate(last, size);
        std::string found;
        try {
            found = newest_in(t);
        } catch (const error&) {
            found = put.back(); // a header that is cut
        }
        CHECK_MESSAGE(std::count(put.begin(), put.end(), found) == 1, "cut at ", size, ": ", found);
        t.set_bytes(last, whole);
    }
    CHECK(newest_in(t) == put.back());
}

TEST_CASE("anchors: verify names a record that cannot be") {
    using log::anchor_body;
    using log::full_anchor_body;
    using log::record_prefix;
    const log::anchor_info a{.seq = 5, .time_ns = 1, .label = "x", .walk_from = 4, .content_hash = 3};
    CHECK(faults_when<full_anchor_body>(a, [](record_prefix&, full_anchor_body&) {}).empty());
    CHECK(names(faults_when<full_anchor_body>(a, [](record_prefix&, full_anchor_body& b) { b.walk_from = 6; }), "reading begins behind its place"));
    CHECK(names(faults_when<full_anchor_body>(a, [](record_prefix&, full_anchor_body& b) { b.walk_from = 0; }), "reading begins behind its place"));
    CHECK(names(faults_when<full_anchor_body>(a, [](record_prefix& p, full_anchor_body&) { p.flags = log::record_flags::full_anchor; }),
                "a hash that it does not announce"));
    CHECK(names(faults_when<full_anchor_body>(a, [](record_prefix&, full_anchor_body& b) { b.reserved[3] = 1; }), "reserved byte"));
    CHECK(names(faults_when<full_anchor_body>(a, [](record_prefix&, full_anchor_body& b) { b.label_bytes = 99; }), "wrong length"));
    CHECK(names(faults_when<full_anchor_body>(a, [](record_prefix& p, full_anchor_body&) { p.flags |= 8; }), "reserved flag"));
    CHECK(names(faults_when<anchor_body>({.seq = 5, .time_ns = 1, .label = "x"}, [](record_prefix& p, anchor_body&) { p.flags = log::record_flags::hashed_anchor; }),
                "reserved flag"));
    CHECK(names(faults_when<anchor_body>({.seq = 5, .time_ns = 1, .label = "x"}, [](record_prefix& p, anchor_body&) { p.flags = log::record_flags::full_anchor; }),
                "wrong length"));
}

TEST_CASE("anchors: compressed, and repaired into another place, they are the same") {
    test_log t(std::uint64_t{64} << 10);
    for (int i = 0; t.writer().rolls() < 2; ++i) {
        for (int n = 0; n < 10; ++n) t.event("a.b", std::string(200, 'x'), 1000);
        t.anchor({.seq = t.writer().next_seq(), .time_ns = i, .label = "snapshot " + std::to_string(i), .walk_from = 1, .content_hash = 5u});
        t.write();
    }
    t.close();
    const lines before = all_in(t);
    for (const std::string& name : t.segments()) (void)log::compress_segment(log::posix(), {t.dir}, *log::parse_segment_name(name), {});
    CHECK(size_of(t) < 100'000);
    CHECK(all_in(t) == before);
    CHECK(newest_in(t) == before.back());
    const std::string to = t.dir + ".new";
    fs::create_directory(to);
    // A bit in the first segment: its commit is written anew, record by record.
    t.flip_bit(0, (sizeof(log::segment_header) + sizeof(log::commit_header) + 30) * 8);
    log::rescue_options how;
    how.bus = test_bus;
    (void)log::rescue(log::posix(), {t.dir}, {to}, how);
    lines after;
    for (const log::anchor& a : log::list_anchors(log::posix(), {to}, {test_bus})) after.push_back(text_of(a));
    CHECK(after == lines(before.begin() + static_cast<std::ptrdiff_t>(before.size() - after.size()), before.end()));
    CHECK(after.size() + 2 >= before.size());
    fs::remove_all(to);
}

TEST_CASE("anchors: retention keeps what the newest one needs, and says so") {
    test_log t(600);
    for (int i = 1; i <= 9; ++i) t.event("a.b", std::string(200, 'x'), 1000 + i).write();
    t.crash();
    const std::size_t had = t.segments().size();
    REQUIRE(had > 4);
    const auto plan = [&] {
        return log::plan(log::list_stored(log::posix(), {t.dir}, log::time_wanted::of_all()), {.segments = 1}, {},
                         log::pins_of(log::posix(), {t.dir}, test_bus));
    };
    CHECK(plan().going == had - 1); // without an anchor nothing is needed
    t.reopen();
    t.anchor({.seq = 5, .time_ns = 1, .label = "/snap/4", .walk_from = 3}).write();
    t.crash();
    log::retention_plan p = plan();
    REQUIRE(p.held() != nullptr);
    CHECK(p.held()->pin == "the newest anchor (seq 4, /snap/4)");
    CHECK(p.held()->segment.first <= 3);
    CHECK(p.held()->segment.last >= 3);
    CHECK(std::string(log::way_out_of(p.held()->pin_kind)).find("evlog anchors") != std::string::npos);
    CHECK(log::plan(log::list_stored(log::posix(), {t.dir}, log::time_wanted::of_all()), {.segments = 1}, {},
                    log::pins_of(log::posix(), {t.dir}, test_bus), true).going == t.segments().size() - 1);
    t.reopen();
    t.anchor({.seq = 10, .time_ns = 1, .label = "/snap/9"}).write();
    t.crash();
    p = plan();
    CHECK(p.going + 1 == p.segments.size());
}

TEST_CASE("anchors: one that cannot be made sure of, or not be looked for, lets nothing go") {
    test_log t(600);
    t.anchor({.seq = 1, .time_ns = 1, .label = "older"});
    for (int i = 1; i <= 9; ++i) t.event("a.b", std::string(200, 'x'), 1000 + i).write();
    t.anchor({.seq = 9, .time_ns = 1, .label = "x"}).write();
    t.crash();
    evbus_test::failing_file_system no_sync(1, evbus_test::fault::once, EIO, evbus_test::calls::datasyncs);
    CHECK_THROWS_AS((void)log::pins_of(no_sync, {t.dir}, test_bus), const error&);
    CHECK(no_sync.reached());
    for (int k = 1;; ++k) {
        evbus_test::failing_file_system no_read(k, evbus_test::fault::for_good, EIO, evbus_test::calls::reads);
        std::string found;
        try {
            found = newest_in(t, no_read);
        } catch (const error&) {
            found = "error";
        }
        // Never the older one: what it pins is more, but who loads a state would load the wrong one.
        CHECK_MESSAGE((found == "8 x" || (no_read.reached() && found == "error")), "read ", k, ": ", found);
        if (!no_read.reached()) break;
    }
}

TEST_CASE("anchors: a reference is text that fits into a line") {
    CHECK(log::fault_of_reference("/srv/a b/\xc3\xa9") == nullptr);
    CHECK(log::fault_of_reference(std::string(255, 'x')) == nullptr);
    CHECK(log::fault_of_reference(std::string(256, 'x')) != nullptr);
    CHECK(log::fault_of_reference("") != nullptr);
    CHECK(log::fault_of_reference("\xc2\x9f") != nullptr);
    CHECK(log::fault_of_reference("\xc2\xa0") == nullptr);
    CHECK(log::fault_of_reference("\xc2") != nullptr);
    CHECK(log::fault_of_reference("a\tb") != nullptr);
}
