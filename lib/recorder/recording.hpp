// One recorder's life: takes the log's LOCK and the ring's recorder byte, recovers, records with three
// threads until it is told to stop, and leaves the log sealed.
#pragma once

#include "lib/recorder/options.hpp"

#include <evbus/bus.hpp>
#include <evbus/log/log_lock.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace evbus {
inline namespace v1 {
namespace recorder {

/// How a recording ended.
struct outcome {
    ring::recorder_state state = ring::recorder_state::ended;
    std::string reason;         ///< why it halted; empty when it ended
    bool retired = false;       ///< the ring was closed: the bus may be there anew
    seq_range recorded{};       ///< first and last seq that this run wrote
    std::uint64_t lost = 0;     ///< seqs that it had to mark as lost
};

class recording {
public:
    /// Locks, recovers and stands ready. `lock` is the log's LOCK, when the caller has it already. Throws
    /// evbus::error: recorder_alive, busy (LOCK), mismatch (the ring is behind its log), foreign_log,
    /// damaged, and what the system reports.
    recording(const bus& on, options how, std::optional<log::log_lock> lock = std::nullopt);
    ~recording();

    /// The seq that recording begins at.
    [[nodiscard]] seq_t next_seq() const noexcept;
    /// Records until `stop` is set, the ring is closed, or it must halt. Once.
    [[nodiscard]] outcome run(const std::atomic<bool>& stop);

private:
    struct parts;
    std::unique_ptr<parts> p_;
};

} // namespace recorder
} // namespace v1
} // namespace evbus
