// The template of -F: text with %-letters for the parts of an event.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace evtail {

/// One piece of a template: a letter of an event's part, or (letter 0) text as it stands.
struct template_piece {
    char letter = 0;
    std::string text;
};

/// Letters: s seq, t topic, T time (ISO), n time in ns, P publisher, h headers, l length, p payload,
/// x payload in hex; %% is a percent sign. Escapes: \n \t \r \0 \\ \xNN. A line feed ends each
/// event, unless the template itself ends in an escape ("%p\0"); \c at its end adds nothing.
/// Throws evbus::error (errc::bad_option) that names the place of what it does not know.
std::vector<template_piece> parse_template(std::string_view text);

} // namespace evtail
