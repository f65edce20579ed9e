// What several segments hold together.
#pragma once

#include <evbus/log/format.hpp>

#include <algorithm>

namespace evbus {
inline namespace v1 {
namespace log {

/// Adds what `one` counts to `all`; first_seq, chain and places stay as they are.
inline void add_up(const segment_summary& one, segment_summary& all) noexcept {
    all.commits += one.commits;
    all.records += one.records;
    all.events += one.events;
    all.fragments += one.fragments;
    all.voids += one.voids;
    all.lost += one.lost;
    all.damaged += one.damaged;
    all.raw_bytes += one.raw_bytes;
    all.last_seq = std::max(all.last_seq, one.last_seq);
    if (one.min_time_ns != 0) all.min_time_ns = all.min_time_ns == 0 ? one.min_time_ns : std::min(all.min_time_ns, one.min_time_ns);
    all.max_time_ns = std::max(all.max_time_ns, one.max_time_ns);
}

} // namespace log
} // namespace v1
} // namespace evbus
