// What a recording can be told.
#pragma once

#include <evbus/notice.hpp>
#include "lib/log/log.hpp"
#include "lib/log/retention.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace evbus {
inline namespace v1 {
namespace recorder {

/// When `durable` follows `written`.
enum class sync_policy : std::uint8_t {
    none,     ///< when a segment is full and at the end
    interval, ///< this long after the last sync
    commit,   ///< at once, again and again; one sync covers all that was written meanwhile
};

/// What happens when the disk is full.
enum class on_full : std::uint8_t {
    halt, ///< stop recording; paced publishers go on without a recorder
    lose, ///< go on without the disk, say what was lost, record again as soon as there is space; a strict bus waits
};

struct options {
    std::string name = "recorder"; ///< as a participant; 1-39 bytes
    sync_policy sync = sync_policy::interval;
    std::chrono::nanoseconds sync_interval{10'000'000};
    on_full full = on_full::halt;
    log::on_torn torn = log::on_torn::trim;
    std::uint64_t segment_bytes = std::uint64_t{256} << 20;
    log::retention_limits keep{};                       ///< what the log may take; by default there is no limit
    std::chrono::nanoseconds batch_deadline{1'000'000}; ///< a batch waits no longer for more, also under load
    std::uint64_t batch_events = 65'536;                ///< a batch holds no more than this
    /// Halts once it has waited for its disk (pressure::suspended) for so long without a break; without it never.
    std::optional<std::chrono::nanoseconds> halt_when_behind{};
    std::map<std::string, std::string> config{};          ///< effective options as text, for the manifest
    notice_hook on_notice{};                            ///< called from any of the recorder's threads
    std::function<void(const std::string&)> on_deleted{}; ///< told, in words, what retention deleted; not to throw
    const std::atomic<bool>* stop = nullptr;            ///< once set, a long recovery gives up: errc::io
    /// Called once by run(), when publishers of a paced bus wait for this recorder: not before can it be
    /// said that it is recording. Not to throw.
    std::function<void()> on_recording{};
    log::file_system* files = &log::posix(); ///< not null; outlives the recording
};

} // namespace recorder
} // namespace v1
} // namespace evbus
