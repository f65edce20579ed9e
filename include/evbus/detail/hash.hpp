// XXH3, inlined: linked in it costs three times as much for 256 bytes.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstddef>
#include <cstdint>

namespace evbus {
inline namespace v1 {
namespace detail {

[[nodiscard]] inline std::uint64_t xxh3(const void* data, std::size_t size, std::uint64_t seed = 0) noexcept {
    return XXH3_64bits_withSeed(data, size, seed);
}

} // namespace detail
} // namespace v1
} // namespace evbus
