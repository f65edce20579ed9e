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
