// What a segment's footer will say, gathered commit by commit by the writer thread (or by whoever
// rebuilds an index). Memory is bounded by the caps in format.hpp; what does not fit is counted and
// flagged, so that a query knows that it has to look everywhere. Out of memory is treated the same.
//
// A query goes by it from one block that may match to the next, and takes everything between for
// frames that do not. So each block that holds anything else (voids, losses, members, records of a
// later kind, a frame that no name leads to) is an exception, and read by every query.
#pragma once

#include <evbus/headers.hpp>
#include <evbus/log/format.hpp>
#include <evbus/log/name_index.hpp>
#include <evbus/log/record.hpp>
#include <evbus/log/segment_footer.hpp>
#include <evbus/log/value_index.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <span>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

/// How much a segment's index may remember; tests make it small.
struct index_limits {
    std::uint32_t topics = max_indexed_topics;
    std::uint32_t keys = max_indexed_keys;
    std::uint32_t places = max_index_places;
    std::uint32_t values = max_index_values;
};

/// Everything a footer says about one segment. One thread.
class segment_index {
public:
    explicit segment_index(seq_t first_seq = 1, const index_limits& limits = {})
        : topics_(limits.topics, limits.places, check_topic), keys_(limits.keys, limits.places), values_(limits.values) {
        summary_.first_seq = first_seq;
        summary_.last_seq = first_seq - 1;
        summary_.data_end = sizeof(segment_header);
    }

    /// Takes note of one checked commit that stands at `offset`. Commits come in file order.
    void note(const commit_header& h, std::span<const std::byte> body, std::uint64_t offset,
              std::uint64_t seed) noexcept {
        begin_block(h, offset);
        next_ = h.first_seq;
        raw_record r;
        while (take_record(body, r)) note_record(r);
        if (!body.empty() || next_ != h.last_seq + 1) note_exception();
        if (summary_.commits++ == 0 || summary_.min_time_ns == 0) summary_.min_time_ns = h.min_time_ns;
        else if (h.min_time_ns != 0) summary_.min_time_ns = std::min(summary_.min_time_ns, h.min_time_ns);
        summary_.max_time_ns = std::max(summary_.max_time_ns, h.max_time_ns);
        summary_.running_max_ns = h.running_max_ns;
        summary_.chain = chain_after(h, seed);
        summary_.records += h.record_count;
        summary_.last_seq = h.last_seq;
        summary_.raw_bytes += h.raw_bytes;
        summary_.data_end = offset + sizeof h + h.stored_bytes;
    }

    [[nodiscard]] const segment_summary& summary() const noexcept { return summary_; }

    /// The footer that belongs at offset `at` of the file it will stand in. What every query reads comes last.
    [[nodiscard]] std::vector<std::byte> encode(std::uint64_t at, std::uint64_t seed) const {
        footer_builder out(at, summary_.first_seq, seed);
        out.add(section_kind::blocks, blocks_cut_ ? section_flags::places_cut : 0,
                bytes_of(blocks_.data(), blocks_.size()));
        out.add(section_kind::header_values, values_.flags(), values_.encode());
        out.add(section_kind::header_keys, keys_.flags(), keys_.encode());
        out.add(section_kind::topics, topics_.flags(), topics_.encode());
        out.add(section_kind::exceptions, exceptions_cut_ ? section_flags::places_cut : 0,
                bytes_of(exceptions_.data(), exceptions_.size()));
        out.add(section_kind::summary, 0, bytes_of(&summary_, 1));
        return out.finish();
    }

private:
    template <class T>
    [[nodiscard]] static std::vector<std::byte> bytes_of(const T* from, std::size_t count) {
        std::vector<std::byte> out(count * sizeof(T));
        if (count != 0) std::memcpy(out.data(), from, out.size());
        return out;
    }
    void begin_block(const commit_header& h, std::uint64_t offset) noexcept {
        const std::uint64_t bytes = sizeof h + h.stored_bytes;
        if (block_at_ == 0 || offset + bytes - block_at_ > index_block_bytes) {
            block_at_ = offset;
            block_ = static_cast<block_place>(offset / 8);
            // Farther than a place can say: no query may rely on any.
            if (offset / 8 > std::numeric_limits<block_place>::max()) exceptions_cut_ = true;
            try {
                blocks_.push_back({offset, h.first_seq, h.last_seq, h.min_time_ns, h.max_time_ns, h.running_max_ns});
                return;
            } catch (const std::bad_alloc&) {
                blocks_cut_ = true;
            }
        }
        if (blocks_.empty()) return;
        block_entry& b = blocks_.back();
        b.last_seq = h.last_seq;
        if (b.min_time_ns == 0) b.min_time_ns = h.min_time_ns;
        else if (h.min_time_ns != 0) b.min_time_ns = std::min(b.min_time_ns, h.min_time_ns);
        b.max_time_ns = std::max(b.max_time_ns, h.max_time_ns);
        b.running_max_ns = h.running_max_ns;
    }
    void note_record(const raw_record& r) noexcept {
        if (r.kind == record_kind::event || r.kind == record_kind::fragment) return note_frame(r);
        note_exception();
        seq_range range;
        gap_cause cause{};
        if (r.kind != record_kind::void_ && r.kind != record_kind::lost && r.kind != record_kind::damage) return;
        if ((r.flags & record_flags::note) != 0 || !parse_range(r, range, cause)) return;
        (r.kind == record_kind::void_  ? summary_.voids
         : r.kind == record_kind::lost ? summary_.lost
                                       : summary_.damaged) += range.count();
        if (range.first == next_) next_ = range.last + 1;
    }
    void note_frame(const raw_record& r) noexcept {
        ++(r.kind == record_kind::event ? summary_.events : summary_.fragments);
        frame_view f;
        if (parse_frame(r.body, f, topic_check::trusted) != frame_fault::none) return note_exception();
        const seq_t seq = f.header.word;
        if (seq == next_) ++next_;
        else note_exception();
        if (!topics_.note(f.header.topic_hash, f.topic, seq, block_)) note_exception();
        if (!f.headers_block.empty()) note_headers(f);
    }
    void note_headers(const frame_view& f) noexcept {
        for (const header& h : headers_view(f.headers_block)) {
            if (!keys_.note(evbus::detail::xxh3(h.key.data(), h.key.size()), h.key, f.header.word, block_)) note_exception();
            if (has_value_index(h.key)) values_.note(value_hash(h.key, h.value), block_);
        }
    }
    void note_exception() noexcept {
        if (!exceptions_.empty() && exceptions_.back() == block_) return;
        try {
            exceptions_.push_back(block_);
        } catch (const std::bad_alloc&) {
            exceptions_cut_ = true;
        }
    }

    segment_summary summary_{};
    std::vector<block_entry> blocks_;
    std::vector<block_place> exceptions_; ///< ascending
    name_index topics_;
    name_index keys_;
    value_index values_;
    std::uint64_t block_at_ = 0;
    block_place block_ = 0;
    seq_t next_ = no_seq; ///< what the commit's next record should begin with
    bool blocks_cut_ = false;
    bool exceptions_cut_ = false;
};

} // namespace log
} // namespace v1
} // namespace evbus
