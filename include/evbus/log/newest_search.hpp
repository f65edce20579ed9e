// The newest event of each topic in a log, found from its end without reading the rest: a sealed segment's
// topic table names the last frame of each topic, and its block alone is read. What turns out there not to be
// a whole event that matches (parts of a large one, one given up, damage, other headers) is looked for in the
// topic's blocks before it, four times as many at each turn, and then in the segment before. A segment without
// a usable table (the one being written, one with a break, a table that was cut) is read through.
//
// Of each older segment the table is read, unless every topic was named and found: nothing else tells which
// topics there are.
#pragma once

#include <evbus/error.hpp>
#include <evbus/log/log_reader.hpp>
#include <evbus/newest_topics.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

/// One thread. Memory: what newest_topics needs, one segment's tables (topics: at most 8 MiB, blocks: 48 bytes
/// each 32 KiB of the segment), and two read windows.
class newest_search {
public:
    /// `log` is led where this looks, and stays the caller's, as all the rest. The filters stay unchanged.
    newest_search(file_system& fs, log_dir dir, log_reader& log, filter_set& wanted, const header_filter& headers, newest_topics& into)
        : fs_(&fs), segments_(fs, std::move(dir)), log_(&log), wanted_(&wanted), headers_(&headers), into_(&into) {}

    /// Looks at what the log has up to `limit`, a seq that it holds. Of the last `whole` seqs there nothing is passed over, so that it is
    /// known which large events have begun there and go on behind it. Throws errc::io when it cannot be read,
    /// too_large for too many topics.
    void run(seq_t limit, std::uint64_t whole) {
        if (const int r = segments_.refresh(); r < 0) evbus::detail::throw_errno(-r, operation, segments_.dir().segments());
        if (limit == no_seq || segments_.empty()) return;
        limit_ = limit;
        const std::vector<seq_t>& firsts = segments_.firsts();
        if (whole != 0) walk(std::max(limit_ - std::min(limit_ - 1, whole - 1), firsts.front()), limit_, true);
        bool is_top = true;
        for (std::size_t i = firsts.size(); i-- > 0 && !into_->is_complete();) {
            if (firsts[i] > limit_) continue;
            const seq_t end = is_top ? limit_ : firsts[i + 1] - 1;
            look_into(firsts[i], end, std::exchange(is_top, false));
        }
        log_->select({});
        log_->may_skip(true);
    }
    /// Read from footers, besides what the log_reader counts.
    [[nodiscard]] read_stats stats() const noexcept { return stats_; }

private:
    static constexpr const char* operation = "find the newest event of each topic";
    static constexpr std::uint64_t growth = 4;

    /// A topic of this segment that is not settled yet.
    struct want {
        newest_topics::topic_state* topic;
        name_entry entry;
        bool is_exhausted = false; ///< all its blocks were read
    };
    /// What a footer says of one segment.
    struct tables {
        explicit tables(const segment_footer& f) : footer(&f), names(f, section_kind::topics) {}
        const segment_footer* footer;
        detail::name_lookup names;
        std::vector<block_entry> blocks{};
        std::optional<block_set> of_headers{}; ///< blocks with events that may have the wanted headers
    };

    void look_into(seq_t first, seq_t end, bool is_top) {
        segment_reader in;
        const std::string path = segment_path(segments_.dir(), first);
        if (const int r = in.open(*fs_, path, log_->bus().seed()); r < 0) {
            if (r != -ENOENT) evbus::detail::throw_errno(-r, operation, path);
            return into_->not_searched({first, end}); // deleted meanwhile
        }
        segment_footer footer;
        const bool sealed = footer.open(in.source(), first, log_->bus().seed());
        std::vector<want> wants;
        tables t(footer);
        const bool planned = sealed && is_usable(footer, first, end, is_top) && list_wants(t, end, wants);
        if (planned && !wants.empty()) read_tables(t);
        stats_.bytes += footer.bytes_read() + in.bytes_read();
        stats_.reads += footer.reads() + in.reads();
        if (!planned || (!wants.empty() && t.blocks.empty())) return walk(first, end, is_top);
        for (std::uint64_t blocks = 1; !wants.empty(); blocks *= growth) look_back(t, first, end, wants, blocks);
    }
    void walk(seq_t first, seq_t end, bool is_top) {
        into_->begin_stretch(first);
        read(first, end, nullptr);
        into_->end_stretch(is_top);
    }

    /// As for a query's plan: else nothing can be passed over in it.
    [[nodiscard]] bool is_usable(const segment_footer& footer, seq_t first, seq_t end, bool is_top) {
        const std::optional<segment_summary> sum = footer.summary();
        const section_entry* const exceptions = footer.find(section_kind::exceptions);
        const section_entry* const blocks = footer.find(section_kind::blocks);
        if (!sum || exceptions == nullptr || exceptions->flags != 0 || blocks == nullptr || blocks->flags != 0 ||
            !detail::is_without_hole(*sum, first, footer.offset()))
            return false;
        if (sum->lost + sum->damaged != 0 || (!is_top && sum->last_seq < end)) into_->note_gap(first);
        return true;
    }
    /// The topics of the segment that are still looked for; false when its table does not tell.
    [[nodiscard]] bool list_wants(const tables& t, seq_t end, std::vector<want>& wants) {
        if (!t.names.is_fine()) return false;
        const auto take = [&](const name_entry& e, std::string_view name) {
            if (e.first_seq > end) return;
            newest_topics::topic_state& topic = into_->at(name);
            if (!topic.settled) wants.push_back({&topic, e});
        };
        if (!wanted_->is_exact())
            return !t.names.is_cut() && t.names.for_each([&](const name_entry& e, std::string_view name) {
                if (wanted_->matches(name)) take(e, name);
                return true;
            });
        for (const filter& f : wanted_->include()) {
            if (!wanted_->matches(f.pattern())) continue; // excluded
            std::optional<name_entry> found;
            if (!t.names.find(f.hash(), found) || (!found && t.names.is_cut())) return false;
            if (found) take(*found, f.pattern());
        }
        return true;
    }
    void read_tables(tables& t) {
        t.blocks = t.footer->blocks();
        for (const header_filter::wanted& w : headers_->all()) {
            const std::optional<block_set> some = detail::blocks_of_value(*t.footer, w);
            if (some) t.of_headers = t.of_headers ? block_set::both(*t.of_headers, *some) : *some;
        }
    }

    /// One turn: the last blocks of each topic, in one pass. Leaves in `wants` what is worth another.
    void look_back(tables& t, seq_t first, seq_t end, std::vector<want>& wants, std::uint64_t blocks) {
        std::vector<bool> chosen(t.blocks.size());
        into_->begin_stretch(first, false);
        bool some = false;
        for (want& w : wants) {
            const std::uint64_t known = w.topic->bytes_before() / index_block_bytes;
            std::size_t oldest = t.blocks.size();
            w.is_exhausted = !choose(t, w, end, std::max(blocks, known == 0 ? 0 : known + 2), chosen, oldest);
            if (oldest == t.blocks.size()) continue; // none that can match
            some = true;
            newest_topics::expect(*w.topic, t.blocks[oldest].first_seq);
        }
        if (some) {
            const std::vector<seq_range> only = ranges_of(t, chosen);
            read(only.front().first, end, &only);
        }
        into_->end_stretch(false);
        std::erase_if(wants, [](const want& w) { return w.is_exhausted || w.topic->settled; });
    }
    /// Marks the last `count` blocks with frames of the topic that may match; false when there are no more.
    [[nodiscard]] bool choose(const tables& t, const want& w, seq_t end, std::uint64_t count, std::vector<bool>& chosen, std::size_t& oldest) {
        const auto take = [&](std::size_t i) {
            if (t.of_headers && !t.of_headers->has(static_cast<block_place>(t.blocks[i].offset / 8))) return;
            chosen[i] = true;
            oldest = i;
            --count;
        };
        const seq_t top = std::min(w.entry.last_seq, end);
        const auto behind = std::partition_point(t.blocks.begin(), t.blocks.end(), [&](const block_entry& b) { return b.first_seq <= top; });
        auto i = static_cast<std::size_t>(behind - t.blocks.begin());
        if (count == 1 && top == w.entry.last_seq && !t.of_headers && i != 0) { // the table names the block: no need for its places
            take(i - 1);
            return true;
        }
        std::vector<block_place> places;
        if (t.names.places(w.entry, places)) {
            for (auto p = places.rbegin(); p != places.rend(); ++p) {
                const std::uint64_t offset = std::uint64_t{*p} * 8;
                const auto b = std::partition_point(t.blocks.begin(), behind, [&](const block_entry& at) { return at.offset < offset; });
                if (b == behind || b->offset != offset) continue;
                if (count == 0) return true;
                take(static_cast<std::size_t>(b - t.blocks.begin()));
            }
            return false;
        }
        while (i-- > 0 && t.blocks[i].last_seq >= w.entry.first_seq) { // too common to be listed
            if (count == 0) return true;
            take(i);
        }
        return false;
    }
    [[nodiscard]] static std::vector<seq_range> ranges_of(const tables& t, const std::vector<bool>& chosen) {
        std::vector<seq_range> out;
        for (std::size_t i = 0; i < chosen.size(); ++i)
            if (chosen[i]) out.push_back({t.blocks[i].first_seq, t.blocks[i].last_seq});
        return out;
    }

    /// Reads from `first` to `end`, and on as long as an event is not whole.
    void read(seq_t first, seq_t end, const std::vector<seq_range>* only) {
        log_->select({.only = only});
        log_->seek(first);
        entry e;
        while (into_->has_open() || log_->position() <= end) {
            log_->may_skip(!into_->has_open());
            const step s = log_->next(e, into_->has_open() ? limit_ : end);
            if (s == step::end) break;
            if (s == step::failed) throw error(errc::io, {operation, segments_.dir().root, log_->failure(), "try again when the log can be read"});
            take(e);
        }
        log_->select({}); // what `only` points to goes
    }
    void take(const entry& e) {
        if (e.kind == entry_kind::gap) return take_gap(e.range, e.cause);
        if (e.kind == entry_kind::member && e.member.what == member_change::left)
            return into_->publisher_ended({e.member.number, e.member.incarnation});
        if (e.kind != entry_kind::frame) return;
        const std::uint64_t hash = e.frame.header.topic_hash;
        if (wanted_->by_hash(hash) == hash_verdict::rejected) return into_->rejected(e.frame.publisher());
        switch (wanted_->judge(hash, e.frame.topic)) {
        case topic_verdict::accepted: return into_->frame(e.seq(), e.frame);
        case topic_verdict::rejected: return into_->rejected(e.frame.publisher());
        case topic_verdict::malformed: return take_gap(e.range, gap_cause::malformed);
        }
    }
    /// Damage no table tells of: who passes over its block is not told, so it is to be read once more.
    void take_gap(seq_range range, gap_cause cause) {
        if (cause == gap_cause::damage || cause == gap_cause::malformed) into_->not_searched(range);
        into_->gap(range);
    }

    file_system* fs_;
    segment_list segments_;
    log_reader* log_;
    filter_set* wanted_;
    const header_filter* headers_;
    newest_topics* into_;
    seq_t limit_ = no_seq;
    read_stats stats_{};
};

} // namespace log
} // namespace v1
} // namespace evbus
