#include "tools/evtail/look_back.hpp"

#include <algorithm>

namespace evtail {

ending look_back::fill(page& p, seq_t begin, bool bounded, bool& headless) {
    const std::unique_ptr<reader> from = in_->read(evbus::from::seq(begin));
    const ending how = move_->run(*in_, *from, p, p.range().last, false, [&] { return bounded && p.bytes() > most_bytes; });
    headless = from->headless() != 0;
    from->add_to(*sum_);
    return how;
}

ending look_back::run(bool keep, const std::function<bool(page&&)>& take) {
    std::uint64_t seqs = least_seqs;
    seq_t top = range_.last;
    while (top >= range_.first && top != evbus::no_seq) {
        const seq_t first = top - range_.first < seqs ? range_.first : top - seqs + 1;
        const std::uint64_t lead = first == range_.first ? 0 : std::min(first - range_.first, in_->longest_event());
        const bool bounded = seqs > least_seqs;
        page p(*wanted_, {first, top}, keep);
        bool headless = false;
        ending how = fill(p, first, bounded, headless);
        if (headless && lead != 0 && (how == ending::reached || how == ending::behind)) {
            p = page(*wanted_, {first, top}, keep);
            how = fill(p, first - lead, bounded, headless);
        }
        if (how == ending::overfull) {
            seqs = std::max(seqs / 4, least_seqs);
            continue;
        }
        if (how != ending::reached && how != ending::behind) return how;
        // What the ring gave up between the question and the answer is no loss to who asked for the last few.
        if (first == range_.first && !floor_is_asked_) p.drop_leading_gap();
        const std::uint64_t found = p.events();
        if (!take(std::move(p)) || how == ending::behind) return how;
        top = first - 1;
        // Far apart matches, or a gap of 2^44 seqs: go in larger steps as long as nothing is found.
        if (found == 0) seqs = seqs > (std::uint64_t{1} << 60) ? seqs : seqs * 4;
        else if (found >= few || seqs < most_seqs) seqs = std::clamp(seqs * 2, least_seqs, most_seqs);
    }
    return ending::reached;
}

} // namespace evtail
