#include "tools/evtail/template.hpp"

#include <evbus/error.hpp>

#include <charconv>

namespace evtail {
namespace {

constexpr std::string_view letters = "stTnPhlpx";

[[noreturn]] void refuse(std::string_view text, std::size_t at, const std::string& problem) {
    throw evbus::error(evbus::errc::bad_option,
                       {"read template", "'" + std::string(text) + "'",
                        problem + " at character " + std::to_string(at + 1),
                        "write %s %t %T %n %P %h %l %p %x or %%, and \\n \\t \\r \\0 \\\\ \\xNN or a last \\c"});
}

class template_parser {
public:
    explicit template_parser(std::string_view text) : text_(text) {}

    std::vector<template_piece> run() {
        while (at_ < text_.size()) {
            ends_in_escape_ = false;
            const char c = text_[at_];
            if (c == '%')
                letter();
            else if (c == '\\')
                escape();
            else
                literal(c, 1);
        }
        if (!ends_in_escape_) literal('\n', 0);
        return std::move(pieces_);
    }

private:
    void literal(char c, std::size_t consumed) {
        if (pieces_.empty() || pieces_.back().letter != 0) pieces_.emplace_back();
        pieces_.back().text += c;
        at_ += consumed;
    }

    void letter() {
        if (at_ + 1 == text_.size()) refuse(text_, at_, "a '%' without a letter");
        const char c = text_[at_ + 1];
        if (c == '%') return literal('%', 2);
        if (letters.find(c) == std::string_view::npos) refuse(text_, at_, std::string("an unknown '%") + c + "'");
        pieces_.push_back({c, {}});
        at_ += 2;
    }

    void escape() {
        if (at_ + 1 == text_.size()) refuse(text_, at_, "a '\\' without a letter");
        ends_in_escape_ = true;
        const char c = text_[at_ + 1];
        switch (c) {
        case 'n': return literal('\n', 2);
        case 't': return literal('\t', 2);
        case 'r': return literal('\r', 2);
        case '0': return literal('\0', 2);
        case '\\': return literal('\\', 2);
        case 'x': return hex();
        case 'c':
            if (at_ + 2 != text_.size()) refuse(text_, at_, "a '\\c' that is not last");
            at_ += 2;
            return;
        default: refuse(text_, at_, std::string("an unknown '\\") + c + "'");
        }
    }

    void hex() {
        unsigned value = 0;
        const char* const begin = text_.data() + at_ + 2;
        if (text_.size() - at_ < 4 || std::from_chars(begin, begin + 2, value, 16).ptr != begin + 2)
            refuse(text_, at_, "a '\\x' without two hex digits");
        literal(static_cast<char>(value), 4);
    }

    std::string_view text_;
    std::size_t at_ = 0;
    bool ends_in_escape_ = false;
    std::vector<template_piece> pieces_;
};

} // namespace

std::vector<template_piece> parse_template(std::string_view text) { return template_parser(text).run(); }

} // namespace evtail
