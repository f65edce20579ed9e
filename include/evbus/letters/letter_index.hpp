// What a journal knows of its letters, in memory: the newest note of each. No files.
#pragma once

#include <evbus/letters/letter_note.hpp>

#include <cstdint>
#include <map>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace letters {

class letter_index {
public:
    struct known {
        letter_state state = letter_state::waiting;
        seq_t note_at = no_seq; ///< the journal's seq of its newest note; no_seq: not written yet
        event_place event{};    ///< while it is open
        seq_t first_seq = no_seq; ///< of the event in its bus
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

    /// Takes a note for the newest of its letter.
    void set(story s, seq_t note_at, const event_place& where) {
        known& k = all_[s.seq];
        count(k, -1);
        k = {s.state, note_at, is_open(s.state) ? where : event_place{}, s.first_seq};
        count(k, 1);
        if (is_open(s.state)) open_[s.seq] = std::move(s);
        else open_.erase(s.seq);
    }
    /// Where the newest note of `seq`, and its event, stand by now.
    void placed(seq_t seq, seq_t note_at, const event_place& where) noexcept {
        const auto it = all_.find(seq);
        if (it == all_.end()) return;
        count(it->second, -1);
        it->second.note_at = note_at;
        it->second.event = is_open(it->second.state) ? where : event_place{};
        count(it->second, 1);
    }
    /// Closed letters below `seq` are remembered no more.
    void forget_closed_below(seq_t seq) noexcept {
        for (auto it = all_.begin(); it != all_.end() && it->first < seq;) it = is_open(it->second.state) ? std::next(it) : all_.erase(it);
    }

private:
    void count(const known& k, int sign) noexcept {
        if (!is_open(k.state)) return;
        std::uint64_t& sum = k.state == letter_state::dead ? dead_bytes_ : waiting_bytes_;
        sum = sign > 0 ? sum + k.event.bytes : sum - k.event.bytes;
    }

    std::map<seq_t, story> open_;
    std::map<seq_t, known> all_;
    std::uint64_t waiting_bytes_ = 0;
    std::uint64_t dead_bytes_ = 0;
};

} // namespace letters
} // namespace v1
} // namespace evbus
