// Reads a journal from its beginning, or from where an earlier walk ended, to its end. Pure: changes nothing.
//
// Three ends are told apart. Bytes behind the last whole commit of the newest segment, while that has no footer, are an
// unfinished write, which nobody was told of: the walk ends before them. Anything else that is not whole is damage, and
// thrown. And segments that went away meanwhile, because a journal is cleaned from its front: then it is read anew.
#pragma once

#include <evbus/letters/letter_frames.hpp>
#include <evbus/log/log_dir.hpp>
#include <evbus/log/record.hpp>
#include <evbus/log/segment_footer.hpp>
#include <evbus/log/segment_walk.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace letters {

/// How far a journal has been read.
struct journal_place {
    seq_t first = no_seq;             ///< the journal's first seq
    seq_t segment = no_seq;           ///< the newest segment; no_seq: there is none
    std::uint64_t offset = 0;         ///< where its last whole commit ends
    std::uint64_t bytes = 0;          ///< where an unfinished write behind it ends; offset: there is none
    log::chain_state state{};         ///< what the next commit builds on
    log::segment_header header{};     ///< of that segment
    bool sealed = false;              ///< that segment is full: what comes next begins another one
    seq_t headless = no_seq;          ///< a segment behind it whose making was cut short: no header, and nothing else
    seq_t torn_last = no_seq;         ///< the last seq that an unfinished write names

    /// The last seq; no_seq while nothing was ever written.
    [[nodiscard]] seq_t last() const noexcept { return state.next - 1; }
};

/// `again`: segments went away while they were read, so that nothing that was told counts.
enum class walk_end : std::uint8_t { reached, again };

class journal_walk {
public:
    journal_walk(log::file_system& fs, const log::log_dir& dir, const bus_id& bus, std::string operation)
        : fs_(fs), dir_(dir), bus_(bus), operation_(std::move(operation)) {}

    /// Walks on from `at` and moves it. Calls on_note(seq_t at, story&&, const event_place&, const file_place&) for each note (the
    /// place in a file only when the event stands in what was walked) and
    /// on_damage(seq_range) for what `evlog repair` said is lost. Throws damaged, foreign_log, wrong_version, or what
    /// the system reports.
    template <class OnNote, class OnDamage>
    [[nodiscard]] walk_end go_on(journal_place& at, OnNote&& on_note, OnDamage&& on_damage) {
        std::vector<seq_t> firsts;
        if (const int r = log::list_segments(fs_, dir_, firsts); r < 0 && r != -ENOENT)
            evbus::detail::throw_errno(-r, operation_, dir_.segments());
        std::size_t i = 0;
        if (at.segment != no_seq) {
            i = static_cast<std::size_t>(std::lower_bound(firsts.begin(), firsts.end(), at.segment) - firsts.begin());
            if (i == firsts.size() || firsts[i] != at.segment) return walk_end::again;
        }
        if (!firsts.empty()) at.first = firsts.front();
        for (; i < firsts.size(); ++i)
            if (segment(firsts[i], i + 1 == firsts.size(), at, on_note, on_damage) == walk_end::again) return walk_end::again;
        return walk_end::reached;
    }

private:
    template <class OnNote, class OnDamage>
    [[nodiscard]] walk_end segment(seq_t first, bool newest, journal_place& at, OnNote&& on_note, OnDamage&& on_damage) {
        const std::string path = segment_path(dir_, first);
        log::segment_reader in;
        const int r = in.open(fs_, path, bus_.seed());
        if (r == -ENOENT) return walk_end::again;
        if (r < 0) evbus::detail::throw_errno(-r, operation_, path);
        log::segment_header header{};
        const bool whole = has_header(in, path, first, newest, header);
        if (at.segment != no_seq && at.segment != first && first != at.state.next)
            damaged(segment_path(dir_, at.segment), at.offset,
                    "what follows is missing: it ends at seq " + std::to_string(at.last()) + ", and the next segment begins at " + std::to_string(first));
        if (!whole) {
            at.headless = first;
            at.state.next = first; // seqs are not used again
            return walk_end::reached;
        }
        log::chain_state start = at.state;
        std::uint64_t from = sizeof(log::segment_header);
        if (at.segment == first) {
            from = at.offset;
        } else if (at.segment == no_seq) {
            start = {bus_.seed(), header.previous_chain, 0, first};
        } else if (header.previous_chain != at.state.chain) {
            damaged(path, 0, "it does not build on the segment before it");
        }
        segment_ = first;
        commits_.clear();
        const log::segment_walk w = walk_segment(
            in, start, [&](const log::commit_view& c) { commit(c, path, on_note, on_damage); }, from);
        if (w.os_error != 0) evbus::detail::throw_errno(w.os_error, operation_, path);
        if (w.refused != log::commit_fault::none) too_new(path, to_string(w.refused));
        if (w.valid_end == 0) return walk_end::again; // shorter than it was
        if (w.fork) damaged(path, w.fork_offset, "a second, different commit for the same seqs");
        if (!w.holes.empty()) damaged(path, w.holes.front().offset, "a break, with whole commits behind it");
        if (w.chain_breaks != 0) damaged(path, w.valid_end, "a commit does not build on the one before it");
        log::segment_footer footer;
        const bool sealed = footer.open(in.source(), first, bus_.seed());
        // A sealed segment says how far it went.
        const std::optional<log::segment_summary> sum = sealed ? footer.summary() : std::nullopt;
        if (sum && sum->last_seq >= w.end.next) damaged(path, w.valid_end, "what its footer tells of is missing");
        at.segment = first;
        at.offset = w.valid_end;
        at.bytes = sealed ? w.valid_end : std::max(w.bytes, w.valid_end);
        at.state = w.end;
        at.header = header;
        at.sealed = sealed;
        at.headless = no_seq;
        at.torn_last = w.torn_last;
        return walk_end::reached;
    }

    /// False for a newest segment whose making was cut short.
    [[nodiscard]] bool has_header(log::segment_reader& in, const std::string& path, seq_t first, bool newest, log::segment_header& out) {
        const log::segment_fault fault = in.read_header(bus_, first, out);
        switch (fault) {
        case log::segment_fault::none: return true;
        case log::segment_fault::io: evbus::detail::throw_errno(in.os_error(), operation_, path);
        case log::segment_fault::foreign:
            throw error(errc::foreign_log, {operation_, path, "it belongs to bus " + to_string(bus_of(out)) + ", not to " + to_string(bus_),
                                            "move the directory away, or name the right log"});
        case log::segment_fault::version:
        case log::segment_fault::feature: too_new(path, to_string(fault));
        default: break;
        }
        log::commit_view c;
        const log::walk behind = in.find(0, 1, c);
        if (behind == log::walk::failed) evbus::detail::throw_errno(in.os_error(), operation_, path);
        if (!newest || behind == log::walk::commit) damaged(path, 0, std::string("the segment ") + to_string(fault));
        return false;
    }

    template <class OnNote, class OnDamage>
    void commit(const log::commit_view& c, const std::string& path, OnNote&& on_note, OnDamage&& on_damage) {
        commits_.emplace_back(c.header.first_seq, c.offset);
        std::span<const std::byte> rest = c.body;
        log::raw_record r;
        while (take_record(rest, r)) {
            seq_range range;
            gap_cause cause{};
            if (r.kind == log::record_kind::damage && parse_range(r, range, cause)) on_damage(range);
            if (r.kind != log::record_kind::event) continue; // parts of an event are never a note
            frame_view f;
            if (parse_frame(r.body, f) != frame_fault::none) damaged(path, c.offset, "a frame that makes no sense");
            if (!is_note(f)) continue;
            story s;
            event_place where;
            const seq_t at = f.header.word;
            const note_fault fault = decode_note(f.payload, s, where);
            if (fault == note_fault::version) too_new(path, "a letter's note was written by a newer version of evbus");
            if (fault != note_fault::none || at < c.header.first_seq || at > c.header.last_seq || where.at + where.frames > at)
                damaged(path, c.offset, "a letter's note that makes no sense");
            on_note(at, std::move(s), where, file_of(where.at));
        }
    }

    /// Letter and event stand in one segment when they were written together.
    [[nodiscard]] file_place file_of(seq_t at) const noexcept {
        const auto behind = std::upper_bound(commits_.begin(), commits_.end(), at, [](seq_t s, const auto& c) { return s < c.first; });
        return behind == commits_.begin() ? file_place{} : file_place{segment_, (behind - 1)->second};
    }

    [[noreturn]] void damaged(const std::string& path, std::uint64_t offset, std::string_view what) const {
        throw error(errc::damaged, {operation_, path, "at offset " + std::to_string(offset) + ": " + std::string(what),
                                    "nothing was changed; `evlog verify " + dir_.root + "` says what is there, `evlog repair` copies what is whole"});
    }
    [[noreturn]] void too_new(const std::string& path, std::string_view why) const {
        throw error(errc::wrong_version, {operation_, path, why, "use the version of evbus that wrote it, or a newer one"});
    }

    log::file_system& fs_;
    const log::log_dir& dir_;
    const bus_id& bus_;
    std::string operation_;
    seq_t segment_ = no_seq;
    std::vector<std::pair<seq_t, std::uint64_t>> commits_; ///< of this segment: first seq and offset
};

} // namespace letters
} // namespace v1
} // namespace evbus
