// journal: opening, reading, and what others append.
#pragma once

#include <evbus/letters/journal.hpp>
#include <evbus/log/cursor_file.hpp>

#include <algorithm>
#include <thread>

namespace evbus {
inline namespace v1 {
namespace letters {

inline journal::journal(log::file_system& fs, log::log_dir dir, std::string name, const journal_options& options)
    : fs_(&fs), dir_(std::move(dir)), name_(std::move(name)), options_(options) {
    place_.state.seed = options_.bus.seed();
}

inline journal journal::open(log::file_system& fs, const log::log_dir& dir, const std::string& name,
                             const journal_options& options) {
    const std::string operation = "open letters of " + name;
    if (!log::valid_cursor_name(name))
        throw error(errc::bad_name, {"open letters", "'" + name + "'", "not a name for a cursor",
                                     "use 1-63 of a-z 0-9 . _ - and begin with a letter or digit"});
    if (options.bus.empty()) throw error(errc::bad_option, {operation, dir.root, "no bus id was given"});
    if (options.segment_bytes < (std::uint64_t{64} << 10) || options.segment_bytes > (std::uint64_t{1} << 30))
        throw error(errc::bad_option, {operation, std::to_string(options.segment_bytes) + " bytes a segment",
                                       "a segment has 64 KiB to 1 GiB"});
    log::file_info root;
    if (const int r = fs.stat(dir.root, root); r < 0) evbus::detail::throw_errno(-r, operation, dir.root);
    journal out(fs, {dir.dead_letters() + "/" + name}, name, options);
    out.file_mode_ = root.mode & 0666;
    out.dir_mode_ = root.mode & 0777;
    if (options.read_only) {
        out.look_for(dir);
        out.read_anew();
        out.news_.clear();
        out.tell_of_losses();
        return out;
    }
    out.make_directories(dir, root);
    const std::optional<log::lock_file> held = out.lock();
    if (!held) throw *out.trouble_;
    out.read_anew();
    out.news_.clear();
    out.tell_of_losses();
    out.take_end();
    return out;
}

inline void journal::look_for(const log::log_dir& log) {
    log::file_info info;
    const int r = fs_->stat(dir_.root, info);
    if (r == -ENOENT)
        throw error(errc::not_found, {operation(), dir_.root, "there are none",
                                      "look into " + log.dead_letters() + " for the names of those that have some"});
    if (r < 0) evbus::detail::throw_errno(-r, operation(), dir_.root);
}

inline void journal::make_directories(const log::log_dir& log, const log::file_info& root) {
    for (const std::string& d : {log.dead_letters(), dir_.root, dir_.segments(), dir_.quarantine()})
        if (const int r = make_dirs(*fs_, d, root.mode & 0777); r < 0) evbus::detail::throw_errno(-r, operation(), d);
    // Who was killed between making a name and syncing its directory left one that a power loss takes away.
    for (const std::string& d : {log.root, log.dead_letters(), dir_.root})
        if (const int r = fs_->sync_dir(d); r < 0) evbus::detail::throw_errno(-r, operation(), d);
}

/// Nothing, and trouble_ says why, when another process holds it for too long.
inline std::optional<log::lock_file> journal::lock() {
    const auto end = std::chrono::steady_clock::now() + options_.lock_wait;
    while (true) {
        if (auto held = log::lock_file::try_acquire(*fs_, dir_.lock(), operation(), options_.program, file_mode_)) return held;
        if (std::chrono::steady_clock::now() >= end) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    trouble_.emplace(errc::busy, error_text{operation(), dir_.lock(), "in use by " + log::lock_file::holder(*fs_, dir_.lock()),
                                            "try again, or end that process if it does not move"});
    return std::nullopt;
}

inline void journal::take_note(seq_t at, story&& s, const event_place& where, const file_place& file) {
    const seq_t seq = s.seq;
    if (const auto ours = pending_.find(seq); ours != pending_.end()) {
        if (is_open(s.state)) { // ours comes later, and counts
            ours->second.event.reset();
            index_.placed(seq, at, where, file);
            return;
        }
        if (ours->second.news.state != letter_state::forgotten) pending_.erase(ours);
    }
    index_.set(std::move(s), at, where, file);
    news_.insert(seq);
}

inline void journal::read_anew() {
    for (int tries = 0; tries < 100; ++tries) {
        index_ = {};
        place_ = {};
        place_.state.seed = options_.bus.seed();
        damaged_ = 0;
        try {
            if (walk_on()) return;
        } catch (const error& e) {
            // Without the LOCK a write is seen half done, and then whole pieces behind what was half done.
            if (!options_.read_only || e.kind() != errc::damaged || tries >= 5) throw;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }
    throw error(errc::busy, {operation(), dir_.segments(), "it changes faster than it can be read", "try again"});
}

/// False when it has to be read anew.
inline bool journal::walk_on() {
    if (place_.headless != no_seq) return false;
    journal_walk walk(*fs_, dir_, options_.bus, operation());
    return walk.go_on(place_, [&](seq_t at, story&& s, const event_place& where, const file_place& file) { take_note(at, std::move(s), where, file); },
                      [&](seq_range r) { damaged_ += r.count(); }) == walk_end::reached;
}

/// What no check finds, because whoever repaired the journal has put it in order.
inline void journal::tell_of_losses() const {
    if (!options_.on_notice) return;
    if (damaged_ != 0)
        options_.on_notice({notice_kind::degraded, "letters " + dir_.root + ": " + std::to_string(damaged_) +
                                                       " positions are damaged: letters in them are gone, or as they were before"});
    seq_t one = no_seq;
    std::uint64_t count = 0;
    for (const auto& [seq, s] : index_.open())
        if (index_.find(seq)->event.at < place_.first && count++ == 0) one = seq;
    if (count != 0)
        options_.on_notice({notice_kind::degraded, "letters " + dir_.root + ": " + std::to_string(count) + " without their events, letter " +
                                                       std::to_string(one) + " first: the segments with them are gone; drop them (evlog dead-letters)", one});
}

/// What others have appended.
inline void journal::catch_up() {
    reading_ = no_seq; // its file may be another one under the same name
    const bool knows_end = place_.segment != no_seq;
    try {
        if (knows_end && walk_on()) return;
    } catch (const error& e) {
        if (!options_.read_only || e.kind() != errc::damaged) throw;
    }
    // Cleaned far beyond what we knew. What was staged comes back on top.
    std::map<seq_t, staged> mine = std::exchange(pending_, {});
    const letter_index before = index_;
    std::set<seq_t> told = std::exchange(news_, {});
    read_anew();
    news_.clear();
    for (const auto& [seq, known] : index_.all())
        if (!before.has_same(index_, seq)) told.insert(seq);
    news_ = std::move(told);
    take_up_again(std::move(mine), before);
}

inline void journal::take_up_again(std::map<seq_t, staged>&& mine, const letter_index& before) {
    for (auto& [seq, p] : mine) {
        const letter_index::known* const now = index_.find(seq);
        if (now != nullptr && !is_open(now->state)) {
            if (p.news.state == letter_state::forgotten) pending_.emplace(seq, std::move(p));
            continue;
        }
        if (now == nullptr && !p.event) continue; // it went with the files that it was in
        if (now != nullptr) p.event.reset();
        const event_place where = now != nullptr ? now->event : before.find(seq)->event;
        index_.set(p.news, now != nullptr ? now->note_at : no_seq, where, now != nullptr ? now->file : file_place{});
        news_.erase(seq);
        pending_.emplace(seq, std::move(p));
    }
}

inline std::vector<seq_t> journal::refresh() {
    if (poison_ != 0) return {};
    if (!is_end_ours()) {
        std::optional<log::lock_file> held;
        if (!options_.read_only) {
            held = log::lock_file::try_acquire(*fs_, dir_.lock(), operation(), options_.program, file_mode_);
            if (!held) return {};
        }
        catch_up();
        if (held) take_end();
    }
    const std::vector<seq_t> out(news_.begin(), news_.end());
    news_.clear();
    return out;
}

inline owned_event journal::read(seq_t seq) const {
    const std::string operation = "read letter " + std::to_string(seq);
    const letter_index::known* const known = index_.find(seq);
    const auto it = index_.open().find(seq);
    if (known == nullptr || it == index_.open().end())
        throw error(errc::not_found, {operation, dir_.root, "no open letter has this seq", "`evlog dead-letters` lists them"});
    const seq_range seqs{it->second.first_seq, seq};
    frame_joiner joiner;
    if (const auto p = pending_.find(seq); p != pending_.end() && p->second.event) {
        const frame_list& frames = *p->second.event;
        std::size_t at = 0;
        for (const std::uint32_t size : frames.sizes) {
            frame_view f;
            const auto bytes = std::span<const std::byte>(frames.bytes).subspan(at, size);
            if (parse_frame(bytes, f) != frame_fault::none || !joiner.add(f)) break;
            at += size;
        }
        return joiner.take(seqs);
    }
    const event_place& where = known->event;
    const std::string path = segment_path(dir_, known->file.segment);
    if (known->file.segment != no_seq && reading_ != known->file.segment) {
        reading_ = no_seq;
        if (const int r = reader_.open(*fs_, path, options_.bus.seed()); r < 0) evbus::detail::throw_errno(-r, operation, path);
        reading_ = known->file.segment;
    }
    reader_.refresh(); // the file may have grown since
    log::commit_view c;
    std::uint64_t offset = known->file.offset;
    for (seq_t at = where.at; known->file.segment != no_seq && at != where.at + where.frames; offset = c.end()) {
        const log::walk found = reader_.read(offset, c, std::size_t{16} << 10);
        if (found == log::walk::failed) evbus::detail::throw_errno(reader_.os_error(), operation, path);
        if (found != log::walk::commit) break;
        std::span<const std::byte> rest = c.body;
        log::raw_record r;
        frame_view f;
        bool goes_on = true;
        while (goes_on && at != where.at + where.frames && take_record(rest, r)) {
            if ((r.kind != log::record_kind::event && r.kind != log::record_kind::fragment) || parse_frame(r.body, f) != frame_fault::none) continue;
            if (f.header.word < at) continue; // of an earlier letter
            goes_on = f.header.word == at && joiner.add(f);
            ++at;
        }
        if (!goes_on || c.header.last_seq < where.at) break;
    }
    if (!joiner.is_whole())
        throw error(errc::damaged, {operation, dir_.root, "its event is not whole at seq " + std::to_string(where.at) + " of the journal",
                                    "`evlog verify` says why; `evlog dead-letters` can drop it"});
    return joiner.take(seqs);
}

} // namespace letters
} // namespace v1
} // namespace evbus
