// One pass over a segment that decides which commits are believed. A commit is believed when its
// checksums hold and its first seq is above the last believed one: so neither leftovers of an older
// write nor payloads that look like commits get in. Pure: nothing is changed on disk.
#pragma once

#include <evbus/log/segment_reader.hpp>

#include <cstdint>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

/// Seqs that should stand somewhere and do not. Empty (last < first) for a break that hid no seq.
struct hole {
    seq_range range;
    std::uint64_t offset = 0; ///< where in the segment the break begins
};

struct segment_walk {
    chain_state end;              ///< after the last believed commit
    std::uint64_t valid_end = 0;  ///< where that commit ends
    std::uint64_t bytes = 0;      ///< where the walk ended: the file's size, or the footer's place
    bool sealed = false;          ///< a footer begins at `bytes`
    std::vector<hole> holes;      ///< breaks with a valid commit behind them
    std::uint64_t commits = 0;
    std::uint64_t duplicates = 0; ///< equal commits, and such as come late and out of their place: skipped
    std::uint64_t chain_breaks = 0; ///< commits that do not build on the one before, although none is missing
    bool fork = false;            ///< two different commits for the same seqs: the walk stopped there
    std::uint64_t fork_offset = 0;
    std::uint64_t fork_end = 0;   ///< where the second of the two ends: who keeps the first goes on from there
    commit_fault refused = commit_fault::none; ///< version or codec: the walk stopped there
    seq_t torn_last = no_seq;     ///< the last seq that a torn commit's own header names
    int os_error = 0;             ///< the walk stopped at an error of the system

    [[nodiscard]] bool has_torn_tail() const noexcept { return !sealed && valid_end < bytes; }
};

namespace detail {

struct believed {
    seq_t first;
    seq_t last;
    std::uint64_t body_hash;
};

[[nodiscard]] inline bool is_known(const std::vector<believed>& seen, const commit_header& h) noexcept {
    for (std::size_t i = seen.size(); i-- > 0 && seen[i].last + 1 >= h.first_seq;)
        if (seen[i].first == h.first_seq && seen[i].last == h.last_seq && seen[i].body_hash == h.body_hash)
            return true;
    return false;
}

/// Has any of its seqs been believed already? One out of its place that comes late has not: those were a hole.
[[nodiscard]] inline bool is_about(const std::vector<believed>& seen, const commit_header& h) noexcept {
    for (const believed& b : seen)
        if (b.first <= h.last_seq && h.first_seq <= b.last) return true;
    return false;
}

} // namespace detail

/// Walks the segment open in `in`. `start` is the state before its first commit: `next` its first
/// seq, `chain` 0 when not known. Calls visit(const commit_view&) for each believed commit. `from` is
/// where the first of them stands.
template <class Visit>
[[nodiscard]] segment_walk walk_segment(segment_reader& in, const chain_state& start, Visit&& visit,
                                        std::uint64_t from = sizeof(segment_header)) {
    segment_walk out;
    std::vector<detail::believed> seen;
    commit_view c;
    out.end = start;
    out.valid_end = from;
    bool chain_known = start.chain != 0 || start.next == 1;
    std::uint64_t at = from;
    const std::int64_t size = in.size();
    out.bytes = size < 0 ? 0 : static_cast<std::uint64_t>(size);
    if (size < 0) { // not known is not empty
        out.valid_end = 0;
        out.os_error = static_cast<int>(-size);
        return out;
    }
    if (out.bytes < at) {
        out.valid_end = 0;
        return out;
    }
    while (true) {
        walk w = in.read(at, c);
        const commit_fault fault = in.fault();
        if (w == walk::failed) break;
        if (w == walk::end) return out;
        if (w == walk::sealed) {
            out.sealed = true;
            out.bytes = at;
            return out;
        }
        if (w == walk::broken && (fault == commit_fault::codec || fault == commit_fault::version)) {
            out.refused = fault;
            return out;
        }
        if (w == walk::commit && c.header.first_seq <= out.end.next - 1) {
            const bool late = c.misplaced() && !detail::is_about(seen, c.header);
            if (!late && !detail::is_known(seen, c.header)) {
                out.fork = true;
                out.fork_offset = at;
                out.fork_end = c.end();
                return out;
            }
            ++out.duplicates;
            at = c.end();
            continue;
        }
        if (w == walk::commit && c.misplaced()) {
            if (chain_after(c.header, start.seed) == out.end.chain) { // a repeat of a commit without seqs
                ++out.duplicates;
                at = c.end();
                continue;
            }
            w = walk::broken;
        }
        if (w == walk::broken) {
            // A header that holds is believed for its length; otherwise every word is looked at.
            const bool skip = fault == commit_fault::body && !c.misplaced();
            if ((skip || fault == commit_fault::cut_short) && c.header.magic == commit_magic)
                out.torn_last = std::max(out.torn_last, c.header.last_seq);
            const std::uint64_t broken_at = at;
            w = in.find(skip ? c.end() : at + 8, out.end.next, c);
            if (w == walk::failed) break;
            if (w == walk::end) return out;
            out.holes.push_back({{out.end.next, c.header.first_seq - 1}, broken_at});
            out.torn_last = no_seq;
            chain_known = false;
        } else if (c.header.first_seq > out.end.next) {
            out.holes.push_back({{out.end.next, c.header.first_seq - 1}, at});
            chain_known = false;
        }
        if (chain_known && c.header.previous_chain != out.end.chain) ++out.chain_breaks;
        chain_known = true;
        seen.push_back({c.header.first_seq, c.header.last_seq, c.header.body_hash});
        visit(static_cast<const commit_view&>(c));
        out.end = state_after(c.header, start.seed);
        ++out.commits;
        at = out.valid_end = c.end();
    }
    out.os_error = in.os_error();
    return out;
}

} // namespace log
} // namespace v1
} // namespace evbus
