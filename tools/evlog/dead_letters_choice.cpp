#include "tools/evlog/dead_letters_choice.hpp"

#include <evbus/error.hpp>

#include <algorithm>

namespace evlog {
namespace {

namespace letters = evbus::letters;
using evbus::seq_t;

bool is_candidate(const letters::story& s, const letter_choice& choice) {
    if (s.state == letters::letter_state::waiting && !choice.waiting_too) return false;
    return !choice.error || choice.error->is_in(s.error);
}

std::string why_not(const letters::journal& from, seq_t seq) {
    const std::string named = "seq " + std::to_string(seq);
    if (from.open_letters().contains(seq)) return named + " is no dead letter yet: it waits for another try";
    if (from.knows(seq)) return named + " is no dead letter any more: it was handled, published again or dropped";
    return named + " is no dead letter";
}

chosen_letters choose_named(const letters::journal& from, const letter_choice& choice) {
    chosen_letters out;
    for (const seq_t seq : choice.seqs) {
        const auto there = from.open_letters().find(seq);
        if (there != from.open_letters().end() && is_candidate(there->second, choice)) out.seqs.push_back(seq);
        else out.refused.push_back(why_not(from, seq));
    }
    std::sort(out.seqs.begin(), out.seqs.end());
    out.seqs.erase(std::unique(out.seqs.begin(), out.seqs.end()), out.seqs.end());
    return out;
}

} // namespace

chosen_letters choose(const letters::journal& from, const letter_choice& choice) {
    if (!choice.seqs.empty()) return choose_named(from, choice);
    chosen_letters out;
    const auto& all = from.open_letters();
    for (auto it = all.rbegin(); it != all.rend() && (!choice.newest || out.seqs.size() < *choice.newest); ++it) {
        if (!is_candidate(it->second, choice)) continue;
        try {
            if (choice.topic && !choice.topic->matches(from.read(it->first).view().topic())) continue;
        } catch (const evbus::error& e) {
            out.refused.push_back(e.what());
            continue;
        }
        out.seqs.push_back(it->first);
    }
    std::reverse(out.seqs.begin(), out.seqs.end());
    return out;
}

} // namespace evlog
