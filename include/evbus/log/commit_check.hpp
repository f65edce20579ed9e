// What makes a commit believable: its header by its own checksum before any length in it is used,
// then its body. The chain hash joins each commit to the one before.
#pragma once

#include <evbus/detail/hash.hpp>
#include <evbus/ids.hpp>
#include <evbus/log/body_codec.hpp>
#include <evbus/log/format.hpp>
#include <evbus/version.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace evbus {
inline namespace v1 {
namespace log {

/// Where a log stands after a commit: what the next one builds on.
struct chain_state {
    std::uint64_t seed = 0;           ///< bus_id::seed()
    std::uint64_t chain = 0;          ///< hash after the last commit
    std::int64_t running_max_ns = 0;  ///< greatest time so far
    seq_t next = 1;                   ///< the seq that comes next
};

enum class commit_fault : std::uint8_t {
    none,
    no_commit,     ///< the magic is not there
    header,        ///< the header fails its checksum or contradicts itself
    version,       ///< written by a newer version
    codec,         ///< stored by a codec that this reader was not built with
    cut_short,     ///< the file ends before it does
    body,          ///< the body fails its checksum
};

[[nodiscard]] constexpr const char* to_string(commit_fault f) noexcept {
    switch (f) {
    case commit_fault::none: return "fine";
    case commit_fault::no_commit: return "no commit begins here";
    case commit_fault::header: return "the commit's header fails its checks";
    case commit_fault::version: return "the commit was written by a newer version";
    case commit_fault::codec:
        return "the commit is compressed by a codec that this program was built without (zstd: include "
               "<evbus/log/zstd.hpp> in one of its sources and link libzstd; the tools of evbus have it)";
    case commit_fault::cut_short: return "the file ends within the commit";
    case commit_fault::body: return "the commit's body fails its checksum";
    }
    return "?";
}

[[nodiscard]] inline std::uint64_t chain_after(const commit_header& h, std::uint64_t seed) noexcept {
    const chain_input in{h.previous_chain, h.body_hash, h.first_seq, h.last_seq, h.record_count, h.running_max_ns};
    return evbus::detail::xxh3(&in, sizeof in, seed);
}

[[nodiscard]] inline std::uint64_t header_checksum(const commit_header& h, std::uint64_t seed) noexcept {
    return evbus::detail::xxh3(&h, offsetof(commit_header, header_checksum), seed);
}

/// Checks everything about a commit but its body. After `none`, `version` and `codec` its lengths
/// are within their bounds.
[[nodiscard]] inline commit_fault check_header(const commit_header& h, std::uint64_t seed) noexcept {
    if (h.magic != commit_magic) return commit_fault::no_commit;
    if (header_checksum(h, seed) != h.header_checksum) return commit_fault::header;
    if (h.stored_bytes > max_commit_body || h.raw_bytes > max_commit_body || h.stored_bytes % 8 != 0 ||
        h.raw_bytes % 8 != 0 || h.first_seq == no_seq || h.last_seq < h.first_seq - 1 ||
        h.last_seq == max_seq)
        return commit_fault::header;
    if (h.version > log_format_version) return commit_fault::version;
    if (!can_decode(h.codec)) return commit_fault::codec;
    if (h.codec == static_cast<std::uint8_t>(codec::none) &&
        (h.stored_bytes != h.raw_bytes || h.stored_checksum != h.body_hash))
        return commit_fault::header;
    return commit_fault::none;
}

/// True when the commit carries seqs, not only MEMBER, RUN, ANCHOR and notes.
[[nodiscard]] inline bool covers_seqs(const commit_header& h) noexcept { return h.last_seq >= h.first_seq; }

/// The state after a commit that was believed.
[[nodiscard]] inline chain_state state_after(const commit_header& h, std::uint64_t seed) noexcept {
    return {seed, chain_after(h, seed), h.running_max_ns, h.last_seq + 1};
}

/// Fills in the checksum of a header struct whose last member is `checksum`.
template <class Header>
[[nodiscard]] std::uint64_t checksum_of(const Header& h, std::uint64_t seed) noexcept {
    return evbus::detail::xxh3(&h, offsetof(Header, checksum), seed);
}

[[nodiscard]] inline bus_id bus_of(const segment_header& h) noexcept { return {{h.bus_id[0], h.bus_id[1]}}; }

/// The header of a segment that begins behind `before`; `created_ns` and the checksum are to be filled in.
[[nodiscard]] inline segment_header header_behind(const chain_state& before, const bus_id& bus, epoch_t epoch) noexcept {
    segment_header h{};
    h.magic = segment_magic;
    h.version = log_format_version;
    h.header_bytes = sizeof h;
    h.bus_id[0] = bus.words[0];
    h.bus_id[1] = bus.words[1];
    h.epoch = static_cast<std::uint64_t>(epoch);
    h.first_seq = before.next;
    h.previous_last_seq = before.next - 1;
    h.previous_chain = before.chain;
    return h;
}

} // namespace log
} // namespace v1
} // namespace evbus
