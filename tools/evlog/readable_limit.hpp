// How far a log may be read by who carries it elsewhere: no further than what the source will still have after
// a power loss, for else the copy and the log would go different ways.
#pragma once

#include <evbus/bus.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace evlog {

class readable_limit {
public:
    /// `ring`, when the log's bus is known; otherwise the bus that the log itself names is looked for.
    readable_limit(std::string dir, const evbus::bus_id& id, std::optional<evbus::bus> ring);

    /// The last seq that may be read at present: durable, or written where nothing is ever synced. max_seq
    /// while no recorder is at work that could take anything back.
    [[nodiscard]] evbus::seq_t now();
    /// The last seq that the recorder has written at present; max_seq as above.
    [[nodiscard]] evbus::seq_t written();

private:
    void look_for_ring();
    [[nodiscard]] bool is_unsettled();
    [[nodiscard]] bool never_syncs() const;

    std::string dir_;
    evbus::bus_id id_;
    std::optional<evbus::bus> ring_;
    bool never_syncs_ = false;
    std::int64_t looked_ns_ = 0;
};

} // namespace evlog
