#include "lib/link/importer.hpp"

#include <evbus/error.hpp>
#include <evbus/log/commit_check.hpp>

#include <algorithm>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace link {
namespace {

std::string range_text(seq_t first, seq_t last) {
    return first == last ? "seq " + std::to_string(first) : "seqs " + std::to_string(first) + " to " + std::to_string(last);
}

} // namespace

importer::importer(log::file_system& fs, const std::string& dir, copy_options how) : copy_(fs, dir, std::move(how)) {}

void importer::refuse(errc kind, const std::string& what, std::string_view way_out) const {
    throw error(kind, {"import into log", copy_.dir(), what, way_out});
}

void importer::refuse_fork(const log::commit_header& h) const {
    refuse(errc::mismatch, "the log here and the stream fork: they differ at seq " + std::to_string(h.first_seq) +
               " although both belong to bus " + to_string(copy_.bus()),
           "keep one of the two: import into an empty directory, and move the other one away");
}

stream_header importer::request() const noexcept {
    stream_header h{};
    h.flags = stream_flags::request;
    h.bus_id[0] = copy_.bus().words[0];
    h.bus_id[1] = copy_.bus().words[1];
    h.first_seq = copy_.empty() ? 0 : copy_.end().next;
    h.previous_chain = copy_.empty() ? 0 : copy_.end().chain;
    return h;
}

void importer::take(const stream_header& h) {
    const bus_id from = bus_of(h);
    if (!copy_.bus().empty() && copy_.bus() != from)
        refuse(errc::foreign_log, "the log here is of bus " + to_string(copy_.bus()) + ", the stream of bus " + to_string(from),
               "name the right directory, or an empty one");
    if (!copy_.empty() && h.first_seq > copy_.end().next)
        refuse(errc::mismatch, "the log here ends with seq " + std::to_string(copy_.end().next - 1) + ", the stream begins with seq " +
                   std::to_string(h.first_seq) + ": " + range_text(copy_.end().next, h.first_seq - 1) + " would be missing",
               "export from seq " + std::to_string(copy_.end().next) + " on, or import into an empty directory");
    copy_.set_bus(from);
    stream_ = h;
    segment_.reset();
    expect_ = h.first_seq;
    chain_ = h.previous_chain;
    chain_known_ = chain_ != 0 || expect_ == 1;
    behind_hole_ = hole_end_ = no_seq;
    whole_ = aligned_ = held_commit_ = false;
    held_.reset();
    if (copy_.empty()) return;
    held_ = std::make_unique<commit_walk>(copy_.files(), copy_.dir(), from);
    held_->seek(h.first_seq);
}

void importer::take(const log::segment_header& h) { segment_ = h; }

/// Goes to the next commit of the log here; false at its end.
bool importer::advance_held() {
    while (!held_commit_) {
        const found what = held_->next();
        if (what == found::end) return false;
        held_commit_ = what == found::commit;
    }
    return true;
}

/// True when the log here has the commit, or what stands at its place here was lost here before.
bool importer::is_held(const log::commit_header& h) {
    const std::uint64_t chain = log::chain_after(h, copy_.bus().seed());
    while (held_) {
        if (!advance_held()) {
            held_.reset();
            break;
        }
        const log::commit_header& here = held_->commit();
        if (log::chain_after(here, copy_.bus().seed()) == chain && here.first_seq == h.first_seq && here.last_seq == h.last_seq) {
            held_commit_ = false;
            aligned_ = true;
            return true;
        }
        if (here.first_seq < hole_end_ && here.last_seq < h.first_seq) { // the other side lost what is here
            held_commit_ = false;
            continue;
        }
        if (h.last_seq < here.first_seq && (log::covers_seqs(h) || h.first_seq < here.first_seq)) return true;
        // Where the two begin, one may have commits without seqs that the other does not have.
        if (!aligned_ && h.first_seq == here.first_seq && !log::covers_seqs(h) && h.previous_chain != here.previous_chain) return true;
        if (!aligned_ && h.first_seq >= here.first_seq && !log::covers_seqs(here)) {
            held_commit_ = false;
            continue;
        }
        refuse_fork(h);
    }
    return false;
}

void importer::take(const log::commit_header& h, std::span<const std::byte> stored) {
    if (whole_) refuse(errc::damaged, "the stream goes on behind its end", "export again");
    if (!segment_) refuse(errc::damaged, "the stream has a commit before the first segment", "export again");
    if (h.first_seq != expect_)
        refuse(errc::mismatch, "the stream has a gap: seq " + std::to_string(h.first_seq) + " follows where seq " + std::to_string(expect_) + " should",
               "export again");
    if (chain_known_ && h.previous_chain != chain_)
        refuse(errc::damaged, "the stream's commit of seq " + std::to_string(h.first_seq) + " does not build on the one before it", "export again");
    expect_ = h.last_seq + 1;
    chain_ = log::chain_after(h, copy_.bus().seed());
    chain_known_ = true;
    if (!held_ || !is_held(h)) return append(h, stored);
    ++counts_.compared;
    behind_hole_ = no_seq;
}

void importer::append(const log::commit_header& h, std::span<const std::byte> stored) {
    const log::chain_state& end = copy_.end();
    // Behind a hole at the log's end nobody knows what the next commit builds on.
    const bool builds_on = h.previous_chain == end.chain || (end.chain == 0 && end.next != 1);
    if (!copy_.empty() && behind_hole_ == no_seq && (h.first_seq != end.next || !builds_on)) refuse_fork(h);
    open_segment_for(h);
    copy_.append(h, stored);
    ++counts_.commits;
    if (!log::covers_seqs(h)) return;
    if (counts_.added.first == no_seq) counts_.added.first = h.first_seq;
    counts_.added.last = h.last_seq;
}

log::segment_header importer::header_for(seq_t first) const {
    log::segment_header out = *segment_;
    if (out.first_seq != first) out.previous_last_seq = first - 1;
    out.first_seq = first;
    return out;
}

/// Segments begin where they begin at the other side, as far as that can be.
void importer::open_segment_for(const log::commit_header& h) {
    const seq_t open = copy_.segment_first();
    const auto epoch = static_cast<epoch_t>(segment_->epoch);
    const bool behind_hole = std::exchange(behind_hole_, no_seq) != no_seq;
    if (behind_hole && h.first_seq != open) {
        log::segment_header first = header_for(h.first_seq);
        first.previous_last_seq = h.first_seq - 1;
        first.previous_chain = h.previous_chain;
        return copy_.begin_segment(first, false);
    }
    const bool begins_there = segment_->first_seq == h.first_seq && segment_->first_seq > open;
    if (open == no_seq || begins_there) return begin_segment(h);
    if (copy_.epoch() == epoch) return;
    if (open == h.first_seq) return copy_.change_epoch(epoch);
    begin_segment(h);
}

void importer::begin_segment(const log::commit_header& h) {
    log::segment_header first = header_for(h.first_seq);
    if (segment_->first_seq != h.first_seq) first.previous_chain = h.previous_chain;
    copy_.begin_segment(first, true);
}

void importer::take_hole(seq_range range) {
    if (range.first != expect_ || range.last == max_seq || (range.count() == 0 && range.last != expect_ - 1))
        refuse(errc::damaged, "the stream names a hole that does not fit where it stands", "export again");
    expect_ = hole_end_ = range.last + 1;
    chain_known_ = false;
    const seq_t end = copy_.empty() ? range.first : copy_.end().next;
    if (expect_ < end) return;
    behind_hole_ = expect_;
    if (expect_ == end) return; // what has no seq of its own may be here already
    counts_.missing += expect_ - std::max(end, range.first);
    held_.reset();
}

void importer::take_epoch(std::string_view line) {
    log::epoch_record record;
    if (line.find('\n') != std::string_view::npos || !log::detail::parse_epoch(line, record) || record.bus != copy_.bus())
        refuse(errc::damaged, "the stream holds a malformed line of the epochs file", "export again");
    copy_.add_epoch(record);
}

void importer::take_end(const stream_mark& m) {
    if (m.last + 1 != expect_ || (chain_known_ && m.chain != chain_))
        refuse(errc::damaged, "the stream's end mark is not of this stream", "export again");
    // No seq of a hole at the log's end may come back: the next segment's name says so.
    if (behind_hole_ != no_seq && behind_hole_ != copy_.end().next && segment_) {
        log::segment_header next = header_for(std::exchange(behind_hole_, no_seq));
        next.previous_chain = 0;
        copy_.begin_segment(next, false);
    }
    copy_.sync();
    whole_ = true;
}

void importer::take(const stream_mark& m, std::string_view text) {
    if (whole_) refuse(errc::damaged, "the stream goes on behind its end", "export again");
    switch (static_cast<mark_kind>(m.kind)) {
    case mark_kind::hole: return take_hole({m.first, m.last});
    case mark_kind::sealed:
        if (held_ && !advance_held()) held_.reset();
        if (!held_ && copy_.end().next == expect_) copy_.seal();
        return;
    case mark_kind::epoch: return take_epoch(text);
    case mark_kind::end: return take_end(m);
    case mark_kind::refusal: refuse(errc::mismatch, "the exporter refuses: " + std::string(text), "");
    case mark_kind::beat:
    case mark_kind::held: break;
    }
}

} // namespace link
} // namespace v1
} // namespace evbus
