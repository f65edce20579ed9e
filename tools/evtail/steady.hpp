// A clock for time limits: it never jumps.
#pragma once

#include <chrono>
#include <cstdint>

namespace evtail {

[[nodiscard]] inline std::int64_t steady_ns() noexcept {
    return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

} // namespace evtail
