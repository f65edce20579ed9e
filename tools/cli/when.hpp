// Points in time, as people write them and as tools show them: ns since 1970 in UTC.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cli {

/// ns since 1970.
using time_ns = std::int64_t;

[[nodiscard]] time_ns now_ns();

/// Reads one of
///   2026-11-20T09:30:00.25Z, 2026-11-20 09:30+02:00, 2026-11-20 (midnight), 09:30 (today); local time without a zone
///   -5m, +1h (from `now`), now, today, yesterday, tomorrow (local midnight), @1795167000.25 (seconds since 1970)
/// Throws evbus::error (errc::bad_option) that quotes the text and shows an example.
[[nodiscard]] time_ns parse_when(std::string_view text, time_ns now = now_ns());

enum class zone : bool { local, utc };

/// "2026-11-20T09:30:00.250000000+01:00", or with Z for UTC. Appends to `out`.
/// The costly part, the calendar, is remembered per thread for the second it was last asked about.
void append_iso(std::string& out, time_ns t, zone z);
[[nodiscard]] std::string format_iso(time_ns t, zone z);

/// Time of day alone, in microseconds: "09:30:00.250000".
void append_clock(std::string& out, time_ns t, zone z);

} // namespace cli
