// A worker's letters: which events wait for another try, and which are given up. The journal keeps them; the
// schedule says whose turn it is. Nothing here is on disk before keep() has returned.
#pragma once

#include <evbus/bus.hpp>
#include <evbus/detail/cpu.hpp>
#include <evbus/detail/system.hpp>
#include <evbus/error.hpp>
#include <evbus/event.hpp>
#include <evbus/letters/journal.hpp>
#include <evbus/log/cursor_file.hpp>
#include <evbus/owned_event.hpp>
#include <evbus/work/backoff.hpp>
#include <evbus/work/retry_schedule.hpp>
#include <evbus/worker_options.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace work {

class letter_desk {
public:
    /// Opens the journal; throws what that throws, and damaged when it ends before what the cursor knows of it.
    /// Any seq below `known_below` may be a letter already.
    letter_desk(const bus& on, const worker_options& o, const log::cursor_notes& known, seq_t known_below, log::file_system& fs)
        : policy_(o.retry), max_waiting_bytes_(o.max_waiting_bytes), by_topic_(o.order == order::by_topic), known_below_(known_below), schedule_(o.order),
          journal_(open_journal(on, o, known, fs)) {
        if (journal_.last() == no_seq) known_below_ = no_seq; // there never was a letter
        if (journal_.last() < known.letters) throw lost(o, journal_.path(), journal_.last(), known.letters);
        // A worker leaves notes in its cursor before its first event. One without them was reset, or removed: what lies
        // behind its place is to be handled once more, also what was a letter and is closed.
        const bool was_reset = known == log::cursor_notes{} && known_below_ != no_seq;
        if (was_reset) must(journal_.forget_closed());
        for (const auto& [seq, s] : journal_.open_letters()) {
            if (s.state != letters::letter_state::waiting) continue;
            adopt(s);
            if (known.unsure_letters || was_reset) unsure_.insert(seq); // reset, it does not tell how the last life ended
        }
    }

    // --- fresh events ------------------------------------------------------------------------------------------------

    /// The usual case: nothing here could matter to the event with this seq.
    [[nodiscard]] bool is_quiet(seq_t seq) const noexcept { return seq >= known_below_ && (!by_topic_ || schedule_.empty()); }
    /// It is a letter, or was one.
    [[nodiscard]] bool knows(seq_t seq) const noexcept { return seq < known_below_ && journal_.knows(seq); }
    /// Something of its topic waits, and so must it.
    [[nodiscard]] bool holds(std::uint64_t topic_hash) const noexcept { return by_topic_ && schedule_.holds(topic_hash); }
    /// What waits takes less than it may.
    [[nodiscard]] bool has_room() const noexcept { return journal_.has_room_waiting(); }
    /// How much of that it takes: above 1 there is no room.
    [[nodiscard]] double load() const noexcept { return static_cast<double>(journal_.waiting_bytes()) / static_cast<double>(max_waiting_bytes_); }

    /// It waits behind an earlier event of its topic.
    void park(const event& e) {
        const std::int64_t now = detail::wall_ns();
        add(e, {e.seq(), e.first_seq(), letters::letter_state::waiting, 0, now, now, 0, false, "behind an earlier event of its topic"});
    }
    /// Its first try failed. True when it became a dead letter.
    bool fail(const event& e, bool is_dead, const std::string& text) {
        const std::int64_t now = detail::wall_ns();
        letters::story s{e.seq(), e.first_seq(), letters::letter_state::waiting, 1, 0, now, now, false, text};
        settle(s, is_dead, now);
        add(e, s);
        return s.state == letters::letter_state::dead;
    }

    // --- letters -----------------------------------------------------------------------------------------------------

    [[nodiscard]] std::uint64_t waiting() const noexcept { return schedule_.size(); }
    /// By the clock that nobody sets (detail::steady_ns).
    [[nodiscard]] std::int64_t next_due_ns() const noexcept { return schedule_.next_due_ns(); }
    [[nodiscard]] std::vector<seq_t> all_due(std::size_t most) const { return schedule_.all_due(detail::steady_ns(), most); }
    /// False when an operator has closed it meanwhile: then it is out of the schedule.
    [[nodiscard]] bool is_still_waiting(seq_t seq) {
        const auto at = journal_.open_letters().find(seq);
        if (at != journal_.open_letters().end() && at->second.state == letters::letter_state::waiting) return true;
        schedule_.done(seq);
        return false;
    }
    [[nodiscard]] owned_event read(seq_t seq) const { return journal_.read(seq); }
    [[nodiscard]] attempt next_attempt(seq_t seq) const {
        const letters::story& s = story_of(seq);
        return {s.attempts + 1, unsure_.count(seq) != 0, s.requeued};
    }
    void handled(seq_t seq) {
        schedule_.done(seq);
        closing_.push_back(seq);
    }
    /// True when it became a dead letter.
    bool failed(seq_t seq, bool is_dead, const std::string& text) {
        const std::int64_t now = detail::wall_ns();
        letters::story s = story_of(seq);
        ++s.attempts;
        s.last_ns = now;
        s.error = text;
        settle(s, is_dead, now);
        change(s);
        if (s.state == letters::letter_state::waiting) {
            schedule_.again(seq, steady_of(s.due_ns), s.attempts); // in doubt it stays so: this try may have failed before it asked
        } else {
            schedule_.done(seq);
            unsure_.erase(seq);
        }
        return s.state == letters::letter_state::dead;
    }
    /// The handler was given it and gave up, or may have: the next try may be a repeat.
    void doubt(seq_t seq) { unsure_.insert(seq); }
    /// What was handled since the last keep() was not, after all.
    void go_back() {
        for (const seq_t seq : closing_) {
            if (journal_.open_letters().count(seq) == 0) continue; // an operator has closed it
            doubt(seq);
            adopt(story_of(seq));
        }
        closing_.clear();
    }

    // --- keeping -----------------------------------------------------------------------------------------------------

    [[nodiscard]] bool has_news() const noexcept { return !closing_.empty() || journal_.has_staged() || journal_.synced() != journal_.last(); }
    /// What is known so far outlives this process, if not yet a power loss. Throws what keep() throws.
    void write() {
        if (journal_.has_staged()) must(journal_.write());
    }
    /// Everything is on disk when it returns. Throws what stands against it; then it may be tried again, unless
    /// is_broken().
    void keep() {
        for (const seq_t seq : closing_) {
            if (journal_.open_letters().count(seq) == 0) continue;
            letters::story s = story_of(seq);
            ++s.attempts;
            s.state = letters::letter_state::handled;
            s.last_ns = detail::wall_ns();
            change(s);
            unsure_.erase(seq);
        }
        closing_.clear();
        write();
        must(journal_.sync());
    }
    /// After a sync that failed: only a journal that is opened anew is of use.
    [[nodiscard]] bool is_broken() const noexcept { return !journal_.can_write(); }
    /// What a cursor that is saved now remembers.
    [[nodiscard]] log::cursor_notes notes() const noexcept { return {journal_.synced(), 0, !unsure_.empty()}; }

    /// Takes notice of what an operator has done. Throws what the journal throws.
    void refresh() {
        for (const seq_t seq : journal_.refresh()) {
            const auto at = journal_.open_letters().find(seq);
            schedule_.done(seq);
            if (at == journal_.open_letters().end()) unsure_.erase(seq);
            const bool is_closing = std::find(closing_.begin(), closing_.end(), seq) != closing_.end();
            if (at != journal_.open_letters().end() && at->second.state == letters::letter_state::waiting && !is_closing) adopt(at->second);
        }
    }
    /// Forgets what nobody can ask for any more. A failure is no loss: it is tried again.
    void clean(seq_t forget_below) {
        if (journal_.last() == cleaned_) return;
        static_cast<void>(journal_.clean(forget_below));
        cleaned_ = journal_.last();
    }

private:
    static error lost(const worker_options& o, const std::string& dir, seq_t last, seq_t known) {
        return error(errc::damaged, {"start worker " + o.cursor, dir,
                                     "it ends at " + std::to_string(last) + ", and the cursor remembers letters up to " + std::to_string(known),
                                     "put the directory back; or, if they are to be given up, reset the cursor with `evlog cursors DIR reset " + o.cursor + " SEQ`"});
    }
    static letters::journal open_journal(const bus& on, const worker_options& o, const log::cursor_notes& known, log::file_system& fs) {
        const log::log_dir dir{on.log_dir()};
        const std::string path = dir.dead_letters() + "/" + o.cursor;
        log::file_info info;
        // Nothing is made in its place: there it is to be put back.
        if (known.letters != no_seq && fs.stat(path, info) == -ENOENT) throw lost(o, path, no_seq, known.letters);
        return letters::journal::open(fs, dir, o.cursor, journal_options_of(on, o));
    }
    static letters::journal_options journal_options_of(const bus& on, const worker_options& o) {
        letters::journal_options j;
        j.bus = on.id();
        j.max_dead_bytes = o.max_dead_bytes;
        j.max_waiting_bytes = o.max_waiting_bytes;
        j.program = o.name;
        j.on_notice = o.on_notice;
        return j;
    }
    void must(int r) const {
        if (r < 0) throw journal_.failure(r);
    }
    [[nodiscard]] const letters::story& story_of(seq_t seq) const { return journal_.open_letters().at(seq); }

    /// The journal's times are those of the wall clock, which goes on through a boot, and may be set meanwhile: so
    /// nothing waits longer than the longest delay.
    [[nodiscard]] std::int64_t steady_of(std::int64_t due_ns) const noexcept {
        const std::int64_t now = detail::wall_ns();
        return detail::steady_ns() + (due_ns > now ? std::min<std::int64_t>(due_ns - now, policy_.max_delay.count()) : 0);
    }
    /// Only the order of topics needs to know topics.
    void adopt(const letters::story& s) {
        const std::uint64_t topic = by_topic_ ? journal_.read(s.seq).view().topic_hash() : 0;
        schedule_.add({s.seq, topic, steady_of(s.due_ns), s.attempts, 0});
    }
    void add(const event& e, const letters::story& s) {
        must(journal_.add(e, s));
        known_below_ = std::max(known_below_, e.seq() + 1);
        if (s.state == letters::letter_state::waiting) schedule_.add({s.seq, by_topic_ ? e.topic_hash() : 0, steady_of(s.due_ns), s.attempts, 0});
    }
    void change(const letters::story& s) {
        const int r = journal_.change(s);
        if (r != letters::no_such_letter) must(r); // else an operator was faster
    }
    /// What becomes of a letter whose last try failed.
    void settle(letters::story& s, bool is_dead, std::int64_t now) const {
        s.state = is_dead || s.attempts >= policy_.attempts ? letters::letter_state::dead : letters::letter_state::waiting;
        const double draw = static_cast<double>(detail::random_u64() >> 11) * 0x1p-53;
        s.due_ns = s.state == letters::letter_state::dead ? 0 : due_ns(policy_, s.attempts, draw, now);
    }

    retry_policy policy_;
    std::uint64_t max_waiting_bytes_;
    bool by_topic_;
    seq_t known_below_;
    retry_schedule schedule_;
    letters::journal journal_;
    std::set<seq_t> unsure_;     ///< waiting letters that may have been handled
    std::vector<seq_t> closing_; ///< handled, and not yet said so in the journal
    seq_t cleaned_ = no_seq;
};

} // namespace work
} // namespace v1
} // namespace evbus
