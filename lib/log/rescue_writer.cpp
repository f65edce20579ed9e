#include "lib/log/rescue_writer.hpp"

#include "lib/log/record_check.hpp"

#include <algorithm>
#include <cstring>
#include <ctime>

namespace evbus {
inline namespace v1 {
namespace log {
namespace {

constexpr std::size_t write_bytes = std::size_t{1} << 20;

bool is_fine(const commit_view& c) {
    record_check records(c.header, c.body);
    judged_record r;
    while (records.next(r))
        if (r.fault != nullptr) return false;
    return true;
}

std::int64_t now_ns() {
    timespec t{};
    ::clock_gettime(CLOCK_REALTIME, &t);
    return detail::ns_of(t);
}

} // namespace

void rescue_writer::failed(int negative_errno) const { evbus::detail::throw_errno(-negative_errno, "repair log", dir_.root); }

void rescue_writer::begin_segment(seq_t first, epoch_t epoch, std::uint64_t before) {
    if (state_.next == no_seq) {
        state_.next = first;
        state_.chain = before;
    }
    own_up_to(first);
    epoch_ = epoch;
    flush();
    if (!out_.is_open()) return;
    if (out_.covers_seqs()) return seal();
    // The segment to come would have the same name.
    if (const int r = out_.change_epoch(epoch_); r < 0) failed(r);
}

void rescue_writer::open() {
    if (out_.is_open()) return;
    segment_header h = header_behind(state_, how_.bus, epoch_);
    h.created_ns = now_ns();
    if (const int r = out_.create(fs_, dir_, h, how_.file_mode); r < 0) failed(r);
    ++report_.segments;
}

void rescue_writer::own_up_to(seq_t next) {
    if (state_.next >= next) return;
    const seq_range hole{state_.next, next - 1};
    flush();
    batch_.clear();
    if (!batch_.add_damage(hole)) failed(-ENOMEM);
    write_batch();
    ++report_.holes;
    report_.missing += hole.count();
    if (report_.first_holes.size() < 100) report_.first_holes.push_back(hole);
}

void rescue_writer::take(const commit_view& c) {
    if (c.header.first_seq > state_.next) own_up_to(c.header.first_seq);
    if (c.header.first_seq == state_.next && is_fine(c)) return copy(c);
    if (covers_seqs(c.header) && c.header.last_seq >= state_.next) mend(c);
}

/// Its records as they are, kinds that this version does not know included; not compressed.
void rescue_writer::copy(const commit_view& c) {
    open();
    commit_header h = c.header;
    h.codec = static_cast<std::uint8_t>(codec::none);
    h.stored_bytes = h.raw_bytes;
    h.stored_checksum = h.body_hash;
    h.previous_chain = state_.chain;
    h.running_max_ns = std::max(state_.running_max_ns, h.running_max_ns);
    h.place = out_.offset() + copied_.size();
    h.header_checksum = header_checksum(h, state_.seed);
    const auto* const bytes = reinterpret_cast<const std::byte*>(&h);
    const std::uint64_t events = out_.summary().events + out_.summary().fragments;
    out_.note(h, c.body, h.place, state_.seed);
    report_.events += out_.summary().events + out_.summary().fragments - events;
    copied_.insert(copied_.end(), bytes, bytes + sizeof h);
    copied_.insert(copied_.end(), c.body.begin(), c.body.end());
    state_ = state_after(h, state_.seed);
    ++report_.commits;
    if (copied_.size() >= write_bytes) flush();
}

/// What is fine of its records; the seqs of the others are owned up to.
void rescue_writer::mend(const commit_view& c) {
    flush();
    batch_.clear();
    record_check records(c.header, c.body);
    judged_record r;
    while (records.next(r)) {
        const seq_t expected = batch_.last() != no_seq ? batch_.last() + 1 : state_.next;
        const seq_range range{std::max(r.range.first, expected), r.range.last};
        const bool covers = r.range.count() != 0;
        if (covers && range.count() == 0) continue; // there already
        bool fits = true;
        if (covers && (r.fault != nullptr || !r.is_record)) {
            fits = batch_.add_damage(range);
            ++report_.holes;
            report_.missing += range.count();
            if (report_.first_holes.size() < 100) report_.first_holes.push_back(range);
        } else if (covers) {
            switch (r.raw.kind) {
            case record_kind::void_: fits = batch_.add_void(range); break;
            case record_kind::lost: fits = batch_.add_lost(range, r.cause); break;
            case record_kind::damage: fits = batch_.add_damage(range); break;
            default:
                fits = batch_.add_frame(range.first, r.frame.header.published, r.raw.body);
                ++report_.events;
            }
        } else if (r.is_record && r.fault == nullptr) {
            member_info m;
            run_info run;
            anchor_info a;
            if (r.raw.kind == record_kind::member && parse_member(r.raw, m)) fits = batch_.add_member(m);
            else if (r.raw.kind == record_kind::run && parse_run(r.raw, run)) fits = batch_.add_run(run);
            else if (r.raw.kind == record_kind::anchor && parse_anchor(r.raw, a)) fits = batch_.add_anchor(a);
        }
        // A commit may grow when much of it is replaced: then it becomes two.
        if (!fits) failed(-EOVERFLOW);
        if (batch_.full()) {
            write_batch();
            batch_.clear();
        }
    }
    write_batch();
    ++report_.mended;
}

void rescue_writer::write_batch() {
    if (batch_.empty()) return;
    open();
    if (const int r = out_.append(batch_, state_); r < 0) failed(r);
}

void rescue_writer::flush() {
    if (copied_.empty()) return;
    if (const int r = out_.append_copied(copied_); r < 0) failed(r);
    copied_.clear();
}

void rescue_writer::seal() {
    if (const int r = out_.seal(state_.seed); r < 0) failed(r);
    if (const int r = out_.shared()->datasync(); r < 0) failed(r);
    out_.close();
}

void rescue_writer::finish() {
    flush();
    if (out_.is_open()) seal();
    report_.last = state_.next == no_seq ? no_seq : state_.next - 1;
}

} // namespace log
} // namespace v1
} // namespace evbus
