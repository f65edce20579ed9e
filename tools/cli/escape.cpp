#include "tools/cli/escape.hpp"

#include <boost/archive/iterators/base64_from_binary.hpp>
#include <boost/archive/iterators/transform_width.hpp>

#include <algorithm>
#include <array>
#include <cstdint>

namespace cli {
namespace {

constexpr char digits[] = "0123456789abcdef";

struct character {
    std::uint32_t code = 0;
    std::size_t bytes = 0; ///< 0: not UTF-8
};

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
character first_character(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const std::uint32_t lead = byte(0);
    if (lead < 0x80) return {lead, 1};
    const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || bytes > text.size()) return {};
    std::uint32_t code = lead & (0x7fU >> bytes);
    for (std::size_t i = 1; i < bytes; ++i) {
        if ((byte(i) & 0xc0U) != 0x80U) return {};
        code = code << 6 | (byte(i) & 0x3fU);
    }
    constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < least[bytes] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {};
    return {code, bytes};
}

bool shown_as_it_is(std::uint32_t code) {
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return false;
    const bool reorders = code == 0x61c || code == 0x200e || code == 0x200f || (code >= 0x202a && code <= 0x202e) ||
                          (code >= 0x2066 && code <= 0x2069);
    return !reorders && code != 0x2028 && code != 0x2029;
}

void append_hex_digits(std::string& out, std::uint32_t value, unsigned count) {
    while (count-- > 0) out += digits[value >> (4 * count) & 15];
}

// Copies the text; what is not fit to be shown goes to `escape(code, byte)`, with code -1 for a byte
// that is no UTF-8. `plain` tells which ASCII bytes pass without a closer look.
template <class Plain, class Escape>
void copy_escaped(std::string& out, std::string_view text, Plain plain, Escape escape) {
    while (!text.empty()) {
        const auto run = static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), plain) - text.begin());
        out.append(text.substr(0, run));
        text.remove_prefix(run);
        if (text.empty()) return;
        const character c = first_character(text);
        if (c.bytes == 0)
            escape(std::int64_t{-1}, static_cast<unsigned char>(text[0]));
        else if (c.bytes > 1 && shown_as_it_is(c.code))
            out.append(text.substr(0, c.bytes));
        else
            escape(std::int64_t{c.code}, static_cast<unsigned char>(text[0]));
        text.remove_prefix(std::max<std::size_t>(c.bytes, 1));
    }
}

} // namespace

void append_printable(std::string& out, std::string_view text) {
    const auto plain = [](char c) { return c >= 0x20 && c < 0x7f; };
    copy_escaped(out, text, plain, [&](std::int64_t code, unsigned char byte) {
        if (code == '\n')
            out += "\\n";
        else if (code == '\r')
            out += "\\r";
        else if (code == '\t')
            out += "\\t";
        else if (code == 0x1b)
            out += "\\e";
        else if (code < 0x80) {
            out += "\\x";
            append_hex_digits(out, byte, 2);
        } else {
            out += "\\u{";
            append_hex_digits(out, static_cast<std::uint32_t>(code), code > 0xffff ? 6 : 4);
            out += '}';
        }
    });
}

void append_json(std::string& out, std::string_view text) {
    out += '"';
    const auto plain = [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; };
    copy_escaped(out, text, plain, [&](std::int64_t code, unsigned char byte) {
        if (code == '"' || code == '\\') {
            out += '\\';
            out += static_cast<char>(byte);
        } else if (code == '\n')
            out += "\\n";
        else if (code == '\r')
            out += "\\r";
        else if (code == '\t')
            out += "\\t";
        else {
            // Everything that is escaped lies in the basic plane.
            out += "\\u";
            append_hex_digits(out, code < 0 ? 0xfffd : static_cast<std::uint32_t>(code), 4);
        }
    });
    out += '"';
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t bytes = first_character(text).bytes;
        if (bytes == 0) return false;
        text.remove_prefix(bytes);
    }
    return true;
}

void append_hex(std::string& out, std::span<const std::byte> bytes) {
    for (std::byte b : bytes) append_hex_digits(out, std::to_integer<std::uint32_t>(b), 2);
}

void append_hex_dump(std::string& out, std::span<const std::byte> bytes, std::string_view indent) {
    for (std::size_t at = 0; at < bytes.size(); at += 16) {
        const auto line = bytes.subspan(at, std::min<std::size_t>(16, bytes.size() - at));
        out.append(indent);
        append_hex_digits(out, static_cast<std::uint32_t>(at), 8);
        for (std::size_t i = 0; i < 16; ++i) {
            out += i % 8 == 0 ? "  " : " ";
            if (i < line.size())
                append_hex(out, line.subspan(i, 1));
            else
                out += "  ";
        }
        out += "  |";
        for (std::byte b : line) {
            const char c = static_cast<char>(b);
            out += c >= 0x20 && c < 0x7f ? c : '.';
        }
        out += "|\n";
    }
}

void append_base64(std::string& out, std::span<const std::byte> bytes) {
    namespace it = boost::archive::iterators;
    using encoded = it::base64_from_binary<it::transform_width<std::string::const_iterator, 6, 8>>;
    // The iterators read whole groups of three bytes: the last one is filled up here.
    std::string whole(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const std::size_t missing = (3 - bytes.size() % 3) % 3;
    whole.append(missing, '\0');
    out.append(encoded(whole.cbegin()), encoded(whole.cend()));
    for (std::size_t i = 0; i < missing; ++i) out[out.size() - 1 - i] = '=';
}

} // namespace cli
