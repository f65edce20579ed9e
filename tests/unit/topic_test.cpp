#include <evbus/topic.hpp>

#include <doctest/doctest.h>

#include <string>

using evbus::check_topic;
using evbus::topic;
using evbus::topic_fault;

TEST_CASE("topic: one byte to 127 bytes are fine, 0 and 128 are not") {
    CHECK(check_topic("") == topic_fault::empty);
    CHECK(check_topic("a") == topic_fault::none);
    CHECK(check_topic(std::string(127, 'a')) == topic_fault::none);
    CHECK(check_topic(std::string(128, 'a')) == topic_fault::too_long);
}

TEST_CASE("topic: the bytes are counted, not the characters") {
    std::string text;
    for (int i = 0; i < 63; ++i) text += "\xc3\xa9"; // U+00E9
    CHECK(check_topic(text + "a") == topic_fault::none);
    CHECK(check_topic(text + "\xc3\xa9") == topic_fault::too_long);
}

TEST_CASE("topic: no token may be empty") {
    for (const char* text : {".", "..", ".a", "a.", "a..b", "a.b.", "a...b"})
        CHECK_MESSAGE(check_topic(text) == topic_fault::empty_token, text);
    for (const char* text : {"a.b", "a.b.c", "md.trade.AAPL", "$bus.anchor", "a-b_c/d:e"})
        CHECK_MESSAGE(check_topic(text) == topic_fault::none, text);
}

TEST_CASE("topic: wildcards are refused wherever they stand") {
    for (const char* text : {"*", ">", "a.*", "a.>", "a*b", "a>b", "*a", "a.b>"})
        CHECK_MESSAGE(check_topic(text) == topic_fault::wildcard, text);
}

TEST_CASE("topic: of the 128 ASCII bytes, controls and the space are refused") {
    for (int c = 0; c < 128; ++c) {
        const std::string text = std::string("a") + static_cast<char>(c) + "b";
        CAPTURE(c);
        if (c <= 0x20 || c == 0x7f)
            CHECK(check_topic(text) == topic_fault::control_or_space);
        else if (c == '*' || c == '>')
            CHECK(check_topic(text) == topic_fault::wildcard);
        else
            CHECK(check_topic(text) == topic_fault::none);
    }
}

TEST_CASE("topic: UTF-8 is accepted at every border of its lengths") {
    for (const char* text : {"\xc2\xa0", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
                             "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "caf\xc3\xa9.\xf0\x9f\x98\x80"})
        CHECK_MESSAGE(check_topic(text) == topic_fault::none, text);
}

TEST_CASE("topic: the control characters above ASCII are refused like those in it") {
    CHECK(check_topic("a.\xc2\x80") == topic_fault::control_or_space);
    CHECK(check_topic("\xc2\x85.b") == topic_fault::control_or_space);
    CHECK(check_topic("a\xc2\x9f") == topic_fault::control_or_space);
    CHECK(check_topic("\xc3\x85\xc3\x9f") == topic_fault::none); // the same second bytes, letters
}

TEST_CASE("topic: what is not UTF-8 is refused") {
    const char* const broken[] = {
        "\x80",
        "\xbf", // a continuation alone
        "\xc3",
        "a.\xe2\x82",
        "\xf0\x9f\x98", // cut short
        "\xc0\xaf",
        "\xc1\xbf", // overlong, two bytes
        "\xe0\x9f\xbf",
        "\xf0\x8f\xbf\xbf", // overlong, three and four
        "\xed\xa0\x80",
        "\xed\xbf\xbf", // surrogates
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", // above U+10FFFF
        "\xfe",
        "\xff",
        "\xc3\x28",
        "\xe2\x28\xa1",
        "\xe2\x82\x28",
        "\xf0\x9f\x98\x28",
        "\xc3.\xa9", // a dot splits a character
    };
    for (const char* text : broken) CHECK(check_topic(text) == topic_fault::not_utf8);
}

TEST_CASE("topic: its words are the text, zero-padded to eight bytes, and hash like it") {
    for (std::size_t size = 1; size <= evbus::max_topic_bytes; ++size) {
        const std::string text(size, 'x');
        const topic t(text);
        CHECK(t.text() == text);
        CHECK(t.hash() == evbus::topic_hash(text));
        REQUIRE(t.words().size() == (size + 7) / 8);
        const std::string bytes(reinterpret_cast<const char*>(t.words().data()), t.words().size() * 8);
        CHECK(bytes.substr(0, size) == text);
        CHECK(bytes.find_first_not_of('\0', size) == std::string::npos);
    }
}

TEST_CASE("topic: a refused one says which rule it broke") {
    try {
        topic t("a b");
        FAIL("accepted");
    } catch (const evbus::error& e) {
        CHECK(e.kind() == evbus::errc::bad_topic);
        CHECK(std::string(e.what()).find("'a b'") != std::string::npos);
        CHECK(std::string(e.what()).find("space") != std::string::npos);
    }
}
