// Shows what was selected, tells of gaps, and knows when enough was shown. The output stays in its
// buffer until that is full or somebody flushes it.
#pragma once

#include "tools/cli/terminal.hpp"
#include "tools/evtail/options.hpp"
#include "tools/evtail/selection.hpp"
#include "tools/evtail/source.hpp"
#include "tools/evtail/topic_table.hpp"

#include <cstdint>
#include <optional>

namespace evtail {

class printer final : public sink {
public:
    printer(const options& o, const selection& wanted, cli::output& out);

    /// Where publishers' names come from; nullptr for none.
    void names_from(source* names) { names_ = names; }
    /// The first `matches` that are selected are not shown, nor are gaps in front of the first that is.
    void skip(std::uint64_t matches) {
        skip_ = matches;
        before_first_ = true;
    }

    void event(const evbus::event& e) override;
    /// Pieces of one gap that follow each other, in whichever direction, are told as one.
    void gap(const evbus::gap& g) override;
    /// Tells of a gap that may have grown until now.
    void settle();
    /// Everything said and written; the table of --topics too.
    void finish();

    /// Enough was shown, a gap was to be the end, or nobody reads the output any more.
    [[nodiscard]] bool is_done() const { return shown_ == most_ || stopped_by_gap_ || out_->closed(); }
    [[nodiscard]] bool is_complete() const { return shown_ == most_; }
    [[nodiscard]] bool is_cut_off() const { return out_->closed(); }
    [[nodiscard]] std::uint64_t shown() const { return shown_; }
    [[nodiscard]] std::uint64_t gaps() const { return gaps_; }
    [[nodiscard]] std::uint64_t seqs_in_gaps() const { return seqs_in_gaps_; }
    [[nodiscard]] bool saw_damage() const { return saw_damage_; }

private:
    void tell(const evbus::gap& g);

    const selection* wanted_;
    cli::output* out_;
    formatter format_;
    gap_policy on_gap_;
    bool gap_in_place_;
    bool with_names_;
    bool as_topics_;
    bool json_;
    cli::zone zone_;
    std::uint64_t most_;
    source* names_ = nullptr;
    std::uint64_t skip_ = 0;
    bool before_first_ = false; ///< gaps are of no interest yet
    std::optional<evbus::gap> pending_;
    topic_table topics_;
    std::uint64_t shown_ = 0;
    std::uint64_t gaps_ = 0;
    std::uint64_t seqs_in_gaps_ = 0;
    bool saw_damage_ = false;
    bool stopped_by_gap_ = false;
};

} // namespace evtail
