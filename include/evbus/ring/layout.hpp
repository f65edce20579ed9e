// Every byte that processes share (docs/shm-layout.md, whose tables a test compares with this).
//
// Two objects a bus: evbus.NAME.ring holds the frames and what describes them; subscribers map
// it read-only. evbus.NAME.ctl-EPOCH holds what members write: frontiers, doorbells, the table
// of participants, and, as byte offsets for file locks, who is alive.
#pragma once

#include <evbus/ids.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace evbus {
inline namespace v1 {
namespace ring {

inline constexpr std::uint64_t ring_magic = 0x31474e5253554245; // "EBUSRNG1"
inline constexpr std::uint64_t ctl_magic = 0x314c544353554245;  // "EBUSCTL1"
inline constexpr std::uint32_t byte_order_mark = 0x01020304;

/// How publishers are held back by the recorder; chosen at creation.
enum class pacing_mode : std::uint32_t { overwrite = 0, paced = 1, strict = 2 };

/// What frame_header::published holds in this ring.
enum class stamp_mode : std::uint32_t { none = 0, wall_ns = 1, counter = 2 };

/// Feature bits; an unknown bit in `incompatible` is refused, one in `compatible` is ignored.
inline constexpr std::uint64_t exclusive_feature = 1; ///< incompatible: one publisher, which stores plainly
inline constexpr std::uint64_t known_incompatible = exclusive_feature;

using shared_u64 = std::atomic<std::uint64_t>;
using shared_u32 = std::atomic<std::uint32_t>;
static_assert(shared_u64::is_always_lock_free && sizeof(shared_u64) == 8);
static_assert(shared_u32::is_always_lock_free && sizeof(shared_u32) == 4);

inline constexpr std::size_t max_bus_name = 63;
inline constexpr std::size_t max_log_dir = 1023;

/// First page of the ring: written once by the creator, before the ring is linked into place.
struct ring_description {
    std::uint64_t magic;
    std::uint32_t byte_order;
    std::uint32_t version;
    std::uint64_t compatible;
    std::uint64_t incompatible;
    std::uint64_t file_bytes;
    std::uint64_t slots_offset;
    std::uint64_t slots;
    std::uint32_t slot_bytes;
    std::uint32_t mode;         ///< permission bits of both objects
    // line 1
    std::uint64_t bus_id[2];
    std::uint64_t epoch;
    std::uint64_t first_seq;
    std::int64_t created_ns;
    std::uint32_t pacing;
    std::uint32_t stamps;
    std::uint64_t stall_limit_ns;
    std::uint32_t clock_offset; ///< of clock_table
    std::uint32_t tail_offset;
    // line 2
    char boot_id[40];
    char reserved0[24];
    char name[64];
    char reserved1[248];
    std::uint64_t checksum;     ///< XXH3 of this struct with `checksum` 0 and of log_dir
};
static_assert(sizeof(ring_description) == 512);
static_assert(offsetof(ring_description, bus_id) == 64 && offsetof(ring_description, boot_id) == 128);
static_assert(offsetof(ring_description, name) == 192 && offsetof(ring_description, checksum) == 504);

/// One stretch of the conversion from counter ticks to ns since 1970.
struct clock_piece {
    shared_u64 begin_ticks;  ///< valid from here until the next piece begins
    shared_u64 base_ns;      ///< ns at begin_ticks
    shared_u64 ns_per_tick;  ///< fixed point, 32 fractional bits
    shared_u64 check;        ///< piece_check of the rest; a piece without it does not count
};
static_assert(sizeof(clock_piece) == 32);

inline constexpr std::size_t clock_pieces = 126;

/// Second page of the ring: pieces are appended, each beginning in the future of its writing.
struct clock_table {
    shared_u64 count;        ///< pieces ever appended; piece k stands at k modulo clock_pieces
    shared_u64 writer;       ///< ns of CLOCK_MONOTONIC until which somebody is appending; 0 = free
    std::uint64_t reserved[6];
    clock_piece pieces[clock_pieces];
};
static_assert(sizeof(clock_table) == 4096);

/// The pages in front of the slots.
struct ring_header {
    ring_description description;   ///< creator, once
    char log_dir[1024];             ///< creator, once: where the log is; empty = none
    alignas(64) shared_u64 tail;    ///< publishers: a hint of the next seq, never trusted
    char reserved0[56];
    char reserved1[2496];
    clock_table clock;
};
static_assert(sizeof(ring_header) == 8192);
static_assert(offsetof(ring_header, log_dir) == 512 && offsetof(ring_header, tail) == 1536);
static_assert(offsetof(ring_header, clock) == 4096);

/// A futex with a flag that says whether anybody sleeps on it (ring/doorbell.hpp).
struct doorbell_words {
    shared_u32 rings;        ///< futex: counts rings
    shared_u32 sleepers;     ///< 0, or the number of who sleeps or of who is ringing
    std::uint64_t reserved[7];
};
static_assert(sizeof(doorbell_words) == 64);

/// What a participant is.
enum class member_kind : std::uint8_t { none = 0, publisher = 1, subscriber = 2, consumer = 3, recorder = 4, tool = 5 };

/// Life of an entry of the table. Death does not show here but at the lock on its byte.
enum class member_state : std::uint8_t { never_used = 0, joined = 1, left = 2 };

/// One participant, at index = its number. Written by that participant alone.
struct alignas(64) member_entry {
    // line 0: at joining and leaving
    std::atomic<std::uint8_t> state;       ///< member_state; stored last (release)
    std::atomic<std::uint8_t> kind;        ///< member_kind
    std::atomic<std::uint16_t> incarnation;///< counts the lives of this number; 0 = none yet
    shared_u32 pid;                        ///< as seen in its own PID namespace
    std::atomic<std::int64_t> joined_ns;
    shared_u64 name[5];                    ///< 39 bytes and a zero
    shared_u64 reserved0;
    // line 1: while it works
    shared_u64 position;                   ///< publisher: last seq published; reader: next seq to read
    shared_u64 events;                     ///< published or delivered
    shared_u64 lost;                       ///< reader: seqs of gaps
    shared_u64 voids;                      ///< reader: void seqs seen
    shared_u64 from_log;                   ///< consumer: events delivered from the log
    shared_u64 turns;                      ///< consumer: times it went from ring to log
    shared_u32 mode;                       ///< consumer: 0 live, 1 catch-up
    shared_u32 pressure;                   ///< reader: 0 normal, 1 throttled, 2 suspended
    shared_u64 shed;                       ///< reader: large events forgotten over its byte budget
};
static_assert(sizeof(member_entry) == 128);
static_assert(offsetof(member_entry, name) == 16 && offsetof(member_entry, position) == 64);

/// Why a recorder stopped recording; stands in ctl, manifest and exit status.
enum class recorder_state : std::uint32_t {
    none = 0,          ///< never came
    recording = 1,
    ended = 2,         ///< left in good order, everything written
    no_space = 3,
    sync_failed = 4,
    backpressure = 5,
    corruption = 6,
    waiting_space = 7, ///< disk full, told to lose: going on as soon as there is space
    write_failed = 8,  ///< the system refused a write for another reason than space
};

/// How far the log is. One recorder writes; everybody reads.
struct alignas(64) frontier_words {
    shared_u64 written;      ///< last seq in the page cache; survives the process
    shared_u64 durable;      ///< last seq synced; survives power loss
    shared_u64 generation;   ///< recorder lives; moves after recovery, just before capture
    shared_u32 state;        ///< recorder_state
    shared_u32 recorder_pid;
    shared_u64 captured;     ///< last seq copied out of the ring
    shared_u64 anchor;       ///< the newest anchor's seq; 0 = there is none
    shared_u32 pressure;     ///< of the disk: 0 normal, 1 throttled, 2 suspended
    shared_u32 suspensions;  ///< times that it became suspended since the ring was made
    shared_u64 reserved;
};
static_assert(sizeof(frontier_words) == 64);

/// What publishers read and nobody writes but rarely: their shared verdict that no recorder needs waiting
/// for (ring/pacing.hpp), and, on an exclusive bus, the wish to close it (ring/retire.hpp).
struct alignas(64) verdict_words {
    shared_u64 verdict;      ///< generation:16 | frontier:48 for which it was given
    shared_u64 closing;      ///< exclusive bus: not 0 once somebody wants it closed; never 0 again
    shared_u64 closed_at;    ///< exclusive bus: the seq at which it ends, once somebody chose it; 0 = not yet
    shared_u64 reserved[5];
};
static_assert(sizeof(verdict_words) == 64);

/// Where somebody asks the recorder for an anchor, and is answered (ring/anchor_mailbox.hpp). Who holds
/// `anchor_lock_byte` writes; from `posted` to the answer the recorder does.
struct alignas(64) anchor_words {
    shared_u64 state;            ///< number:56 | phase:8
    shared_u64 answer;           ///< number:56 | answer:8 of the last request that was answered
    shared_u64 seq;              ///< the last one that is in the state
    shared_u64 walk_from;
    shared_u64 content_hash;
    shared_u64 reference_bytes;  ///< bit 63: there is a hash
    shared_u64 reserved[2];
    shared_u64 reference[32];
};
static_assert(sizeof(anchor_words) == 320 && offsetof(anchor_words, reference) == 64);

/// First page of ctl.
struct ctl_header {
    std::uint64_t magic;
    std::uint32_t byte_order;
    std::uint32_t version;
    std::uint64_t compatible;
    std::uint64_t incompatible;
    std::uint64_t file_bytes;
    std::uint64_t epoch;
    std::uint32_t members_offset;
    std::uint32_t member_stride;
    std::uint32_t member_count; ///< entries of the table
    std::uint32_t reserved0;
    frontier_words frontier;      ///< the recorder
    verdict_words verdict;        ///< publishers
    alignas(64) doorbell_words data_bell;     ///< rung after a commit
    alignas(64) doorbell_words frontier_bell; ///< rung after written or durable moved
    alignas(64) shared_u64 notices[8];        ///< counted by notice_kind
    alignas(64) shared_u32 publishers_high;   ///< greatest publisher number ever taken
    shared_u32 readers_high;                  ///< greatest other number ever taken
    char reserved1[56];
    std::uint32_t latency_offset;  ///< of latency_table
    std::uint32_t latency_stride;
    std::uint32_t latency_readers; ///< entries of the table that are readers'
    char reserved2[52];
    anchor_words anchors;          ///< who asks for an anchor, and the recorder
    char reserved3[3264];
};
static_assert(sizeof(ctl_header) == 4096);
static_assert(offsetof(ctl_header, frontier) == 64 && offsetof(ctl_header, verdict) == 128);
static_assert(offsetof(ctl_header, data_bell) == 192 && offsetof(ctl_header, frontier_bell) == 256);
static_assert(offsetof(ctl_header, notices) == 320 && offsetof(ctl_header, publishers_high) == 384);
static_assert(offsetof(ctl_header, latency_offset) == 448 && offsetof(ctl_header, anchors) == 512);

/// How long events were under way: how often, by length (ring/latency.hpp). Written by one participant alone.
struct alignas(64) latency_words {
    shared_u64 life;        ///< a reader's incarnation, a recorder's generation; 0 = nobody's, or being emptied
    shared_u64 sum_ns;
    shared_u64 max_ns;
    shared_u64 negative;    ///< of bucket 0: by the clock they were read before they were published
    shared_u64 reserved[4];
    shared_u64 buckets[64]; ///< two to an octave from 32 ns on; the first holds less, the last all that is more
};
static_assert(sizeof(latency_words) == 576 && offsetof(latency_words, buckets) == 64);

/// The first so many reader numbers have an entry in the table.
inline constexpr std::uint16_t latency_readers = 1024;

/// Behind the members.
struct latency_table {
    latency_words readers[latency_readers]; ///< published to read; the reader of number first_reader_no + k
    latency_words written;                  ///< published to in the page cache; the recorder
    latency_words durable;                  ///< published to synced; the recorder
};
static_assert(sizeof(latency_table) == (latency_readers + 2) * sizeof(latency_words));

inline constexpr std::size_t latency_offset = sizeof(ctl_header) + std::size_t{member_count} * sizeof(member_entry);
inline constexpr std::size_t ctl_bytes = latency_offset + sizeof(latency_table);

/// Bytes of ctl that are held as file locks; a participant holds the byte of its number.
inline constexpr std::uint64_t creation_lock_byte = 0;
inline constexpr std::uint64_t recorder_lock_byte = member_count;
/// Held by who asks for an anchor, until it is answered.
inline constexpr std::uint64_t anchor_lock_byte = member_count + 1;

} // namespace ring
} // namespace v1
} // namespace evbus
