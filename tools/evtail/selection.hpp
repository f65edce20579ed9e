// Which events are shown, of those that pass the topic filters.
#pragma once

#include "tools/cli/pattern.hpp"
#include "tools/cli/when.hpp"

#include <evbus/event.hpp>

#include <algorithm>
#include <optional>

namespace evtail {

struct selection {
    evbus::seq_range seqs{1, evbus::max_seq};
    std::optional<cli::time_ns> since{}; ///< inclusive
    std::optional<cli::time_ns> until{}; ///< inclusive
    const cli::pattern* grep = nullptr;

    [[nodiscard]] bool takes(const evbus::event& e) const {
        return seqs.contains(e.seq()) && (!since || e.published() >= *since) && (!until || e.published() <= *until) &&
               (grep == nullptr || grep->is_in(e.text()));
    }
    /// The part of a gap that lies in the range; count() 0 when none does.
    [[nodiscard]] evbus::gap part_of(const evbus::gap& g) const {
        evbus::gap part = g;
        part.range = {std::max(g.range.first, seqs.first), std::min(g.range.last, seqs.last)};
        // The seqs of an incomplete event stand apart; how many of them lie inside is not known.
        part.seqs = std::min(g.seqs, part.range.count());
        return part;
    }
};

} // namespace evtail
