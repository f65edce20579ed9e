// Numbers with units, as people write them on a command line. Every parser takes the whole text or
// throws evbus::error (errc::bad_option) that quotes it and names what would be right.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace cli {

/// "10ms", "5s", "1.5h", "250us", "100ns", "2m", "7d", "1w"; several parts add up: "1h30m". "0" needs no unit.
std::chrono::nanoseconds parse_duration(std::string_view text);

/// Bytes: "4096", "64K", "64KiB", "64kB", "256MiB", "1G", "1.5G". K, M, G and T are powers of 1,024
/// with or without "iB" or "B": sizes of rings and segments are.
std::uint64_t parse_size(std::string_view text);

/// Events a second: "1000", "10k", "10k/s", "1.5M". k, M and G are powers of 1,000.
double parse_rate(std::string_view text);

/// A plain count without sign or unit: "10", "1_000_000".
std::uint64_t parse_count(std::string_view text);

/// The shortest exact way to write it with one unit: "10ms", "90s", "0s".
std::string format_duration(std::chrono::nanoseconds d);
/// "64 KiB", "1.5 GiB", "17 B": one decimal at most.
std::string format_size(std::uint64_t bytes);
/// 1234567 as "1,234,567".
std::string format_count(std::uint64_t n);
/// With what is counted: "1 segment", "2 segments".
std::string format_count(std::uint64_t n, std::string_view of_one);

} // namespace cli
