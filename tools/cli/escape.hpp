// Bytes of strangers, made fit to be shown or to stand in a line of JSON.
//
// A payload can hold anything, the control sequences of a terminal and line ends included. Text for
// people (append_printable) is escaped in the same way on a terminal and into a pipe: what is seen is
// what a script gets, and one event stays one line. Whoever needs the very bytes asks for raw, cat,
// hex or json.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace cli {

/// UTF-8 text stays as it is. Controls (C0, DEL, C1), characters that reorder or break a line
/// (bidirectional marks, U+2028, U+2029) and bytes that are no UTF-8 become \n \r \t \e, \xNN or
/// \u{NNNN}. A backslash stays a backslash: this is for eyes, not for parsing back.
void append_printable(std::string& out, std::string_view text);

/// A JSON string with its quotes. What append_printable would escape becomes \uNNNN; a byte that is
/// no UTF-8 becomes U+FFFD, so ask is_utf8 first where that matters.
void append_json(std::string& out, std::string_view text);

[[nodiscard]] bool is_utf8(std::string_view text);

/// Lower-case hex, two digits a byte, nothing between.
void append_hex(std::string& out, std::span<const std::byte> bytes);
/// As `hexdump -C`: offset, sixteen bytes, their ASCII; each line begins with `indent`.
void append_hex_dump(std::string& out, std::span<const std::byte> bytes, std::string_view indent);
/// RFC 4648, with padding.
void append_base64(std::string& out, std::span<const std::byte> bytes);

} // namespace cli
