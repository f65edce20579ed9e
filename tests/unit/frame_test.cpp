#include "tests/support/random.hpp"

#include <evbus/frame.hpp>
#include <evbus/headers.hpp>

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

using namespace evbus;

namespace {

// Builds one frame, whole by default; a test spoils the one thing that it is about.
struct frame_maker {
    frame_header header{.word = 7,
                        .topic_hash = 0,
                        .published = 99,
                        .payload_len = 0,
                        .incarnation = 3,
                        .topic_len = 0,
                        .flags = 0,
                        .publisher = 5};
    std::vector<std::byte> bytes;

    explicit frame_maker(std::string_view topic = "a.b", std::string_view payload = "hello",
                         const fragment_part* part = nullptr, const headers* h = nullptr) {
        header.topic_hash = topic_hash(topic);
        header.topic_len = static_cast<std::uint8_t>(topic.size());
        header.payload_len = static_cast<std::uint16_t>(payload.size());
        if (part) header.flags |= frame_flags::fragment;
        if (h) header.flags |= frame_flags::headers;
        append(&header, sizeof header);
        if (part) append(part, sizeof *part);
        if (h) append(h->words().data(), h->words().size_bytes());
        append(topic.data(), topic.size());
        append(payload.data(), payload.size());
    }
    void append(const void* data, std::size_t size) {
        const std::size_t at = bytes.size();
        bytes.resize(at + padded8(size));
        if (size != 0) std::memcpy(bytes.data() + at, data, size);
    }
    frame_maker& with(frame_header changed) {
        std::memcpy(bytes.data(), &changed, sizeof changed);
        return *this;
    }
    frame_maker& poke(std::size_t at, unsigned value) {
        bytes.at(at) = static_cast<std::byte>(value);
        return *this;
    }
    [[nodiscard]] frame_fault parse(topic_check check = topic_check::full) const {
        frame_view view;
        return parse_frame(bytes, view, check);
    }
};

frame_header changed(frame_header h, void (*change)(frame_header&)) {
    change(h);
    return h;
}

} // namespace

TEST_CASE("frame: topic and payload come back at every length") {
    for (std::size_t topic_len : {1U, 2U, 7U, 8U, 9U, 64U, 127U})
        for (std::size_t payload_len : {0U, 1U, 7U, 8U, 9U, 255U, 4096U, 65535U}) {
            const std::string topic(topic_len, 't'), payload(payload_len, 'p');
            const frame_maker frame(topic, payload);
            frame_view view;
            REQUIRE(parse_frame(frame.bytes, view) == frame_fault::none);
            CHECK(view.topic == topic);
            CHECK(view.payload.size() == payload_len);
            CHECK(view.total == payload_len);
            CHECK(view.is_first());
            CHECK(view.is_last());
            CHECK(view.publisher() == publisher_id{member_no{5}, 3});
            CHECK(frame_bytes(view) == frame.bytes.size());
        }
}

TEST_CASE("frame: headers and a fragment's place come back") {
    const headers h{{header_key::type, "trade"}, {"own", "x"}};
    const fragment_part part{.total = 100, .offset = 40};
    const frame_maker frame("a.b", "hello", &part, &h);
    frame_view view;
    REQUIRE(parse_frame(frame.bytes, view) == frame_fault::none);
    CHECK(view.is_fragment());
    CHECK_FALSE(view.is_first());
    CHECK_FALSE(view.is_last());
    CHECK(view.total == 100);
    CHECK(view.offset == 40);
    CHECK(headers_view(view.headers_block).find("own") == "x");
    CHECK(frame_bytes(view) == frame.bytes.size());
}

TEST_CASE("frame: what follows it is none of its business") {
    frame_maker frame;
    const std::size_t size = frame.bytes.size();
    frame.append("garbage", 7);
    frame_view view;
    REQUIRE(parse_frame(frame.bytes, view) == frame_fault::none);
    CHECK(frame_bytes(view) == size);
}

TEST_CASE("frame: cut anywhere it is too short") {
    const headers h{{header_key::type, "trade"}};
    const fragment_part part{.total = 100, .offset = 40};
    const frame_maker frame("a.b", "hello", &part, &h);
    for (std::size_t size = 0; size < frame.bytes.size(); ++size) {
        CAPTURE(size);
        // A block of exactly that size, so that the address sanitizer sees one byte too many.
        const auto cut = std::make_unique<std::byte[]>(size);
        if (size != 0) std::memcpy(cut.get(), frame.bytes.data(), size);
        frame_view view;
        CHECK(parse_frame({cut.get(), size}, view) == frame_fault::too_short);
        CHECK(parse_frame({cut.get(), size}, view, topic_check::trusted) == frame_fault::too_short);
    }
}

TEST_CASE("frame: reserved flags and padding must be zero") {
    const frame_maker whole;
    for (unsigned bit = 2; bit < 8; ++bit) {
        frame_header h = whole.header;
        h.flags = static_cast<std::uint8_t>(h.flags | 1U << bit);
        CHECK(frame_maker().with(h).parse() == frame_fault::reserved_bits);
    }
    CHECK(frame_maker().poke(32 + 3, 1).parse() == frame_fault::reserved_bits);
    CHECK(frame_maker().poke(32 + 8 + 7, 1).parse() == frame_fault::reserved_bits);
    CHECK(frame_maker().poke(32 + 3, 1).parse(topic_check::trusted) == frame_fault::none);
}

TEST_CASE("frame: only a publisher's number publishes") {
    const frame_header h = frame_maker().header;
    CHECK(frame_maker().with(changed(h, [](auto& x) { x.publisher = 0; })).parse() == frame_fault::bad_publisher);
    CHECK(frame_maker().with(changed(h, [](auto& x) { x.publisher = 4096; })).parse() == frame_fault::bad_publisher);
    CHECK(frame_maker().with(changed(h, [](auto& x) { x.publisher = 65535; })).parse() == frame_fault::bad_publisher);
    CHECK(frame_maker().with(changed(h, [](auto& x) { x.publisher = 4095; })).parse() == frame_fault::none);
}

TEST_CASE("frame: the topic must keep its rules and its hash") {
    const frame_header h = frame_maker().header;
    CHECK(frame_maker().with(changed(h, [](auto& x) { x.topic_len = 0; })).parse() == frame_fault::bad_topic);
    CHECK(frame_maker().with(changed(h, [](auto& x) { x.topic_len = 128; })).parse() == frame_fault::bad_topic);
    CHECK(frame_maker().with(changed(h, [](auto& x) { x.topic_hash ^= 1; })).parse() == frame_fault::bad_topic);
    CHECK(frame_maker().poke(32, 'x').parse() == frame_fault::bad_topic);
    CHECK(frame_maker("a.*").parse() == frame_fault::bad_topic);
    CHECK(frame_maker("a.*").parse(topic_check::trusted) == frame_fault::none);
}

TEST_CASE("frame: a fragment lies inside its event") {
    const auto parse = [](std::uint32_t total, std::uint32_t offset, std::string_view payload = "hello") {
        const fragment_part part{total, offset};
        return frame_maker("a.b", payload, &part).parse();
    };
    CHECK(parse(5, 0) == frame_fault::none);
    CHECK(parse(10, 5) == frame_fault::none);
    CHECK(parse(max_event_bytes, max_event_bytes - 5) == frame_fault::none);
    CHECK(parse(4, 0) == frame_fault::bad_fragment);
    CHECK(parse(10, 6) == frame_fault::bad_fragment);
    CHECK(parse(10, 11) == frame_fault::bad_fragment);
    CHECK(parse(10, 0xffffffff) == frame_fault::bad_fragment);
    CHECK(parse(max_event_bytes + 1, 0) == frame_fault::bad_fragment);
    CHECK(parse(10, 5, "") == frame_fault::bad_fragment);
}

TEST_CASE("frame: a headers block states its own length") {
    const headers h{{header_key::type, "trade"}};
    const auto parse = [&](headers_prefix prefix) {
        frame_maker frame("a.b", "hello", nullptr, &h);
        std::memcpy(frame.bytes.data() + sizeof(frame_header), &prefix, sizeof prefix);
        return frame.parse();
    };
    CHECK(parse({24, 1, 0}) == frame_fault::none);
    CHECK(parse({0, 1, 0}) == frame_fault::bad_headers);
    CHECK(parse({4, 1, 0}) == frame_fault::bad_headers);
    CHECK(parse({25, 1, 0}) == frame_fault::bad_headers);
    CHECK(parse({24, 1, 1}) == frame_fault::bad_headers);
    CHECK(parse({65528, 1, 0}) == frame_fault::too_short);
}

TEST_CASE("frame: random bytes never lead outside, and what is accepted lies inside") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    std::size_t accepted = 0;
    for (int round = 0; round < 20000; ++round) {
        const std::size_t size = random.below(300);
        const auto block = std::make_unique<std::byte[]>(size);
        const auto noise = random.bytes(size);
        if (size != 0) std::memcpy(block.get(), noise.data(), size);
        if (size >= sizeof(frame_header)) {
            // Mostly plausible, so that the walk gets far.
            frame_header h;
            std::memcpy(&h, block.get(), sizeof h);
            h.publisher = static_cast<std::uint16_t>(h.publisher % 4097);
            h.flags &= 3;
            h.topic_len &= 31;
            h.payload_len &= 255;
            std::memcpy(block.get(), &h, sizeof h);
        }
        frame_view view;
        const std::span<const std::byte> bytes{block.get(), size};
        (void)parse_frame(bytes, view, topic_check::full);
        if (parse_frame(bytes, view, topic_check::trusted) != frame_fault::none) continue;
        ++accepted;
        CHECK(frame_bytes(view) <= size);
        CHECK(view.payload.data() + view.payload.size() <= bytes.data() + bytes.size());
        CHECK(std::size_t{view.offset} + view.payload.size() <= view.total);
        for (const header& h : headers_view(view.headers_block)) {
            CHECK(reinterpret_cast<const std::byte*>(h.value.data() + h.value.size()) <=
                  view.headers_block.data() + view.headers_block.size());
        }
    }
    CHECK(accepted > 0);
}

TEST_CASE("frame: every fault has words of its own") {
    for (int f = 0; f <= static_cast<int>(frame_fault::bad_headers); ++f)
        CHECK(std::string(to_string(static_cast<frame_fault>(f))) != "?");
}
