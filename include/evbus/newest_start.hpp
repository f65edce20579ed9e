// Where a consumer that begins with the newest event of each topic finds them: in the ring, then in the log for
// the topics that the ring has not.
#pragma once

#include <evbus/bus.hpp>
#include <evbus/log/newest_search.hpp>
#include <evbus/log_walk.hpp>
#include <evbus/newest_topics.hpp>
#include <evbus/ring_newest.hpp>
#include <evbus/ring_walk.hpp>

#include <algorithm>
#include <cstdint>

namespace evbus {
inline namespace v1 {

/// As of `up_to`, or as far as ring and log go without a hole that the recorder may still fill. `log` may be null.
/// `durable_only`: by what the log holds durably. Adds to `read` what was read from footers. Throws errc::io,
/// too_large.
inline newest_pick find_newest(const bus& on, ring_walk& ring, log_walk* log, seq_t up_to, bool durable_only, log::read_stats& read) {
    newest_topics topics(ring.wanted, ring.headers);
    searched_ring in_ring{up_to, up_to};
    if (!durable_only) in_ring = find_newest(*ring.at, ring.wanted, up_to, topics);
    const seq_t top = std::min(in_ring.top, up_to);
    if (log == nullptr) return topics.pick(durable_only ? no_seq : top);
    // What earlier rings brought is in the log for good, whatever a recorder that has just come says of this one.
    const seq_t history = on.first_seq() - 1;
    const bool recorded = on.has_recorder();
    const frontiers f = on.frontier();
    const seq_t readable = durable_only ? std::max(f.durable, history) : recorded ? std::max(f.written, history) : max_seq;
    const seq_t logged = log->log().last_seq();
    const seq_t limit = std::min({logged == no_seq ? history : logged, readable, top});
    std::uint64_t whole = 0;
    seq_t end = top;
    if (durable_only || (recorded && limit < top && limit + 1 < in_ring.first)) {
        // Nobody knows yet what stands between: from there on everything is given.
        topics.clear();
        whole = on.slots();
        end = limit;
    } else if (limit < top && limit + 1 < in_ring.first) {
        topics.not_searched({limit + 1, in_ring.first - 1});
    }
    if (limit != no_seq && !topics.is_complete()) {
        log::newest_search search(log::posix(), {on.log_dir()}, log->log(), ring.wanted, ring.headers, topics);
        search.run(limit, whole);
        read.bytes += search.stats().bytes;
        read.reads += search.stats().reads;
    }
    return topics.pick(end);
}

} // namespace v1
} // namespace evbus
