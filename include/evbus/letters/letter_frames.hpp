// An event as the frames that it is kept in: its own topic, headers, payload and publisher; in parts when it is larger
// than a record.
//
// The hard case is an event that was published on the topic of our notes. Such a one is kept as parts (be it a single
// one), and a note never is; without payload it cannot be a part, and is no note either.
#pragma once

#include <evbus/event.hpp>
#include <evbus/frame.hpp>
#include <evbus/letters/letter_note.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace letters {

/// No frame in a log is longer.
inline constexpr std::size_t max_frame_bytes = 65'536;

/// Frames one after the other.
struct frame_list {
    std::vector<std::byte> bytes;
    std::vector<std::uint32_t> sizes;

    void add(const frame_header& h, const fragment_part* part, std::span<const std::byte> headers, std::string_view topic,
             std::span<const std::byte> payload) {
        const std::size_t size = frame_bytes(part != nullptr, headers.size(), topic.size(), payload.size());
        std::size_t at = bytes.size();
        bytes.resize(at + size);
        const auto put = [&](const void* from, std::size_t n) {
            if (n != 0) std::memcpy(bytes.data() + at, from, n);
            at += padded8(n);
        };
        put(&h, sizeof h);
        if (part != nullptr) put(part, sizeof *part);
        put(headers.data(), headers.size());
        put(topic.data(), topic.size());
        put(payload.data(), payload.size());
        sizes.push_back(static_cast<std::uint32_t>(size));
    }
};

[[nodiscard]] inline frame_header frame_header_of(const event& e, std::size_t payload, std::uint8_t flags) noexcept {
    return {0, e.topic_hash(), e.published(), static_cast<std::uint16_t>(payload), e.publisher().incarnation,
            static_cast<std::uint8_t>(e.topic().size()), flags, to_u16(e.publisher().number)};
}

/// The frames of `e`, without seqs.
[[nodiscard]] inline frame_list frames_of(const event& e) {
    frame_list out;
    const std::span<const std::byte> payload = e.payload();
    const std::span<const std::byte> headers = e.headers().block();
    const bool could_be_note = e.topic() == note_topic && !payload.empty();
    const std::uint8_t flags = headers.empty() ? std::uint8_t{0} : frame_flags::headers;
    if (!could_be_note && payload.size() <= std::numeric_limits<std::uint16_t>::max() &&
        frame_bytes(false, headers.size(), e.topic().size(), payload.size()) <= max_frame_bytes) {
        out.add(frame_header_of(e, payload.size(), flags), nullptr, headers, e.topic(), payload);
        return out;
    }
    for (std::size_t at = 0; at < payload.size();) {
        const std::span<const std::byte> block = at == 0 ? headers : std::span<const std::byte>{};
        const std::size_t room = max_frame_bytes - frame_bytes(true, block.size(), e.topic().size(), 0);
        const std::size_t piece = std::min(room, payload.size() - at);
        const fragment_part part{static_cast<std::uint32_t>(payload.size()), static_cast<std::uint32_t>(at)};
        const auto kind = static_cast<std::uint8_t>(frame_flags::fragment | (at == 0 ? flags : std::uint8_t{0}));
        out.add(frame_header_of(e, piece, kind), &part, block, e.topic(), payload.subspan(at, piece));
        at += piece;
    }
    return out;
}

/// The one frame of a note. Its publisher is number 1, because a frame must have one: nobody published it.
[[nodiscard]] inline frame_list frame_of_note(std::span<const std::byte> payload) {
    frame_list out;
    const event e({{1, 1}, topic_hash(note_topic), 0, {member_no{1}, 0}, note_topic, payload, {}});
    out.add(frame_header_of(e, payload.size(), 0), nullptr, {}, note_topic, payload);
    return out;
}

[[nodiscard]] inline bool is_note(const frame_view& f) noexcept {
    return !f.is_fragment() && f.topic == note_topic && !f.payload.empty();
}

} // namespace letters
} // namespace v1
} // namespace evbus
