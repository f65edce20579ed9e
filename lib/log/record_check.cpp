#include "lib/log/record_check.hpp"

#include <evbus/headers.hpp>

#include <algorithm>
#include <cstring>

namespace evbus {
inline namespace v1 {
namespace log {
namespace {

bool is_loss(std::uint8_t cause) noexcept {
    switch (static_cast<gap_cause>(cause)) {
    case gap_cause::overwritten:
    case gap_cause::recorder_lost:
    case gap_cause::ring_lost:
    case gap_cause::malformed:
    case gap_cause::incomplete: return true;
    default: return false;
    }
}

template <class Body>
bool is_zero(const Body& body) noexcept {
    return std::all_of(std::begin(body), std::end(body), [](std::uint8_t b) { return b == 0; });
}

const char* fault_of_member(const raw_record& r) noexcept {
    member_body body;
    if (!detail::load(r.body, body) || r.body.size() != sizeof body + padded8(body.name_bytes)) return "a MEMBER record of the wrong length";
    if (body.what != 1 && body.what != 2) return "a MEMBER record that says neither joined nor left";
    return is_zero(body.reserved) ? nullptr : "a MEMBER record with a reserved byte set";
}

const char* fault_of_run(const raw_record& r) noexcept {
    run_body body;
    if (!detail::load(r.body, body) || r.body.size() != sizeof body) return "a RUN record of the wrong length";
    if (body.what != 1 && body.what != 2) return "a RUN record that says neither start nor end";
    return is_zero(body.reserved) ? nullptr : "a RUN record with a reserved byte set";
}

const char* fault_of_full_anchor(const raw_record& r) noexcept {
    full_anchor_body body;
    if (!detail::load(r.body, body) || r.body.size() != sizeof body + padded8(body.label_bytes)) return "an ANCHOR record of the wrong length";
    if (body.walk_from == no_seq || body.walk_from > body.seq) return "an ANCHOR record whose reading begins behind its place";
    if ((r.flags & record_flags::hashed_anchor) == 0 && body.content_hash != 0) return "an ANCHOR record with a hash that it does not announce";
    return is_zero(body.reserved) ? nullptr : "an ANCHOR record with a reserved byte set";
}

const char* fault_of_anchor(const raw_record& r) noexcept {
    if ((r.flags & record_flags::full_anchor) != 0) return fault_of_full_anchor(r);
    anchor_body body;
    if (!detail::load(r.body, body) || r.body.size() != sizeof body + padded8(body.label_bytes)) return "an ANCHOR record of the wrong length";
    return is_zero(body.reserved) ? nullptr : "an ANCHOR record with a reserved byte set";
}

/// The flags that a record of its kind may have.
std::uint8_t flags_of(const raw_record& r) noexcept {
    if (r.kind == record_kind::damage) return record_flags::note;
    if (r.kind != record_kind::anchor) return 0;
    const bool full = (r.flags & record_flags::full_anchor) != 0; // without that body there is nowhere a hash could stand
    return full ? std::uint8_t{record_flags::full_anchor | record_flags::hashed_anchor} : std::uint8_t{0};
}

} // namespace

bool record_check::next(judged_record& out) noexcept {
    out = {};
    if (stage_ != stage::records) return judge_end(out);
    const std::span<const std::byte> before = rest_;
    out.offset = size_ - rest_.size();
    record_prefix prefix{};
    if (rest_.empty() || !take_record(rest_, out.raw)) {
        broken_ = rest_.empty() ? nullptr : "a record whose length runs past its commit";
        stage_ = stage::missing;
        return judge_end(out);
    }
    std::memcpy(&prefix, before.data(), sizeof prefix);
    out.is_record = true;
    const seq_t expected = next_;
    judge(out);
    if (out.fault == nullptr && prefix.reserved != 0) out.fault = "a record with a reserved byte set";
    if (out.range.last >= out.range.first && out.range.first > expected && expected != no_seq) {
        // What is missing comes first, then the record once more.
        rest_ = before;
        next_ = out.range.first;
        out = {.offset = out.offset, .range = {expected, next_ - 1}, .fault = "seqs that no record holds"};
        return true;
    }
    if (out.range.last >= out.range.first) next_ = out.range.last + 1;
    ++count_;
    return true;
}

void record_check::judge(judged_record& out) noexcept {
    const std::uint8_t known = flags_of(out.raw);
    switch (out.raw.kind) {
    case record_kind::event:
    case record_kind::fragment: judge_frame(out); break;
    case record_kind::void_:
    case record_kind::lost:
    case record_kind::damage: judge_range(out); break;
    case record_kind::member: out.fault = fault_of_member(out.raw); break;
    case record_kind::run: out.fault = fault_of_run(out.raw); break;
    case record_kind::anchor: out.fault = fault_of_anchor(out.raw); break;
    default: return; // a kind of a later version: its flags are that one's, too
    }
    if (out.fault == nullptr && (out.raw.flags & ~known) != 0) out.fault = "a record with a reserved flag set";
}

void record_check::judge_frame(judged_record& out) noexcept {
    const frame_fault fault = parse_frame(out.raw.body, out.frame);
    if (out.raw.body.size() >= sizeof(frame_header)) {
        const seq_t seq = out.frame.header.word;
        place(out, {seq, seq});
        if (out.fault != nullptr) return;
        if (const std::int64_t ns = out.frame.header.published; ns != 0) {
            min_ns_ = min_ns_ == 0 ? ns : std::min(min_ns_, ns);
            max_ns_ = max_ns_ == 0 ? ns : std::max(max_ns_, ns);
        }
    }
    if (fault != frame_fault::none) out.fault = to_string(fault);
    else if (frame_bytes(out.frame) != out.raw.body.size()) out.fault = "its record is longer than its frame";
    else if (out.frame.is_fragment() != (out.raw.kind == record_kind::fragment)) out.fault = "its record's kind is not its frame's";
    else if (!headers_view(out.frame.headers_block).is_whole()) out.fault = to_string(frame_fault::bad_headers);
}

void record_check::judge_range(judged_record& out) noexcept {
    seq_range range;
    const bool is_lost = out.raw.kind == record_kind::lost;
    if (!parse_range(out.raw, range, out.cause) || out.raw.body.size() != (is_lost ? sizeof(lost_body) : sizeof(range_body))) {
        out.fault = "a range of seqs that makes no sense";
        return;
    }
    if (out.raw.kind == record_kind::damage && (out.raw.flags & record_flags::note) != 0) return;
    if (is_lost) {
        lost_body body;
        std::memcpy(&body, out.raw.body.data(), sizeof body);
        if (!is_loss(body.cause)) out.fault = "a LOST record of unknown cause";
        else if (!is_zero(body.reserved)) out.fault = "a LOST record with a reserved byte set";
    }
    place(out, range);
}

/// Seqs that are not the commit's, or came before, are no place.
void record_check::place(judged_record& out, seq_range range) noexcept {
    if (range.first < next_ || range.last > header_.last_seq || !covers_seqs(header_))
        out.fault = "a record for seqs that are not its place's";
    else
        out.range = range;
}

bool record_check::judge_end(judged_record& out) noexcept {
    while (true) switch (stage_) {
        case stage::records: return false;
        case stage::missing:
            stage_ = stage::count;
            if (!covers_seqs(header_) || next_ > header_.last_seq) break;
            out.range = {next_, header_.last_seq};
            out.fault = broken_ != nullptr ? broken_ : "seqs that no record holds";
            broken_ = nullptr;
            return true;
        case stage::count:
            stage_ = stage::times;
            out.fault = broken_;
            if (out.fault == nullptr && count_ != header_.record_count) out.fault = "another number of records than its header says";
            if (out.fault != nullptr) return true;
            break;
        case stage::times:
            stage_ = stage::reserved;
            if (min_ns_ == header_.min_time_ns && max_ns_ == header_.max_time_ns && header_.running_max_ns >= max_ns_) break;
            out.fault = "other times than its header says";
            return true;
        case stage::reserved:
            stage_ = stage::over;
            if (header_.flags == 0 && header_.reserved2 == 0 && is_zero(header_.reserved)) break;
            out.fault = "a reserved bit set in its header";
            return true;
        case stage::over: return false;
        }
}

} // namespace log
} // namespace v1
} // namespace evbus
