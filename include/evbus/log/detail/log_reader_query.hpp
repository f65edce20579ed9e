// log_reader: leaving out what a query cannot match.
//
// The plan of a sealed segment names the blocks to read. What lies between them is frames, and follows
// the blocks without a hole, by the word of a footer whose checks passed; the commit that a skip leads
// to says itself which seq it begins with. Whatever does not fit ends the plan, and the segment is
// read on from where the reader stands.
#pragma once

#include <evbus/log/log_reader.hpp>

namespace evbus {
inline namespace v1 {
namespace log {

inline void log_reader::make_plan(const segment_footer& footer) {
    replan_ = false;
    plan_.reset();
    if (footer.is_open()) plan_ = plan_query(footer, segment_, query_);
}

/// True when it moved on: to a block that may match, or to the end of what the plan is about.
inline bool log_reader::skips() {
    if (replan_) {
        segment_footer footer;
        static_cast<void>(footer.open(in_.source(), segment_, bus_.seed()));
        make_plan(footer);
        count(footer);
    }
    if (!plan_ || !may_skip_ || at_break_ || looked_again_ || is_in_wanted_block()) return false;
    const segment_summary& sum = plan_->summary;
    const std::uint64_t to = std::min(plan_->blocks.next(at_), sum.data_end);
    if (to == at_ || at_ > sum.data_end) return false;
    if (to == sum.data_end) {
        skip_to(to, sum.last_seq + 1);
        return true;
    }
    commit_view c;
    if (in_.read_header_only(to, c, fill(to)) == walk::commit && !c.misplaced() && c.header.first_seq >= expect_) {
        skip_to(to, c.header.first_seq);
        return true;
    }
    plan_.reset();
    return false;
}

/// A block is a commit, and those behind it as long as they end within index_block_bytes of its beginning.
inline bool log_reader::is_in_wanted_block() noexcept {
    const std::uint64_t block = plan_->blocks.last(at_);
    if (block == 0 || at_ - block + sizeof(commit_header) > index_block_bytes) return false;
    if (at_ == block) return true;
    commit_view c;
    return in_.read_header_only(at_, c, fill(at_)) != walk::commit || c.end() - block <= index_block_bytes;
}

inline void log_reader::skip_to(std::uint64_t offset, seq_t first) noexcept {
    if (first > next_) pending_ = {first - 1, entry_kind::skipped, gap_cause::damage};
    at_ = offset;
    expect_ = first;
    chain_ = 0;
    broken_bytes_ = -1;
}

/// How much to read at once at `offset`: as far as wanted blocks follow each other.
inline std::size_t log_reader::fill(std::uint64_t offset) const noexcept {
    constexpr std::uint64_t block = index_block_bytes + sizeof(commit_header) + 8;
    if (!plan_ || !may_skip_ || offset >= plan_->blocks.all_from) return read_window::capacity;
    std::uint64_t last = offset;
    while (last - offset < read_window::capacity - block) {
        const std::uint64_t next = plan_->blocks.next(last + 8);
        if (next > last + block) break;
        last = next;
    }
    return static_cast<std::size_t>(std::min<std::uint64_t>(last + block - offset, read_window::capacity));
}

} // namespace log
} // namespace v1
} // namespace evbus
