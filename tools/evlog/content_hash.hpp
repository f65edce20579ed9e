// The hash by which an anchor knows what it refers to, as text and of a file.
#pragma once

#include <cstdint>
#include <string>

namespace evlog {

/// 16 hex digits.
[[nodiscard]] std::string hash_text(std::uint64_t hash);
/// Up to 16 hex digits, with 0x or without. Throws errc::bad_option.
[[nodiscard]] std::uint64_t parse_hash(const std::string& text);
/// XXH3 (64 bits) of all bytes of a regular file, read piece by piece. Throws when it cannot be read.
[[nodiscard]] std::uint64_t hash_of_file(const std::string& path);

} // namespace evlog
