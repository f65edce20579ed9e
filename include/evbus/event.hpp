// What a reader is given: events, and gaps where there is none to give.
#pragma once

#include <evbus/frame.hpp>
#include <evbus/headers.hpp>
#include <evbus/ids.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace evbus {
inline namespace v1 {

/// Why a range of seqs cannot be given to a reader. The numbers stand in the log's LOST records.
enum class gap_cause : std::uint8_t {
    overwritten = 1,   ///< the ring went round before this reader came
    recorder_lost = 2, ///< the recorder itself was too late, or was told to lose on a full disk
    ring_lost = 3,     ///< the ring vanished with what nobody had recorded
    retention = 4,     ///< deleted from the log on purpose
    damage = 5,        ///< the log is damaged there
    malformed = 6,     ///< a slot was committed with bytes that are no frame
    incomplete = 7,    ///< fragments of an event whose rest cannot come
};

inline constexpr std::size_t gap_causes = 8;

[[nodiscard]] constexpr const char* to_string(gap_cause cause) noexcept {
    switch (cause) {
    case gap_cause::overwritten: return "overwritten";
    case gap_cause::recorder_lost: return "recorder lost";
    case gap_cause::ring_lost: return "ring lost";
    case gap_cause::retention: return "retention";
    case gap_cause::damage: return "damage";
    case gap_cause::malformed: return "malformed";
    case gap_cause::incomplete: return "incomplete";
    }
    return "unknown";
}

/// Seqs that a reader cannot be given, said in place.
struct gap {
    seq_range range;
    gap_cause cause;
    /// Seqs of the range that the gap is about: all of them, except that the fragments of one
    /// `incomplete` event may lie between other publishers' events.
    std::uint64_t seqs;
};

/// One event, whole. A view of the reader's private copy: valid until the handler it was given to
/// returns.
class event {
public:
    struct parts {
        seq_range seqs;
        std::uint64_t topic_hash;
        std::int64_t published_ns;
        publisher_id publisher;
        std::string_view topic;
        std::span<const std::byte> payload;
        std::span<const std::byte> headers_block;
    };

    explicit event(const parts& p) noexcept : p_(p) {}

    /// The event's identity in its bus: the seq of its last frame.
    [[nodiscard]] seq_t seq() const noexcept { return p_.seqs.last; }
    /// The seq of its first frame; smaller than seq() only for events larger than a slot.
    [[nodiscard]] seq_t first_seq() const noexcept { return p_.seqs.first; }
    [[nodiscard]] std::string_view topic() const noexcept { return p_.topic; }
    [[nodiscard]] std::uint64_t topic_hash() const noexcept { return p_.topic_hash; }
    [[nodiscard]] std::span<const std::byte> payload() const noexcept { return p_.payload; }
    [[nodiscard]] std::string_view text() const noexcept {
        return {reinterpret_cast<const char*>(p_.payload.data()), p_.payload.size()};
    }
    [[nodiscard]] headers_view headers() const noexcept { return headers_view(p_.headers_block); }
    /// Publish time, ns since 1970; 0 on a bus that does not stamp.
    [[nodiscard]] std::int64_t published() const noexcept { return p_.published_ns; }
    [[nodiscard]] publisher_id publisher() const noexcept { return p_.publisher; }

private:
    parts p_;
};

} // namespace v1
} // namespace evbus
