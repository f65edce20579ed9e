#include "tools/cli/escape.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace {

std::string printable(std::string_view text) {
    std::string out;
    cli::append_printable(out, text);
    return out;
}

std::string json(std::string_view text) {
    std::string out;
    cli::append_json(out, text);
    return out;
}

std::string base64(std::string_view text) {
    std::string out;
    cli::append_base64(out, std::as_bytes(std::span(text)));
    return out;
}

} // namespace

TEST_CASE("escape: text that can be shown is shown") {
    CHECK(printable("") == "");
    CHECK(printable("price=1.5 {\"a\":\"\\n\"}") == "price=1.5 {\"a\":\"\\n\"}");
    CHECK(printable("caf\xc3\xa9 \xf0\x9f\x98\x80") == "caf\xc3\xa9 \xf0\x9f\x98\x80");
}

TEST_CASE("escape: no control character reaches a terminal") {
    CHECK(printable("a\nb\r\tc") == "a\\nb\\r\\tc");
    CHECK(printable("\x1b[2J") == "\\e[2J");
    CHECK(printable(std::string("\0\x7f", 2)) == "\\x00\\x7f");
    CHECK(printable("\xc2\x9b"
                    "31m") == "\\u{009b}31m"); // CSI as one character
    CHECK(printable("\xe2\x80\xae"
                    "abc") == "\\u{202e}abc"); // right to left override
    CHECK(printable("\xe2\x80\xa8") == "\\u{2028}");
    for (int byte = 0; byte < 256; ++byte) {
        const std::string shown = printable(std::string(1, static_cast<char>(byte)));
        for (char c : shown) CHECK((c >= 0x20 && c < 0x7f));
    }
}

TEST_CASE("escape: what is no UTF-8 is shown byte by byte") {
    CHECK(printable("\xff\xfe") == "\\xff\\xfe");
    CHECK(printable("a\xc3") == "a\\xc3");
    CHECK(printable("\xe2\x82") == "\\xe2\\x82");
    CHECK(printable("\xc0\xaf") == "\\xc0\\xaf");
    CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");
    CHECK(printable("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
}

TEST_CASE("escape: UTF-8 is told from other bytes") {
    CHECK(cli::is_utf8(""));
    CHECK(cli::is_utf8("abc \xf4\x8f\xbf\xbf"));
    for (const char* text :
         {"\x80", "\xc3", "\xc0\xaf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf5\x80\x80\x80"})
        CHECK_FALSE(cli::is_utf8(text));
}

TEST_CASE("escape: JSON strings") {
    CHECK(json("a\"b\\c/") == "\"a\\\"b\\\\c/\"");
    CHECK(json("\n\r\t\x01\x7f") == "\"\\n\\r\\t\\u0001\\u007f\"");
    CHECK(json("\xc3\xa9") == "\"\xc3\xa9\"");
    CHECK(json("\xe2\x80\xa8\xff") == "\"\\u2028\\ufffd\"");
}

TEST_CASE("escape: hex and its dump") {
    std::string out;
    const std::string_view text = "0123456789abcdef\x01z";
    cli::append_hex(out, std::as_bytes(std::span(text.substr(14))));
    CHECK(out == "6566017a");
    out.clear();
    cli::append_hex_dump(out, std::as_bytes(std::span(text)), "> ");
    CHECK(out == "> 00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n"
                 "> 00000010  01 7a                                             |.z|\n");
}

TEST_CASE("escape: base64 as in RFC 4648") {
    CHECK(base64("") == "");
    CHECK(base64("f") == "Zg==");
    CHECK(base64("fo") == "Zm8=");
    CHECK(base64("foo") == "Zm9v");
    CHECK(base64("foob") == "Zm9vYg==");
    CHECK(base64("fooba") == "Zm9vYmE=");
    CHECK(base64("foobar") == "Zm9vYmFy");
    CHECK(base64("\xff\xfe\xfd") == "//79");
}
