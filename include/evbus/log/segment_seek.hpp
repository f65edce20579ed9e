// Finding a place within one segment: by its footer where there is one (advice, checked), else by closing in
// on it: commits say where they stand, so that from any offset the next whole one is found.
#pragma once

#include <evbus/log/segment_footer.hpp>
#include <evbus/log/segment_reader.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
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

/// Walks on from `at` while the header there is fine and `before(header)` holds. Reads `fill` bytes at once.
template <class Before>
commit_place skip_commits(segment_reader& in, commit_place at, Before before, std::size_t fill) noexcept {
    commit_view c;
    while (in.read_header_only(at.offset, c, fill) == walk::commit && !c.misplaced() && c.header.first_seq >= at.expect &&
           before(c.header))
        at = {c.end(), c.header.last_seq + 1, c.header.running_max_ns};
    return at;
}

/// The last block that satisfies `before`, when a fine commit header of its seq stands there; else nothing.
template <class Before>
std::optional<commit_place> from_footer(segment_reader& in, const segment_footer& footer, Before before) {
    if (!footer.is_open()) return std::nullopt;
    const std::vector<block_entry> blocks = footer.blocks();
    const auto it = std::partition_point(blocks.begin(), blocks.end(), before);
    if (it == blocks.begin()) return std::nullopt;
    const block_entry& b = *(it - 1);
    commit_view c;
    if (in.read_header_only(b.offset, c, index_block_bytes) != walk::commit || c.misplaced() || c.header.first_seq != b.first_seq)
        return std::nullopt;
    return commit_place{b.offset, b.first_seq, it - 1 == blocks.begin() ? 0 : (it - 2)->running_max_ns};
}

/// Looks at the commit behind `offset`; true when `low` moved up to it, false when `high` moved down.
template <class Before>
bool narrow(segment_reader& in, std::uint64_t offset, commit_place& low, std::uint64_t& high, commit_view& c, Before before) noexcept {
    if (in.find(offset, low.expect, c) == walk::commit && c.offset < high && before(c.header)) {
        low = {c.end(), c.header.last_seq + 1, c.header.running_max_ns};
        return true;
    }
    high = offset;
    return false;
}

/// Behind a commit that satisfies `before`, and less than a window before the first that does not. `key`
/// rises with the offset, mostly evenly: where `wanted` should be is looked at on either side, and each
/// third look is in the middle, for logs where it does not.
template <class Key, class Before>
commit_place close_in(segment_reader& in, commit_place low, Key key, double wanted, Before before) noexcept {
    constexpr std::uint64_t window = read_window::capacity;
    const std::int64_t size = in.size();
    std::uint64_t high = size < 0 ? 0 : static_cast<std::uint64_t>(size);
    if (high <= low.offset || high - low.offset <= window) return low;
    commit_view c;
    if (in.read_header_only(low.offset, c) != walk::commit || !before(c.header)) return low;
    double low_key = key(c.header);
    if (narrow(in, high - window, low, high, c, before)) return low;
    double high_key = c.header.magic == commit_magic ? key(c.header) : low_key;
    for (unsigned look = 0; high > low.offset && high - low.offset > window; ++look) {
        const std::uint64_t span = high - low.offset;
        std::uint64_t at = low.offset + span / 2;
        if (look % 3 != 2 && high_key > low_key) {
            const double share = std::clamp((wanted - low_key) / (high_key - low_key), 0.0, 1.0);
            const auto guess = static_cast<std::uint64_t>(share * static_cast<double>(span));
            at = low.offset + (look % 3 == 0 ? guess - std::min(guess, window / 2) : std::min(guess + window / 4, span - 8));
        }
        if (narrow(in, at, low, high, c, before)) low_key = key(c.header);
        else if (c.offset >= at && c.header.magic == commit_magic) high_key = key(c.header);
    }
    return low;
}

template <class BlockBefore, class Key, class CommitBefore>
commit_place seek_place(segment_reader& in, seq_t first, const segment_footer& footer, BlockBefore block_before, Key key, double wanted,
                        CommitBefore commit_before) {
    if (const std::optional<commit_place> near = from_footer(in, footer, block_before))
        return skip_commits(in, *near, commit_before, index_block_bytes);
    const commit_place start{sizeof(segment_header), first, 0};
    return skip_commits(in, close_in(in, start, key, wanted, commit_before), commit_before, read_window::capacity);
}

} // namespace detail

/// The commit that holds `seq`, or where the walk to it broke off. `first` is the segment's; `footer` may be closed.
[[nodiscard]] inline commit_place seek_seq(segment_reader& in, seq_t first, const segment_footer& footer, seq_t seq) {
    return detail::seek_place(in, first, footer, [seq](const block_entry& b) { return b.first_seq < seq; },
                              [](const commit_header& h) { return static_cast<double>(h.first_seq); }, static_cast<double>(seq),
                              [seq](const commit_header& h) { return h.last_seq < seq && h.first_seq < seq; });
}

/// The same, for who has not opened the footer.
[[nodiscard]] inline commit_place seek_seq(segment_reader& in, seq_t first, std::uint64_t seed, seq_t seq) {
    segment_footer footer;
    static_cast<void>(footer.open(in.source(), first, seed));
    return seek_seq(in, first, footer, seq);
}

/// The first commit whose running greatest time is `ns` or later.
[[nodiscard]] inline commit_place seek_running_max(segment_reader& in, seq_t first, const segment_footer& footer, std::int64_t ns) {
    return detail::seek_place(in, first, footer, [ns](const block_entry& b) { return b.running_max_ns < ns; },
                              [](const commit_header& h) { return static_cast<double>(h.running_max_ns); }, static_cast<double>(ns),
                              [ns](const commit_header& h) { return h.running_max_ns < ns; });
}

} // namespace log
} // namespace v1
} // namespace evbus
