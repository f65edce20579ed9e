#include "lib/log/log.hpp"

#include <evbus/detail/probe.hpp>

#include <fmt/format.h>

#include <time.h>

namespace evbus {
inline namespace v1 {
namespace log {
namespace {

std::int64_t now_ns() noexcept {
    timespec t{};
    ::clock_gettime(CLOCK_REALTIME, &t);
    return detail::ns_of(t);
}

append_status status_of(int os_error) noexcept {
    return os_error == ENOSPC || os_error == EDQUOT || os_error == EFBIG ? append_status::no_space
                                                                         : append_status::io_failed;
}

[[noreturn]] void give_up(const log_dir& dir, const append_result& r) {
    evbus::detail::throw_errno(r.os_error, "open log for writing", dir.root);
}

} // namespace

const char* to_string(append_status s) noexcept {
    switch (s) {
    case append_status::ok: return "ok";
    case append_status::no_space: return "no space";
    case append_status::io_failed: return "write failed";
    case append_status::sync_failed: return "sync failed";
    case append_status::out_of_order: return "out of order";
    case append_status::behind: return "ring is behind its log";
    }
    return "?";
}

log_writer log_writer::open(file_system& fs, std::string dir, const log_options& options, notice_hook notices) {
    if (options.bus.empty())
        throw error(errc::bad_option, {"open log for writing", dir, "no bus id was given"});
    log_writer out(fs, std::move(dir), options, std::move(notices));
    for (const std::string& d : {out.dir_.root, out.dir_.segments(), out.dir_.runs(), out.dir_.quarantine(),
                                 out.dir_.cursors()})
        if (const int r = make_dirs(fs, d, options.dir_mode); r < 0)
            evbus::detail::throw_errno(-r, "make log directory", d);
    sync_names(fs, out.dir_);
    out.recover();
    return out;
}

void log_writer::recover() {
    finish_fresh_tail(*fs_, dir_, options_.bus, options_.file_mode, notices_);
    log_state found = scan(*fs_, dir_, options_.bus, scan_depth::newest, options_.stop);
    if (found.fork)
        throw error(errc::damaged, {"open log for writing", dir_.root, "the log is forked: " + *found.fork,
                                    "keep one of the two (evlog verify names them) and move the other away"});
    if (found.refused)
        throw error(errc::wrong_version, {"open log for writing", dir_.root, *found.refused,
                                          "use the version of evbus that wrote it, or a newer one"});
    if (options_.torn == on_torn::refuse && found.has_torn_tail()) {
        const segment_state& s = found.segments.back();
        throw error(errc::damaged,
                    {"open log for writing", segment_path(dir_, s.first),
                     fmt::format("it ends in {} bytes of an unfinished write at offset {}",
                                 s.bytes - s.walk.valid_end, s.walk.valid_end),
                     "look at them, then start with --on-torn trim to move them to quarantine"});
    }
    repair(*fs_, dir_, found, options_.file_mode, notices_);
    if (write_tail_afresh(*fs_, dir_, found, options_.end, options_.file_mode, notices_)) {
        found = scan(*fs_, dir_, options_.bus, scan_depth::newest, options_.stop);
        repair(*fs_, dir_, found, options_.file_mode, notices_);
    }
    state_ = found.end;
    for (const found_hole& h : found.holes)
        if (notices_)
            notices_({notice_kind::degraded,
                      fmt::format("log {}: seqs {} to {} are damaged or missing ({} at offset {}); readers get them "
                                  "as a gap",
                                  dir_.root, h.range.first, h.range.last, segment_name(h.segment), h.offset),
                      h.range.first});
    if (found.empty()) return;
    segment_state& newest = found.segments.back();
    const bool broken = !newest.walk.holes.empty() || newest.header_fault != segment_fault::none;
    // A segment without seqs is always gone on with, because the next one would have its name.
    if (!broken && (!newest.sealed || !newest.covers_seqs())) return resume(newest);
    if (newest.sealed || !broken) return;
    sync_left_behind(newest);
    own_->clear();
    for (const hole& h : newest.walk.holes)
        if (h.range.count() != 0 && !own_->add_damage_note(h.range)) break;
    if (const append_result r = append(*own_); !r.ok()) give_up(dir_, r);
}

/// A segment is durable before the next one's first commit, also when it stays without a footer.
void log_writer::sync_left_behind(const segment_state& s) {
    const std::string path = segment_path(dir_, s.first);
    const int fd = fs_->open(path, O_RDWR, 0);
    const int r = fd < 0 ? fd : file(*fs_, fd).datasync();
    if (r < 0) evbus::detail::throw_errno(-r, "open log for writing", path);
}

void log_writer::resume(segment_state& s) {
    const std::string path = segment_path(dir_, s.first);
    segment_walk walked = s.walk;
    if (!s.index) { // its footer was believed: what follows needs more than that
        segment_reader in;
        if (const int r = in.open(*fs_, path, state_.seed); r < 0)
            evbus::detail::throw_errno(-r, "open log for writing", path);
        s.index = build_index(in, {state_.seed, s.header.previous_chain, 0, s.first}, walked);
    }
    if (const int r = segment_.resume(*fs_, dir_, s.header, walked.valid_end, *std::move(s.index)); r < 0)
        evbus::detail::throw_errno(-r, "open log for writing", path);
    if (walked.valid_end < walked.bytes || s.sealed) // an old footer goes: commits follow each other
        if (const int r = segment_.shared()->truncate(walked.valid_end); r < 0)
            evbus::detail::throw_errno(-r, "open log for writing", path);
    if (segment_.epoch() == options_.epoch) return;
    if (!segment_.covers_seqs()) {
        if (const int r = segment_.change_epoch(options_.epoch); r < 0)
            evbus::detail::throw_errno(-r, "open log for writing", path);
    } else if (const append_result r = seal_segment(); !r.ok()) {
        give_up(dir_, r);
    }
}

seq_t log_writer::segment_first() const noexcept {
    return segment_.is_open() ? segment_.summary().first_seq : state_.next;
}

append_result log_writer::failed(int negative_errno) noexcept {
    const append_result r{status_of(-negative_errno), -negative_errno};
    if (segment_.is_open() && segment_.poisoned()) poison_ = {append_status::io_failed, -negative_errno};
    return r;
}

append_result log_writer::seal_segment() noexcept {
    if (!poison_.ok()) return poison_;
    if (!segment_.is_open()) return {};
    if (!sealed_)
        if (const int r = segment_.seal(state_.seed); r < 0) return failed(r);
    sealed_ = true;
    mark(probe::segment_sealed);
    if (const append_result r = sync(); !r.ok()) return r;
    segment_.close();
    sealed_ = false;
    ++rolls_;
    return {};
}

append_result log_writer::open_segment() noexcept {
    segment_header h = header_behind(state_, options_.bus, options_.epoch);
    h.created_ns = now_ns();
    try {
        if (const int r = segment_.create(*fs_, dir_, h, options_.file_mode); r < 0) return failed(r);
    } catch (const std::bad_alloc&) {
        return {append_status::io_failed, ENOMEM};
    }
    mark(probe::segment_made);
    return {};
}

append_result log_writer::append(batch& b) noexcept {
    if (!poison_.ok()) return poison_;
    if (b.empty()) return {};
    if (!b.follows(state_.next)) return {append_status::out_of_order, 0};
    const bool full = segment_.is_open() && segment_.offset() + b.bytes().size() > options_.segment_bytes;
    if (sealed_ || (full && segment_.covers_seqs()))
        if (const append_result r = seal_segment(); !r.ok()) return r;
    if (!segment_.is_open())
        if (const append_result r = open_segment(); !r.ok()) return r;
    if (const int r = segment_.append(b, state_); r < 0) return failed(r);
    return {};
}

append_result log_writer::begin_epoch(epoch_t epoch, seq_t first) noexcept {
    if (!poison_.ok()) return poison_;
    if (first < state_.next) return {append_status::behind, 0};
    if (epoch != options_.epoch) {
        if (segment_.is_open() && segment_.covers_seqs()) {
            if (const append_result r = seal_segment(); !r.ok()) return r;
        } else if (segment_.is_open()) {
            if (const int r = segment_.change_epoch(epoch); r < 0) return failed(r);
        }
        options_.epoch = epoch;
    }
    if (first == state_.next) return {};
    own_->clear();
    if (!own_->add_lost({state_.next, first - 1}, gap_cause::ring_lost)) return {append_status::io_failed, ENOMEM};
    return append(*own_);
}

sync_point log_writer::current() const noexcept {
    return {segment_.shared(), gate_, segment_.is_open() ? last_seq() : no_seq, segment_bytes()};
}

append_result log_writer::sync() noexcept {
    if (!poison_.ok()) return poison_;
    if (!segment_.is_open()) return {};
    if (const int r = gate_->sync(*segment_.shared()); r < 0) return poison_ = {append_status::sync_failed, -r};
    reached(last_seq());
    return {};
}

append_result log_writer::close() noexcept { return seal_segment(); }

} // namespace log
} // namespace v1
} // namespace evbus
