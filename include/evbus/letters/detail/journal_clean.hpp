// journal: getting rid of what nobody needs any more.
//
// Segments go from the front alone: a log has no holes. So the newest note of a letter outlives all its earlier ones, and
// whatever power loss leaves of a removal is a journal. The newest segment stays, so that positions never go back.
#pragma once

#include <evbus/detail/probe.hpp>
#include <evbus/letters/journal.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace letters {

/// A journal of so many segments is small enough.
inline constexpr std::size_t clean_beyond_segments = 4;

inline int journal::clean(seq_t forget_below) {
    if (const int r = write(); r < 0) return r;
    if (const int r = sync(); r < 0) return r;
    index_.forget_closed_below(forget_below);
    const int r = guarded([&]() -> int {
        if (place_.first == place_.segment) return 0;
        const std::optional<log::lock_file> held = lock();
        return held ? clean_locked() : -EBUSY;
    });
    if (r < 0) pending_.clear(); // letters on their way to the end stay where they are
    return r;
}

inline int journal::forget_closed() {
    const int staged_all = guarded([&]() -> int {
        for (const auto& [seq, k] : index_.all()) {
            if (is_open(k.state)) continue;
            staged s;
            s.news = {seq, k.first_seq, letter_state::forgotten};
            pending_.emplace(seq, std::move(s));
        }
        return 0;
    });
    if (staged_all < 0) return staged_all;
    if (const int r = write(); r < 0) return r;
    if (const int r = sync(); r < 0) return r;
    index_.forget_closed_below(max_seq);
    return 0;
}

inline int journal::clean_locked() {
    if (!is_end_ours()) {
        catch_up();
        take_end();
    }
    std::vector<seq_t> firsts;
    if (const int r = list_segments(*fs_, dir_, firsts); r < 0) return r;
    while (firsts.size() > 1 && !is_needed(firsts[0], firsts[1])) {
        if (const int r = remove_segment(firsts[0]); r < 0) return r;
        firsts.erase(firsts.begin());
    }
    if (!firsts.empty()) place_.first = firsts.front();
    if (!has_dead_weight(firsts)) return 0;
    stage_move(firsts[0], firsts[1]);
    if (const int r = write_locked(); r < 0) return r;
    if (const int r = writer_.is_open() ? sync_file() : 0; r < 0) return r;
    mark(probe::letter_moved);
    if (is_needed(firsts[0], firsts[1])) return 0;
    if (const int r = remove_segment(firsts[0]); r < 0) return r;
    place_.first = firsts[1];
    return 0;
}

/// One at a time, each durably: what is left is always a log's end.
inline int journal::remove_segment(seq_t first) {
    if (const int r = fs_->unlink(segment_path(dir_, first)); r < 0 && r != -ENOENT) return r;
    const int r = fs_->sync_dir(dir_.segments());
    mark(probe::letters_cut);
    return r;
}

inline bool journal::is_needed(seq_t first, seq_t next) const noexcept {
    const auto needs = [&](const letter_index::known& k) {
        const auto in = [&](seq_t at) { return first <= at && at < next; };
        return in(k.note_at) || (is_open(k.state) && in(k.event.at));
    };
    if (const letter_index::known* const k = index_.find(blocker_); k != nullptr && needs(*k)) return true;
    for (const auto& [seq, k] : index_.all()) {
        if (!needs(k)) continue;
        blocker_ = seq;
        return true;
    }
    return false;
}

/// More than half of it is of no use any more. Then moving the oldest letters costs less than was written.
inline bool journal::has_dead_weight(const std::vector<seq_t>& firsts) const {
    if (firsts.size() <= clean_beyond_segments) return false;
    std::uint64_t bytes = 0;
    for (const seq_t first : firsts) {
        log::file_info info;
        if (fs_->stat(segment_path(dir_, first), info) == 0) bytes += info.bytes;
    }
    return bytes > 2 * index_.file_bytes() + clean_beyond_segments * options_.segment_bytes;
}

/// Everything that the segment is kept for, to be written once more.
inline void journal::stage_move(seq_t first, seq_t next) {
    const auto in = [&](seq_t at) { return first <= at && at < next; };
    for (const auto& [seq, k] : index_.all()) {
        if (!in(k.note_at) && !(is_open(k.state) && in(k.event.at))) continue;
        staged s;
        if (!is_open(k.state)) { // no more than that it is closed has to be known
            s.news = {seq, k.first_seq, k.state};
        } else {
            s.news = index_.open().at(seq);
            if (in(k.event.at)) {
                const owned_event e = read(seq);
                s.event = frames_of(e.view());
                s.published_ns = e.view().published();
            }
        }
        pending_.emplace(seq, std::move(s));
    }
}

} // namespace letters
} // namespace v1
} // namespace evbus
