// Reads a log in the order of its seqs: growing or sealed, with or without index, damaged, and while
// retention deletes from it. What it gives never leaves a seq out and never gives one twice, from the
// sought seq on: what cannot be had comes as a gap in its place. Every commit is verified before
// anything of it is given. One thread; memory is bounded (two windows of 256 KiB, the file names,
// and for a query the places of one segment's blocks, at most 4 MiB).
//
// The hard case is the end of the newest segment: a recorder may be writing there, so that a broken
// commit with nothing whole behind it is "nothing yet". Who must not see bytes that a failed write
// takes back again reads with a limit: the recorder's `written` frontier.
#pragma once

#include <evbus/log/log_entry.hpp>
#include <evbus/log/log_tail.hpp>
#include <evbus/log/query_plan.hpp>
#include <evbus/log/segment_list.hpp>
#include <evbus/log/segment_seek.hpp>

#include <cstdint>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace log {

struct reader_options {
    std::optional<bus_id> expected{}; ///< refuse a log of any other bus
};

class log_reader {
public:
    /// Opens the log in `dir`, standing at its first seq. Throws errc::not_found (no log there),
    /// permission, not_a_bus (no readable segment in a log that has some), foreign_log,
    /// wrong_version or unknown_feature. A log without segments is fine when a bus is expected,
    /// or its epochs name one.
    log_reader(file_system& fs, std::string dir, reader_options options = {});

    [[nodiscard]] const bus_id& bus() const noexcept { return bus_; }
    /// The first seq that the log may still have; no_seq while it has no segment. Looks at the directory.
    [[nodiscard]] seq_t first_seq() noexcept;
    /// The last seq under a valid commit at present; first_seq() - 1 or no_seq when there is none.
    [[nodiscard]] seq_t last_seq() noexcept;

    /// The greatest publish time in the log at present, ns; 0 when nothing is stamped. Reads the newest
    /// segment's end.
    [[nodiscard]] std::int64_t last_time_ns();

    /// next() goes on at `next`, which may lie below the log, in it, or ahead of it.
    void seek(seq_t next) noexcept {
        next_ = next == no_seq ? 1 : next;
        leave_segment();
        pending_ = {};
    }
    /// Seeks the first seq at which the greatest publish time so far is `ns` or later, and returns
    /// it; last_seq() + 1 when there is none. Stamps of several publishers are not monotone: single
    /// events before it may be younger than `ns` only in being stamped, never in being first.
    seq_t seek_time(std::int64_t ns);
    /// The seq that next() goes on with.
    [[nodiscard]] seq_t position() const noexcept { return next_; }

    /// What is asked for from here on: where a sealed segment's index says that nothing matches, next() gives
    /// `skipped` instead of frames. All else comes as ever: voids, gaps, and the notes between them. The
    /// filters stay the caller's, and unchanged.
    void select(const query& q) noexcept {
        if (q == query_) return;
        query_ = q;
        if (!pending_.empty() && pending_.kind == entry_kind::skipped) seek(next_); // what nobody wanted may be wanted now
        plan_.reset();
        replan_ = true;
    }
    /// False: nothing is left out until this is true again. For who has an event half-read, whose rest is in
    /// frames that only their publisher tells from others.
    void may_skip(bool yes) noexcept { may_skip_ = yes; }

    /// The next entry that begins at or before `limit`, cut at it. After `failed`, failure() says why
    /// and the same place is tried again.
    [[nodiscard]] step next(entry& out, seq_t limit = max_seq) noexcept {
        while (true) {
            if (next_ > limit) return step::end;
            if (!pending_.empty()) return give_pending(out, limit);
            if (in_commit_) {
                if (give_record(out)) return step::entry;
                continue;
            }
            try {
                if (const step s = advance(); s != step::entry) return s;
            } catch (const std::bad_alloc&) {
                return fail("out of memory");
            }
        }
    }
    /// Why next() failed, for people.
    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
    [[nodiscard]] read_stats stats() const noexcept {
        read_stats s = stats_;
        s.bytes += in_.bytes_read() + tail_->bytes_read();
        s.reads += in_.reads() + tail_->reads();
        return s;
    }

private:
    /// A range that is to be given piece by piece.
    struct pending_range {
        seq_t last = no_seq;
        entry_kind kind = entry_kind::gap;
        gap_cause cause = gap_cause::damage;
        [[nodiscard]] bool empty() const noexcept { return last == no_seq; }
    };

    [[nodiscard]] step give_pending(entry& out, seq_t limit) noexcept {
        out.kind = pending_.kind;
        out.cause = pending_.cause;
        out.range = {next_, std::min(pending_.last, limit)};
        next_ = out.range.last + 1;
        if (out.range.last == pending_.last) pending_ = {};
        return step::entry;
    }
    /// True when `out` is filled; false when the commit went on, ended, or a range is pending.
    [[nodiscard]] bool give_record(entry& out) noexcept;
    [[nodiscard]] bool give_range(const raw_record& r, std::span<const std::byte> before) noexcept;
    [[nodiscard]] bool give_note(const raw_record& r, entry& out) noexcept;
    void owe_gap(seq_t last, gap_cause cause) noexcept { pending_ = {last, entry_kind::gap, cause}; }

    [[nodiscard]] step advance();
    [[nodiscard]] step open_segment(seq_t first, gap_cause missing);
    [[nodiscard]] step take_commit() noexcept;
    [[nodiscard]] step leave_at_end();
    [[nodiscard]] bool owe_sealed_rest();
    [[nodiscard]] step resync();
    void make_plan(const segment_footer& footer);
    [[nodiscard]] bool skips();
    [[nodiscard]] bool is_in_wanted_block() noexcept;
    void skip_to(std::uint64_t offset, seq_t first) noexcept;
    [[nodiscard]] std::size_t fill(std::uint64_t offset) const noexcept;
    void count(const segment_footer& footer) noexcept {
        stats_.bytes += footer.bytes_read();
        stats_.reads += footer.reads();
    }
    void leave_segment() noexcept {
        in_.close();
        in_commit_ = false;
        looked_again_ = false;
        at_break_ = false;
        broken_bytes_ = -1;
        chain_ = 0;
        plan_.reset();
    }
    [[nodiscard]] step fail(const char* why) noexcept;
    [[nodiscard]] std::optional<std::int64_t> first_running_max(seq_t segment);
    [[nodiscard]] seq_t first_at_time(const commit_view& c, std::int64_t running, std::int64_t ns) const noexcept;

    file_system* fs_;
    segment_list segments_;
    bus_id bus_;
    std::optional<log_tail> tail_;
    segment_reader in_;
    seq_t segment_ = no_seq;         ///< the segment in_ is open on
    std::uint64_t at_ = 0;           ///< offset of the commit to read next
    seq_t expect_ = no_seq;          ///< no commit that begins below it is believed
    std::uint64_t chain_ = 0;        ///< hash after the last commit taken; 0 when not known
    bool looked_again_ = false;      ///< the segment's end was read again after its successor was seen
    std::int64_t broken_bytes_ = -1; ///< the size at which nothing whole was found behind a break
    bool at_break_ = false;          ///< seqs between next_ and the commit at at_ may be damaged
    query query_{};
    bool replan_ = false;            ///< query_ is another one than plan_ was made for
    bool may_skip_ = true;
    std::optional<query_plan> plan_{}; ///< of this segment; without one all of it is read
    commit_view commit_{};
    bool in_commit_ = false;
    std::span<const std::byte> rest_{}; ///< the commit's records still to give
    seq_t walked_ = no_seq;             ///< the seq that rest_ begins at
    seq_t next_ = 1;
    pending_range pending_{};
    read_stats stats_{};
    std::string failure_;
};

} // namespace log
} // namespace v1
} // namespace evbus

#include <evbus/log/detail/log_reader_open.hpp>
#include <evbus/log/detail/log_reader_query.hpp>
#include <evbus/log/detail/log_reader_walk.hpp>
