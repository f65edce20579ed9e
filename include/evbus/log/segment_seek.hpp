// Finding a place within one segment, by footer where there is one (advice, checked) and by walking
// from header to header.
#pragma once

#include <evbus/log/segment_footer.hpp>
#include <evbus/log/segment_reader.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

/// A place to begin reading at, and the seq that the commit there should begin with or lie above.
struct commit_place {
    std::uint64_t offset = sizeof(segment_header);
    seq_t expect = no_seq;
    std::int64_t running_max_ns = 0; ///< of what stands before, as far as the walk saw it
};

namespace detail {

/// Walks on from `at` while the header there is fine and `before(header)` holds.
template <class Before>
commit_place skip_commits(segment_reader& in, commit_place at, Before before) noexcept {
    commit_view c;
    while (in.read_header_only(at.offset, c) == walk::commit && !c.misplaced() && c.header.first_seq >= at.expect &&
           before(c.header))
        at = {c.end(), c.header.last_seq + 1, c.header.running_max_ns};
    return at;
}

/// The last block that satisfies `before`, when a fine commit header of its seq stands there.
template <class Before>
commit_place from_footer(segment_reader& in, seq_t first, std::uint64_t seed, Before before) {
    commit_place out{sizeof(segment_header), first, 0};
    segment_footer footer;
    if (!footer.open(in.source(), first, seed)) return out;
    const std::vector<block_entry> blocks = footer.blocks();
    const auto it = std::partition_point(blocks.begin(), blocks.end(), before);
    if (it == blocks.begin()) return out;
    const block_entry& b = *(it - 1);
    commit_view c;
    if (in.read_header_only(b.offset, c) != walk::commit || c.misplaced() || c.header.first_seq != b.first_seq)
        return out;
    return {b.offset, b.first_seq, it - 1 == blocks.begin() ? 0 : (it - 2)->running_max_ns};
}

} // namespace detail

/// The commit that holds `seq`, or where the walk to it broke off. `first` is the segment's.
[[nodiscard]] inline commit_place seek_seq(segment_reader& in, seq_t first, std::uint64_t seed, seq_t seq) {
    const auto begins_before = [seq](const block_entry& b) { return b.first_seq < seq; };
    const commit_place near = detail::from_footer(in, first, seed, begins_before);
    return detail::skip_commits(in, near, [seq](const commit_header& h) { return h.last_seq < seq && h.first_seq < seq; });
}

/// The first commit whose running greatest time is `ns` or later.
[[nodiscard]] inline commit_place seek_running_max(segment_reader& in, seq_t first, std::uint64_t seed, std::int64_t ns) {
    const auto ends_before = [ns](const block_entry& b) { return b.running_max_ns < ns; };
    const commit_place near = detail::from_footer(in, first, seed, ends_before);
    return detail::skip_commits(in, near, [ns](const commit_header& h) { return h.running_max_ns < ns; });
}

} // namespace log
} // namespace v1
} // namespace evbus
