// Whether a footer or index says what the commits of its segment say.
#pragma once

#include <evbus/log/segment_footer.hpp>
#include <evbus/log/segment_index.hpp>

#include <cstdint>
#include <string>

namespace evbus {
inline namespace v1 {
namespace log {

/// The sections of `there` that are not what `index`, gathered from the commits, would write; empty when all
/// are. A section that was cut for want of memory says so, and is believed: no query relies on it.
[[nodiscard]] std::string wrong_sections(const segment_footer& there, const segment_index& index, std::uint64_t seed);

} // namespace log
} // namespace v1
} // namespace evbus
