// What must be found of each letter, whatever fails: one of the states that were asked for, none older than the newest
// that was called durable; and its event.
#pragma once

#include "tests/letters/letters_fixture.hpp"

#include <algorithm>

namespace letters_test {

/// A few letters fill one.
inline constexpr std::uint64_t small_segments = std::uint64_t{64} << 10;

class promise {
public:
    /// Stages a step and remembers that it was asked for. False when it was refused.
    [[nodiscard]] bool step(journal& j, seq_t seq, letter_state state) {
        std::vector<story>& asked = asked_[seq];
        story s = make_story(seq, state, static_cast<std::uint32_t>(asked.size() + 1));
        const int r = asked.empty() ? j.add(make_event(seq, payload(seq)).view(), s) : j.change(s);
        if (r == 0) asked.push_back(std::move(s));
        else if (asked.empty()) asked_.erase(seq);
        return r == 0;
    }
    /// Writes and syncs. What was asked for up to now is kept when it returns 0.
    [[nodiscard]] int keep(journal& j) {
        if (const int r = j.write(); r < 0) return r;
        if (const int r = j.sync(); r < 0) return r;
        kept_in(j);
        return 0;
    }
    void kept_in(const journal& j) {
        for (const auto& [seq, asked] : asked_) kept_[seq] = asked.size();
        position_ = std::max(position_, j.synced());
    }
    /// Closed letters below `seq` may be forgotten.
    void may_forget_below(seq_t seq) { forget_below_ = seq; }

    /// What is wrong with `j`, newly opened; empty when nothing is.
    [[nodiscard]] std::string wrong_with(const journal& j, bool read_events = true) const {
        if (j.last() < position_) return "it ends at " + std::to_string(j.last()) + ", and " + std::to_string(position_) + " was durable";
        for (const auto& [seq, s] : j.open_letters())
            if (!asked_.contains(seq)) return "made up: " + line_of(s);
        for (const auto& [seq, asked] : asked_) {
            const auto kept = kept_.find(seq);
            const std::size_t least = kept == kept_.end() ? 0 : kept->second;
            const std::string what = wrong_with(j, seq, asked, least, read_events);
            if (!what.empty()) return "letter " + std::to_string(seq) + ": " + what;
        }
        return {};
    }
    /// What `j` shows is what counts from here on: an older state was lost, and may be.
    void go_on_from(const journal& j) {
        for (auto it = asked_.begin(); it != asked_.end();) {
            const auto open = j.open_letters().find(it->first);
            if (open != j.open_letters().end()) it->second.resize(open->second.attempts);
            it = j.knows(it->first) ? std::next(it) : asked_.erase(it);
        }
        kept_in(j);
    }

    [[nodiscard]] static std::string payload(seq_t seq) { return "payload of " + std::to_string(seq) + std::string(12'000 + seq % 7, '.'); }

private:
    [[nodiscard]] std::string wrong_with(const journal& j, seq_t seq, const std::vector<story>& asked, std::size_t least,
                                         bool read_events) const {
        const auto open = j.open_letters().find(seq);
        if (open != j.open_letters().end()) {
            const std::size_t version = open->second.attempts;
            if (version == 0 || version > asked.size() || open->second != asked[version - 1]) return "made up: " + line_of(open->second);
            if (version < least) return "it went back: " + line_of(open->second);
            try {
                if (read_events && j.read(seq).view().text() != payload(seq)) return "another event";
            } catch (const error& e) {
                return e.what();
            }
            return {};
        }
        const bool was_closed = std::any_of(asked.begin() + static_cast<std::ptrdiff_t>(least == 0 ? 0 : least - 1), asked.end(),
                                            [](const story& s) { return !is_open(s.state); });
        if (j.knows(seq)) return was_closed ? "" : "closed by nobody";
        return least == 0 || (was_closed && seq < forget_below_) ? "" : "lost";
    }

    std::map<seq_t, std::vector<story>> asked_;
    std::map<seq_t, std::size_t> kept_;
    seq_t position_ = 0;
    seq_t forget_below_ = 0;
};

/// A worker's life: letters come, are tried again, die, are handled or dropped; the first one stays, so that it is moved
/// when the journal, which grows over several segments, is cleaned. `on_error` says whether to go on after a call that failed.
template <class OnError>
void live(journal& j, promise& p, seq_t first, seq_t count, OnError&& on_error) {
    const auto called = [&](int r) { return r == 0 || on_error(r); };
    for (seq_t s = first; s < first + count; ++s) {
        if (!p.step(j, s, letter_state::waiting)) return;
        if (s % 3 == 0 && !called(p.keep(j))) return;
        if (j.knows(s) && !p.step(j, s, s % 16 == 0 || s == first ? letter_state::dead : s % 5 == 0 ? letter_state::waiting : letter_state::handled)) return;
        if (s > first + 12 && j.open_letters().contains(s - 12) && !p.step(j, s - 12, letter_state::dropped)) return;
        if (!called(p.keep(j))) return;
        if (s % 8 == 0) {
            p.may_forget_below(s - 3);
            if (!called(j.clean(s - 3))) return;
        }
    }
}

/// Opens, compares, goes on, and opens again. What is wrong; empty when nothing is.
inline std::string wrong_with(letter_box& box, promise p) {
    try {
        {
            journal j = box.open();
            if (const std::string what = p.wrong_with(j); !what.empty()) return what;
            p.go_on_from(j);
            if (!p.step(j, 100'000, letter_state::dead)) return "it takes no letter";
            if (p.keep(j) != 0) return "it keeps nothing";
        }
        const journal j = box.open();
        return p.wrong_with(j);
    } catch (const error& e) {
        return e.what();
    }
}

} // namespace letters_test
