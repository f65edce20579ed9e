// A batch of commits, laid out as they will stand in the file. The capture thread fills it, hands
// its pointer over, the writer thread seals it (headers, hashes) and writes bytes() with one call,
// clears it and hands it back. One owner at a time; no locks, no allocation after construction.
//
// Frames are copied as they are: the caller has validated the copy it gives.
#pragma once

#include <evbus/error.hpp>
#include <evbus/frame.hpp>
#include <evbus/log/commit_check.hpp>
#include <evbus/log/format.hpp>
#include <evbus/log/record.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

class batch {
public:
    static constexpr std::size_t default_capacity = std::size_t{1} << 20;
    static constexpr std::size_t least_capacity = std::size_t{128} << 10;

    /// Takes `capacity` bytes now and for good. Throws errc::bad_option below least_capacity.
    explicit batch(std::size_t capacity = default_capacity) : capacity_(capacity) {
        if (capacity < least_capacity || capacity > (std::size_t{1} << 30))
            throw error(errc::bad_option, {"make log batch", std::to_string(capacity) + " bytes",
                                           "a batch has 128 KiB to 1 GiB"});
        words_ = std::make_unique<std::uint64_t[]>(capacity / 8);
        commits_.resize(2 * capacity / commit_target_bytes + 2);
    }
    batch(const batch&) = delete;
    batch& operator=(const batch&) = delete;

    /// Appends one frame; its first word becomes `seq`, its time `published_ns`. `frame` is a multiple
    /// of 8 bytes, at least a frame_header, at most a slot. False when it does not fit: hand over.
    /// Seqs follow each other without hole within a batch, whatever record carries them.
    [[nodiscard]] bool add_frame(seq_t seq, std::int64_t published_ns, std::span<const std::byte> frame) noexcept {
        assert(frame.size() >= sizeof(frame_header) && frame.size() % 8 == 0);
        assert(frame.size() + sizeof(record_prefix) <= max_record_bytes);
        const std::size_t bytes = sizeof(record_prefix) + frame.size();
        std::byte* const at = reserve(bytes);
        if (at == nullptr) return false;
        const auto flags = static_cast<std::uint8_t>(frame[offsetof(frame_header, flags)]);
        const auto kind = (flags & frame_flags::fragment) != 0 ? record_kind::fragment : record_kind::event;
        const record_prefix prefix{static_cast<std::uint32_t>(bytes), static_cast<std::uint8_t>(kind), 0, 0};
        std::memcpy(at, &prefix, sizeof prefix);
        std::byte* const to = at + sizeof prefix;
        std::memcpy(to, frame.data(), frame.size());
        std::memcpy(to + offsetof(frame_header, word), &seq, sizeof seq);
        std::memcpy(to + offsetof(frame_header, published), &published_ns, sizeof published_ns);
        commit_slot& c = commits_[count_ - 1];
        if (published_ns != 0) {
            c.min_ns = std::min(c.min_ns, published_ns);
            c.max_ns = std::max(c.max_ns, published_ns);
        }
        cover(c, {seq, seq});
        return true;
    }

    /// Seqs at which nothing was published; joined with a VOID just before.
    [[nodiscard]] bool add_void(seq_range range) noexcept {
        if (last_void_ != 0 && last_ + 1 == range.first) {
            std::memcpy(bytes_at(last_void_) + sizeof(record_prefix) + offsetof(range_body, last), &range.last,
                        sizeof range.last);
            cover(commits_[count_ - 1], range);
            return true;
        }
        if (!add_covering(record_kind::void_, range, range_body{range.first, range.last})) return false;
        last_void_ = used_ - record_bytes(sizeof(range_body));
        return true;
    }
    /// Seqs that the recorder could not have.
    [[nodiscard]] bool add_lost(seq_range range, gap_cause cause) noexcept {
        if (!add_covering(record_kind::lost, range,
                          lost_body{range.first, range.last, static_cast<std::uint8_t>(cause), {}}))
            return false;
        lost_seqs_ += range.count();
        return true;
    }
    /// Of the batch's seqs, those under LOST records.
    [[nodiscard]] std::uint64_t lost_seqs() const noexcept { return lost_seqs_; }
    /// Seqs that the log once held and now lacks, at their place in the order.
    [[nodiscard]] bool add_damage(seq_range range) noexcept {
        return add_covering(record_kind::damage, range, range_body{range.first, range.last});
    }
    /// The same about seqs further back; takes no place in the order.
    [[nodiscard]] bool add_damage_note(seq_range range) noexcept {
        return add_plain(record_kind::damage, range_body{range.first, range.last}, {}, record_flags::note);
    }
    [[nodiscard]] bool add_member(const member_info& m) noexcept {
        const std::string_view name = m.name.substr(0, max_record_text);
        return add_plain(record_kind::member,
                         member_body{m.time_ns, m.pid, to_u16(m.number), m.incarnation,
                                     static_cast<std::uint8_t>(m.what), static_cast<std::uint8_t>(name.size()), {}},
                         name);
    }
    [[nodiscard]] bool add_run(const run_info& r) noexcept {
        return add_plain(record_kind::run, run_body{r.time_ns, r.run, static_cast<std::uint8_t>(r.what), {}});
    }
    [[nodiscard]] bool add_anchor(const anchor_info& a) noexcept {
        const std::string_view label = a.label.substr(0, max_record_text);
        const auto label_bytes = static_cast<std::uint8_t>(label.size());
        if (a.walk_from == no_seq && !a.content_hash)
            return add_plain(record_kind::anchor, anchor_body{a.time_ns, a.seq, label_bytes, {}}, label);
        const full_anchor_body body{a.time_ns, a.seq, label_bytes, {}, a.walk_from == no_seq ? a.seq : a.walk_from, a.content_hash.value_or(0)};
        const auto flags = static_cast<std::uint8_t>(record_flags::full_anchor | (a.content_hash ? record_flags::hashed_anchor : 0));
        return add_plain(record_kind::anchor, body, label, flags);
    }

    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
    /// True when a record of `bytes` (a frame and 8 more) may not fit any more.
    [[nodiscard]] bool full(std::size_t bytes = max_record_bytes) const noexcept {
        return count_ == commits_.size() || used_ + sizeof(commit_header) + bytes > capacity_;
    }
    /// The first and last seq it covers; no_seq when it covers none.
    [[nodiscard]] seq_t first() const noexcept { return first_; }
    [[nodiscard]] seq_t last() const noexcept { return last_; }
    [[nodiscard]] std::size_t commits() const noexcept { return count_; }
    /// The least publish time of its frames, in ns since 1970; 0 when none has one.
    [[nodiscard]] std::int64_t oldest_ns() const noexcept {
        std::int64_t oldest = std::numeric_limits<std::int64_t>::max();
        for (std::size_t i = 0; i < count_; ++i) oldest = std::min(oldest, commits_[i].min_ns);
        return oldest == std::numeric_limits<std::int64_t>::max() ? 0 : oldest;
    }
    /// Everything, as it goes into the file; final after seal().
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {bytes_at(0), used_}; }

    void clear() noexcept {
        count_ = used_ = last_void_ = 0;
        first_ = last_ = no_seq;
        lost_seqs_ = 0;
    }

    /// True when its seqs are those from `next` on, without hole.
    [[nodiscard]] bool follows(seq_t next) const noexcept {
        for (std::size_t i = 0; i < count_; ++i) {
            const commit_slot& c = commits_[i];
            if (c.seqs == 0) continue;
            if (c.first != next || c.last - c.first + 1 != c.seqs) return false;
            next = c.last + 1;
        }
        return true;
    }

    /// Writes every commit's header for a place `offset` in the file, going on from `state`, and
    /// returns the state after the last. May be done again with another state after a failed write.
    [[nodiscard]] chain_state seal(chain_state state, std::uint64_t offset) noexcept {
        for (std::size_t i = 0; i < count_; ++i) {
            const commit_slot& c = commits_[i];
            commit_header h{};
            h.magic = commit_magic;
            h.version = static_cast<std::uint16_t>(log_format_version);
            h.codec = static_cast<std::uint8_t>(codec::none);
            h.stored_bytes = h.raw_bytes = c.bytes;
            h.first_seq = state.next;
            h.last_seq = state.next + c.seqs - 1;
            h.record_count = c.records;
            const bool stamped = c.min_ns <= c.max_ns;
            h.min_time_ns = stamped ? c.min_ns : 0;
            h.max_time_ns = stamped ? c.max_ns : 0;
            h.running_max_ns = stamped ? std::max(state.running_max_ns, c.max_ns) : state.running_max_ns;
            h.previous_chain = state.chain;
            h.body_hash = evbus::detail::xxh3(bytes_at(c.offset + sizeof h), c.bytes, state.seed);
            h.stored_checksum = h.body_hash;
            h.place = offset + c.offset;
            h.header_checksum = header_checksum(h, state.seed);
            std::memcpy(bytes_at(c.offset), &h, sizeof h);
            state = state_after(h, state.seed);
        }
        return state;
    }

    /// Calls visit(commit_header, body) for each commit of a sealed batch.
    template <class Visit>
    void for_each_commit(Visit&& visit) const noexcept {
        for (std::size_t i = 0; i < count_; ++i) {
            commit_header h;
            std::memcpy(&h, bytes_at(commits_[i].offset), sizeof h);
            visit(h, std::span<const std::byte>(bytes_at(commits_[i].offset + sizeof h), commits_[i].bytes));
        }
    }

private:
    struct commit_slot {
        std::size_t offset = 0; ///< of its header in the batch
        std::uint32_t bytes = 0;
        std::uint32_t records = 0;
        seq_t first = no_seq;
        seq_t last = no_seq;
        std::uint64_t seqs = 0;
        std::int64_t min_ns = std::numeric_limits<std::int64_t>::max();
        std::int64_t max_ns = std::numeric_limits<std::int64_t>::min();
    };

    [[nodiscard]] std::byte* bytes_at(std::size_t offset) const noexcept {
        return reinterpret_cast<std::byte*>(words_.get()) + offset;
    }
    /// Room for one record in the open commit, or in a new one; null when the batch is full.
    [[nodiscard]] std::byte* reserve(std::size_t bytes) noexcept {
        if (count_ == 0 || commits_[count_ - 1].bytes + bytes > commit_target_bytes) return reserve_slow(bytes);
        if (used_ + bytes > capacity_) return nullptr;
        return take(bytes);
    }
    [[nodiscard]] std::byte* reserve_slow(std::size_t bytes) noexcept {
        if (count_ == commits_.size() || used_ + sizeof(commit_header) + bytes > capacity_) return nullptr;
        commits_[count_] = commit_slot{};
        commits_[count_++].offset = used_;
        used_ += sizeof(commit_header);
        return take(bytes);
    }
    [[nodiscard]] std::byte* take(std::size_t bytes) noexcept {
        std::byte* const at = bytes_at(used_);
        used_ += bytes;
        commits_[count_ - 1].bytes += static_cast<std::uint32_t>(bytes);
        ++commits_[count_ - 1].records;
        last_void_ = 0;
        return at;
    }
    void cover(commit_slot& c, seq_range range) noexcept {
        assert(last_ == no_seq || range.first == last_ + 1);
        if (first_ == no_seq) first_ = range.first;
        if (c.seqs == 0) c.first = range.first;
        c.seqs += range.count();
        last_ = c.last = range.last;
    }
    template <class Body>
    [[nodiscard]] bool add_plain(record_kind kind, const Body& body, std::string_view text = {},
                                 std::uint8_t flags = 0) noexcept {
        std::byte* const at = reserve(record_bytes(sizeof body, text.size()));
        if (at == nullptr) return false;
        put_record(at, kind, body, text, flags);
        return true;
    }
    template <class Body>
    [[nodiscard]] bool add_covering(record_kind kind, seq_range range, const Body& body) noexcept {
        if (!add_plain(kind, body)) return false;
        cover(commits_[count_ - 1], range);
        return true;
    }

    std::unique_ptr<std::uint64_t[]> words_;
    std::vector<commit_slot> commits_;
    std::size_t capacity_;
    std::size_t count_ = 0;
    std::size_t used_ = 0;
    std::size_t last_void_ = 0; ///< offset of a VOID that ends the batch; 0 is a header's place
    seq_t first_ = no_seq;
    seq_t last_ = no_seq;
    std::uint64_t lost_seqs_ = 0;
};

} // namespace log
} // namespace v1
} // namespace evbus
