#include "tools/cli/units.hpp"

#include <evbus/error.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace std::chrono_literals;
using cli::parse_duration;
using cli::parse_rate;
using cli::parse_size;

TEST_CASE("a count names what it counts, and one of it as one") {
    CHECK(cli::format_count(1, "segment") == "1 segment");
    CHECK(cli::format_count(0, "segment") == "0 segments");
    CHECK(cli::format_count(20'000, "seq") == cli::format_count(20'000) + " seqs");
}

TEST_CASE("units: durations take every unit, fractions and sums") {
    CHECK(parse_duration("0") == 0ns);
    CHECK(parse_duration("17ns") == 17ns);
    CHECK(parse_duration("250us") == 250us);
    CHECK(parse_duration("250µs") == 250us);
    CHECK(parse_duration("10ms") == 10ms);
    CHECK(parse_duration("5s") == 5s);
    CHECK(parse_duration("2m") == 2min);
    CHECK(parse_duration("1h") == 1h);
    CHECK(parse_duration("1.5h") == 90min);
    CHECK(parse_duration("1h30m") == 90min);
    CHECK(parse_duration("7d") == 168h);
    CHECK(parse_duration("1w") == 168h);
    CHECK(parse_duration("0.5ms") == 500us);
}

TEST_CASE("units: what is no duration is refused") {
    for (const char* text :
         {"", "5", "s", "-5s", "+5s", "5 s", "5x", "1e3s", "1.2.3s", "nan", "inf", "0x5s", "5s ", "1h30", "300000d"})
        CHECK_THROWS_AS_MESSAGE(parse_duration(text), evbus::error, text);
}

TEST_CASE("units: sizes are powers of 1,024, with or without B and iB") {
    CHECK(parse_size("0") == 0);
    CHECK(parse_size("4096") == 4096);
    CHECK(parse_size("17B") == 17);
    for (const char* text : {"64K", "64k", "64KiB", "64kB", "64KB"}) CHECK_MESSAGE(parse_size(text) == 65536, text);
    CHECK(parse_size("256MiB") == 256ULL << 20);
    CHECK(parse_size("1G") == 1ULL << 30);
    CHECK(parse_size("1.5G") == 3ULL << 29);
    CHECK(parse_size("2T") == 2ULL << 40);
    CHECK(parse_size("18446744073709551615") == UINT64_MAX);
}

TEST_CASE("units: what is no size is refused") {
    for (const char* text : {"", "K", "-1", "1X", "1 K", "1KK", "1iB", "18446744073709551616", "99999999P", "1e3", "B"})
        CHECK_THROWS_AS_MESSAGE(parse_size(text), evbus::error, text);
}

TEST_CASE("units: rates are events a second in powers of 1,000") {
    CHECK(parse_rate("1000") == 1000);
    CHECK(parse_rate("10k/s") == 10000);
    CHECK(parse_rate("10k") == 10000);
    CHECK(parse_rate("1.5M") == 1.5e6);
    CHECK(parse_rate("0.1") == 0.1);
    for (const char* text : {"", "0", "-1", "k", "1x", "10/m"})
        CHECK_THROWS_AS_MESSAGE(parse_rate(text), evbus::error, text);
}

TEST_CASE("units: counts are digits, with underscores between") {
    CHECK(cli::parse_count("1000") == 1000);
    CHECK(cli::parse_count("1_000_000") == 1000000);
    for (const char* text : {"", "-1", "1.5", "_1", "1_", "1k", " 1"})
        CHECK_THROWS_AS_MESSAGE(cli::parse_count(text), evbus::error, text);
}

TEST_CASE("units: a refusal quotes the text and shows what is right") {
    try {
        parse_duration("5x");
        FAIL("accepted");
    } catch (const evbus::error& e) {
        CHECK(e.kind() == evbus::errc::bad_option);
        CHECK(std::string(e.what()) == "read duration: '5x': has an unknown unit; write a number and ns, us, ms, s, m, "
                                       "h, d or w, as in 10ms or 1h30m");
    }
}

TEST_CASE("units: numbers are shown as people write them") {
    CHECK(cli::format_duration(0ns) == "0s");
    CHECK(cli::format_duration(10ms) == "10ms");
    CHECK(cli::format_duration(90s) == "90s");
    CHECK(cli::format_duration(2h) == "2h");
    CHECK(cli::format_duration(1500us) == "1500us");
    CHECK(cli::format_size(17) == "17 B");
    CHECK(cli::format_size(65536) == "64 KiB");
    CHECK(cli::format_size(3ULL << 29) == "1.5 GiB");
    CHECK(cli::format_size((1ULL << 20) - 1) == "1 MiB");
    CHECK(cli::format_count(0) == "0");
    CHECK(cli::format_count(999) == "999");
    CHECK(cli::format_count(1234567) == "1,234,567");
    CHECK(cli::format_count(123456) == "123,456");
}
