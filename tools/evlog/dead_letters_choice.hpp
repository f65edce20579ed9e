// Which letters of a journal a command line means.
#pragma once

#include "tools/cli/pattern.hpp"

#include <evbus/filter.hpp>
#include <evbus/letters/journal.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace evlog {

/// Those with these seqs; or without seqs all, as far as they match the rest.
struct letter_choice {
    std::vector<evbus::seq_t> seqs{};
    std::optional<evbus::filter> topic{};
    std::unique_ptr<const cli::pattern> error{};
    std::optional<std::uint64_t> newest{}; ///< no more than so many, those with the greatest seqs
    bool waiting_too = false;              ///< letters that have another try before them, beside the dead ones
};

struct chosen_letters {
    std::vector<evbus::seq_t> seqs{};    ///< ascending
    std::vector<std::string> refused{};  ///< a sentence for each named seq that is none of them, or whose topic nobody knows
};

/// Reads events only where their topic is asked for.
[[nodiscard]] chosen_letters choose(const evbus::letters::journal& from, const letter_choice& choice);

} // namespace evlog
