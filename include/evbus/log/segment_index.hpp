// What a segment's footer will say, gathered commit by commit by the writer thread (or by whoever
// rebuilds an index). Memory is bounded by the caps in format.hpp; what does not fit is counted and
// flagged, so that a query knows that it has to look everywhere. Out of memory is treated the same.
#pragma once

#include <evbus/headers.hpp>
#include <evbus/log/format.hpp>
#include <evbus/log/record.hpp>
#include <evbus/log/segment_footer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

/// Names (topics or header keys) with their counts and the blocks they stand in.
class name_index {
public:
    explicit name_index(std::uint32_t max_names) : max_names_(max_names) {}

    void note(std::uint64_t hash, std::string_view text, seq_t seq, std::uint32_t block) noexcept {
        if (recent_ < names_.size() && names_[recent_].hash == hash) return bump(recent_, seq, block);
        note_slow(hash, text, seq, block);
    }
    [[nodiscard]] std::uint32_t flags() const noexcept {
        return (unnamed_ != 0 ? section_flags::names_cut : 0) | (places_cut_ ? section_flags::places_cut : 0);
    }
    /// name_table, entries, block numbers, text.
    [[nodiscard]] std::vector<std::byte> encode() const {
        std::vector<name_entry> entries(names_.size());
        std::vector<std::uint32_t> blocks(places_.size());
        for (const place& p : places_) ++entries[p.name].places;
        std::uint32_t at = 0;
        for (std::size_t i = 0; i < entries.size(); ++i) {
            const name& n = names_[i];
            entries[i] = {n.hash, n.count, n.first, n.last, n.text_at, n.text_bytes, at, entries[i].places};
            at += entries[i].places;
        }
        std::vector<std::uint32_t> next(entries.size());
        for (const place& p : places_) blocks[entries[p.name].places_at + next[p.name]++] = p.block;
        const name_table head{static_cast<std::uint32_t>(entries.size()), static_cast<std::uint32_t>(blocks.size()),
                              static_cast<std::uint32_t>(text_.size()), 0, unnamed_};
        std::vector<std::byte> out(sizeof head + entries.size() * sizeof(name_entry) + blocks.size() * 4 + text_.size());
        std::byte* to = out.data();
        const auto put = [&to](const void* from, std::size_t size) {
            if (size != 0) std::memcpy(to, from, size);
            to += size;
        };
        put(&head, sizeof head);
        put(entries.data(), entries.size() * sizeof(name_entry));
        put(blocks.data(), blocks.size() * 4);
        put(text_.data(), text_.size());
        return out;
    }

private:
    struct name {
        std::uint64_t hash;
        std::uint64_t count;
        seq_t first;
        seq_t last;
        std::uint32_t text_at;
        std::uint32_t text_bytes;
        std::uint32_t last_block;
    };
    struct place {
        std::uint32_t name;
        std::uint32_t block;
    };
    static constexpr std::uint32_t nobody = 0xffff'ffff;

    void bump(std::size_t i, seq_t seq, std::uint32_t block) noexcept {
        name& n = names_[i];
        ++n.count;
        n.last = seq;
        if (n.last_block == block) return;
        n.last_block = block;
        add_place(static_cast<std::uint32_t>(i), block);
    }
    void add_place(std::uint32_t i, std::uint32_t block) noexcept {
        try {
            if (places_.size() < max_index_places) places_.push_back({i, block});
            else places_cut_ = true;
        } catch (const std::bad_alloc&) {
            places_cut_ = true;
        }
    }
    void note_slow(std::uint64_t hash, std::string_view text, seq_t seq, std::uint32_t block) noexcept {
        try {
            if (table_.size() < 2 * (names_.size() + 1)) grow();
            std::size_t slot = hash & (table_.size() - 1);
            for (; table_[slot] != nobody; slot = (slot + 1) & (table_.size() - 1))
                if (names_[table_[slot]].hash == hash) {
                    recent_ = table_[slot];
                    return bump(recent_, seq, block);
                }
            if (names_.size() >= max_names_) {
                ++unnamed_;
                return;
            }
            const auto at = static_cast<std::uint32_t>(text_.size());
            text_.append(text);
            names_.push_back({hash, 0, seq, seq, at, static_cast<std::uint32_t>(text.size()), nobody});
            recent_ = names_.size() - 1;
            table_[slot] = static_cast<std::uint32_t>(recent_);
            bump(recent_, seq, block);
        } catch (const std::bad_alloc&) {
            ++unnamed_;
        }
    }
    void grow() {
        std::vector<std::uint32_t> wider(std::max<std::size_t>(64, 2 * table_.size()), nobody);
        for (std::size_t i = 0; i < names_.size(); ++i) {
            std::size_t slot = names_[i].hash & (wider.size() - 1);
            while (wider[slot] != nobody) slot = (slot + 1) & (wider.size() - 1);
            wider[slot] = static_cast<std::uint32_t>(i);
        }
        table_.swap(wider);
    }

    std::uint32_t max_names_;
    std::vector<name> names_;
    std::vector<place> places_;
    std::vector<std::uint32_t> table_;
    std::string text_;
    std::size_t recent_ = 0;
    std::uint64_t unnamed_ = 0;
    bool places_cut_ = false;
};

/// Everything a footer says about one segment. One thread.
class segment_index {
public:
    explicit segment_index(seq_t first_seq = 1) {
        summary_.first_seq = first_seq;
        summary_.last_seq = first_seq - 1;
        summary_.data_end = sizeof(segment_header);
    }

    /// Takes note of one checked commit that stands at `offset`. Commits come in file order.
    void note(const commit_header& h, std::span<const std::byte> body, std::uint64_t offset,
              std::uint64_t seed) noexcept {
        begin_block(h, offset);
        raw_record r;
        while (take_record(body, r)) note_record(r);
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

    /// The footer that belongs at offset `at` of the file it will stand in.
    [[nodiscard]] std::vector<std::byte> encode(std::uint64_t at, std::uint64_t seed) const {
        footer_builder out(at, summary_.first_seq, seed);
        out.add(section_kind::summary, 0, bytes_of(&summary_, 1));
        out.add(section_kind::blocks, blocks_cut_ ? section_flags::places_cut : 0,
                bytes_of(blocks_.data(), blocks_.size()));
        out.add(section_kind::topics, topics_.flags(), topics_.encode());
        out.add(section_kind::header_keys, keys_.flags(), keys_.encode());
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
        if (blocks_.empty() || offset + bytes - blocks_.back().offset > index_block_bytes) {
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
        const auto block = static_cast<std::uint32_t>(blocks_.size() - (blocks_.empty() ? 0 : 1));
        if (r.kind == record_kind::event || r.kind == record_kind::fragment) {
            ++(r.kind == record_kind::event ? summary_.events : summary_.fragments);
            frame_view f;
            if (parse_frame(r.body, f, topic_check::trusted) != frame_fault::none) return;
            topics_.note(f.header.topic_hash, f.topic, f.header.word, block);
            if (!f.headers_block.empty()) note_keys(f, block);
            return;
        }
        seq_range range;
        gap_cause cause{};
        if (r.kind != record_kind::void_ && r.kind != record_kind::lost && r.kind != record_kind::damage) return;
        if ((r.flags & record_flags::note) != 0 || !parse_range(r, range, cause)) return;
        (r.kind == record_kind::void_  ? summary_.voids
         : r.kind == record_kind::lost ? summary_.lost
                                       : summary_.damaged) += range.count();
    }
    void note_keys(const frame_view& f, std::uint32_t block) noexcept {
        for (const header& h : headers_view(f.headers_block))
            keys_.note(evbus::detail::xxh3(h.key.data(), h.key.size()), h.key, f.header.word, block);
    }

    segment_summary summary_{};
    std::vector<block_entry> blocks_;
    name_index topics_{max_indexed_topics};
    name_index keys_{max_indexed_keys};
    bool blocks_cut_ = false;
};

} // namespace log
} // namespace v1
} // namespace evbus
