// Every struct that stands in a file of the log, and nothing else. docs/log-format.md has the same
// as tables; a test compares the two. All integers are little-endian, everything begins on a
// multiple of 8 bytes, reserved fields are 0. Checksums are XXH3 (64 bits), seeded by bus_id::seed().
#pragma once

#include <cstddef>
#include <cstdint>

namespace evbus {
inline namespace v1 {
namespace log {

inline constexpr std::uint64_t segment_magic = 0x0a1a'6765'7376'65ff; ///< bytes ff "evseg" 1a 0a
inline constexpr std::uint64_t commit_magic = 0x7469'6d6d'6f63'65fe;  ///< bytes fe "ecommit"
inline constexpr std::uint64_t footer_magic = 0x7265'746f'6f66'65fd;  ///< bytes fd "efooter"
inline constexpr std::uint64_t tail_magic = 0x6465'6c61'6573'65fc;    ///< bytes fc "esealed"
inline constexpr std::uint64_t index_magic = 0x0a1a'7864'6976'65fb;   ///< bytes fb "evidx" 1a 0a
inline constexpr std::uint64_t cursor_magic = 0x726f'7372'7563'65fa;  ///< bytes fa "ecursor"

/// A commit holds at most so many bytes of records, or one record.
inline constexpr std::uint32_t commit_target_bytes = 32 * 1024;
/// The largest record: a frame that fills the largest slot, and its prefix.
inline constexpr std::uint32_t max_record_bytes = 65'536 + 8;
/// No commit is larger, before or after its codec; longer claims are damage.
inline constexpr std::uint32_t max_commit_body = 128 * 1024;
/// Consecutive commits are indexed together until they pass this.
inline constexpr std::uint32_t index_block_bytes = 32 * 1024;
/// Topics that one segment's table names; the rest is counted and the table says it was cut.
inline constexpr std::uint32_t max_indexed_topics = 65'536;
/// The same for header keys.
inline constexpr std::uint32_t max_indexed_keys = 256;
/// (name, block) pairs that one segment remembers of topics, and as many of header keys.
inline constexpr std::uint32_t max_index_places = 1u << 20;
/// (header value, block) pairs that one segment remembers.
inline constexpr std::uint32_t max_index_values = 1u << 20;
/// Sections are checked in pieces of this size, so that a part of one can be read alone.
inline constexpr std::uint32_t section_piece_bytes = 4096;
/// A footer has at most so many sections.
inline constexpr std::uint32_t max_sections = 64;
/// No footer or index section is longer; longer claims are damage.
inline constexpr std::uint64_t max_section_bytes = std::uint64_t{1} << 28;
/// The filter's text in a cursor file is not longer.
inline constexpr std::uint32_t max_cursor_filter_bytes = 64 * 1024;

/// How the body of a commit is stored.
enum class codec : std::uint8_t { none = 0, zstd = 1 };

enum class record_kind : std::uint8_t {
    event = 1,    ///< one frame, a whole event
    fragment = 2, ///< one frame, a part of an event
    void_ = 3,    ///< seqs at which nothing was published
    lost = 4,     ///< seqs that the recorder could not have
    damage = 5,   ///< seqs that the log once held
    member = 6,   ///< a participant came or went; no seq of its own
    run = 7,      ///< a recorder began or ended; no seq of its own
    anchor = 8,   ///< the state up to a seq is kept elsewhere; no seq of its own
};

/// Bits of record_prefix::flags.
namespace record_flags {
/// DAMAGE only: told of seqs before this record's place; it takes no place in the order.
inline constexpr std::uint8_t note = 1;
/// ANCHOR only: its body is a `full_anchor_body`.
inline constexpr std::uint8_t full_anchor = 2;
/// ANCHOR only, with full_anchor: `content_hash` holds one.
inline constexpr std::uint8_t hashed_anchor = 4;
} // namespace record_flags

/// Bits of segment_header::compatible_flags.
namespace segment_flags {
inline constexpr std::uint64_t compressed = 1; ///< went through a codec; commits that gained nothing stay plain
} // namespace segment_flags

struct segment_header {
    std::uint64_t magic;
    std::uint32_t version;            ///< log_format_version
    std::uint32_t header_bytes;       ///< where the first commit begins
    std::uint64_t bus_id[2];
    std::uint64_t epoch;              ///< of the ring all its events come from
    std::uint64_t first_seq;          ///< also the file's name
    std::uint64_t previous_last_seq;  ///< 0 for a log's first segment
    std::uint64_t previous_chain;     ///< chain hash after the segment before; 0 for the first
    std::int64_t created_ns;
    std::uint64_t compatible_flags;   ///< unknown bits are ignored
    std::uint64_t incompatible_flags; ///< unknown bits refuse the segment
    std::uint64_t reserved[4];
    std::uint64_t checksum;           ///< of all bytes before it
};
static_assert(sizeof(segment_header) == 128 && alignof(segment_header) == 8);
static_assert(offsetof(segment_header, bus_id) == 16 && offsetof(segment_header, epoch) == 32);
static_assert(offsetof(segment_header, created_ns) == 64 && offsetof(segment_header, checksum) == 120);

struct commit_header {
    std::uint64_t magic;
    std::uint16_t version;         ///< log_format_version
    std::uint16_t flags;           ///< reserved
    std::uint8_t codec;
    std::uint8_t reserved[3];
    std::uint32_t stored_bytes;    ///< of the body as it stands in the file
    std::uint32_t raw_bytes;       ///< of the records
    std::uint64_t first_seq;       ///< next seq when it covers none
    std::uint64_t last_seq;        ///< first_seq - 1 when it covers none
    std::uint32_t record_count;
    std::uint32_t reserved2;
    std::int64_t min_time_ns;      ///< of its stamped frames; 0 when there is none
    std::int64_t max_time_ns;
    std::int64_t running_max_ns;   ///< greatest time in the log up to here, this commit included
    std::uint64_t previous_chain;  ///< chain hash of the commit before
    std::uint64_t body_hash;       ///< of the records
    std::uint64_t stored_checksum; ///< of the stored bytes; with codec none the body hash itself
    std::uint64_t place;           ///< its own offset in the file
    std::uint64_t header_checksum; ///< of all bytes before it
};
static_assert(sizeof(commit_header) == 112 && alignof(commit_header) == 8);
static_assert(offsetof(commit_header, codec) == 12 && offsetof(commit_header, stored_bytes) == 16);
static_assert(offsetof(commit_header, first_seq) == 24 && offsetof(commit_header, min_time_ns) == 48);
static_assert(offsetof(commit_header, previous_chain) == 72 && offsetof(commit_header, header_checksum) == 104);

/// What the chain hash is taken over: nothing that a codec or a place in a file changes.
struct chain_input {
    std::uint64_t previous_chain;
    std::uint64_t body_hash;
    std::uint64_t first_seq;
    std::uint64_t last_seq;
    std::uint64_t record_count;
    std::int64_t running_max_ns;
};
static_assert(sizeof(chain_input) == 48);

struct record_prefix {
    std::uint32_t bytes; ///< the whole record with this prefix, a multiple of 8
    std::uint8_t kind;
    std::uint8_t flags;
    std::uint16_t reserved;
};
static_assert(sizeof(record_prefix) == 8);

/// Body of VOID and DAMAGE.
struct range_body {
    std::uint64_t first;
    std::uint64_t last;
};
static_assert(sizeof(range_body) == 16);

struct lost_body {
    std::uint64_t first;
    std::uint64_t last;
    std::uint8_t cause; ///< gap_cause
    std::uint8_t reserved[7];
};
static_assert(sizeof(lost_body) == 24 && offsetof(lost_body, cause) == 16);

/// Followed by the name, padded with zeros.
struct member_body {
    std::int64_t time_ns;
    std::uint32_t pid;
    std::uint16_t number;
    std::uint16_t incarnation;
    std::uint8_t what; ///< 1 joined, 2 left
    std::uint8_t name_bytes;
    std::uint8_t reserved[6];
};
static_assert(sizeof(member_body) == 24 && offsetof(member_body, what) == 16);

struct run_body {
    std::int64_t time_ns;
    std::uint64_t run; ///< the run's id, as its manifest is named
    std::uint8_t what; ///< 1 start, 2 end
    std::uint8_t reserved[7];
};
static_assert(sizeof(run_body) == 24 && offsetof(run_body, what) == 16);

/// Followed by the label, padded with zeros.
struct anchor_body {
    std::int64_t time_ns;
    std::uint64_t seq; ///< the first seq after the anchor
    std::uint8_t label_bytes;
    std::uint8_t reserved[7];
};
static_assert(sizeof(anchor_body) == 24 && offsetof(anchor_body, label_bytes) == 16);

/// What an ANCHOR holds that was put through a bus: begins as anchor_body does, and is followed by the label.
struct full_anchor_body {
    std::int64_t time_ns;
    std::uint64_t seq;
    std::uint8_t label_bytes;
    std::uint8_t reserved[7];
    std::uint64_t walk_from;    ///< reading begins here, at an event that was not whole at `seq`; else `seq`
    std::uint64_t content_hash; ///< of what is kept elsewhere; 0 when there is none
};
static_assert(sizeof(full_anchor_body) == 40 && offsetof(full_anchor_body, walk_from) == 24);

struct footer_header {
    std::uint64_t magic;
    std::uint32_t version;
    std::uint32_t sections;
    std::uint64_t bytes;    ///< the whole footer, from this header to the end of the tail
    std::uint64_t checksum; ///< of all bytes before it
};
static_assert(sizeof(footer_header) == 32);

enum class section_kind : std::uint32_t {
    summary = 1,
    blocks = 2,
    topics = 3,
    header_keys = 4,
    header_values = 5,
    exceptions = 6, ///< blocks that hold more than frames, or frames that the other sections do not name
};

/// Bits of section_entry::flags.
namespace section_flags {
inline constexpr std::uint32_t names_cut = 1;  ///< more topics or keys than the table names
inline constexpr std::uint32_t places_cut = 2; ///< a name may be in blocks that the section does not give
} // namespace section_flags

/// Where a section's body stands. Behind the body, padded to a multiple of 8, there is a checksum of
/// each section_piece_bytes of it (the last piece without padding).
struct section_entry {
    std::uint32_t kind;
    std::uint32_t flags;
    std::uint64_t at;       ///< from the footer's header
    std::uint64_t bytes;    ///< of the body
    std::uint64_t checksum; ///< of its pieces' checksums
};
static_assert(sizeof(section_entry) == 32);

/// The last bytes of a sealed segment, behind the section entries.
struct footer_tail {
    std::uint64_t magic;
    std::uint64_t footer_offset;
    std::uint64_t bytes;     ///< as in the footer's header
    std::uint64_t first_seq; ///< of the segment
    std::uint64_t directory; ///< checksum of the section entries
    std::uint32_t sections;
    std::uint32_t reserved;
    std::uint64_t checksum;  ///< of all bytes before it
};
static_assert(sizeof(footer_tail) == 56);

/// Body of section `summary`.
struct segment_summary {
    std::uint64_t first_seq;
    std::uint64_t last_seq;
    std::int64_t min_time_ns;
    std::int64_t max_time_ns;
    std::int64_t running_max_ns;
    std::uint64_t chain;     ///< after the last commit
    std::uint64_t commits;
    std::uint64_t records;
    std::uint64_t events;
    std::uint64_t fragments;
    std::uint64_t voids;     ///< seqs, as the next two
    std::uint64_t lost;
    std::uint64_t damaged;
    std::uint64_t raw_bytes;
    std::uint64_t data_end;  ///< where the last commit ends
};
static_assert(sizeof(segment_summary) == 120);

/// Section `blocks` is an array of these.
struct block_entry {
    std::uint64_t offset; ///< of its first commit
    std::uint64_t first_seq;
    std::uint64_t last_seq;
    std::int64_t min_time_ns;
    std::int64_t max_time_ns;
    std::int64_t running_max_ns;
};
static_assert(sizeof(block_entry) == 48);

/// Where a block begins, in units of 8 bytes.
using block_place = std::uint32_t;

/// Sections `topics` and `header_keys`: this, `entries` name_entry in the order of their hashes, `places`
/// block_place, text.
struct name_table {
    std::uint32_t entries;
    std::uint32_t places;
    std::uint32_t text_bytes;
    std::uint32_t reserved;
    std::uint64_t unnamed; ///< frames whose topic or key the table does not name
};
static_assert(sizeof(name_table) == 24);

struct name_entry {
    std::uint64_t hash;
    std::uint64_t count;
    std::uint64_t first_seq;
    std::uint64_t last_seq;
    std::uint32_t text_at; ///< into the text
    std::uint32_t text_bytes;
    std::uint32_t places_at;
    std::uint32_t places; ///< 0: too many to list; any block may hold it
};
static_assert(sizeof(name_entry) == 48);

/// Section `header_values`: this, (2^bucket_bits + 1) u32 that say where each bucket's entries begin, and
/// `entries` value_entry. The bucket of a value is its hash's upper bits.
struct value_table {
    std::uint32_t bucket_bits;
    std::uint32_t entries;
    std::uint64_t complete_below; ///< values in blocks from this offset on are not in the table
};
static_assert(sizeof(value_table) == 16);

struct value_entry {
    std::uint32_t hash; ///< lower half
    block_place place;
};
static_assert(sizeof(value_entry) == 8);

/// An .evidx file: this, then the bytes of a footer for a segment that could not be sealed.
struct index_header {
    std::uint64_t magic;
    std::uint32_t version;
    std::uint32_t reserved;
    std::uint64_t bus_id[2];
    std::uint64_t first_seq;     ///< of its segment
    std::uint64_t segment_bytes; ///< the segment's size when it was indexed; another size: stale
    std::uint64_t checksum;      ///< of all bytes before it
};
static_assert(sizeof(index_header) == 56);

/// A .cursor file: this, then `filter_bytes` of the filter's text, and nothing else.
struct cursor_header {
    std::uint64_t magic;
    std::uint32_t version;       ///< log_format_version
    std::uint32_t flags;         ///< unknown bits refuse the file
    std::uint64_t bus_id[2];
    std::uint64_t next_seq;      ///< the first seq that is not handled
    std::uint64_t walk_from;     ///< first seq of the oldest event that was open then; next_seq when none was
    std::uint64_t saves;         ///< counts up: of two files the greater is the newer
    std::int64_t saved_ns;
    std::uint64_t filter_hash;   ///< XXH3 of the filter's text, without a seed
    std::uint32_t filter_bytes;
    std::uint32_t unsure_letters; ///< 1: what waits among the letters may have been handled as well; 0: not
    std::uint64_t letters;       ///< the journal of letters reaches at least this position; 0: none is needed
    std::uint64_t may_repeat;    ///< so many events from next_seq on may have been handled; 0 after a clean end
    std::uint64_t reserved2[3];
    std::uint64_t checksum;      ///< of all bytes before it and of the filter's text
};
static_assert(sizeof(cursor_header) == 128 && offsetof(cursor_header, next_seq) == 32);
static_assert(offsetof(cursor_header, filter_hash) == 64 && offsetof(cursor_header, letters) == 80 &&
              offsetof(cursor_header, may_repeat) == 88 && offsetof(cursor_header, checksum) == 120);

} // namespace log
} // namespace v1
} // namespace evbus
