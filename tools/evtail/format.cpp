// JSON is written by hand: a document tree costs a dozen allocations an event, and a line is made for
// every one of hundreds of thousands a second. The tests read it back with a JSON library.
#include "tools/evtail/format.hpp"

#include "tools/cli/escape.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace evtail {
namespace {

constexpr std::string_view dim = "\x1b[2m", cyan = "\x1b[36m", yellow = "\x1b[33m", reset = "\x1b[0m";

template <class Integer>
void append_number(std::string& out, Integer value) {
    std::array<char, 24> digits{};
    out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
}

void append_padded(std::string& out, std::int64_t value, std::size_t width) {
    const std::string digits = std::to_string(value);
    out.append(width - std::min(width, digits.size()), '0').append(digits);
}

void append_delta(std::string& out, std::int64_t ns) {
    out += ns < 0 ? '-' : '+';
    const std::int64_t whole = ns / 1'000'000'000, rest = ns % 1'000'000'000;
    append_number(out, whole < 0 ? -whole : whole);
    out += '.';
    append_padded(out, rest < 0 ? -rest : rest, 9);
}

void append_plain_headers(std::string& out, const evbus::headers_view& headers) {
    const char* between = "";
    for (const evbus::header& h : headers) {
        out += std::exchange(between, ",");
        cli::append_printable(out, h.key);
        out += '=';
        cli::append_printable(out, h.value);
    }
}

// One JSON object of those values that are UTF-8 (or of those that are not, in base64). A key that
// comes again makes its value an array, so that nothing is lost.
void append_json_headers(std::string& out, const evbus::headers_view& headers, bool utf8) {
    const auto wanted = [&](const evbus::header& h) { return cli::is_utf8(h.value) == utf8; };
    const auto value = [&](const evbus::header& h) {
        if (utf8) return cli::append_json(out, h.value);
        out += '"';
        cli::append_base64(out, std::as_bytes(std::span(h.value)));
        out += '"';
    };
    std::vector<evbus::header> all;
    for (const evbus::header& h : headers)
        if (wanted(h)) all.push_back(h);
    out += '{';
    const char* between = "";
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto same = [&](const evbus::header& h) { return h.key == all[i].key; };
        const auto here = all.begin() + static_cast<std::ptrdiff_t>(i);
        if (std::any_of(all.begin(), here, same)) continue;
        out += std::exchange(between, ",");
        cli::append_json(out, all[i].key);
        out += ':';
        if (std::none_of(here + 1, all.end(), same)) {
            value(all[i]);
            continue;
        }
        const char* comma = "[";
        for (auto h = here; h != all.end(); ++h)
            if (same(*h)) {
                out += std::exchange(comma, ",");
                value(*h);
            }
        out += ']';
    }
    out += '}';
}

std::string publisher_text(const evbus::event& e, std::string_view name) {
    if (!name.empty()) return std::string(name);
    return std::to_string(to_u16(e.publisher().number)) + "." + std::to_string(e.publisher().incarnation);
}

} // namespace

const std::vector<std::pair<std::string, output_mode>>& output_modes() {
    static const std::vector<std::pair<std::string, output_mode>> all = {
        {"short", output_mode::short_},    {"iso", output_mode::iso},   {"delta", output_mode::delta},
        {"verbose", output_mode::verbose}, {"json", output_mode::json}, {"hex", output_mode::hex},
        {"raw", output_mode::raw},         {"cat", output_mode::cat}};
    return all;
}

formatter::formatter(const format_options& options)
    : mode_(options.mode), zone_(options.zone), colour_(options.colour) {
    if (options.template_text) template_ = parse_template(*options.template_text);
}

void formatter::event(const evbus::event& e, std::string_view publisher_name, std::string& out) {
    if (template_) return from_template(e, publisher_name, out);
    switch (mode_) {
    case output_mode::verbose: return verbose(e, publisher_name, out);
    case output_mode::json: return json(e, publisher_name, out);
    case output_mode::raw: out.append(e.text()); return;
    case output_mode::cat: out.append(e.text()).append("\n"); return;
    default: return line(e, out);
    }
}

void formatter::line(const evbus::event& e, std::string& out) {
    when(e.published(), out);
    out += ' ';
    append_number(out, e.seq());
    out += ' ';
    coloured(cyan, e.topic(), out);
    if (mode_ == output_mode::hex) {
        out += '\n';
        cli::append_hex_dump(out, e.payload(), "  ");
        return;
    }
    out += ' ';
    cli::append_printable(out, e.text());
    out += '\n';
}

void formatter::when(std::int64_t published_ns, std::string& out) {
    if (colour_) out.append(dim);
    if (published_ns == 0)
        out += '-';
    else if (mode_ == output_mode::delta)
        append_delta(out, before_ns_ == 0 ? 0 : published_ns - before_ns_);
    else if (mode_ == output_mode::short_)
        cli::append_clock(out, published_ns, zone_);
    else
        cli::append_iso(out, published_ns, zone_);
    if (colour_) out.append(reset);
    if (published_ns != 0) before_ns_ = published_ns;
}

void formatter::coloured(std::string_view code, std::string_view text, std::string& out) const {
    if (colour_) out.append(code);
    cli::append_printable(out, text);
    if (colour_) out.append(reset);
}

void formatter::verbose(const evbus::event& e, std::string_view publisher, std::string& out) const {
    const auto field = [&](std::string_view name) { out.append("  ").append(name).append(12 - name.size(), ' '); };
    out += "seq ";
    append_number(out, e.seq());
    if (e.first_seq() != e.seq()) {
        out += " (from ";
        append_number(out, e.first_seq());
        out += ')';
    }
    out += '\n';
    field("topic");
    coloured(cyan, e.topic(), out);
    out += '\n';
    field("time");
    if (e.published() == 0)
        out += '-';
    else
        cli::append_iso(out, e.published(), zone_);
    out += '\n';
    field("publisher");
    cli::append_printable(out, publisher_text(e, publisher));
    if (!publisher.empty()) out.append(" (").append(publisher_text(e, {})).append(")");
    out += '\n';
    for (const evbus::header& h : e.headers()) {
        field("header");
        cli::append_printable(out, h.key);
        out += '=';
        cli::append_printable(out, h.value);
        out += '\n';
    }
    field("length");
    append_number(out, e.payload().size());
    out += '\n';
    if (cli::is_utf8(e.text())) {
        field("payload");
        cli::append_printable(out, e.text());
        out += '\n';
    } else {
        cli::append_hex_dump(out, e.payload(), "  ");
    }
}

void formatter::json(const evbus::event& e, std::string_view publisher, std::string& out) const {
    out += "{\"seq\":\"";
    append_number(out, e.seq());
    out += "\",\"topic\":";
    cli::append_json(out, e.topic());
    if (e.published() == 0)
        out += ",\"time\":null";
    else {
        out += ",\"time\":\"";
        cli::append_iso(out, e.published(), zone_);
        out += '"';
    }
    out += ",\"time_ns\":\"";
    append_number(out, e.published());
    out += "\",\"publisher\":";
    if (publisher.empty())
        cli::append_json(out, publisher_text(e, {}));
    else
        cli::append_json(out, publisher);
    out += ",\"headers\":";
    if (e.headers().empty())
        out += "{}";
    else {
        append_json_headers(out, e.headers(), true);
        const auto binary = [](const evbus::header& h) { return !cli::is_utf8(h.value); };
        bool any_binary = false;
        for (const evbus::header& h : e.headers()) any_binary = any_binary || binary(h);
        if (any_binary) {
            out += ",\"headers_b64\":";
            append_json_headers(out, e.headers(), false);
        }
    }
    if (cli::is_utf8(e.text())) {
        out += ",\"payload\":";
        cli::append_json(out, e.text());
    } else {
        out += ",\"payload_b64\":\"";
        cli::append_base64(out, e.payload());
        out += '"';
    }
    out += "}\n";
}

void formatter::from_template(const evbus::event& e, std::string_view publisher, std::string& out) const {
    for (const template_piece& p : *template_) {
        if (p.letter == 0)
            out.append(p.text);
        else
            piece(p.letter, e, publisher, out);
    }
}

void formatter::piece(char letter, const evbus::event& e, std::string_view publisher, std::string& out) const {
    switch (letter) {
    case 's': return append_number(out, e.seq());
    case 't': out.append(e.topic()); return;
    case 'T':
        if (e.published() == 0)
            out += '-';
        else
            cli::append_iso(out, e.published(), zone_);
        return;
    case 'n': return append_number(out, e.published());
    case 'P': return cli::append_printable(out, publisher_text(e, publisher));
    case 'h': return append_plain_headers(out, e.headers());
    case 'l': return append_number(out, e.payload().size());
    case 'p': out.append(e.text()); return;
    case 'x': return cli::append_hex(out, e.payload());
    }
}

void formatter::gap(const evbus::gap& g, std::string& out) const {
    if (template_ || mode_ == output_mode::raw || mode_ == output_mode::cat) return;
    const char* const cause = to_string(g.cause);
    if (mode_ == output_mode::json) {
        out += "{\"gap\":{\"from\":\"";
        append_number(out, g.range.first);
        out += "\",\"to\":\"";
        append_number(out, g.range.last);
        out.append("\",\"cause\":\"").append(cause).append("\"}}\n");
        return;
    }
    std::string text = "-- gap " + std::to_string(g.range.first) + ".." + std::to_string(g.range.last) + " (" +
                       std::to_string(g.seqs) + "): " + cause + " --";
    coloured(yellow, text, out);
    out += '\n';
}

} // namespace evtail
