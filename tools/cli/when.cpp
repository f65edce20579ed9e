// The calendar comes from the C library (localtime_r, mktime, timegm): the standard library in use has
// no parsing or formatting of time.
#include "tools/cli/when.hpp"

#include "tools/cli/units.hpp"

#include <evbus/error.hpp>

#include <array>
#include <charconv>
#include <ctime>
#include <optional>

namespace cli {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr time_ns latest = 9'000'000'000; // seconds; the year 2255, so that ns fit into 64 bits

// A cursor over the text; each take_ removes what it understood.
struct reader {
    std::string_view rest;

    bool take(char c) {
        if (!rest.starts_with(c)) return false;
        rest.remove_prefix(1);
        return true;
    }
    bool take_digits(std::size_t count, int& value) {
        if (rest.size() < count) return false;
        const auto [end, fault] = std::from_chars(rest.data(), rest.data() + count, value);
        if (fault != std::errc{} || end != rest.data() + count || rest[0] == '-') return false;
        rest.remove_prefix(count);
        return true;
    }
    /// 1 to 9 digits as the fraction of a second.
    bool take_fraction(std::int64_t& ns) {
        std::size_t digits = 0;
        ns = 0;
        for (; digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9'; ++digits) {
            if (digits == 9) return false;
            ns = ns * 10 + (rest[digits] - '0');
        }
        if (digits == 0) return false;
        rest.remove_prefix(digits);
        for (; digits < 9; ++digits) ns *= 10;
        return true;
    }
};

struct civil {
    std::tm tm{};
    std::int64_t fraction_ns = 0;
    std::optional<int> offset_s; ///< none: local time
};

std::tm to_tm(std::time_t s, zone z) {
    std::tm out{};
    if (z == zone::utc)
        gmtime_r(&s, &out);
    else
        localtime_r(&s, &out);
    return out;
}

bool take_date(reader& in, std::tm& tm) {
    int year = 0, month = 0, day = 0;
    if (!in.take_digits(4, year) || !in.take('-') || !in.take_digits(2, month) || !in.take('-') ||
        !in.take_digits(2, day))
        return false;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    tm.tm_mday = day;
    return year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

bool take_time(reader& in, civil& c) {
    if (!in.take_digits(2, c.tm.tm_hour) || !in.take(':') || !in.take_digits(2, c.tm.tm_min)) return false;
    if (in.take(':')) {
        if (!in.take_digits(2, c.tm.tm_sec)) return false;
        if ((in.take('.') || in.take(',')) && !in.take_fraction(c.fraction_ns)) return false;
    }
    return c.tm.tm_hour <= 23 && c.tm.tm_min <= 59 && c.tm.tm_sec <= 59;
}

bool take_zone(reader& in, civil& c) {
    if (in.rest.empty()) return true;
    if (in.take('Z')) {
        c.offset_s = 0;
        return true;
    }
    const int sign = in.take('+') ? 1 : in.take('-') ? -1 : 0;
    int hours = 0, minutes = 0;
    if (sign == 0 || !in.take_digits(2, hours)) return false;
    if (in.take(':') ? !in.take_digits(2, minutes) : !in.rest.empty() && !in.take_digits(2, minutes)) return false;
    c.offset_s = sign * (hours * 3600 + minutes * 60);
    return hours <= 14 && minutes <= 59;
}

// Empty when the day does not exist (31 April) or lies too far off.
std::optional<time_ns> to_ns(civil c) {
    const int day = c.tm.tm_mday, month = c.tm.tm_mon;
    c.tm.tm_isdst = -1;
    std::time_t s = c.offset_s ? timegm(&c.tm) : mktime(&c.tm);
    if (c.tm.tm_mday != day || c.tm.tm_mon != month) return std::nullopt;
    s -= c.offset_s.value_or(0);
    if (s < 0 || s > latest) return std::nullopt;
    return s * second_ns + c.fraction_ns;
}

std::optional<time_ns> parse_calendar(std::string_view text, time_ns now) {
    civil c;
    reader in{text};
    if (text.size() > 2 && text[2] == ':') {
        c.tm = to_tm(now / second_ns, zone::local);
        c.tm.tm_sec = 0;
        if (!take_time(in, c) || !in.rest.empty()) return std::nullopt;
        return to_ns(c);
    }
    if (!take_date(in, c.tm)) return std::nullopt;
    if ((in.take('T') || in.take(' ')) && !take_time(in, c)) return std::nullopt;
    if (!take_zone(in, c) || !in.rest.empty()) return std::nullopt;
    return to_ns(c);
}

std::optional<time_ns> parse_epoch(std::string_view text) {
    std::int64_t s = 0, fraction = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), s);
    if (fault != std::errc{} || s < 0 || s > latest || text.starts_with('-')) return std::nullopt;
    reader in{text.substr(static_cast<std::size_t>(end - text.data()))};
    if (in.take('.') && !in.take_fraction(fraction)) return std::nullopt;
    if (!in.rest.empty()) return std::nullopt;
    return s * second_ns + fraction;
}

time_ns midnight(time_ns now, int days) {
    std::tm tm = to_tm(now / second_ns, zone::local);
    tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
    tm.tm_mday += days;
    tm.tm_isdst = -1;
    return mktime(&tm) * second_ns;
}

void append_padded(std::string& out, std::int64_t value, std::size_t width) {
    std::array<char, 20> digits{};
    for (std::size_t i = width; i-- > 0; value /= 10) digits[i] = static_cast<char>('0' + value % 10);
    out.append(digits.data(), width);
}

struct split_time {
    std::time_t s;
    std::int64_t ns;
};

split_time split(time_ns t) {
    std::int64_t s = t / second_ns, ns = t % second_ns;
    if (ns < 0) {
        ns += second_ns;
        --s;
    }
    return {s, ns};
}

} // namespace

time_ns now_ns() {
    std::timespec t{};
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * second_ns + t.tv_nsec;
}

time_ns parse_when(std::string_view text, time_ns now) {
    if (text == "now") return now;
    if (text == "today") return midnight(now, 0);
    if (text == "yesterday") return midnight(now, -1);
    if (text == "tomorrow") return midnight(now, 1);
    if (text.starts_with('-')) return now - parse_duration(text.substr(1)).count();
    if (text.starts_with('+')) {
        time_ns later = 0;
        if (!__builtin_add_overflow(now, parse_duration(text.substr(1)).count(), &later)) return later;
        throw evbus::error(evbus::errc::bad_option,
                           {"read time", "'" + std::string(text) + "'", "lies after the year 2261", "name an earlier one"});
    }
    const std::optional<time_ns> t = text.starts_with('@') ? parse_epoch(text.substr(1)) : parse_calendar(text, now);
    if (t) return *t;
    throw evbus::error(evbus::errc::bad_option,
                       {"read time", "'" + std::string(text) + "'", "is no time",
                        "write 2026-11-20T09:30:00Z, 2026-11-20 09:30 (local), 09:30, -5m, today or @1795167000"});
}

void append_iso(std::string& out, time_ns t, zone z) {
    struct remembered {
        std::time_t s = -1;
        std::array<char, 20> head{}; // "2026-11-20T09:30:00"
        std::array<char, 7> tail{};  // "+01:00" or "Z"
    };
    thread_local std::array<remembered, 2> memory;
    remembered& m = memory[z == zone::utc ? 1 : 0];
    const split_time at = split(t);
    if (m.s != at.s || m.head[0] == 0) {
        const std::tm tm = to_tm(at.s, z);
        std::strftime(m.head.data(), m.head.size(), "%Y-%m-%dT%H:%M:%S", &tm);
        std::string tail = "Z";
        if (z == zone::local) {
            const long minutes = (tm.tm_gmtoff < 0 ? -tm.tm_gmtoff : tm.tm_gmtoff) / 60;
            tail = tm.tm_gmtoff < 0 ? "-" : "+";
            append_padded(tail, minutes / 60, 2);
            tail += ':';
            append_padded(tail, minutes % 60, 2);
        }
        m.tail = {};
        tail.copy(m.tail.data(), m.tail.size() - 1);
        m.s = at.s;
    }
    out.append(m.head.data()).append(".");
    append_padded(out, at.ns, 9);
    out.append(m.tail.data());
}

std::string format_iso(time_ns t, zone z) {
    std::string out;
    append_iso(out, t, z);
    return out;
}

void append_clock(std::string& out, time_ns t, zone z) {
    std::string iso;
    append_iso(iso, t, z);
    out.append(iso, 11, 15);
}

} // namespace cli
