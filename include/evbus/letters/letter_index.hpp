// What a journal knows of its letters, in memory: the newest note of each. No files.
#pragma once

#include <evbus/letters/letter_note.hpp>

#include <cstdint>
#include <map>
#include <set>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace letters {

class letter_index {
public:
    struct known {
        letter_state state = letter_state::waiting;
        seq_t note_at = no_seq; ///< the journal's seq of its newest note; no_seq: not written yet
        event_place event{};      ///< while it is open
        file_place file{};        ///< the same, for reading it
        seq_t first_seq = no_seq; ///< of the event in its bus
        std::uint32_t error_bytes = 0;
    };

    /// Waiting and dead letters, by seq.
    [[nodiscard]] const std::map<seq_t, story>& open() const noexcept { return open_; }
    /// All that are remembered, closed ones too, by seq.
    [[nodiscard]] const std::map<seq_t, known>& all() const noexcept { return all_; }
    [[nodiscard]] const known* find(seq_t seq) const noexcept {
        const auto it = all_.find(seq);
        return it == all_.end() ? nullptr : &it->second;
    }
    /// Of the events of waiting letters, and of dead ones.
    [[nodiscard]] std::uint64_t bytes(letter_state s) const noexcept { return s == letter_state::dead ? dead_bytes_ : waiting_bytes_; }

    /// What all of them take in files, and rather more than that: each has headers and entries of an index besides.
    [[nodiscard]] std::uint64_t file_bytes() const noexcept { return waiting_bytes_ + dead_bytes_ + error_bytes_ + all_.size() * 768; }
    /// Is `seq` the same letter, in the same state, in `other`?
    [[nodiscard]] bool has_same(const letter_index& other, seq_t seq) const {
        const known* const a = find(seq);
        const known* const b = other.find(seq);
        if (a == nullptr || b == nullptr || a->state != b->state) return a == b;
        return !is_open(a->state) || open_.at(seq) == other.open_.at(seq);
    }

    /// Takes a note for the newest of its letter. An event that stays where it is need not be found again.
    void set(story s, seq_t note_at, const event_place& where, const file_place& file = {}) {
        if (s.state == letter_state::forgotten) return forget(s.seq);
        known& k = all_[s.seq];
        const file_place in = file.segment == no_seq && k.event.at == where.at ? k.file : file;
        count(k, -1);
        k = {s.state, note_at, is_open(s.state) ? where : event_place{}, in, s.first_seq, static_cast<std::uint32_t>(s.error.size())};
        count(k, 1);
        if (!is_open(s.state)) closed_.insert(s.seq);
        if (is_open(s.state)) open_[s.seq] = std::move(s);
        else open_.erase(s.seq);
    }
    /// Where the newest note of `seq`, and its event, stand by now.
    void placed(seq_t seq, seq_t note_at, const event_place& where, const file_place& file) noexcept {
        const auto it = all_.find(seq);
        if (it == all_.end()) return;
        count(it->second, -1);
        it->second.note_at = note_at;
        it->second.event = is_open(it->second.state) ? where : event_place{};
        if (file.segment != no_seq) it->second.file = file;
        count(it->second, 1);
    }
    /// Closed letters below `seq` are remembered no more.
    void forget_closed_below(seq_t seq) noexcept {
        while (!closed_.empty() && *closed_.begin() < seq) forget(*closed_.begin());
    }

private:
    void forget(seq_t seq) noexcept {
        const auto it = all_.find(seq);
        if (it == all_.end()) return;
        count(it->second, -1);
        all_.erase(it);
        closed_.erase(seq);
        open_.erase(seq);
    }
    void count(const known& k, int sign) noexcept {
        const auto add = [sign](std::uint64_t& sum, std::uint64_t bytes) { sum = sign > 0 ? sum + bytes : sum - bytes; };
        add(error_bytes_, k.error_bytes);
        if (is_open(k.state)) add(k.state == letter_state::dead ? dead_bytes_ : waiting_bytes_, k.event.bytes);
    }

    std::map<seq_t, story> open_;
    std::map<seq_t, known> all_;
    std::set<seq_t> closed_;
    std::uint64_t waiting_bytes_ = 0;
    std::uint64_t dead_bytes_ = 0;
    std::uint64_t error_bytes_ = 0;
};

} // namespace letters
} // namespace v1
} // namespace evbus
