// What a log holds, gathered from the footers of its segments; only a segment without one is read.
#pragma once

#include "lib/recorder/manifest.hpp"

#include <evbus/log/epochs.hpp>
#include <evbus/log/format.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace evlog {

struct segment_facts {
    evbus::seq_t first = evbus::no_seq;
    std::uint64_t bytes = 0;
    bool sealed = false;
    bool compressed = false;
    std::string trouble; ///< why nothing is known of it; empty when all is
    evbus::log::segment_summary sums{};
};

struct topic_facts {
    std::uint64_t count = 0; ///< frames
    evbus::seq_t last = evbus::no_seq;
    std::int64_t last_ns = 0; ///< 0 when it is not stamped, or cannot be read any more
};

/// Who took part, as MEMBER records tell: one for each number it had in a life of the ring.
struct member_facts {
    evbus::member_no number = evbus::member_no::nobody;
    std::uint16_t incarnation = 0;
    std::uint32_t pid = 0;
    std::string name;
    evbus::seq_t at = evbus::no_seq; ///< the seq before which it is told of first
    std::int64_t joined_ns = 0;      ///< 0 when the log has not seen it join
    std::int64_t left_ns = 0;        ///< 0 when it was there still, or nobody saw it leave
};

struct log_facts {
    std::string dir;
    evbus::bus_id bus;
    std::vector<std::string> names;  ///< of the bus, oldest first
    std::string writer;              ///< who holds the log's lock; empty for nobody
    std::vector<segment_facts> segments;
    evbus::log::segment_summary sums{}; ///< of all
    std::uint64_t bytes = 0;
    std::uint64_t between = 0;       ///< seqs that lie between one segment's last and the next one's first
    std::vector<evbus::recorder::manifest> runs;
    std::size_t creations = 0;       ///< of the ring
    std::size_t cursors = 0;
    std::vector<std::string> workers; ///< that have letters, or had some
    std::size_t quarantined = 0;     ///< files
    std::uint64_t quarantined_bytes = 0;
    std::map<std::string, topic_facts> topics;
    std::vector<member_facts> members; ///< in the order of `at`
    std::uint64_t unnamed = 0;       ///< frames whose topic found no room in a footer

    /// Events and fragments a second, over the time from the first to the last; 0 when it is not known.
    [[nodiscard]] double rate() const;
};

/// What is asked for beside what footers say at once.
struct info_parts {
    bool topics = false;
    bool segments = false;
    bool members = false;
};

/// Throws what keeps the log from being read at all.
[[nodiscard]] log_facts gather(const std::string& dir, const info_parts& parts);

/// One object.
void append_json(std::string& out, const log_facts& f, const info_parts& parts);

} // namespace evlog
