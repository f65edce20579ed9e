// The letters of one worker, on disk: the events that wait to be tried again and those that are dead, each with its
// story. One journal for both, so that a letter goes from one to the other, and back, in one step. Its files are those
// of a log (docs/log-format.md "Letters").
//
// What is added or changed is staged; write() gives it to the system, which keeps it when this process is killed;
// after sync() the disk has it. A call that fails leaves the journal as it was, and what was staged stays staged. After
// a sync that failed nothing more is accepted: what the disk has is not known, and only the next open() puts that right.
//
// Two processes may change one journal (the worker, and evlog): each write takes its LOCK for that moment, looks at what
// the other has appended, and appends. Nobody appends to a file that another one has made: whoever comes to it copies
// what is whole into a file of its own, which is synced and takes the name (journal_end.hpp). So what is left of a
// writer that was killed, or whose sync failed, is written afresh before it counts.
//
// One thread at a time.
#pragma once

#include <evbus/letters/frame_joiner.hpp>
#include <evbus/letters/journal_walk.hpp>
#include <evbus/letters/letter_index.hpp>
#include <evbus/log/lock_file.hpp>
#include <evbus/log/segment_writer.hpp>
#include <evbus/notice.hpp>
#include <evbus/owned_event.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace letters {

struct journal_options {
    bus_id bus{};                                            ///< the bus whose events these are
    std::uint64_t max_dead_bytes = std::uint64_t{1} << 30;    ///< of dead letters' events; more are refused
    std::uint64_t max_waiting_bytes = std::uint64_t{1} << 30; ///< see has_room_waiting(); never refused
    std::uint64_t segment_bytes = std::uint64_t{4} << 20;     ///< 64 KiB to 1 GiB; a single letter may be larger
    std::chrono::milliseconds lock_wait{5000};                ///< so long another process may hold the LOCK
    std::string program = "evbus";                            ///< what others read about who holds it
    bool read_only = false;                                   ///< takes no lock, repairs nothing, changes nothing
    notice_hook on_notice{};
};

/// What add() and change() answer besides errors of the system.
inline constexpr int no_room_for_dead = -EXFULL; ///< max_dead_bytes is reached
inline constexpr int no_such_letter = -ENOENT;   ///< never known, or closed

class journal {
public:
    /// Opens the letters of `name` in the log `dir`, and makes what is missing. Reads all of it. Throws bad_name,
    /// bad_option, not_found (read only: there are none), foreign_log, damaged, wrong_version, busy (naming the
    /// holder), permission, no_space or io. An unfinished write at the end, of which nobody was told that it is kept,
    /// goes to quarantine/, with a notice.
    [[nodiscard]] static journal open(log::file_system& fs, const log::log_dir& dir, const std::string& name,
                                      const journal_options& options);

    /// Waiting and dead letters by seq, with what is staged. Valid until the next change.
    [[nodiscard]] const std::map<seq_t, story>& open_letters() const noexcept { return index_.open(); }
    /// True for closed letters too, as long as they are remembered (clean()).
    [[nodiscard]] bool knows(seq_t seq) const noexcept { return index_.find(seq) != nullptr; }
    /// The event of an open letter, from disk; from memory while it is staged. Throws not_found (none, or closed),
    /// damaged, or what the system reports.
    [[nodiscard]] owned_event read(seq_t seq) const;

    // Staging. 0 or a negative number, which failure() explains.

    /// A new letter; `s` names the event's seqs. For one that is known already: change().
    [[nodiscard]] int add(const event& e, const story& s);
    /// A new state, or attempts, or times. What is closed stays closed: no_such_letter.
    [[nodiscard]] int change(const story& s);
    [[nodiscard]] bool has_staged() const noexcept { return !pending_.empty(); }

    // Keeping. 0 or a negative number, which failure() explains.

    /// Everything staged goes to the page cache: it survives a SIGKILL of this process, not a power loss. -EBUSY when
    /// the LOCK was not to be had. A letter that another process has closed meanwhile stays closed.
    [[nodiscard]] int write();
    /// Everything written is durable. After an error: nothing more is accepted, and the next open() finds out.
    [[nodiscard]] int sync();
    /// False after a sync that failed.
    [[nodiscard]] bool can_write() const noexcept { return poison_ == 0; }
    /// Closed letters whose seq is below `forget_below` need not be remembered. Removes the oldest segments that nobody
    /// needs, and when the journal has more dead weight than letters, moves those of one old segment to its end.
    /// Writes and syncs what is staged first.
    [[nodiscard]] int clean(seq_t forget_below);

    /// No closed letter is known any more, also at a later open(): the events behind them may be letters anew. Writes
    /// and syncs; 0, or a negative number, which failure() explains. Nothing may be staged.
    [[nodiscard]] int forget_closed();

    /// What another process has appended since: seqs whose story changed. Cheap when nothing has. Empty also while the
    /// other one is at it: ask again. Throws as open().
    std::vector<seq_t> refresh();

    /// The last position in the journal; 0: it is empty. It never goes back, also when letters are forgotten.
    [[nodiscard]] seq_t last() const noexcept { return place_.last(); }
    /// Up to here the disk has it. Someone who remembers this number finds, at any later open(), last() at or above it;
    /// below it, letters were lost.
    [[nodiscard]] seq_t synced() const noexcept { return synced_; }

    /// Bytes of the events of waiting letters, staged ones too; of dead ones.
    [[nodiscard]] std::uint64_t waiting_bytes() const noexcept { return index_.bytes(letter_state::waiting); }
    [[nodiscard]] std::uint64_t dead_bytes() const noexcept { return index_.bytes(letter_state::dead); }
    /// Would an event of so many bytes (owned_event::bytes()) be within the limit?
    [[nodiscard]] bool has_room_dead(std::size_t bytes = 0) const noexcept {
        return dead_bytes() + bytes <= options_.max_dead_bytes;
    }
    [[nodiscard]] bool has_room_waiting(std::size_t bytes = 0) const noexcept {
        return waiting_bytes() + bytes <= options_.max_waiting_bytes;
    }
    /// The directory of this journal: a log of its own, for `evlog verify` and `evtail --log`.
    [[nodiscard]] const std::string& path() const noexcept { return dir_.root; }
    /// The error that a negative result of the last call means, with the way out.
    [[nodiscard]] error failure(int result) const;

private:
    struct staged {
        story news;
        std::optional<frame_list> event{}; ///< to be written with it
        std::int64_t published_ns = 0;
    };

    journal(log::file_system& fs, log::log_dir dir, std::string name, const journal_options& options);

    [[nodiscard]] std::string operation() const { return "open letters of " + name_; }
    [[nodiscard]] std::optional<log::lock_file> lock();
    void make_directories(const log::log_dir& log, const log::file_info& root);
    void look_for(const log::log_dir& log);
    void catch_up();
    void read_anew();
    [[nodiscard]] bool walk_on();
    void tell_of_losses() const;
    void take_note(seq_t at, story&& s, const event_place& where, const file_place& file);
    void take_up_again(std::map<seq_t, staged>&& mine, const letter_index& before);

    // The journal's end (journal_end.hpp).
    [[nodiscard]] bool is_end_ours() const noexcept;
    void take_end();
    void move_headless_away();
    void write_end_afresh();
    void keep_torn(const log::file& from);
    void copy_bytes(const log::file& from, std::uint64_t begin, std::uint64_t end, const std::string& path) const;
    void resume_segment();
    void give_to_owner(const log::file& made) const noexcept;

    // Appending (journal_write.hpp).
    template <class Call>
    [[nodiscard]] int guarded(Call&& call) noexcept;
    [[nodiscard]] int write_locked();
    [[nodiscard]] int append_some();
    [[nodiscard]] int append(log::batch& b);
    [[nodiscard]] int seal_segment();
    [[nodiscard]] int begin_segment();
    [[nodiscard]] int sync_file();
    [[nodiscard]] int poison(int r) noexcept;

    // Cleaning (journal_clean.hpp).
    [[nodiscard]] int clean_locked();
    [[nodiscard]] bool is_needed(seq_t first, seq_t next) const noexcept;
    void stage_move(seq_t first, seq_t next);
    [[nodiscard]] bool has_dead_weight(const std::vector<seq_t>& firsts) const;
    [[nodiscard]] int remove_segment(seq_t first);

    log::file_system* fs_;
    log::log_dir dir_;
    std::string name_;
    journal_options options_;
    unsigned file_mode_ = 0600;
    unsigned dir_mode_ = 0700;
    letter_index index_;
    std::map<seq_t, staged> pending_;
    std::set<seq_t> news_;       ///< changed by others, and not told yet
    journal_place place_{};      ///< how far it was read, or written by us
    log::segment_writer writer_; ///< open: the newest segment's file is one that we have made
    std::unique_ptr<log::batch> batch_;
    seq_t synced_ = no_seq;
    int poison_ = 0;
    std::uint64_t damaged_ = 0;  ///< positions that a repair left out
    mutable log::segment_reader reader_{}; ///< of the segment that an event was read from last
    mutable seq_t reading_ = no_seq;
    mutable seq_t blocker_ = no_seq; ///< a letter that the oldest segment is kept for
    std::optional<error> trouble_; ///< what the last call met, in words
};

} // namespace letters
} // namespace v1
} // namespace evbus

#include <evbus/letters/detail/journal_open.hpp>
#include <evbus/letters/detail/journal_end.hpp>
#include <evbus/letters/detail/journal_write.hpp>
#include <evbus/letters/detail/journal_clean.hpp>
