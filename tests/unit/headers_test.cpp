#include "tests/support/random.hpp"

#include <evbus/event.hpp>
#include <evbus/headers.hpp>

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

using namespace evbus;

namespace {

// A block written by hand: what a hostile or broken publisher could send.
struct raw_block {
    std::vector<std::byte> bytes = std::vector<std::byte>(8);

    explicit raw_block(std::uint16_t count) { prefix(count); }
    void prefix(std::uint16_t count) {
        const headers_prefix p{static_cast<std::uint16_t>(padded8(bytes.size())), count, 0};
        std::memcpy(bytes.data(), &p, sizeof p);
    }
    raw_block& entry(unsigned code, unsigned key_len, unsigned value_len, std::string_view text) {
        const detail::header_entry_prefix p{static_cast<std::uint8_t>(code), static_cast<std::uint8_t>(key_len),
                                            static_cast<std::uint16_t>(value_len)};
        append(&p, sizeof p);
        append(text.data(), text.size());
        return *this;
    }
    void append(const void* data, std::size_t size) {
        const auto* at = static_cast<const std::byte*>(data);
        bytes.insert(bytes.end(), at, at + size);
    }
    headers_view view() {
        std::uint16_t count = 0;
        std::memcpy(&count, bytes.data() + 2, 2);
        prefix(count);
        bytes.resize(padded8(bytes.size()));
        return headers_view(bytes);
    }
};

std::size_t walked(const headers_view& view) {
    std::size_t count = 0;
    for ([[maybe_unused]] const header& h : view) ++count;
    return count;
}

template <class Action>
errc refused(Action action) {
    try {
        action();
    } catch (const error& e) {
        return e.kind();
    }
    return errc{};
}

} // namespace

TEST_CASE("headers: known and own keys come back in their order") {
    headers h{{header_key::correlation_id, "c-1"}, {"own", "v"}, {header_key::type, ""}};
    h.origin_time(-42);
    std::string seen;
    for (const header& e : h.view()) seen.append(e.key).append("=").append(e.value).append(";");
    CHECK(seen == "correlation-id=c-1;own=v;type=;origin-time=-42;");
    CHECK(h.view().is_whole());
    CHECK(h.view().find("own") == "v");
    CHECK(h.view().find("type") == "");
    CHECK_FALSE(h.view().find("absent"));
    CHECK(h.view().origin_time() == -42);
}

TEST_CASE("headers: a known key costs one byte, an own one its text") {
    const headers known{{header_key::causation_id, "1234"}};
    const headers own{{"causation_id", "1234"}};
    CHECK(known.words().size_bytes() == 16);
    CHECK(own.words().size_bytes() == 32);
}

TEST_CASE("headers: none at all is an empty block") {
    const headers h;
    CHECK(h.empty());
    CHECK(h.words().empty());
    CHECK(h.view().empty());
    CHECK(h.view().is_whole());
    CHECK(headers_view().empty());
}

TEST_CASE("headers: of two with one key the first is found") {
    const headers h{{"k", "1"}, {"k", "2"}};
    CHECK(h.view().find("k") == "1");
    CHECK(walked(h.view()) == 2);
}

TEST_CASE("headers: keys have 1 to 255 bytes, the block at most 4,096") {
    CHECK(refused([] { headers h{{"", "v"}}; }) == errc::bad_option);
    CHECK(refused([] { headers h{{std::string(256, 'k'), "v"}}; }) == errc::bad_option);
    CHECK(refused([] { headers h{{std::string(255, 'k'), "v"}}; }) == errc{});
    const std::size_t room = max_headers_block - sizeof(headers_prefix) - 4;
    const headers full{{header_key::type, std::string(room, 'v')}};
    CHECK(full.words().size_bytes() == max_headers_block);
    CHECK(full.view().is_whole());
    CHECK(refused([&] { headers h{{header_key::type, std::string(room + 1, 'v')}}; }) == errc::too_large);
    CHECK(refused([&] { headers h{{header_key::type, std::string(70000, 'v')}}; }) == errc::too_large);
}

TEST_CASE("headers: a refused one leaves the block as it was") {
    headers h{{"a", "1"}};
    CHECK(refused([&] { h.add("b", std::string(5000, 'x')); }) == errc::too_large);
    CHECK(walked(h.view()) == 1);
    h.add("c", "2");
    CHECK(h.view().is_whole());
    CHECK(h.view().find("c") == "2");
}

TEST_CASE("headers: an origin time that is no number is none") {
    for (const char* text : {"", "x", "1x", " 1", "9223372036854775808"})
        CHECK_MESSAGE(!headers({{header_key::origin_time, text}}).view().origin_time(), text);
    CHECK(headers({{header_key::origin_time, "9223372036854775807"}}).view().origin_time() == INT64_MAX);
}

TEST_CASE("headers: a hostile block ends the walk and is not whole") {
    CHECK(raw_block(1).entry(0, 1, 1, "kv").view().is_whole());

    raw_block more(9);
    CHECK(walked(more.entry(0, 1, 1, "kv").view()) <= 1 + 1);
    CHECK_FALSE(more.view().is_whole());

    raw_block long_value(1);
    CHECK(walked(long_value.entry(0, 1, 60000, "kv").view()) == 0);
    CHECK_FALSE(long_value.view().is_whole());

    raw_block long_key(1);
    CHECK(walked(long_key.entry(0, 255, 0, "kv").view()) == 0);
    CHECK_FALSE(long_key.view().is_whole());

    raw_block unknown_code(1);
    CHECK(walked(unknown_code.entry(6, 0, 1, "v").view()) == 0);
    CHECK_FALSE(unknown_code.view().is_whole());

    raw_block code_and_key(1);
    CHECK(walked(code_and_key.entry(3, 1, 1, "kv").view()) == 0);

    raw_block neither(1);
    CHECK(walked(neither.entry(0, 0, 1, "v").view()) == 0);
}

TEST_CASE("headers: bytes after the last entry must be padding, zero and short") {
    raw_block trailing(1);
    trailing.entry(0, 1, 1, "kv");
    trailing.append("x", 1);
    CHECK_FALSE(trailing.view().is_whole());
    raw_block eight_more(1);
    eight_more.entry(0, 1, 3, "kvvv");
    eight_more.append("\0\0\0\0\0\0\0\0", 8);
    CHECK_FALSE(eight_more.view().is_whole());
}

TEST_CASE("headers: a block shorter than its prefix is not whole") {
    const std::vector<std::byte> bytes(5);
    CHECK(headers_view(bytes).empty());
    CHECK_FALSE(headers_view(bytes).is_whole());
}

TEST_CASE("headers: a block whose prefix tells another size is not whole") {
    headers h{{"k", "v"}};
    std::vector<std::uint64_t> words(h.words().begin(), h.words().end());
    words.push_back(0);
    CHECK_FALSE(headers_view(std::as_bytes(std::span(words))).is_whole());
    words.pop_back();
    words[0] |= std::uint64_t{1} << 32;
    CHECK_FALSE(headers_view(std::as_bytes(std::span(words))).is_whole());
}

TEST_CASE("headers: random bytes never lead outside the block") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    for (int round = 0; round < 20000; ++round) {
        const std::size_t size = random.below(120);
        auto bytes = random.bytes(size);
        for (std::byte& b : bytes)
            if (!random.one_in(3)) b &= std::byte{7}; // small numbers, so that entries are plausible
        const headers_view view(bytes);
        for (const header& h : view) {
            if (!h.value.empty()) {
                const auto* at = reinterpret_cast<const std::byte*>(h.value.data());
                CHECK(at >= bytes.data());
                CHECK(at + h.value.size() <= bytes.data() + size);
            }
        }
        (void)view.is_whole();
        (void)view.origin_time();
    }
}

TEST_CASE("event: it shows what its parts say") {
    const headers h{{header_key::type, "t"}};
    const std::string text = "hello";
    const event e({.seqs = {3, 9},
                   .topic_hash = 1,
                   .published_ns = 2,
                   .publisher = {member_no{4}, 5},
                   .topic = "a.b",
                   .payload = std::as_bytes(std::span(text)),
                   .headers_block = h.view().block()});
    CHECK(e.seq() == 9);
    CHECK(e.first_seq() == 3);
    CHECK(e.text() == "hello");
    CHECK(e.topic() == "a.b");
    CHECK(e.headers().find(header_key::type) == "t");
    CHECK(e.published() == 2);
    CHECK(e.publisher() == publisher_id{member_no{4}, 5});
}
