// Every struct that stands in a stream of a log on its way to another place, beside the log's own: segment
// headers and commits travel as they stand in their files. docs/stream-format.md has the same as tables; a
// test compares the two. All integers are little-endian, every part is a multiple of 8 bytes long.
#pragma once

#include <evbus/detail/hash.hpp>
#include <evbus/ids.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace evbus {
inline namespace v1 {
namespace link {

inline constexpr std::uint64_t stream_magic = 0x0a6b'6e69'6c76'65ff; ///< bytes ff "evlink" 0a
inline constexpr std::uint64_t mark_magic = 0x6b72'616d'7665'0afe;   ///< bytes fe 0a "evmark"

inline constexpr std::uint32_t stream_format_version = 1;

/// No mark carries more text; longer claims are damage.
inline constexpr std::uint32_t max_mark_text = 4096;

/// Bits of stream_header::flags.
namespace stream_flags {
inline constexpr std::uint32_t follows = 1; ///< it goes on with what is recorded from now on
inline constexpr std::uint32_t request = 2; ///< not a stream: the importer says what it wants
inline constexpr std::uint32_t known = follows | request;
} // namespace stream_flags

/// The first part of a stream, and the one part of a request.
struct stream_header {
    std::uint64_t magic;
    std::uint32_t version;
    std::uint32_t flags;
    std::uint64_t bus_id[2];
    std::uint64_t first_seq;      ///< that the stream begins with; in a request the one wanted, 0 for the log's first
    std::uint64_t previous_chain; ///< chain hash before it; 0 when it is not known
    std::int64_t time_ns;         ///< when this was written
    std::uint64_t last_seq;       ///< that the log had then; for progress alone
    std::uint64_t bytes;          ///< that were to come then, about; for progress alone
    std::uint64_t reserved;
    std::uint64_t checksum;       ///< of all bytes before it
};
static_assert(sizeof(stream_header) == 88 && alignof(stream_header) == 8);
static_assert(offsetof(stream_header, bus_id) == 16 && offsetof(stream_header, checksum) == 80);

enum class mark_kind : std::uint32_t {
    hole = 1,    ///< seqs `first` to `last` are damaged or missing where the stream comes from
    sealed = 2,  ///< the segment ends here for good; `last` is its last seq
    epoch = 3,   ///< text: a line of the epochs file
    beat = 4,    ///< nothing new, but somebody is there
    end = 5,     ///< the stream is whole: `last` is its last seq, `chain` the hash after its last commit
    refusal = 6, ///< text: why there will be no stream
    held = 7,    ///< from the importer: all up to `last` is durable there
};

/// Everything else that is said in a stream. Followed by its text, padded with zeros.
struct stream_mark {
    std::uint64_t magic;
    std::uint32_t kind;
    std::uint32_t text_bytes;
    std::uint64_t first;
    std::uint64_t last;
    std::uint64_t chain;
    std::int64_t time_ns;
    std::uint64_t text_hash; ///< XXH3 of the text and its padding; 0 without text
    std::uint64_t checksum;  ///< of all bytes before it
};
static_assert(sizeof(stream_mark) == 64 && offsetof(stream_mark, checksum) == 56);

[[nodiscard]] inline bus_id bus_of(const stream_header& h) noexcept { return {{h.bus_id[0], h.bus_id[1]}}; }

/// A mark without its text and checksum; make_mark (stream_writer.hpp) fills those in.
[[nodiscard]] inline stream_mark blank_mark(mark_kind kind) noexcept {
    stream_mark m{};
    m.magic = mark_magic;
    m.kind = static_cast<std::uint32_t>(kind);
    return m;
}

} // namespace link
} // namespace v1
} // namespace evbus
