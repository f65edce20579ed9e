// log_reader: from record to record, from commit to commit, from segment to segment.
#pragma once

#include <evbus/log/log_reader.hpp>

namespace evbus {
inline namespace v1 {
namespace log {

inline bool log_reader::give_record(entry& out) noexcept {
    const std::span<const std::byte> before = rest_;
    raw_record r;
    if (rest_.empty() || !take_record(rest_, r)) {
        // Seqs that the header promised and no record brought are as good as unreadable.
        in_commit_ = false;
        if (covers_seqs(commit_.header) && commit_.header.last_seq >= next_)
            owe_gap(commit_.header.last_seq, gap_cause::damage);
        return false;
    }
    switch (r.kind) {
    case record_kind::event:
    case record_kind::fragment: {
        if (parse_frame(r.body, out.frame, topic_check::trusted) != frame_fault::none) return false;
        const seq_t seq = out.frame.header.word;
        // A commit holds what its header says: recovery goes by that, and gives seqs behind it to others.
        if (seq > commit_.header.last_seq) return false;
        if (seq != next_) {
            if (seq > next_) {
                rest_ = before;
                owe_gap(seq - 1, gap_cause::damage);
            } else {
                walked_ = seq + 1;
            }
            return false;
        }
        out.kind = entry_kind::frame;
        out.range = {seq, seq};
        walked_ = next_ = seq + 1;
        return true;
    }
    case record_kind::void_:
    case record_kind::lost:
    case record_kind::damage: return give_range(r, before);
    case record_kind::member:
    case record_kind::run:
    case record_kind::anchor: return walked_ >= next_ && give_note(r, out);
    }
    return false; // a kind of a later version
}

inline bool log_reader::give_range(const raw_record& r, std::span<const std::byte> before) noexcept {
    seq_range range;
    gap_cause cause{};
    if ((r.flags & record_flags::note) != 0 || !parse_range(r, range, cause)) return false;
    range.last = std::min(range.last, commit_.header.last_seq);
    if (range.last < next_) {
        walked_ = range.last + 1;
    } else if (range.first > next_) {
        rest_ = before;
        owe_gap(range.first - 1, gap_cause::damage);
    } else {
        pending_ = {range.last, r.kind == record_kind::void_ ? entry_kind::void_range : entry_kind::gap, cause};
        walked_ = range.last + 1;
    }
    return false;
}

inline bool log_reader::give_note(const raw_record& r, entry& out) noexcept {
    out.range = {next_, next_ - 1};
    if (r.kind == record_kind::member) {
        out.kind = entry_kind::member;
        return parse_member(r, out.member);
    }
    if (r.kind == record_kind::run) {
        out.kind = entry_kind::run;
        return parse_run(r, out.run);
    }
    out.kind = entry_kind::anchor;
    return parse_anchor(r, out.anchor);
}

/// Makes a commit current, or owes a gap, or says that there is nothing (end) or an error (failed).
inline step log_reader::advance() {
    if (!in_.is_open()) {
        if (const int r = segments_.refresh(); r < 0) {
            errno = -r;
            return fail("list segments");
        }
        if (segments_.empty()) return step::end;
        const seq_t holding = segments_.holding(next_);
        return open_segment(holding != no_seq ? holding : segments_.firsts().front(), gap_cause::retention);
    }
    if (query_.narrows() && skips()) return step::entry;
    if (plan_ && at_ == plan_->summary.data_end) return leave_at_end();
    switch (in_.read(at_, commit_, fill(at_))) {
    case walk::commit: return take_commit();
    case walk::end:
    case walk::sealed: return leave_at_end();
    case walk::failed: errno = in_.os_error(); return fail("read");
    case walk::broken: break;
    }
    if (in_.fault() == commit_fault::codec || in_.fault() == commit_fault::version) {
        errno = 0;
        return fail(to_string(in_.fault()));
    }
    return resync();
}

/// Goes to the segment that begins at `first`; seqs between next_ and it are owed as `missing`.
inline step log_reader::open_segment(seq_t first, gap_cause missing) {
    leave_segment();
    if (const int r = in_.open(*fs_, segment_path(segments_.dir(), first), bus_.seed()); r < 0) {
        errno = -r;
        if (r != -ENOENT) return fail("open");
        // Deleted since it was listed: go by a new list, unless that names it still.
        if (const int listed = segments_.refresh(); listed < 0) {
            errno = -listed;
            return fail("list segments");
        }
        return segments_.holding(first) == first ? step::end : step::entry;
    }
    segment_ = first;
    at_ = sizeof(segment_header);
    expect_ = first;
    segment_header h;
    const segment_fault fault = in_.read_header(bus_, first, h);
    if (fault == segment_fault::version || fault == segment_fault::feature || fault == segment_fault::io) {
        errno = fault == segment_fault::io ? in_.os_error() : 0;
        const step s = fail(to_string(fault));
        leave_segment();
        return s;
    }
    segment_footer footer;
    const bool inside = first < next_;
    if (inside || query_.narrows()) static_cast<void>(footer.open(in_.source(), first, bus_.seed()));
    if (query_.narrows()) make_plan(footer);
    if (first > next_) {
        owe_gap(first - 1, missing);
    } else if (first == next_) {
        chain_ = fault == segment_fault::none ? h.previous_chain : 0;
    } else {
        const commit_place place = seek_seq(in_, first, footer, next_);
        at_ = place.offset;
        expect_ = std::max(place.expect, first);
    }
    count(footer);
    in_.refresh();
    return step::entry;
}

inline step log_reader::take_commit() noexcept {
    const commit_header& h = commit_.header;
    const std::uint64_t chain = chain_after(h, bus_.seed());
    if (h.first_seq < expect_ || (commit_.misplaced() && chain == chain_)) {
        ++stats_.duplicates;
        at_ = commit_.end();
        return step::entry;
    }
    if (commit_.misplaced()) return resync();
    ++stats_.commits;
    if (chain_ != 0 && h.first_seq == expect_ && h.previous_chain != chain_) ++stats_.chain_breaks;
    chain_ = chain;
    looked_again_ = at_break_ = false;
    broken_bytes_ = -1;
    at_ = commit_.end();
    expect_ = h.last_seq + 1;
    if (expect_ < next_) return step::entry; // before the sought place
    if (h.first_seq > next_) owe_gap(h.first_seq - 1, gap_cause::damage);
    rest_ = commit_.body;
    walked_ = h.first_seq;
    in_commit_ = true;
    return step::entry;
}

/// A sealed segment says how far it went: what is broken at its end is damage, not "nothing yet".
inline bool log_reader::owe_sealed_rest() {
    segment_footer footer;
    std::optional<segment_summary> sum;
    if (footer.open(in_.source(), segment_, bus_.seed())) sum = footer.summary();
    count(footer);
    if (!sum || sum->last_seq < next_) return false;
    // The last commits and the footer may have come between our read and now: look once more.
    if (std::exchange(looked_again_, true)) owe_gap(sum->last_seq, gap_cause::damage);
    return true;
}

/// Nothing more stands in this segment: on to the next, or nothing yet.
inline step log_reader::leave_at_end() {
    in_.refresh();
    // A successor that is listed already stays the successor: segments come at the end and go at the front. But
    // recovery may put another one before it, so that nothing is called missing by an old listing.
    seq_t successor = segments_.after(segment_);
    const bool was_listed = successor != no_seq && (successor <= next_ || looked_again_);
    if (!was_listed) {
        if (const int r = segments_.refresh(); r < 0) {
            errno = -r;
            return fail("list segments");
        }
        successor = segments_.after(segment_);
    }
    if (successor == no_seq) {
        // Recovery may have moved a torn segment away, and begun another one under its name or gone on in the one before.
        if (in_.source().is_at(segment_path(segments_.dir(), segment_))) return owe_sealed_rest() ? step::entry : step::end;
        leave_segment();
        return step::entry;
    }
    if (!was_listed && !looked_again_) {
        // The recorder may have appended here between our read and the listing that shows its next
        // segment; from now on it appends nothing here.
        looked_again_ = true;
        plan_.reset();
        return step::entry;
    }
    if (successor == next_) return open_segment(successor, gap_cause::damage);
    const std::string path = segment_path(segments_.dir(), segment_);
    const bool is_there = in_.source().is_at(path);
    if (file_info now; !is_there && (segments_.holding(next_) != segment_ || fs_->stat(path, now) == 0)) {
        // A later recorder has written it afresh, and it goes on there; or took it away, and went on in another.
        leave_segment();
        return step::entry;
    }
    // A listing that was made while retention deletes may name this segment still, and not the next one any more.
    const bool begins_later = segments_.firsts().front() == successor || !is_there;
    return open_segment(successor, begins_later ? gap_cause::retention : gap_cause::damage);
}

/// At a break: the next whole commit of this segment, or else as at the segment's end.
inline step log_reader::resync() {
    // What was half-written when it was read may be whole by now.
    in_.refresh();
    commit_view c;
    if (in_.read(at_, c) == walk::commit && !c.misplaced()) return step::entry;
    const std::int64_t bytes = in_.size();
    if (bytes == broken_bytes_) return leave_at_end();
    const bool skip = in_.fault() == commit_fault::body && !c.misplaced();
    ++stats_.resyncs;
    const walk w = in_.find(skip ? c.end() : at_ + 8, expect_, c);
    if (w == walk::failed) {
        errno = in_.os_error();
        return fail("read");
    }
    if (w != walk::commit) {
        broken_bytes_ = bytes;
        return leave_at_end();
    }
    // A whole commit behind it means that the writer is past the break: it is damage, unless it was
    // being written while we read it, or the writer took a failed write back and wrote anew.
    const std::uint64_t found = c.offset;
    at_break_ = true;
    in_.refresh();
    if (in_.read(at_, c) == walk::commit && !c.misplaced()) return step::entry;
    const commit_place anew = seek_seq(in_, segment_, bus_.seed(), next_);
    in_.refresh();
    at_ = found;
    if (in_.read(anew.offset, c) == walk::commit && !c.misplaced() && c.header.first_seq <= next_ &&
        c.header.last_seq >= next_) {
        at_ = anew.offset;
        expect_ = c.header.first_seq;
    }
    chain_ = 0;
    return step::entry;
}

inline step log_reader::fail(const char* why) noexcept {
    const int os_error = errno;
    try {
        failure_ = "read log: " + (segment_ == no_seq ? segments_.dir().segments()
                                                      : segment_path(segments_.dir(), segment_)) + ": " + why;
        if (os_error != 0) failure_.append(" (").append(std::strerror(os_error)).append(")");
    } catch (const std::bad_alloc&) {
        failure_.clear();
    }
    return step::failed;
}

} // namespace log
} // namespace v1
} // namespace evbus
