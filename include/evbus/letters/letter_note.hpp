// The note that stands in a journal for each step of a letter: a fixed struct and the error's text, as the payload
// of a frame on the topic $letter (docs/log-format.md "Letters"). The newest note of a seq says everything.
#pragma once

#include <evbus/letters/story.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace letters {

inline constexpr std::string_view note_topic = "$letter";
inline constexpr std::uint16_t letter_note_version = 1;

/// Bits of letter_note::flags.
namespace note_flags {
inline constexpr std::uint8_t requeued = 1;
} // namespace note_flags

struct letter_note {
    std::uint64_t seq;         ///< of the event in its bus
    std::uint64_t first_seq;   ///< of its first frame there
    std::uint64_t event_at;    ///< the journal's seq of the event's first frame; 0 when closed
    std::int64_t due_ns;
    std::int64_t since_ns;
    std::int64_t last_ns;
    std::uint32_t attempts;
    std::uint32_t event_bytes; ///< of all its frames in the journal; 0 when closed
    std::uint16_t frames;      ///< how many; 0 when closed
    std::uint16_t error_bytes; ///< of the text behind this struct
    std::uint16_t version;     ///< letter_note_version
    std::uint8_t state;        ///< letter_state
    std::uint8_t flags;        ///< note_flags
};
static_assert(sizeof(letter_note) == 64 && alignof(letter_note) == 8);
static_assert(offsetof(letter_note, attempts) == 48 && offsetof(letter_note, frames) == 56);
static_assert(offsetof(letter_note, version) == 60 && offsetof(letter_note, flags) == 63);

/// Where a letter's event stands in the journal.
struct event_place {
    seq_t at = no_seq;           ///< journal seq of its first frame; no_seq: it is not kept any more
    std::uint16_t frames = 0;    ///< with seqs that follow each other
    std::uint32_t bytes = 0;     ///< of those frames

    friend bool operator==(const event_place&, const event_place&) = default;
};

/// Which commit of which file an event begins in; without segment: not known.
struct file_place {
    seq_t segment = no_seq;
    std::uint64_t offset = 0;
};

/// The payload of a note's frame.
[[nodiscard]] inline std::vector<std::byte> encode_note(const story& s, const event_place& where) {
    const std::size_t text = std::min(s.error.size(), max_error_bytes);
    letter_note n{};
    n.seq = s.seq;
    n.first_seq = s.first_seq;
    n.due_ns = s.due_ns;
    n.since_ns = s.since_ns;
    n.last_ns = s.last_ns;
    n.attempts = s.attempts;
    if (is_open(s.state)) {
        n.event_at = where.at;
        n.event_bytes = where.bytes;
        n.frames = where.frames;
    }
    n.error_bytes = static_cast<std::uint16_t>(text);
    n.version = letter_note_version;
    n.state = static_cast<std::uint8_t>(s.state);
    n.flags = s.requeued ? note_flags::requeued : std::uint8_t{0};
    std::vector<std::byte> out(sizeof n + text);
    std::memcpy(out.data(), &n, sizeof n);
    if (text != 0) std::memcpy(out.data() + sizeof n, s.error.data(), text);
    return out;
}

enum class note_fault : std::uint8_t { none, version, malformed };

/// Reads a note's payload. What comes out is whole only with `none`: then every length and number is in its bounds.
[[nodiscard]] inline note_fault decode_note(std::span<const std::byte> payload, story& s, event_place& where) {
    letter_note n;
    if (payload.size() < sizeof n) return note_fault::malformed;
    std::memcpy(&n, payload.data(), sizeof n);
    if (n.version > letter_note_version) return note_fault::version;
    const auto state = static_cast<letter_state>(n.state);
    const bool known = state >= letter_state::waiting && state <= letter_state::forgotten;
    if (n.version == 0 || !known || (n.flags & ~note_flags::requeued) != 0 || n.seq == no_seq || n.first_seq == no_seq ||
        n.first_seq > n.seq || n.error_bytes > max_error_bytes || payload.size() != sizeof n + n.error_bytes)
        return note_fault::malformed;
    const bool kept = n.event_at != no_seq && n.frames != 0 && n.event_bytes != 0 && n.event_at <= max_seq - n.frames;
    const bool gone = n.event_at == no_seq && n.frames == 0 && n.event_bytes == 0;
    if (is_open(state) ? !kept : !gone) return note_fault::malformed;
    s = {n.seq, n.first_seq, state, n.attempts, n.due_ns, n.since_ns, n.last_ns, (n.flags & note_flags::requeued) != 0,
         std::string(reinterpret_cast<const char*>(payload.data()) + sizeof n, n.error_bytes)};
    where = {n.event_at, n.frames, n.event_bytes};
    return note_fault::none;
}

} // namespace letters
} // namespace v1
} // namespace evbus
