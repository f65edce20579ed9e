// A consumer that reads a whole log.
#pragma once

#include "logged_bus.hpp"

namespace bench {

struct consumed {
    double ns = 0;
    double memory_mib = 0;
    std::uint64_t lost = 0; ///< missing, double, out of order or wrong
};

/// Reads `events` events from the oldest on, in this process.
[[nodiscard]] consumed consume_all(const logged_bus& from, std::uint64_t events);

} // namespace bench
