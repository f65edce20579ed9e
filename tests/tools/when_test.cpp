#include "tools/cli/when.hpp"

#include <evbus/error.hpp>

#include <doctest/doctest.h>

#include <cstdlib>
#include <ctime>
#include <string>

using cli::format_iso;
using cli::parse_when;
using cli::zone;

namespace {

constexpr std::int64_t second = 1'000'000'000;
// 2026-11-20T09:30:00Z
constexpr cli::time_ns now = 1'795'167'000 * second;

// Sets the zone of this process for one test.
struct in_zone {
    explicit in_zone(const char* name) {
        setenv("TZ", name, 1);
        tzset();
    }
    ~in_zone() {
        unsetenv("TZ");
        tzset();
    }
};

} // namespace

TEST_CASE("when: ISO 8601 with a zone") {
    CHECK(parse_when("2026-11-20T09:30:00Z") == now);
    CHECK(parse_when("2026-11-20 09:30Z") == now);
    CHECK(parse_when("2026-11-20T11:30:00+02:00") == now);
    CHECK(parse_when("2026-11-20T11:30:00+0200") == now);
    CHECK(parse_when("2026-11-20T11:30:00+02") == now);
    CHECK(parse_when("2026-11-20T04:00:00-05:30") == now);
    CHECK(parse_when("2026-11-20T09:30:00.25Z") == now + second / 4);
    CHECK(parse_when("2026-11-20T09:30:00.000000001Z") == now + 1);
    CHECK(parse_when("2026-11-20T09:30:00,5Z") == now + second / 2);
    CHECK(parse_when("1970-01-01T00:00:00Z") == 0);
    CHECK(parse_when("2024-02-29T00:00:00Z") == 1'709'164'800 * second);
}

TEST_CASE("when: without a zone it is local time") {
    const in_zone berlin("CET-1CEST,M3.5.0,M10.5.0/3");
    CHECK(parse_when("2026-11-20T10:30:00") == now);
    CHECK(parse_when("2026-11-20 10:30") == now);
    CHECK(parse_when("2026-11-20") == now - (10 * 3600 + 1800) * second);
    CHECK(parse_when("10:30", now) == now);
    CHECK(parse_when("10:30:01.5", now) == now + 3 * second / 2);
    CHECK(parse_when("2026-07-01T12:00") == parse_when("2026-07-01T10:00Z"));
    CHECK(parse_when("today", now) == parse_when("2026-11-20"));
    CHECK(parse_when("yesterday", now) == parse_when("2026-11-19"));
    CHECK(parse_when("tomorrow", now) == parse_when("2026-11-21"));
}

TEST_CASE("when: relative to now, and seconds since 1970") {
    CHECK(parse_when("now", now) == now);
    CHECK(parse_when("-5m", now) == now - 300 * second);
    CHECK(parse_when("-1h30m", now) == now - 5400 * second);
    CHECK(parse_when("+10ms", now) == now + second / 100);
    CHECK(parse_when("@1795167000") == now);
    CHECK(parse_when("@1795167000.25") == now + second / 4);
    CHECK(parse_when("@0") == 0);
}

TEST_CASE("when: what is no time is refused") {
    for (const char* text : {"",
                             "soon",
                             "5m",
                             "-5",
                             "@",
                             "@-1",
                             "@1.",
                             "@1x",
                             "2026",
                             "2026-11",
                             "2026-13-01",
                             "2026-00-01",
                             "2026-04-31",
                             "2025-02-29",
                             "2026-11-20T",
                             "2026-11-20T24:00",
                             "2026-11-20T09:60",
                             "2026-11-20T09:30:60Z",
                             "2026-11-20X09:30",
                             "2026-11-20T09:30Zx",
                             "2026-11-20T09:30+",
                             "2026-11-20T09:30+15:00",
                             "2026-11-20T09:30:00.Z",
                             "1969-12-31",
                             "9999-01-01",
                             "2026-11-20T09:30:00.0000000001Z",
                             "9:30",
                             "24:00",
                             "+15000w", // more ns since 1970 than 64 bits hold
                             "2026-1-1"})
        CHECK_THROWS_AS_MESSAGE((void)parse_when(text, now), evbus::error, text);
}

TEST_CASE("when: shown in UTC or with the local offset, to the nanosecond") {
    CHECK(format_iso(now + 1, zone::utc) == "2026-11-20T09:30:00.000000001Z");
    CHECK(format_iso(0, zone::utc) == "1970-01-01T00:00:00.000000000Z");
    CHECK(format_iso(-1, zone::utc) == "1969-12-31T23:59:59.999999999Z");
    {
        const in_zone kathmandu("NPT-5:45");
        CHECK(format_iso(now + second, zone::local) == "2026-11-20T15:15:01.000000000+05:45");
    }
    const in_zone newfoundland("NST3:30");
    CHECK(format_iso(now + 2 * second, zone::local) == "2026-11-20T06:00:02.000000000-03:30");
}

TEST_CASE("when: what is shown is read back") {
    for (const cli::time_ns t : {std::int64_t{0}, now, now + 123456789, now + 200 * 86400 * second})
        for (const zone z : {zone::utc, zone::local}) CHECK(parse_when(format_iso(t, z)) == t);
}

TEST_CASE("when: the clock alone has microseconds") {
    std::string out = "[";
    cli::append_clock(out, now + 123'456'789, zone::utc);
    CHECK(out == "[09:30:00.123456");
}
