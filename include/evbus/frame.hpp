// The bytes of one frame, the same in a ring slot and in the log (docs/shm-layout.md "frame").
//
// Parts follow each other in this order, each padded with zeros to a multiple of 8 bytes:
//   frame_header | fragment_part (if flagged) | headers block (if flagged) | topic | payload
// The first word is the slot word in the ring and the seq in the log; nothing else differs but
// the unit of `published`. Lengths are checked by parse_frame before anybody believes them.
#pragma once

#include <evbus/ids.hpp>
#include <evbus/topic.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace evbus {
inline namespace v1 {

struct frame_header {
    std::uint64_t word;        ///< ring: the slot word; log: the seq
    std::uint64_t topic_hash;  ///< XXH3 of the topic's bytes
    std::int64_t published;    ///< ring: counter ticks or ns; log: ns since 1970; 0 = unstamped
    std::uint16_t payload_len; ///< bytes of this frame's payload
    std::uint16_t incarnation; ///< which life of that publisher number
    std::uint8_t topic_len;    ///< 1..127
    std::uint8_t flags;        ///< frame_flags; reserved bits are 0
    std::uint16_t publisher;   ///< 1..4095
};
static_assert(sizeof(frame_header) == 32 && alignof(frame_header) == 8);
static_assert(offsetof(frame_header, topic_hash) == 8 && offsetof(frame_header, published) == 16);
static_assert(offsetof(frame_header, payload_len) == 24 && offsetof(frame_header, incarnation) == 26);
static_assert(offsetof(frame_header, topic_len) == 28 && offsetof(frame_header, flags) == 29);
static_assert(offsetof(frame_header, publisher) == 30);

/// Bits of frame_header::flags.
namespace frame_flags {
inline constexpr std::uint8_t headers = 1;  ///< a headers block follows
inline constexpr std::uint8_t fragment = 2; ///< one part of an event larger than a slot
inline constexpr std::uint8_t known = headers | fragment;
} // namespace frame_flags

/// Present in frames that are one part of a larger event.
struct fragment_part {
    std::uint32_t total;  ///< payload bytes of the whole event, 1..16 MiB
    std::uint32_t offset; ///< where this frame's payload begins in it
};
static_assert(sizeof(fragment_part) == 8);

/// The first word of every headers block (see headers.hpp).
struct headers_prefix {
    std::uint16_t bytes; ///< the whole block with this prefix and its padding; a multiple of 8
    std::uint16_t count; ///< entries
    std::uint32_t reserved;
};
static_assert(sizeof(headers_prefix) == 8);

inline constexpr std::size_t max_event_bytes = std::size_t{16} << 20;

[[nodiscard]] constexpr std::size_t padded8(std::size_t bytes) noexcept { return (bytes + 7) & ~std::size_t{7}; }

/// What a frame says, pointing into the bytes it was parsed from.
struct frame_view {
    frame_header header{};
    std::uint32_t total = 0;  ///< payload bytes of the whole event
    std::uint32_t offset = 0; ///< of this frame's payload in it
    std::span<const std::byte> headers_block{};
    std::string_view topic{};
    std::span<const std::byte> payload{};

    [[nodiscard]] bool is_fragment() const noexcept { return (header.flags & frame_flags::fragment) != 0; }
    [[nodiscard]] bool is_first() const noexcept { return offset == 0; }
    [[nodiscard]] bool is_last() const noexcept { return offset + payload.size() == total; }
    [[nodiscard]] publisher_id publisher() const noexcept {
        return {static_cast<member_no>(header.publisher), header.incarnation};
    }
};

/// Why a frame is refused; `none` when it is whole.
enum class frame_fault : std::uint8_t {
    none,
    too_short,      ///< its parts do not fit into the bytes given
    reserved_bits,  ///< a reserved flag, field or padding byte is not zero
    bad_publisher,  ///< the publisher's number is 0 or not a publisher's
    bad_topic,      ///< a topic rule is broken, or its hash is not its own
    bad_fragment,   ///< total and offset contradict the payload's length
    bad_headers,    ///< the headers block contradicts itself
};

[[nodiscard]] constexpr const char* to_string(frame_fault f) noexcept {
    switch (f) {
    case frame_fault::none: return "fine";
    case frame_fault::too_short: return "its lengths run past its end";
    case frame_fault::reserved_bits: return "a reserved bit or byte is set";
    case frame_fault::bad_publisher: return "its publisher's number is out of range";
    case frame_fault::bad_topic: return "its topic is malformed or does not match its hash";
    case frame_fault::bad_fragment: return "its fragment's place contradicts its length";
    case frame_fault::bad_headers: return "its headers block contradicts itself";
    }
    return "?";
}

/// Bytes that a frame with these parts takes, header and padding included.
[[nodiscard]] constexpr std::size_t frame_bytes(bool fragment, std::size_t headers_block, std::size_t topic_len,
                                                std::size_t payload_len) noexcept {
    return sizeof(frame_header) + (fragment ? sizeof(fragment_part) : 0) + headers_block + padded8(topic_len) +
           padded8(payload_len);
}

namespace detail {

[[nodiscard]] inline bool zero_padding(const std::byte* at, std::size_t used) noexcept {
    for (std::size_t i = used; i < padded8(used); ++i)
        if (at[i] != std::byte{0}) return false;
    return true;
}

} // namespace detail

/// How deep parse_frame looks at the topic.
enum class topic_check : bool {
    trusted, ///< its lengths only: for a reader that compares hash and text itself
    full,    ///< its rules and its hash: for bytes that are about to be kept
};

/// Reads one frame from `bytes` (8-byte aligned, at most `bytes.size()` long; what follows the
/// frame is ignored) and bounds every length. `out` is whole only when `none` is returned.
[[nodiscard]] inline frame_fault parse_frame(std::span<const std::byte> bytes, frame_view& out,
                                             topic_check check = topic_check::full) noexcept {
    if (bytes.size() < sizeof(frame_header)) return frame_fault::too_short;
    std::memcpy(&out.header, bytes.data(), sizeof(frame_header));
    const frame_header& h = out.header;
    if ((h.flags & ~frame_flags::known) != 0) return frame_fault::reserved_bits;
    if (h.publisher == 0 || h.publisher > max_publishers) return frame_fault::bad_publisher;
    if (h.topic_len == 0 || h.topic_len > max_topic_bytes) return frame_fault::bad_topic;

    std::size_t at = sizeof(frame_header);
    out.total = h.payload_len;
    out.offset = 0;
    if (out.is_fragment()) {
        fragment_part part;
        if (bytes.size() - at < sizeof part) return frame_fault::too_short;
        std::memcpy(&part, bytes.data() + at, sizeof part);
        at += sizeof part;
        if (part.total > max_event_bytes || h.payload_len == 0 || part.offset > part.total ||
            h.payload_len > part.total - part.offset)
            return frame_fault::bad_fragment;
        out.total = part.total;
        out.offset = part.offset;
    }
    out.headers_block = {};
    if ((h.flags & frame_flags::headers) != 0) {
        headers_prefix prefix;
        if (bytes.size() - at < sizeof prefix) return frame_fault::too_short;
        std::memcpy(&prefix, bytes.data() + at, sizeof prefix);
        if (prefix.bytes % 8 != 0 || prefix.bytes < sizeof prefix || prefix.reserved != 0)
            return frame_fault::bad_headers;
        if (bytes.size() - at < prefix.bytes) return frame_fault::too_short;
        out.headers_block = bytes.subspan(at, prefix.bytes);
        at += prefix.bytes;
    }
    if (bytes.size() - at < padded8(h.topic_len)) return frame_fault::too_short;
    out.topic = {reinterpret_cast<const char*>(bytes.data() + at), h.topic_len};
    if (check == topic_check::full) {
        if (!detail::zero_padding(bytes.data() + at, h.topic_len)) return frame_fault::reserved_bits;
        if (check_topic(out.topic) != topic_fault::none || topic_hash(out.topic) != h.topic_hash)
            return frame_fault::bad_topic;
    }
    at += padded8(h.topic_len);
    if (bytes.size() - at < padded8(h.payload_len)) return frame_fault::too_short;
    out.payload = bytes.subspan(at, h.payload_len);
    if (check == topic_check::full && !detail::zero_padding(bytes.data() + at, h.payload_len))
        return frame_fault::reserved_bits;
    return frame_fault::none;
}

/// Bytes of a frame that parse_frame accepted.
[[nodiscard]] inline std::size_t frame_bytes(const frame_view& f) noexcept {
    return frame_bytes(f.is_fragment(), f.headers_block.size(), f.topic.size(), f.payload.size());
}

} // namespace v1
} // namespace evbus
