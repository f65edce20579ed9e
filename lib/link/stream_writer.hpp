// Putting the parts of a stream into bytes.
#pragma once

#include "lib/link/stream_format.hpp"

#include <evbus/frame.hpp>
#include <evbus/log/commit_check.hpp>

#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace link {

using byte_buffer = std::vector<std::byte>;

inline void append_bytes(byte_buffer& to, const void* from, std::size_t bytes) {
    const auto* const at = static_cast<const std::byte*>(from);
    if (bytes != 0) to.insert(to.end(), at, at + bytes);
}

/// Fills in magic, version and checksum.
inline void append_header(byte_buffer& to, stream_header h) {
    h.magic = stream_magic;
    h.version = stream_format_version;
    h.checksum = log::checksum_of(h, bus_of(h).seed());
    append_bytes(to, &h, sizeof h);
}

/// Fills in what belongs to the text, and the checksum. Text that is too long is cut.
inline void append_mark(byte_buffer& to, stream_mark m, std::uint64_t seed, std::string_view text = {}) {
    text = text.substr(0, max_mark_text);
    byte_buffer padded(padded8(text.size()));
    if (!text.empty()) std::memcpy(padded.data(), text.data(), text.size());
    m.text_bytes = static_cast<std::uint32_t>(text.size());
    m.text_hash = text.empty() ? 0 : evbus::detail::xxh3(padded.data(), padded.size(), seed);
    m.checksum = log::checksum_of(m, seed);
    append_bytes(to, &m, sizeof m);
    append_bytes(to, padded.data(), padded.size());
}

inline void append_segment(byte_buffer& to, const log::segment_header& h) { append_bytes(to, &h, sizeof h); }

inline void append_commit(byte_buffer& to, const log::commit_header& h, std::span<const std::byte> stored) {
    append_bytes(to, &h, sizeof h);
    append_bytes(to, stored.data(), stored.size());
}

} // namespace link
} // namespace v1
} // namespace evbus
