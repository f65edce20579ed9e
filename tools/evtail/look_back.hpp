// The last events of a range, found from its end: pages are read back to front, each larger than the
// one before, until enough was found.
//
// The hard case is an event larger than a slot: its frames may begin before the page they end in. A
// page that meets such frames is read again from some way before its first seq on, and what ends there
// is left to the page before. Memory: the pages that are kept, each 32 MiB or one of 256 seqs.
#pragma once

#include "tools/evtail/page.hpp"
#include "tools/evtail/pump.hpp"
#include "tools/evtail/source.hpp"

#include <cstdint>
#include <functional>

namespace evtail {

class look_back {
public:
    /// `floor_is_asked`: the range begins where somebody asked it to, not at what is oldest at the moment.
    look_back(source& in, pump& move, const selection& wanted, evbus::seq_range range, bool floor_is_asked, read_counts& sum)
        : in_(&in), move_(&move), wanted_(&wanted), range_(range), floor_is_asked_(floor_is_asked), sum_(&sum) {}

    /// Gives pages from the newest on until `take(page)` is false or the range is through.
    ending run(bool keep, const std::function<bool(page&&)>& take);

private:
    /// Reads the page from `begin` on, which may lie before it. `bounded`: `overfull` once it takes too much memory.
    ending fill(page& p, seq_t begin, bool bounded, bool& headless);

    static constexpr std::uint64_t least_seqs = 256;
    static constexpr std::uint64_t most_seqs = 65536;
    static constexpr std::uint64_t few = 1024; ///< matches in a page that need not be smaller the next time
    static constexpr std::size_t most_bytes = std::size_t{32} << 20;

    source* in_;
    pump* move_;
    const selection* wanted_;
    evbus::seq_range range_;
    bool floor_is_asked_;
    read_counts* sum_;
};

} // namespace evtail
