// What verify says about logs that were harmed byte by byte, and what rescue makes of them.
#include "tests/log/verify_fixture.hpp"

#include "lib/log/record_check.hpp"

using namespace log_test;

TEST_CASE("verify: a log with every kind of record, sealed segments and a crashed end is whole") {
    rich_log t;
    REQUIRE(t.segments().size() >= 3);
    const log::verify_report r = verified(t.dir);
    CHECK(damage_in(r).empty());
    CHECK(r.is_whole());
    CHECK(r.gap_ranges == 1);
    CHECK(r.sums.lost == 2);
    CHECK(r.sums.voids == 3);
    CHECK(r.sums.events == 7);
    CHECK(r.sums.fragments == 1);
    CHECK(r.first == 1);
    CHECK(r.last == 13);
    t.close();
    CHECK(damage_in(verified(t.dir)).empty());
}

TEST_CASE("verify: one bit of any byte is told as damage, and rescue loses no more than readers do") {
    rich_log t;
    t.close();
    const std::vector<std::string> whole = t.read();
    const std::size_t stride = std::getenv("EVBUS_ROUNDS") != nullptr ? 1 : 5;
    for (std::size_t segment = 0; segment < t.segments().size(); ++segment) {
        const std::string bytes = t.bytes(segment);
        for (std::size_t at = 0; at < bytes.size(); at += stride) {
            CAPTURE(segment);
            CAPTURE(at);
            t.flip_bit(segment, at * 8 + at / stride % 8);
            const log::verify_report r = verified(t.dir);
            // A version or feature that is not known is no damage, and is not passed over either.
            const bool told = r.has_damage() || r.found.count(severity::unchecked) != 0;
            CHECK(told);
            for (const log::finding& f : r.found.kept()) CHECK(!f.what.empty());
            if (r.found.count(severity::unchecked) == 0) {
                const new_place to(t);
                const log::rescue_report done = rescued(t, to);
                const log::verify_report after = verified(to.dir);
                CHECK(damage_in(after) == lines{});
                CHECK(after.last + 1 >= 13);
                const lines before = frames_of(t.read());
                CHECK(frames_of(to.read(1)) == before);
                CHECK(done.events == before.size());
            }
            t.set_bytes(segment, bytes);
        }
    }
    CHECK(t.read() == whole);
}

TEST_CASE("verify: an unfinished write at the log's end is no damage, wherever it was cut off; anywhere else it is") {
    rich_log t;
    const std::size_t newest = t.segments().size() - 1;
    const std::string end = t.bytes(newest);
    for (std::size_t size = 0; size < end.size(); ++size) {
        CAPTURE(size);
        t.truncate(newest, size);
        const log::verify_report r = verified(t.dir);
        CHECK(damage_in(r) == lines{});
        CHECK(verified(t.dir, true).found.count(severity::note) <= 1); // only that there is no list of epochs
        t.set_bytes(newest, end);
    }
    const std::string first = t.bytes(0);
    for (std::size_t size = 0; size < first.size(); ++size) {
        CAPTURE(size);
        t.truncate(0, size);
        CHECK(verified(t.dir).has_damage());
        t.set_bytes(0, first);
    }
}

TEST_CASE("verify: each damage is named by its own kind, place and seqs") {
    rich_log t;
    t.close();
    const auto only = [&](flaw kind) {
        const log::verify_report r = verified(t.dir);
        std::vector<log::finding> out;
        for (const log::finding& f : r.found.kept())
            if (f.weight == severity::damage) out.push_back(f);
        CAPTURE(damage_in(r));
        REQUIRE(out.size() == 1);
        CHECK(std::string(to_string(out[0].kind)) == to_string(kind));
        CHECK(!out[0].todo.empty());
        return out[0];
    };
    const std::string first = t.bytes(0);
    SUBCASE("a commit's body") {
        t.flip_bit(0, 8 * (128 + 112 + 20));
        const log::finding f = only(flaw::commit);
        CHECK(f.offset == 128);
        CHECK(f.seqs == seq_range{1, 2});
        CHECK(f.what.find("body fails its checksum") != std::string::npos);
        CHECK(f.good.find("from seq 3") != std::string::npos);
    }
    SUBCASE("a commit's header") {
        t.flip_bit(0, 8 * (128 + 30));
        CHECK(only(flaw::commit).what.find("header fails its checks") != std::string::npos);
    }
    SUBCASE("a commit of another place") {
        log::commit_header h;
        std::memcpy(&h, first.data() + 128, sizeof h);
        const std::size_t end = 128 + sizeof h + h.stored_bytes;
        std::string b = first;
        const std::string copy = first.substr(128, end - 128);
        log::commit_header next;
        std::memcpy(&next, first.data() + end, sizeof next);
        b.erase(128, end - 128);
        t.set_bytes(0, b);
        const log::verify_report r = verified(t.dir);
        REQUIRE(!damage_in(r).empty());
        CHECK(damage_in(r)[0].find("was written for offset " + std::to_string(end)) != std::string::npos);
    }
    SUBCASE("the segment's header") {
        t.flip_bit(0, 8 * 60);
        CHECK(only(flaw::header).good == "its commits were checked one by one");
    }
    SUBCASE("the footer's end") {
        t.flip_bit(0, 8 * (first.size() - 4));
        CHECK(only(flaw::footer).offset != 0);
    }
    SUBCASE("a segment is gone") {
        t.remove(1);
        const log::finding f = only(flaw::missing);
        CHECK(f.seqs.first > 1);
        CHECK(f.seqs.count() > 0);
    }
    SUBCASE("a segment of another bus") {
        const std::string names = t.segments()[1];
        test_log other(700);
        other.options.bus = other_bus;
        other.event("a", "1").write();
        other.close();
        log::segment_header h;
        std::string b = other.bytes(0);
        std::memcpy(&h, b.data(), sizeof h);
        h.first_seq = *log::parse_segment_name(names);
        h.checksum = log::checksum_of(h, other_bus.seed());
        std::memcpy(b.data(), &h, sizeof h);
        t.set_bytes(1, b);
        const log::verify_report r = verified(t.dir);
        REQUIRE(!damage_in(r).empty());
        CHECK(damage_in(r)[0].find("belongs to bus " + to_string(other_bus)) != std::string::npos);
    }
    SUBCASE("bytes behind a segment that is no longer the newest") {
        t.append_bytes(0, "more");
        // The footer no longer ends where the file does.
        CHECK(damage_in(verified(t.dir)).size() == 1);
    }
}

TEST_CASE("verify: a fork is named, and rescue keeps what readers give") {
    test_log t;
    t.event("a", "1").write();
    t.event("a", "2").write();
    t.crash();
    const std::string two = t.bytes(0);
    test_log u;
    u.event("a", "1").write();
    u.event("a", "other").write();
    u.event("a", "3").write();
    u.crash();
    // Behind commit 2 of one stands commit 2 of the other, made to fit.
    std::string b = u.bytes(0);
    log::commit_header h;
    std::memcpy(&h, b.data() + 128, sizeof h);
    const std::size_t behind = 128 + sizeof h + h.stored_bytes;
    std::memcpy(&h, b.data() + behind, sizeof h);
    std::string piece = b.substr(behind, sizeof h + h.stored_bytes);
    h.place = two.size();
    h.header_checksum = log::header_checksum(h, test_bus.seed());
    std::memcpy(piece.data(), &h, sizeof h);
    t.append_bytes(0, piece);
    const log::verify_report r = verified(t.dir);
    REQUIRE(damage_in(r).size() == 1);
    CHECK(damage_in(r)[0].find("second, different commit") != std::string::npos);
    CHECK(r.found.kept().front().offset == two.size());
    const new_place to(t);
    CHECK(rescued(t, to).events == 2);
    CHECK(to.read(1) == lines{"1 a 1 @0", "2 a 2 @0"});
    CHECK(damage_in(verified(to.dir)).empty());
}

TEST_CASE("verify: a whole commit with contents that make no sense is told, and rescue takes over the rest of it") {
    test_log t;
    t.event("a", "1").write();
    t.crash();
    // A frame whose topic hash is not its own, in a commit whose sums are right.
    log::batch b{log::batch::least_capacity};
    std::vector<std::byte> bad = make_frame("a.b", "bad");
    bad[8] ^= std::byte{1};
    REQUIRE(b.add_frame(2, 0, make_frame("a.b", "good")));
    REQUIRE(b.add_frame(3, 0, bad));
    REQUIRE(b.add_member({member_no{7}, 1, log::member_change::joined, 42, 5, "p"}));
    REQUIRE(b.add_frame(4, 0, make_frame("a.b", "too")));
    REQUIRE(t.writer().append(b).ok());
    t.event("a", "5").write();
    t.close();
    const log::verify_report r = verified(t.dir);
    REQUIRE(damage_in(r).size() == 1);
    const log::finding& f = *std::find_if(r.found.kept().begin(), r.found.kept().end(), [](const log::finding& x) { return x.weight == severity::damage; });
    CHECK(f.kind == flaw::records);
    CHECK(f.seqs == seq_range{3, 3});
    CHECK(f.what.find("topic") != std::string::npos);
    const new_place to(t);
    const log::rescue_report done = rescued(t, to);
    CHECK(done.missing == 1);
    CHECK(done.mended == 1);
    CHECK(frames_of(to.read(1)) == lines{"1 a 1 @0", "2 a.b good @0", "4 a.b too @0", "5 a 5 @0"});
    CHECK(damage_in(verified(to.dir)).empty());
}

TEST_CASE("verify: a commit that skips seqs, repeats one or miscounts is told") {
    const auto faults = [](const log::commit_header& h, std::span<const std::byte> body) {
        std::vector<std::string> out;
        log::record_check c(h, body);
        log::judged_record j;
        while (c.next(j))
            if (j.fault != nullptr) out.push_back(range_text(j.range) + " " + j.fault);
        return out;
    };
    log::batch b{log::batch::least_capacity};
    REQUIRE(b.add_frame(5, 0, make_frame("a", "1")));
    REQUIRE(b.add_frame(6, 0, make_frame("a", "2")));
    static_cast<void>(b.seal({test_bus.seed(), 0, 0, 5}, 128));
    b.for_each_commit([&](const log::commit_header& sealed, std::span<const std::byte> body) {
        log::commit_header h = sealed;
        CHECK(faults(h, body).empty());
        h.record_count = 3;
        CHECK(faults(h, body) == lines{"1-0 another number of records than its header says"});
        h = sealed;
        h.last_seq = 8;
        CHECK(faults(h, body) == lines{"7-8 seqs that no record holds"});
        h = sealed;
        h.first_seq = 4;
        CHECK(faults(h, body) == lines{"4-4 seqs that no record holds"});
        h = sealed;
        h.last_seq = 5;
        CHECK(faults(h, body) == lines{"1-0 a record for seqs that are not its place's"});
        h = sealed;
        h.max_time_ns = 9;
        CHECK(faults(h, body) == lines{"1-0 other times than its header says"});
        h = sealed;
        h.reserved[1] = 1;
        CHECK(faults(h, body) == lines{"1-0 a reserved bit set in its header"});
        std::vector<std::byte> longer(body.begin(), body.end());
        longer[0] = std::byte{0xf8};
        CHECK(faults(sealed, longer) == lines{"5-6 a record whose length runs past its commit", "1-0 another number of records than its header says"});
    });
}
