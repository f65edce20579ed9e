// Judges a worker's lives by the diary of its handler, by its cursor, and by its letters:
// - every event is handled or a dead letter, as the script says, and no attempt is left out or made up;
// - what was handled before is given again only with the words that it may be a repeat, and never behind a clean
//   end, behind the saved place, or at an attempt that the journal has already;
// - first handlings come in the order of seqs, and with order::by_topic only when all before them in their topic
//   are done with;
// - the saved place passes nothing that is neither handled nor among the letters, and no dead letter goes away.
// Knows no processes: judge_test.cpp plants each of these faults.
#pragma once

#include "tests/worker/diary.hpp"

#include <evbus/work/retry_schedule.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace lives_test {

using evbus::no_seq;
using evbus::order;

/// A letter as the judge found it in the journal.
struct found_letter {
    bool dead = false;
    bool closed = false; ///< handled after all; looked for only behind the saved place
    std::uint32_t attempts = 0;
    bool requeued = false;
    std::string error{};
    bool whole = true; ///< its event is as it was published
};

class judge {
public:
    /// `most_announced`: how many fresh events may be announced as repeats although nobody had them: what a life that
    /// did not end well might have handled and not saved.
    judge(const script& s, evbus::order o, std::uint64_t most_announced) : script_(s), order_(o), most_announced_(most_announced) {}

    /// An event that the worker has to handle.
    void published(seq_t seq, std::uint64_t n, std::size_t topic) {
        events_[seq] = {.n = n, .topic = topic, .fate = script_.of(seq)};
        open_.insert(seq);
        open_of_[topic].insert(seq);
    }
    /// A dead letter goes back to the worker.
    void requeued(seq_t seq) {
        events_.at(seq).back_from_dead = true;
        dead_.erase(seq);
        open_.insert(seq);
    }
    void read(const std::vector<line>& lines) {
        for (const line& l : lines) read(l);
    }
    void read(const line& l) {
        ++lines_;
        const auto at = events_.find(l.seq);
        if (at == events_.end()) return complain(l, "is no event that was published for it");
        known& e = at->second;
        e.story += " " + in_short(l);
        if (l.n != e.n) complain(l, "another event than was published there");
        if (l.gave == verdict::skipped) {
            e.skipped = true;
            return;
        }
        if (l.gave != verdict::rolls_back && !l.requeued && l.gave != script_.answer(l.seq, l.attempt)) complain(l, "the handler left its script");
        if (l.requeued && l.gave == verdict::rolls_back) {
            rolled_.insert(l.life);
            return doubt();
        }
        if (l.requeued) return read_requeued(l, e);
        if (l.attempt == 0 || l.attempt > e.fate.attempts) return complain(l, "one attempt too many");
        if (l.attempt > e.tried + 1) complain(l, "an attempt was left out");
        if (e.met && l.attempt <= e.met_attempt) read_repeat(l, e);
        else if (e.skipped && !l.may_repeat) complain(l, "given in a batch before, and not announced");
        else if (l.may_repeat) read_false_alarm(l, e);
        if (e.announced && !l.may_repeat) complain(l, "announced once, and not any more");
        e.announced = e.announced || l.may_repeat;
        if (!e.met) read_first(l, e);
        e.skipped = false;
        check_turn(l, e);
        e.met = true;
        e.met_attempt = std::max(e.met_attempt, l.attempt);
        e.life_of[l.attempt] = l.life;
        if (l.gave == verdict::rolls_back) {
            rolled_.insert(l.life);
            doubt();
            return;
        }
        e.tried = std::max(e.tried, l.attempt);
        if (l.gave == verdict::next) e.handled = true;
        if (l.attempt == e.fate.attempts) close(l.seq, e);
    }
    /// Everything that was published so far is done with.
    [[nodiscard]] bool is_settled() const { return open_.empty(); }
    [[nodiscard]] std::uint64_t lines() const { return lines_; }
    [[nodiscard]] std::uint64_t repeats() const { return repeats_; }
    [[nodiscard]] const std::set<seq_t>& dead() const { return dead_; }

    /// A life is over; this is what it left. `next` is the saved place, no_seq when none was saved.
    void life_over(unsigned life, bool clean, seq_t next, const std::map<seq_t, found_letter>& letters) {
        const auto waits = [](const auto& l) { return !l.second.dead && !l.second.closed; };
        if (clean) clean_.insert(life);
        if (!clean) doubt();
        else if (std::none_of(letters.begin(), letters.end(), waits)) letters_in_doubt_ = false;
        look_at(next, letters);
    }
    /// What is on disk while no worker lives.
    void look_at(seq_t next, const std::map<seq_t, found_letter>& letters) {
        if (next < place_) complain(no_seq, "the saved place went back from " + std::to_string(place_) + " to " + std::to_string(next));
        place_ = next;
        for (auto& [seq, e] : events_) {
            if (seq >= next || letters.count(seq) != 0) e.story += seq < next ? " | kept" : letters.count(seq) != 0 ? " | kept, not passed" : " | not passed";
            const auto letter = letters.find(seq);
            e.is_kept = letter != letters.end();
            const bool closed = e.is_kept && letter->second.closed;
            const bool waits = e.is_kept && !closed && !letter->second.dead;
            e.kept_attempts = closed ? e.fate.attempts : waits ? letter->second.attempts : 0;
            // Whatever was done: it is going to be given once more.
            if (waits || (seq >= next && !e.is_kept)) open_.insert(seq);
            if (seq < next && !e.handled && !e.is_kept) complain(seq, "passed by the saved place, neither handled nor among the letters");
        }
        for (const auto& [seq, letter] : letters) check_letter(seq, letter);
        for (const seq_t seq : dead_) {
            const auto letter = letters.find(seq);
            if (letter == letters.end() || !letter->second.dead) complain(seq, "was a dead letter, and is none any more");
        }
        for (const auto& [seq, letter] : letters)
            if (letter.dead) dead_.insert(seq);
    }
    /// After a last life that ended well with everything settled.
    void all_over(const std::map<seq_t, found_letter>& letters) {
        if (!is_settled()) complain(*open_.begin(), "was never done with");
        if (place_ <= events_.rbegin()->first) complain(no_seq, "the last place saved, " + std::to_string(place_) + ", is short of the last event");
        for (const auto& [seq, e] : events_) {
            const bool dead = letters.count(seq) != 0 && letters.at(seq).dead;
            const bool should = e.fate.dies && !e.back_handled;
            if (dead != should) complain(seq, should ? "ought to be a dead letter" : "is a dead letter, and was handled");
            if (letters.count(seq) != 0 && !dead && !letters.at(seq).closed) complain(seq, "still waits, though it was done with");
        }
    }

    [[nodiscard]] bool none_wrong() const { return wrong_.empty(); }
    [[nodiscard]] std::string text() const {
        std::string out;
        for (const std::string& one : wrong_) out += "\n  " + one;
        return out;
    }
    [[nodiscard]] std::string text_of_open() const {
        std::string out;
        for (const seq_t seq : open_) {
            if (out.size() > 200) return out + " ...";
            const known& e = events_.at(seq);
            out += " " + std::to_string(seq) + " (" + std::to_string(e.tried) + " of " + std::to_string(e.fate.attempts) + ")";
        }
        return out;
    }

private:
    struct known {
        std::uint64_t n = 0;
        std::size_t topic = 0;
        lives_test::fate fate;
        std::string story{};            ///< every handling, in words
        bool met = false;               ///< the handler had it at least once
        std::uint32_t met_attempt = 0;  ///< the highest
        std::map<std::uint32_t, unsigned> life_of{}; ///< by attempt: the latest life that had it
        std::uint32_t tried = 0;        ///< highest attempt that the handler answered, but for rollbacks
        bool handled = false;
        bool skipped = false;           ///< by a batch, and not given again so far
        bool announced = false;         ///< as a possible repeat, once at least
        bool back_from_dead = false, back_handled = false;
        bool is_kept = false;           ///< among the letters when the last life was over
        std::uint32_t kept_attempts = 0;
    };

    void read_first(const line& l, const known& e) {
        seq_t& last = order_ == order::any ? last_first_ : last_first_of_[e.topic];
        if (l.seq < last) complain(l, "handled for the first time after seq " + std::to_string(last));
        last = std::max(last, l.seq);
    }
    void read_repeat(const line& l, const known& e) {
        ++repeats_;
        if (!l.may_repeat) complain(l, "given again, and not announced");
        unsigned had_it = 0; // the last life that came to this attempt
        for (auto at = e.life_of.lower_bound(l.attempt); at != e.life_of.end(); ++at) had_it = std::max(had_it, at->second);
        // A life may repeat what it rolled back itself.
        if (l.life == had_it) {
            if (rolled_.count(l.life) == 0) complain(l, "given again within one life");
            return;
        }
        if (clean_.count(had_it) != 0 && rolled_.count(l.life) == 0) complain(l, "given again, though the life that had it ended well");
        if (e.is_kept && l.attempt <= e.kept_attempts) complain(l, "given again, though that attempt stood in the journal");
        if (!e.is_kept && l.seq < place_) complain(l, "given again, though the saved place was " + std::to_string(place_));
    }
    /// Announced as a repeat, and is none: only what a life that did not end well might have handled may be that.
    void read_false_alarm(const line& l, const known& e) {
        if (e.skipped || e.announced) return;
        if (e.is_kept || l.attempt > 1) {
            if (!letters_in_doubt_) complain(l, "announced as a repeat, and no life can have had it");
        } else if (alarms_left_ == 0) {
            complain(l, "announced as a repeat, behind all that may be one");
        } else {
            --alarms_left_;
        }
    }
    /// Somebody may have had what is not saved.
    void doubt() {
        alarms_left_ = most_announced_;
        letters_in_doubt_ = true;
    }
    void read_requeued(const line& l, known& e) {
        if (!e.back_from_dead) return complain(l, "said to be requeued, and nobody did that");
        if (e.back_handled && !l.may_repeat) complain(l, "requeued once, given twice, and not announced");
        e.handled = e.back_handled = true;
        open_.erase(l.seq);
    }
    /// By topic: nothing is given before all that precedes it in its topic is done with.
    void check_turn(const line& l, const known& e) {
        if (order_ != order::by_topic) return;
        const std::set<seq_t>& waiting = open_of_[e.topic];
        if (!waiting.empty() && *waiting.begin() < l.seq)
            complain(l, "given before seq " + std::to_string(*waiting.begin()) + " of its topic was done with");
    }
    void close(seq_t seq, const known& e) {
        open_of_[e.topic].erase(seq);
        if (!e.back_from_dead || e.back_handled) open_.erase(seq);
    }
    void check_letter(seq_t seq, const found_letter& letter) {
        const auto at = events_.find(seq);
        if (at == events_.end()) return complain(seq, "is among the letters, and was never published for this worker");
        const known& e = at->second;
        if (letter.closed) return;
        if (!letter.whole) complain(seq, "its letter holds another event");
        if (letter.requeued || e.back_from_dead) return;
        const std::string attempts = std::to_string(letter.attempts);
        if (letter.dead) {
            if (!e.fate.dies || letter.attempts != e.fate.attempts) complain(seq, "is a dead letter after attempt " + attempts);
            if (e.tried < e.fate.attempts) complain(seq, "is a dead letter before its handler had it for the last time");
        } else if (letter.attempts >= e.fate.attempts || letter.attempts > e.tried) {
            complain(seq, "waits after " + attempts + " attempts");
        }
        if (letter.attempts != 0 && letter.error != script::words(seq, letter.attempts)) complain(seq, "its letter says: " + letter.error);
    }
    void complain(seq_t seq, const std::string& what) {
        if (wrong_.size() < 8) wrong_.push_back("seq " + std::to_string(seq) + ": " + what);
    }
    void complain(const line& l, const std::string& what) {
        const auto at = events_.find(l.seq);
        complain(l.seq, what + ":" + (at == events_.end() ? " " + in_short(l) : at->second.story));
    }
    /// "life 2: #1? retry": its second life's first attempt, announced as a possible repeat.
    static std::string in_short(const line& l) {
        return "[life " + std::to_string(l.life) + ": #" + std::to_string(l.attempt) + (l.may_repeat ? "? " : " ") + to_string(l.gave) +
               (l.requeued ? ", requeued" : "") + "]";
    }

    lives_test::script script_;
    evbus::order order_;
    std::uint64_t most_announced_;
    std::uint64_t alarms_left_ = 0;  ///< fresh events that may be announced though they are no repeats
    bool letters_in_doubt_ = false;  ///< the same of letters
    std::map<seq_t, known> events_;
    std::set<seq_t> open_; ///< not done with
    std::map<std::size_t, std::set<seq_t>> open_of_; ///< by topic; without those that came back from the dead
    std::set<seq_t> dead_;
    std::set<unsigned> rolled_; ///< lives that went back to a commit
    seq_t last_first_ = no_seq;
    std::map<std::size_t, seq_t> last_first_of_;
    seq_t place_ = no_seq;
    std::set<unsigned> clean_;  ///< lives that ended well
    std::uint64_t lines_ = 0, repeats_ = 0;
    std::vector<std::string> wrong_;
};

} // namespace lives_test
