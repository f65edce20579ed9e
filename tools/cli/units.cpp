#include "tools/cli/units.hpp"

#include <evbus/error.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace cli {
namespace {

struct unit {
    std::string_view name;
    double factor;
};

constexpr std::array<unit, 12> durations{{{"ns", 1},
                                          {"us", 1e3},
                                          {"µs", 1e3},
                                          {"ms", 1e6},
                                          {"s", 1e9},
                                          {"sec", 1e9},
                                          {"m", 60e9},
                                          {"min", 60e9},
                                          {"h", 3600e9},
                                          {"d", 86400e9},
                                          {"w", 604800e9},
                                          {"", 0}}};
constexpr std::string_view size_prefixes = "KMGTP";

[[noreturn]] void refuse(std::string_view what, std::string_view text, std::string_view problem,
                         std::string_view way_out) {
    throw evbus::error(evbus::errc::bad_option,
                       {std::string("read ") + std::string(what), "'" + std::string(text) + "'", problem, way_out});
}

// Digits with an optional fraction at the front of `rest`, and cut off it. Signs, exponents, inf and
// nan are no part of a number here.
bool take_number(std::string_view& rest, double& value) {
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789."), rest.size());
    if (digits == 0) return false;
    const auto [end, fault] = std::from_chars(rest.data(), rest.data() + digits, value, std::chars_format::fixed);
    if (fault != std::errc{} || end != rest.data() + digits) return false;
    rest.remove_prefix(digits);
    return true;
}

std::string_view take_unit(std::string_view& rest) {
    const std::string_view name = rest.substr(0, rest.find_first_of("0123456789."));
    rest.remove_prefix(name.size());
    return name;
}

// A whole number of bytes, without a detour through double that would round it.
bool whole_number(std::string_view text, std::uint64_t& value) {
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    return fault == std::errc{} && end == text.data() + text.size();
}

std::uint64_t to_whole(double value, std::string_view what, std::string_view text, std::string_view way_out) {
    if (value >= 9.2e18) refuse(what, text, "is too large", way_out);
    return static_cast<std::uint64_t>(std::llround(value));
}

} // namespace

std::chrono::nanoseconds parse_duration(std::string_view text) {
    constexpr std::string_view way_out = "write a number and ns, us, ms, s, m, h, d or w, as in 10ms or 1h30m";
    if (text == "0") return std::chrono::nanoseconds{0};
    if (text.empty()) refuse("duration", text, "is empty", way_out);
    double total = 0;
    for (std::string_view rest = text; !rest.empty();) {
        double number = 0;
        if (!take_number(rest, number)) refuse("duration", text, "does not begin with a number", way_out);
        const std::string_view name = take_unit(rest);
        if (name.empty()) refuse("duration", text, "has no unit", way_out);
        double factor = 0;
        for (const unit& u : durations)
            if (u.name == name) factor = u.factor;
        if (factor == 0) refuse("duration", text, "has an unknown unit", way_out);
        total += number * factor;
    }
    if (total >= 9.2e18) refuse("duration", text, "is longer than 292 years", way_out);
    return std::chrono::nanoseconds{std::llround(total)};
}

std::uint64_t parse_size(std::string_view text) {
    constexpr std::string_view way_out = "write bytes, or a number and K, M, G or T, as in 64K or 256MiB";
    std::uint64_t whole = 0;
    if (whole_number(text, whole)) return whole;
    std::string_view rest = text;
    double number = 0;
    if (!take_number(rest, number)) refuse("size", text, "is no number of bytes", way_out);
    std::string_view name = rest;
    if (name.ends_with("iB"))
        name.remove_suffix(2);
    else if (name.ends_with('B'))
        name.remove_suffix(1);
    if (name.empty() && rest == "B") return to_whole(number, "size", text, way_out);
    std::size_t power = name.size() == 1 ? size_prefixes.find(name[0] == 'k' ? 'K' : name[0]) : std::string_view::npos;
    if (power == std::string_view::npos) refuse("size", text, "has an unknown unit", way_out);
    for (; power != std::string_view::npos; --power) number *= 1024;
    return to_whole(number, "size", text, way_out);
}

double parse_rate(std::string_view text) {
    constexpr std::string_view way_out = "write events a second, as in 1000, 10k or 1.5M/s";
    std::string_view rest = text;
    double number = 0;
    if (!take_number(rest, number)) refuse("rate", text, "is no number", way_out);
    if (rest.ends_with("/s")) rest.remove_suffix(2);
    if (rest == "k" || rest == "K")
        number *= 1e3;
    else if (rest == "M")
        number *= 1e6;
    else if (rest == "G")
        number *= 1e9;
    else if (!rest.empty())
        refuse("rate", text, "has an unknown unit", way_out);
    if (number <= 0) refuse("rate", text, "is zero", way_out);
    return number;
}

std::uint64_t parse_count(std::string_view text) {
    std::string digits;
    for (char c : text)
        if (c != '_') digits += c;
    std::uint64_t value = 0;
    if (text.starts_with('_') || text.ends_with('_') || !whole_number(digits, value))
        refuse("count", text, "is no whole number", "write digits alone, as in 1000 or 1_000_000");
    return value;
}

std::string format_duration(std::chrono::nanoseconds d) {
    const std::int64_t ns = d.count();
    if (ns == 0) return "0s";
    struct {
        const char* name;
        std::int64_t ns;
    } constexpr steps[] = {{"h", 3600000000000}, {"m", 60000000000}, {"s", 1000000000},
                           {"ms", 1000000},      {"us", 1000},       {"ns", 1}};
    for (const auto& step : steps)
        if (ns % step.ns == 0) return std::to_string(ns / step.ns) + step.name;
    return std::to_string(ns) + "ns";
}

std::string format_size(std::uint64_t bytes) {
    if (bytes < 1024) return std::to_string(bytes) + " B";
    double value = static_cast<double>(bytes);
    std::size_t power = 0;
    // 1023.95 and more would be written as 1024.0.
    while (value >= 1023.95 && power < size_prefixes.size()) {
        value /= 1024;
        ++power;
    }
    std::array<char, 32> out{};
    const auto end = std::to_chars(out.data(), out.data() + out.size(), value, std::chars_format::fixed, 1).ptr;
    std::string text(out.data(), end);
    if (text.ends_with(".0")) text.resize(text.size() - 2);
    return text + " " + size_prefixes[power - 1] + "iB";
}

std::string format_count(std::uint64_t n) {
    std::string text = std::to_string(n);
    for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
    return text;
}
std::string format_count(std::uint64_t n, std::string_view of_one) {
    return format_count(n) + " " + std::string(of_one) + (n == 1 ? "" : "s");
}

} // namespace cli
