// Joining the fragments of large events, where frames between them are missing.
#include <evbus/delivery.hpp>

#include <doctest/doctest.h>

#include <span>
#include <string>
#include <vector>

using namespace evbus;

namespace {

/// A reader of events of 8 bytes in two frames, all of one publisher and topic.
struct joiner {
    delivery to;
    std::vector<std::string> events;
    std::vector<gap> gaps;

    void half(seq_t seq, std::string_view text, std::uint32_t offset) {
        frame_view f{};
        f.header.flags = frame_flags::fragment;
        f.header.publisher = 1;
        f.header.incarnation = 1;
        f.header.payload_len = 4;
        f.total = 8;
        f.offset = offset;
        f.topic = "a";
        f.payload = std::as_bytes(std::span(text));
        to.frame(seq, f, 1, [&](const event& e) { events.emplace_back(reinterpret_cast<const char*>(e.payload().data()), e.payload().size()); },
                 [&](const gap& g) { gaps.push_back(g); });
    }
    void lose(seq_range range) {
        to.gap(range, gap_cause::overwritten, [&](const gap& g) { gaps.push_back(g); });
    }
};

} // namespace

TEST_CASE("delivery: a gap that may hold the end of one event and the beginning of the next joins them not") {
    joiner j;
    j.half(10, "AAAA", 0);
    j.lose({11, 12});
    j.half(13, "BBBB", 4);
    CHECK(j.events.empty());
    CHECK(j.to.account().in_gaps(gap_cause::incomplete) == 2);
    CHECK(j.to.account().walked() == 4);
    CHECK(j.to.account().open == 0);
}

TEST_CASE("delivery: two single seqs that are missing are as much as a gap of two") {
    joiner j;
    j.half(10, "AAAA", 0);
    j.lose({11, 11});
    j.lose({13, 13});
    j.half(14, "BBBB", 4);
    CHECK(j.events.empty());
    CHECK(j.to.account().in_gaps(gap_cause::incomplete) == 2);
}

TEST_CASE("delivery: one missing seq cannot hold an end and a beginning, so the event goes on") {
    joiner j;
    j.half(10, "AAAA", 0);
    j.lose({11, 11});
    j.half(12, "aaaa", 4);
    CHECK(j.events == std::vector<std::string>{"AAAAaaaa"});
    CHECK(j.to.account().lost() == 1);
}

TEST_CASE("delivery: an event that a gap ended is over at once, though its publisher is never heard of again") {
    joiner j;
    j.half(10, "AAAA", 0);
    j.lose({11, 12});
    CHECK(j.to.account().open == 0);
    REQUIRE(j.gaps.size() == 2);
    CHECK(j.gaps[1].cause == gap_cause::incomplete);
    CHECK(j.gaps[1].range.first == 10);
    CHECK(j.to.account().walked() == 3);
    CHECK_FALSE(j.to.has_open());
}

// --- the budget ----------------------------------------------------------------------------------

namespace {

/// Parts of 4 bytes of events of several authors.
struct budgeted {
    explicit budgeted(std::size_t budget) : to(budget) {}
    delivery to;
    std::vector<std::string> given;

    auto on_event() {
        return [this](const event& e) { given.push_back(std::to_string(e.first_seq()) + "-" + std::to_string(e.seq()) + " " + std::string(e.text())); };
    }
    auto on_gap() {
        return [this](const gap& g) { given.push_back(std::to_string(g.range.first) + "-" + std::to_string(g.range.last) + " " + to_string(g.cause)); };
    }
    bool part(seq_t seq, std::uint16_t author, std::uint32_t total, std::uint32_t offset) {
        frame_view f{};
        f.header.flags = frame_flags::fragment;
        f.header.publisher = author;
        f.header.incarnation = 1;
        f.header.payload_len = 4;
        f.total = total;
        f.offset = offset;
        f.topic = "a";
        const std::string text(4, static_cast<char>('0' + author));
        f.payload = std::as_bytes(std::span(text));
        frames.push_back({seq, f, text});
        return to.frame(seq, f, static_cast<std::int64_t>(seq), on_event(), on_gap());
    }
    /// Walks again what is owed; all of it, or without the frame at `missing`.
    void settle(seq_t missing = no_seq) {
        shed_event& again = *to.owed();
        for (kept& k : frames) {
            k.frame.payload = std::as_bytes(std::span(k.text));
            if (k.seq >= again.seqs.first && k.seq <= again.seqs.last && k.seq != missing) again.take(k.frame);
        }
        again.next = again.seqs.last + 1;
        to.settle_owed(on_event(), on_gap());
    }

private:
    struct kept {
        seq_t seq;
        frame_view frame;
        std::string text;
    };
    std::vector<kept> frames;
};

using lines = std::vector<std::string>;

} // namespace

TEST_CASE("budget: what is farthest from whole is shed, of equals the youngest, and never the only one") {
    budgeted b(11);
    b.to.owe_what_is_shed();
    CHECK(b.part(1, 1, 12, 0));
    CHECK(b.part(2, 2, 12, 0));
    CHECK(b.to.open_bytes() == 8);
    CHECK(b.part(3, 3, 8, 0)); // 12 bytes: 2 goes, as far from whole as 1 and younger; 3 is nearer
    CHECK(b.to.open_bytes() == 8);
    CHECK(b.to.has_shed());
    CHECK(b.part(4, 2, 12, 4)); // costs nothing any more
    CHECK(b.to.open_bytes() == 8);
    CHECK(b.part(5, 1, 12, 4)); // 1 and 3 are as far from whole, and 3 is younger
    CHECK(b.to.open_bytes() == 8);
    CHECK(b.to.account().shed == 2);
    CHECK(b.part(6, 1, 12, 8));
    CHECK(b.given == lines{"1-6 111111111111"});
    CHECK_FALSE(b.part(7, 3, 8, 4));
    CHECK(b.to.account().walked() == 6); // the last one is not walked before it is settled
    b.settle();
    CHECK(b.to.account().walked() == 7);
    CHECK_FALSE(b.part(8, 2, 12, 8));
    b.settle();
    CHECK(b.given == lines{"1-6 111111111111", "3-7 33333333", "2-8 222222222222"});
    CHECK(b.to.account().walked() == 8);
    CHECK(b.to.account().delivered == 8);
    CHECK(b.to.open_bytes() == 0);
    CHECK_FALSE(b.to.has_open());
}

TEST_CASE("budget: what is owed and cannot be had whole again is one gap") {
    budgeted b(1);
    b.to.owe_what_is_shed();
    b.part(1, 1, 8, 0);
    b.part(2, 2, 8, 0);
    CHECK_FALSE(b.part(3, 2, 8, 4));
    b.settle(2);
    CHECK(b.given == lines{"2-3 incomplete"});
    CHECK(b.to.account().walked() == 3);
    CHECK(b.part(4, 1, 8, 4));
    CHECK(b.given.back() == "1-4 11111111");
}

TEST_CASE("budget: without anything to read it again from it is lost in its place; unfinished it is void") {
    budgeted b(1);
    b.part(1, 1, 8, 0);
    b.part(2, 2, 8, 0);
    b.part(3, 3, 8, 0);
    CHECK(b.to.account().shed == 2);
    CHECK(b.part(4, 2, 8, 4));
    CHECK(b.given == lines{"2-4 incomplete"});
    b.to.publisher_ended({member_no{3}, 1}, b.on_gap());
    CHECK(b.to.account().voids == 1);
    CHECK(b.part(5, 1, 8, 4));
    CHECK(b.given.back() == "1-5 11111111");
    CHECK(b.to.account().walked() == 5);
}
