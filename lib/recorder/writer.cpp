#include "lib/recorder/writer.hpp"

#include <evbus/detail/probe.hpp>

#include <cstring>

namespace evbus {
inline namespace v1 {
namespace recorder {
namespace {

constexpr std::int64_t between_tries_ns = 500'000'000;

} // namespace

writer::writer(control& ctl, handoff& from, const options& how, log::log_writer& to, syncer& syncs, retainer& retains,
               anchor_desk& anchors)
    : ctl_(ctl), from_(from), how_(how), to_(to), syncs_(syncs), retains_(retains), anchors_(anchors), rolls_(to.rolls()) {}

ring::recorder_state writer::run() {
    ring::recorder_state state = ring::recorder_state::recording;
    while (state == ring::recorder_state::recording) {
        log::batch* b = from_.take_full();
        if (b != nullptr) {
            mark(probe::batch_taken);
            state = take(*b);
            from_.give_back(b);
        } else {
            state = from_.is_over() ? ring::recorder_state::ended : settle();
        }
        if (const int e = syncs_.failure(); e != 0) state = sync_failed(e);
    }
    if (state == ring::recorder_state::ended)
        if (const log::append_result r = say_what_was_lost(); !r.ok()) state = halt(r);
    from_.stop();
    return state;
}

/// Nothing comes, but something is to be said as soon as there is space.
ring::recorder_state writer::settle() {
    const log::append_result r = say_what_was_lost();
    return r.ok() || r.status == log::append_status::no_space ? ring::recorder_state::recording : halt(r);
}

ring::recorder_state writer::take(log::batch& b) {
    const log::append_result r = append(b);
    if (r.ok()) return ring::recorder_state::recording;
    if (r.status != log::append_status::no_space || how_.full == on_full::halt) return halt(r);
    lose(b);
    return ring::recorder_state::recording;
}

log::append_result writer::append(log::batch& b) {
    if (const log::append_result r = say_what_was_lost(); !r.ok()) return r;
    const log::append_result r = append_to_log(b);
    if (!r.ok()) return r;
    mark(probe::commit_written);
    if (b.last() != no_seq) wrote(b.last(), b.oldest_ns());
    if (anchors_.written(b)) syncs_.hurry(to_.current());
    return r;
}

/// Without space, retention may delete what is over the limits; what it deleted is worth another try.
log::append_result writer::append_to_log(log::batch& b) {
    log::append_result r = to_.append(b);
    while (r.status == log::append_status::no_space && retains_.make_room()) r = to_.append(b);
    if (rolls_ != to_.rolls()) {
        rolls_ = to_.rolls();
        retains_.rolled();
    }
    return r;
}

void writer::wrote(seq_t last, std::int64_t oldest_ns) {
    ctl_.wrote(last, oldest_ns);
    syncs_.reached(to_.synced());
    syncs_.wrote(to_.current());
}

/// `ok` when nothing is left to say. A small batch of its own: it stands in the log before what follows.
log::append_result writer::say_what_was_lost() {
    if (losing_.count() == 0) return {};
    // A disk that is full to the brim has room for this note again and again, but for nothing after it.
    if (!from_.is_over() && detail::steady_ns() < try_again_ns_) return {log::append_status::no_space, ENOSPC};
    lost_note_.clear();
    (void)lost_note_.add_lost(losing_, gap_cause::recorder_lost); // an empty batch has room
    if (const log::append_result r = append_to_log(lost_note_); !r.ok()) {
        try_again_ns_ = detail::steady_ns() + between_tries_ns;
        return r;
    }
    tell(notice_kind::repaired, "there is space again: recording goes on; seqs " + std::to_string(losing_.first) + " to " +
                                    std::to_string(losing_.last) + " are marked as lost in the log", losing_.first);
    wrote(losing_.last, 0);
    losing_ = {};
    ctl_.say(ring::recorder_state::recording);
    return {};
}

void writer::lose(const log::batch& b) {
    from_.dropped();
    anchors_.lost(b);
    if (b.last() == no_seq) return;
    if (losing_.count() == 0) {
        losing_ = {b.first(), b.last()};
        try_again_ns_ = detail::steady_ns() + between_tries_ns; // and no later because more is lost meanwhile
        ctl_.say(ring::recorder_state::waiting_space);
        // `written` stays: nobody is told that what is lost was recorded. A strict bus therefore waits.
        ctl_.release_publishers();
        tell(notice_kind::degraded, "the log's disk is full: events are lost from seq " + std::to_string(b.first()) +
                                        " on until there is space (--on-full lose)", b.first());
    }
    lost_ += seq_range{b.first(), b.last()}.count() - b.lost_seqs(); // those were counted where they were lost
    losing_.last = b.last();
}

ring::recorder_state writer::halt(const log::append_result& r) {
    reason_ = ctl_.attachment()->description().log_dir + ": " + log::to_string(r.status) +
              (r.os_error != 0 ? std::string(" (") + std::strerror(r.os_error) + ")" : "");
    if (r.os_error == ENOENT) reason_ += "; was the directory deleted? What the ring still has is recorded when evrecord starts again";
    return halted_by(r.status);
}

ring::recorder_state writer::halted_by(log::append_status s) noexcept {
    switch (s) {
    case log::append_status::no_space: return ring::recorder_state::no_space;
    case log::append_status::sync_failed: return ring::recorder_state::sync_failed;
    case log::append_status::io_failed: return ring::recorder_state::write_failed;
    default: return ring::recorder_state::corruption;
    }
}

std::string writer::why_sync_failed(int os_error) {
    return std::string("sync failed (") + std::strerror(os_error) + "): what was written since the last good sync may not survive";
}

ring::recorder_state writer::sync_failed(int os_error) {
    reason_ = why_sync_failed(os_error);
    return ring::recorder_state::sync_failed;
}

void writer::tell(notice_kind kind, const std::string& text, seq_t seq) {
    if (how_.on_notice) how_.on_notice({kind, text, seq});
}

} // namespace recorder
} // namespace v1
} // namespace evbus
