// Library and format versions. A library of version N and one of N+1 work on one bus; what one
// of them cannot understand is refused by the name of a feature flag, never guessed.
#pragma once

#include <cstdint>

namespace evbus {
inline namespace v1 {

/// Version of this library, as a string for people and as a number for #if.
inline constexpr const char* library_version = "0.1.0";
#define EVBUS_VERSION 100

/// Version of the shared-memory layout (docs/shm-layout.md). Another one is refused at attach.
inline constexpr std::uint32_t ring_format_version = 1;

/// Version of the log's files (docs/log-format.md). Older ones are read, newer ones refused.
inline constexpr std::uint32_t log_format_version = 1;

} // namespace v1
} // namespace evbus
