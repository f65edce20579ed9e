#include "lib/link/commit_walk.hpp"

#include <evbus/error.hpp>
#include <evbus/log/segment_footer.hpp>

#include <algorithm>
#include <cerrno>
#include <optional>

namespace evbus {
inline namespace v1 {
namespace link {
namespace {

constexpr const char* operation = "read log";

} // namespace

commit_walk::commit_walk(log::file_system& fs, std::string dir, const bus_id& bus)
    : fs_(&fs), bus_(bus), segments_(fs, log::log_dir{std::move(dir)}) {
    seek(1);
}

std::string commit_walk::path() const { return log::segment_path(segments_.dir(), segment_); }

void commit_walk::fail(int os_error) const { evbus::detail::throw_errno(os_error, operation, path()); }

void commit_walk::list() {
    if (const int r = segments_.refresh(); r < 0 && r != -ENOENT)
        evbus::detail::throw_errno(-r, operation, segments_.dir().segments());
}

void commit_walk::close() noexcept {
    in_.close();
    segment_ = no_seq;
}

void commit_walk::open(seq_t first) {
    segment_ = first;
    at_ = sizeof(log::segment_header);
    told_segment_ = told_sealed_ = covers_seqs_ = looked_again_ = half_made_ = false;
    if (const int r = in_.open(*fs_, path(), bus_.seed()); r < 0) {
        if (r == -ENOENT) { // deleted since it was listed
            list();
            check_kept();
        }
        fail(-r);
    }
    log::segment_header h{};
    switch (in_.read_header(bus_, first, h)) {
    case log::segment_fault::none: break;
    case log::segment_fault::io: fail(in_.os_error());
    case log::segment_fault::version:
    case log::segment_fault::feature:
        throw error(errc::wrong_version, {operation, path(), "a newer version of evbus wrote it", "use that version"});
    case log::segment_fault::foreign:
        throw error(errc::foreign_log, {operation, path(), "it belongs to bus " + to_string(log::bus_of(h)), "move it out of the log"});
    default:
        half_made_ = in_.size() < static_cast<std::int64_t>(sizeof h);
        // Its commits may be whole all the same. What the header said is what they say, but for the epoch.
        h = log::header_behind({bus_.seed(), first == expect_ && chain_known_ ? chain_ : 0, 0, first}, bus_, static_cast<epoch_t>(header_.epoch));
        h.checksum = log::checksum_of(h, bus_.seed());
    }
    header_ = h;
    in_.refresh();
}

void commit_walk::seek(seq_t from) {
    list();
    close();
    chain_known_ = false;
    expect_ = std::max(from, first_seq());
    if (segments_.empty()) return;
    const bool from_first = from <= first_seq();
    const seq_t before = from_first ? first_seq() : from - 1;
    open(segments_.holding(before));
    if (header_.first_seq >= expect_ || from_first) {
        chain_ = header_.previous_chain;
        chain_known_ = chain_ != 0 || expect_ == 1;
        return;
    }
    skip_to(from, before);
}

void commit_walk::skip_to(seq_t from, seq_t held_before) {
    // From header to header: some thousands in a segment, and a seek is made once for a stream.
    while (in_.read_header_only(at_, commit_) == log::walk::commit && !commit_.misplaced() && commit_.header.last_seq < held_before)
        at_ = commit_.end();
    in_.refresh();
    seq_t passed = no_seq;
    while (true) {
        log::walk w = in_.read(at_, commit_);
        check_readable(w);
        if (w == log::walk::commit && commit_.misplaced()) w = log::walk::broken;
        if (w != log::walk::commit) {
            // What was asked for begins another segment, lies in a hole, or is yet to come.
            expect_ = from;
            chain_known_ = passed == from;
            return;
        }
        const log::commit_header& h = commit_.header;
        const bool is_behind = log::covers_seqs(h) ? h.last_seq >= from : h.first_seq >= from;
        if (is_behind) {
            expect_ = std::min(h.first_seq, from);
            chain_ = h.previous_chain;
            chain_known_ = h.first_seq <= from;
            return;
        }
        at_ = commit_.end();
        chain_ = log::chain_after(h, bus_.seed());
        passed = h.last_seq + 1;
    }
}

void commit_walk::check_readable(log::walk w) const {
    if (w == log::walk::failed) fail(in_.os_error());
    if (w == log::walk::broken && (in_.fault() == log::commit_fault::codec || in_.fault() == log::commit_fault::version))
        throw error(errc::wrong_version, {operation, path(), to_string(in_.fault()), "use a program of evbus that was built with it"});
}

void commit_walk::check_kept() const {
    if (const seq_t first = first_seq(); first > expect_)
        throw error(errc::not_found, {operation, segments_.dir().segments(),
                                      "retention deleted seqs " + std::to_string(expect_) + " to " + std::to_string(first - 1) + " meanwhile",
                                      "begin again with what the log has now, into another directory"});
}

bool commit_walk::reopen() {
    list();
    if (segments_.empty()) return false;
    check_kept();
    open(segments_.holding(expect_));
    pass_what_was_given();
    return true;
}

/// Another file has the segment's name now: compressed, or written afresh. Commits without seqs that were given of
/// the old one are told from those to come by the chain alone.
void commit_walk::pass_what_was_given() {
    if (!chain_known_) return;
    bool covers = false;
    for (std::uint64_t at = at_; in_.read_header_only(at, commit_) == log::walk::commit && !commit_.misplaced() && commit_.header.first_seq <= expect_;) {
        at = commit_.end();
        covers |= log::covers_seqs(commit_.header);
        if (log::chain_after(commit_.header, bus_.seed()) != chain_) continue;
        at_ = at;
        covers_seqs_ = covers;
        break;
    }
    in_.refresh();
}

/// A segment without seqs may have been given to the ring's next epoch after its header was read.
bool commit_walk::epoch_changed() {
    log::segment_header h{};
    if (in_.source().read_at(&h, sizeof h, 0) != static_cast<std::int64_t>(sizeof h)) return false;
    if (log::check_segment(h, bus_, segment_) != log::segment_fault::none || h.epoch == header_.epoch) return false;
    header_ = h;
    return true;
}

found commit_walk::next(seq_t limit) {
    while (true) {
        if (!in_.is_open() && !reopen()) return found::end;
        if (half_made_ && segments_.after(segment_) == no_seq) {
            close();
            return found::end;
        }
        if (segment_ > expect_) return give_hole(segment_);
        if (!told_segment_) {
            told_segment_ = true;
            return found::segment;
        }
        log::walk w = in_.read(at_, commit_);
        check_readable(w);
        if (w == log::walk::commit) {
            const log::commit_header& h = commit_.header;
            const bool repeats = chain_known_ && log::chain_after(h, bus_.seed()) == chain_;
            if (h.first_seq < expect_ || (commit_.misplaced() && repeats)) {
                at_ = commit_.end();
                continue;
            }
            if (commit_.misplaced()) w = log::walk::broken;
        }
        if (w == log::walk::commit) {
            const log::commit_header& h = commit_.header;
            if (log::covers_seqs(h) ? h.last_seq > limit : h.first_seq > limit) {
                in_.refresh();
                return found::end;
            }
            if (h.first_seq > expect_) return give_hole(h.first_seq);
            if (!covers_seqs_ && log::covers_seqs(h) && epoch_changed()) return found::segment;
            if (chain_known_ && h.previous_chain != chain_) return give_hole(expect_);
            return take_commit();
        }
        if (w == log::walk::sealed && !told_sealed_) {
            told_sealed_ = true;
            return found::sealed;
        }
        bool again = false;
        const found what = leave_segment(w == log::walk::broken, again);
        if (!again) return what;
    }
}

found commit_walk::take_commit() noexcept {
    const log::commit_header& h = commit_.header;
    chain_ = log::chain_after(h, bus_.seed());
    chain_known_ = true;
    expect_ = h.last_seq + 1;
    covers_seqs_ |= log::covers_seqs(h);
    looked_again_ = false;
    at_ = commit_.end();
    return found::commit;
}

found commit_walk::give_hole(seq_t first_behind) {
    hole_ = {expect_, first_behind - 1};
    expect_ = first_behind;
    chain_known_ = false;
    return found::hole;
}

/// At a break: whether a whole commit stands behind it, so that it is damage and no unfinished write.
bool commit_walk::find_behind_break(std::uint64_t from) {
    log::commit_view behind;
    const log::walk w = in_.find(from, expect_, behind);
    check_readable(w);
    if (w != log::walk::commit) return false;
    const std::uint64_t found_at = behind.offset;
    const seq_t first = behind.header.first_seq;
    // What was being written when it was read is whole by now: then it is no break.
    in_.refresh();
    if (in_.read(at_, behind) == log::walk::commit && !behind.misplaced()) return true;
    at_ = found_at;
    hole_ = {expect_, first - 1};
    return true;
}

/// A sealed segment says how far it went.
bool commit_walk::sealed_rest_is_missing() {
    log::segment_footer footer;
    if (!footer.open(in_.source(), segment_, bus_.seed())) return false;
    const std::optional<log::segment_summary> sum = footer.summary();
    if (!sum || sum->last_seq < expect_ || sum->last_seq == max_seq) return false;
    hole_ = {expect_, sum->last_seq};
    return true;
}

/// Nothing that can be given stands at at_. Sets `again` when there is something to look at after all.
found commit_walk::leave_segment(bool broken, bool& again) {
    if (broken) {
        const std::uint64_t before = at_;
        if (find_behind_break(at_ + 8)) {
            again = at_ == before;
            if (!again) {
                expect_ = hole_.last + 1;
                chain_known_ = false;
            }
            return found::hole;
        }
    }
    in_.refresh();
    list();
    const seq_t successor = segments_.after(segment_);
    if ((successor == no_seq || successor > expect_) && !in_.source().is_at(path())) {
        // Recovery began another of its name, or went on in the one before: that may hold what comes next.
        close();
        again = true;
        return found::end;
    }
    if (!looked_again_) {
        // Something may have been appended between our read and the listing.
        looked_again_ = true;
        again = true;
        return found::end;
    }
    if (sealed_rest_is_missing()) {
        expect_ = hole_.last + 1;
        chain_known_ = false;
        return found::hole;
    }
    if (successor == no_seq) {
        looked_again_ = false;
        return found::end;
    }
    const bool chain_was_cut = broken;
    if (successor > expect_ && segments_.firsts().front() == successor) {
        close();
        again = true; // reopen() says what retention took
        return found::end;
    }
    open(successor);
    if (successor == expect_ && chain_was_cut) return give_hole(successor);
    again = true;
    return found::hole;
}

std::span<const std::byte> commit_walk::stored() {
    const log::commit_header& h = commit_.header;
    if (h.codec == static_cast<std::uint8_t>(log::codec::none)) return commit_.body;
    stored_.resize(h.stored_bytes);
    const std::int64_t n = in_.source().read_at(stored_.data(), stored_.size(), commit_.offset + sizeof h);
    if (n < 0) fail(static_cast<int>(-n));
    if (static_cast<std::size_t>(n) != stored_.size()) fail(EIO);
    return stored_;
}

std::uint64_t commit_walk::bytes_ahead() {
    std::uint64_t sum = 0;
    for (const seq_t first : segments_.firsts()) {
        log::file_info info;
        if ((segment_ != no_seq && first < segment_) || fs_->stat(log::segment_path(segments_.dir(), first), info) < 0) continue;
        sum += info.bytes;
        if (first == segment_) sum -= std::min(at_, info.bytes);
    }
    return sum;
}

} // namespace link
} // namespace v1
} // namespace evbus
