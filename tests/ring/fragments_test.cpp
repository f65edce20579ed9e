// Events larger than a slot: whole or not at all, at every border of their sizes.
#include "process_fixture.hpp"
#include "ring_fixture.hpp"

#include "tests/support/random.hpp"

#include <map>

using namespace ring_test;

namespace {

std::string payload_of(std::size_t bytes) {
    std::string out(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<char>('a' + (i * 7 + i / 26) % 26);
    return out;
}

/// One fragment, written by hand as publisher `owner`.
void put_fragment(const test_bus& t, seq_t seq, std::uint16_t owner, std::string_view text, std::uint32_t total, std::uint32_t offset,
                  std::string_view topic_text = "big") {
    const topic to(topic_text);
    ring::shared_word* w = t.at().slot(seq);
    w[1].store(to.hash());
    w[2].store(1);
    w[3].store(text.size() | std::uint64_t{1} << 16 | to.text().size() << 32 | std::uint64_t{frame_flags::fragment} << 40 |
               std::uint64_t{owner} << 48);
    w[4].store(std::uint64_t{offset} << 32 | total);
    ring::store_words(w + 5, to.words());
    ring::store_bytes(w + 5 + to.words().size(), std::as_bytes(std::span(text)));
    t.set_phase(seq, phase::committed, owner);
    t.at().ring().tail.store(seq + 1);
}

} // namespace

TEST_CASE("fragments: payloads around every border of slots and fragments arrive byte for byte") {
    test_bus t({.slots = 256, .slot_bytes = 128});
    const topic to("big");
    const std::size_t single = 128 - 32 - 8, each = 128 - 32 - 8 - 8;
    std::string got;
    std::uint64_t seqs = 0;
    subscriber sub(t.bus());
    for (const std::size_t border : {std::size_t{0}, single, each, 2 * each, 3 * each, 64 * each})
        for (std::size_t bytes = border < 2 ? 0 : border - 2; bytes <= border + 2; ++bytes) {
            CAPTURE(bytes);
            const published r = t.pen().publish(to, payload_of(bytes));
            if (bytes > t.pen().max_event(to)) {
                CHECK(r.status == publish_status::too_large);
                continue;
            }
            REQUIRE(r);
            got = "nothing";
            REQUIRE(sub.poll([&](const event& e) {
                got = e.text();
                seqs = e.seq() - e.first_seq() + 1;
                CHECK(e.seq() == r.seq);
            }) == 1);
            CHECK(got == payload_of(bytes));
            CHECK(seqs == (bytes <= single ? 1 : (bytes + each - 1) / each));
        }
    CHECK(t.pen().max_event(to) == 64 * each); // a quarter of the ring
}

TEST_CASE("fragments: max_event says what can be published, whatever the topic and headers take") {
    test_bus t({.slots = 64, .slot_bytes = 192});
    for (std::size_t topic_bytes = 1; topic_bytes <= max_topic_bytes; topic_bytes += 7)
        for (const std::size_t header_bytes : std::initializer_list<std::size_t>{0, 1, 20, 60, 100, 200}) {
            CAPTURE(topic_bytes);
            CAPTURE(header_bytes);
            const topic to(std::string(topic_bytes, 't'));
            evbus::headers h;
            if (header_bytes != 0) h.add("k", std::string(header_bytes, 'v'));
            const std::size_t most = t.pen().max_event(to, h.view().block().size());
            if (most != 0) CHECK(t.pen().publish(to, payload_of(most), {.headers = h}));
            CHECK(t.pen().publish(to, payload_of(most + 1), {.headers = h}).status == publish_status::too_large);
        }
}

TEST_CASE("fragments: 16 MiB is the limit on a ring that has room for it") {
    test_bus t({.slots = 1 << 11, .slot_bytes = 65536});
    const topic to("big");
    CHECK(t.pen().max_event(to) == max_event_bytes);
    const std::string most = payload_of(max_event_bytes);
    subscriber sub(t.bus());
    CHECK(t.pen().publish(to, most));
    bool same = false;
    CHECK(sub.poll([&](const event& e) { same = e.text() == most; }) == 1);
    CHECK(same);
    CHECK(t.pen().publish(to, most + "x").status == publish_status::too_large);
}

TEST_CASE("fragments: headers travel in the first one, and the whole event has them") {
    test_bus t({.slots = 256, .slot_bytes = 128});
    const evbus::headers h{{header_key::correlation_id, "42"}, {"own", "value"}};
    subscriber sub(t.bus());
    for (const std::size_t bytes : {std::size_t{3}, std::size_t{50}, std::size_t{500}}) {
        REQUIRE(t.pen().publish(topic("x"), payload_of(bytes), {.headers = h}));
        REQUIRE(sub.poll([&](const event& e) {
            CHECK(e.text() == payload_of(bytes));
            CHECK(e.headers().find(header_key::correlation_id) == "42");
            CHECK(e.headers().find("own") == "value");
        }) == 1);
    }
}

TEST_CASE("headers: a block that no reader would accept is refused, not published") {
    test_bus t;
    std::uint64_t block[2] = {};
    headers_prefix p{16, 1, 0};
    std::memcpy(block, &p, sizeof p);
    const auto view = [&] { return headers_view(std::as_bytes(std::span(block))); };
    block[1] = 0x00ff'00ff; // an entry that runs past the block
    CHECK(t.pen().publish(topic("x"), "y", {.headers = view()}).status == publish_status::bad_headers);
    block[1] = 0; // code 0 without a key
    CHECK(t.pen().publish(topic("x"), "y", {.headers = view()}).status == publish_status::bad_headers);
    p.bytes = 24;
    std::memcpy(block, &p, sizeof p);
    CHECK(t.pen().publish(topic("x"), "y", {.headers = view()}).status == publish_status::bad_headers);
    CHECK(t.pen().publish(topic("x"), "y", {.headers = headers_view(std::as_bytes(std::span(block)).first(5))}).status ==
          publish_status::bad_headers);
    CHECK(ring::find_head(t.at()) == 1);
}

TEST_CASE("fragments: those of several publishers may lie between each other") {
    test_bus t;
    test_reader r = t.reader();
    put_fragment(t, 1, 11, "aaaaaaaa", 16, 0);
    put_fragment(t, 2, 12, "bbbbbbbb", 16, 0);
    t.publish("x", "single");
    put_fragment(t, 4, 12, "BBBBBBBB", 16, 8);
    put_fragment(t, 5, 11, "AAAAAAAA", 16, 8);
    CHECK(r.drain() == lines{"3 x single", "4 big bbbbbbbbBBBBBBBB", "5 big aaaaaaaaAAAAAAAA"});
    CHECK(r.sub.losses().delivered == 5);
    CHECK(r.sub.losses().events == 3);
    CHECK(r.law_holds());
}

TEST_CASE("fragments: an event that its own publisher gave up was never published") {
    test_bus t;
    test_reader r = t.reader();
    put_fragment(t, 1, 11, "aaaaaaaa", 24, 0);
    put_fragment(t, 2, 11, "aaaaaaaa", 24, 8);
    SUBCASE("it begins again") { put_fragment(t, 3, 11, "aaaaaaaa", 8, 0); }
    SUBCASE("it leaves a hole") { put_fragment(t, 3, 11, "aaaaaaaa", 24, 0), put_fragment(t, 4, 11, "aaaaaaaa", 24, 16); }
    SUBCASE("it publishes on another topic, which is filtered") {
        test_reader only_big = t.reader(from::oldest(), {"big"});
        put_fragment(t, 3, 11, "aaaaaaaa", 8, 0, "other");
        CHECK(only_big.drain().empty());
        CHECK(only_big.sub.losses().voids == 2);
        CHECK(only_big.sub.losses().filtered == 1);
        CHECK(only_big.law_holds());
    }
    (void)r.drain();
    CHECK(r.sub.losses().voids >= 2);
    CHECK(r.sub.losses().lost() == 0);
    CHECK(r.law_holds());
}

TEST_CASE("fragments: a publisher killed in mid-event leaves voids, as soon as the reader is idle") {
    test_bus t;
    test_reader r = t.reader();
    {
        const ring::held_byte owner = t.alive(77);
        put_fragment(t, 1, 77, "aaaaaaaa", 24, 0);
        CHECK(r.drain().empty());
        CHECK_FALSE(r.sub.wait(std::chrono::milliseconds(1)));
        CHECK(r.sub.losses().open == 1);
    }
    CHECK(r.sub.wait(std::chrono::hours(1)));
    CHECK(r.drain().empty());
    CHECK(r.sub.losses().open == 0);
    CHECK(r.sub.losses().voids == 1);
    CHECK(r.law_holds());
}

TEST_CASE("fragments: what a gap may have swallowed is a gap, also when its publisher is dead, and it is told") {
    test_bus t;
    test_reader r = t.reader();
    put_fragment(t, 1, 77, "aaaaaaaa", 24, 0);
    t.set_phase(2, phase::committed, 77); // no frame: malformed
    t.at().ring().tail.store(3);
    lines got = r.drain();
    CHECK(r.sub.wait(std::chrono::hours(1))); // there is something to say
    for (const std::string& line : r.drain()) got.push_back(line);
    CHECK(got == lines{"gap 2-2 malformed", "gap 1-1 incomplete"});
    CHECK(r.sub.losses().in_gaps(gap_cause::incomplete) == 1);
    CHECK(r.law_holds());
}

TEST_CASE("fragments: one begun before the reader's start is filtered; one whose beginning is lost is a gap") {
    test_bus t;
    put_fragment(t, 1, 11, "aaaaaaaa", 16, 0);
    test_reader r = t.reader(from::head());
    put_fragment(t, 2, 11, "AAAAAAAA", 16, 8);
    CHECK(r.drain().empty());
    CHECK(r.sub.losses().filtered == 1);
    t.set_phase(3, phase::committed, 11);
    t.at().slot(3)[3].store(0);
    put_fragment(t, 4, 12, "BBBBBBBB", 16, 8);
    CHECK(r.drain() == lines{"gap 3-3 malformed", "gap 4-4 incomplete"});
    CHECK(r.law_holds());
}

TEST_CASE("fragments: publishing a large event for at most `for ever` is no overflow") {
    test_bus t({.slots = 256, .slot_bytes = 128});
    const std::string big = payload_of(1000);
    CHECK(t.pen().publish_for(std::chrono::nanoseconds::max(), topic("x"), std::as_bytes(std::span(big))));
}

TEST_CASE("fragments: random sizes by several processes arrive whole, each in its publisher's order") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    constexpr std::uint64_t processes = 3;
    const std::uint64_t events = rounds<std::uint64_t>(3000, 500);
    test_bus t({.slots = 1 << 17, .slot_bytes = 128});
    std::vector<child> all;
    for (std::uint64_t p = 0; p < processes; ++p)
        all.emplace_back([&, p] {
            publisher pub(bus::open(t.name()));
            std::mt19937_64 engine(random.seed() + p);
            for (std::uint64_t i = 0; i < events; ++i)
                if (!pub.publish(topic("p" + std::to_string(p)), std::to_string(i) + ":" + payload_of(engine() % 600))) return 1;
            return 0;
        });
    for (child& c : all) CHECK(c.wait() == 0);
    std::map<std::string, std::uint64_t, std::less<>> next;
    test_reader r = t.reader();
    std::uint64_t wrong = 0;
    while (r.sub.poll([&](const event& e) {
        const std::string_view text = e.text();
        const std::size_t colon = text.find(':');
        if (text.substr(0, colon) != std::to_string(next[std::string(e.topic())]++)) ++wrong;
        if (text.substr(colon + 1) != payload_of(text.size() - colon - 1)) ++wrong;
    }) != 0) {}
    CHECK(wrong == 0);
    CHECK(r.sub.losses().events == processes * events);
    CHECK(r.sub.losses().lost() == 0);
    CHECK(r.law_holds());
}
