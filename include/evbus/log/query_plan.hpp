// The blocks of a sealed segment that a query has to read, by what its footer says. Without a plan the
// segment is read whole: when there is no footer, when it fails a check, when a table that was cut does
// not know, or when the segment's own seqs do not follow each other.
#pragma once

#include <evbus/log/query.hpp>
#include <evbus/log/segment_footer.hpp>
#include <evbus/log/value_index.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

/// Some blocks, ascending, and all from an offset on.
struct block_set {
    static constexpr std::uint64_t none = std::numeric_limits<std::uint64_t>::max();

    std::vector<block_place> listed{};
    std::uint64_t all_from = none;

    [[nodiscard]] bool has(block_place place) const noexcept {
        return std::uint64_t{place} * 8 >= all_from || std::binary_search(listed.begin(), listed.end(), place);
    }
    /// Where the first of them at or behind `offset` begins; `none` when there is none.
    [[nodiscard]] std::uint64_t next(std::uint64_t offset) const noexcept {
        if (offset >= all_from) return offset;
        const auto it = std::partition_point(listed.begin(), listed.end(), [&](block_place p) { return std::uint64_t{p} * 8 < offset; });
        return std::min(it == listed.end() ? none : std::uint64_t{*it} * 8, all_from);
    }
    /// Where the last of them that is listed begins at or before `offset`; 0 when none does.
    [[nodiscard]] std::uint64_t last(std::uint64_t offset) const noexcept {
        const auto it = std::partition_point(listed.begin(), listed.end(), [&](block_place p) { return std::uint64_t{p} * 8 <= offset; });
        return it == listed.begin() ? 0 : std::uint64_t{*(it - 1)} * 8;
    }
    void sort() {
        std::sort(listed.begin(), listed.end());
        listed.erase(std::unique(listed.begin(), listed.end()), listed.end());
    }
    [[nodiscard]] static block_set both(const block_set& a, const block_set& b) {
        block_set out;
        for (const block_place p : a.listed)
            if (b.has(p)) out.listed.push_back(p);
        for (const block_place p : b.listed)
            if (a.has(p)) out.listed.push_back(p);
        out.all_from = std::max(a.all_from, b.all_from);
        out.sort();
        return out;
    }
};

struct query_plan {
    block_set blocks;
    segment_summary summary{};
};

namespace detail {

/// The parts of section `topics` or `header_keys`, each read only when it is needed.
class name_lookup {
public:
    name_lookup(const segment_footer& footer, section_kind kind) : footer_(&footer), kind_(kind) {
        const section_entry* const e = footer.find(kind);
        fine_ = e != nullptr && footer.read_part(kind, 0, &table_, sizeof table_) &&
                e->bytes == text_at() + std::uint64_t{table_.text_bytes};
        cut_ = e != nullptr && (e->flags & section_flags::names_cut) != 0;
    }
    [[nodiscard]] bool is_fine() const noexcept { return fine_; }
    [[nodiscard]] bool is_cut() const noexcept { return cut_; }

    /// The entry of `hash`: entries stand in the order of their hashes, which lie evenly. False when a piece
    /// cannot be read.
    [[nodiscard]] bool find(std::uint64_t hash, std::optional<name_entry>& out) const {
        std::uint64_t low = 0;
        std::uint64_t high = table_.entries;
        std::uint64_t guess = ((hash >> 32) * high) >> 32;
        std::vector<name_entry> some;
        while (low < high) {
            const std::uint64_t begin = std::max(low, guess > look / 2 ? guess - look / 2 : 0);
            const std::uint64_t end = std::min(high, begin + look);
            some.resize(static_cast<std::size_t>(end - begin));
            if (!footer_->read_part(kind_, entries_at + begin * sizeof(name_entry), some.data(), some.size() * sizeof(name_entry)))
                return false;
            const auto it = std::partition_point(some.begin(), some.end(), [&](const name_entry& e) { return e.hash < hash; });
            if (it != some.end() && it->hash == hash) {
                out = *it;
                return true;
            }
            if (it != some.begin() && it != some.end()) return true;
            if (it == some.begin()) high = begin;
            else low = end;
            guess = (low + high) / 2;
        }
        return true;
    }
    /// Appends where the name stands; false when the table does not say.
    [[nodiscard]] bool places(const name_entry& e, std::vector<block_place>& to) const {
        if (e.places == 0 || e.places > table_.places || e.places_at > table_.places - e.places) return false;
        const std::size_t had = to.size();
        to.resize(had + e.places);
        return footer_->read_part(kind_, places_at() + std::uint64_t{e.places_at} * sizeof(block_place), to.data() + had,
                                  e.places * sizeof(block_place));
    }
    /// Calls take(entry, text) for each name until it returns false. False then, and when it cannot be read.
    template <class Take>
    [[nodiscard]] bool for_each(Take&& take) const {
        std::vector<name_entry> entries(table_.entries);
        std::string text(table_.text_bytes, '\0');
        if (!footer_->read_part(kind_, entries_at, entries.data(), entries.size() * sizeof(name_entry)) ||
            !footer_->read_part(kind_, text_at(), text.data(), text.size()))
            return false;
        for (const name_entry& e : entries) {
            if (e.text_bytes > text.size() || e.text_at > text.size() - e.text_bytes) return false;
            if (!take(e, std::string_view(text).substr(e.text_at, e.text_bytes))) return false;
        }
        return true;
    }

private:
    static constexpr std::uint64_t look = 128; ///< entries at once
    static constexpr std::uint64_t entries_at = sizeof(name_table);

    [[nodiscard]] std::uint64_t places_at() const noexcept { return entries_at + std::uint64_t{table_.entries} * sizeof(name_entry); }
    [[nodiscard]] std::uint64_t text_at() const noexcept { return places_at() + std::uint64_t{table_.places} * sizeof(block_place); }

    const segment_footer* footer_;
    section_kind kind_;
    name_table table_{};
    bool fine_ = false;
    bool cut_ = false;
};

/// The blocks with frames of topics that `wanted` lets pass.
[[nodiscard]] inline std::optional<block_set> blocks_of_topics(const segment_footer& footer, const filter_set& wanted) {
    const name_lookup names(footer, section_kind::topics);
    if (!names.is_fine()) return std::nullopt;
    block_set out;
    bool fine = true;
    if (wanted.is_exact()) {
        for (const filter& f : wanted.include()) {
            if (!wanted.matches(f.pattern())) continue; // excluded
            std::optional<name_entry> found;
            fine = fine && names.find(f.hash(), found) && (found ? names.places(*found, out.listed) : !names.is_cut());
        }
    } else {
        fine = !names.is_cut() && names.for_each([&](const name_entry& e, std::string_view text) {
            return !wanted.matches(text) || names.places(e, out.listed);
        });
    }
    if (!fine) return std::nullopt;
    out.sort();
    return out;
}

/// The blocks with events that may have this header.
[[nodiscard]] inline std::optional<block_set> blocks_of_value(const segment_footer& footer, const header_filter::wanted& w) {
    constexpr section_kind kind = section_kind::header_values;
    const section_entry* const e = footer.find(kind);
    value_table table;
    if (e == nullptr || !has_value_index(w.key) || !footer.read_part(kind, 0, &table, sizeof table) || table.bucket_bits > 24)
        return std::nullopt;
    const std::uint64_t hash = value_hash(w.key, w.value);
    const std::uint64_t begins = (std::uint64_t{1} << table.bucket_bits) + 1;
    const std::uint64_t entries_at = sizeof table + begins * sizeof(std::uint32_t);
    const std::uint64_t bucket = value_index::bucket_of(hash, table.bucket_bits);
    std::uint32_t range[2];
    if (e->bytes != entries_at + std::uint64_t{table.entries} * sizeof(value_entry) ||
        !footer.read_part(kind, sizeof table + bucket * sizeof(std::uint32_t), range, sizeof range) || range[0] > range[1] ||
        range[1] > table.entries)
        return std::nullopt;
    std::vector<value_entry> entries(range[1] - range[0]);
    if (!footer.read_part(kind, entries_at + std::uint64_t{range[0]} * sizeof(value_entry), entries.data(), entries.size() * sizeof(value_entry)))
        return std::nullopt;
    block_set out;
    if ((e->flags & section_flags::places_cut) != 0) out.all_from = table.complete_below;
    for (const value_entry& v : entries)
        if (v.hash == static_cast<std::uint32_t>(hash)) out.listed.push_back(v.place);
    out.sort();
    return out;
}

/// The blocks that hold any of these seqs; `only` is in the order of first seqs.
[[nodiscard]] inline std::optional<block_set> blocks_of_seqs(const segment_footer& footer, const segment_summary& sum,
                                                             const std::vector<seq_range>& only) {
    block_set out;
    std::vector<block_entry> blocks;
    for (const seq_range& r : only) {
        if (r.first > sum.last_seq) break;
        if (r.last < sum.first_seq) continue;
        if (blocks.empty()) {
            const section_entry* const e = footer.find(section_kind::blocks);
            if (e == nullptr || e->flags != 0) return std::nullopt;
            blocks = footer.blocks();
            if (blocks.empty()) return std::nullopt;
        }
        auto b = std::partition_point(blocks.begin(), blocks.end(), [&](const block_entry& at) { return at.last_seq < r.first; });
        for (; b != blocks.end() && b->first_seq <= r.last; ++b) out.listed.push_back(static_cast<block_place>(b->offset / 8));
    }
    out.sort();
    return out;
}

/// What stands in the segment follows each other, and lies before its footer.
[[nodiscard]] inline bool is_without_hole(const segment_summary& s, seq_t first, std::uint64_t footer_offset) noexcept {
    return s.first_seq == first && s.last_seq >= first && s.data_end <= footer_offset &&
           s.events + s.fragments + s.voids + s.lost + s.damaged == s.last_seq - first + 1;
}

} // namespace detail

/// The plan for the segment that begins at seq `first`; nothing when all of it has to be read.
[[nodiscard]] inline std::optional<query_plan> plan_query(const segment_footer& footer, seq_t first, const query& q) {
    const std::optional<segment_summary> sum = footer.summary();
    const std::optional<section> exceptions = footer.read(section_kind::exceptions);
    if (!sum || !exceptions || exceptions->flags != 0 || !detail::is_without_hole(*sum, first, footer.offset())) return std::nullopt;
    query_plan out{{}, *sum};
    if (q.frames) out.blocks.all_from = 0;
    if (q.frames && q.narrows_topics()) {
        const std::optional<block_set> some = detail::blocks_of_topics(footer, *q.topics);
        if (some) out.blocks = *some;
    }
    if (q.frames && q.only != nullptr) {
        const std::optional<block_set> some = detail::blocks_of_seqs(footer, *sum, *q.only);
        if (some) out.blocks = block_set::both(out.blocks, *some);
    }
    for (std::size_t i = 0; q.frames && q.headers != nullptr && i < q.headers->all().size(); ++i) {
        const std::optional<block_set> some = detail::blocks_of_value(footer, q.headers->all()[i]);
        if (some) out.blocks = block_set::both(out.blocks, *some);
    }
    if (out.blocks.all_from == 0) return std::nullopt;
    std::vector<block_place>& listed = out.blocks.listed;
    const std::size_t had = listed.size();
    listed.resize(had + exceptions->body.size() / sizeof(block_place));
    if (listed.size() != had) std::memcpy(listed.data() + had, exceptions->body.data(), (listed.size() - had) * sizeof(block_place));
    out.blocks.sort();
    return out;
}

} // namespace log
} // namespace v1
} // namespace evbus
