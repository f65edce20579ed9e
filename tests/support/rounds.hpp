// How long a test is: whole, or brief where everything takes several times as long.
#pragma once

#include <cstdlib>

namespace support {

/// Sanitizer builds and hurried people set EVBUS_TEST_SHORT.
inline bool is_short() { return std::getenv("EVBUS_TEST_SHORT") != nullptr; }
template <class N>
N rounds(N full, N brief) {
    return is_short() ? brief : full;
}

} // namespace support
