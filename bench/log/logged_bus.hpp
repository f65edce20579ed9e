// A bus with a log of the benchmark's own, and a recorder on it in a process of its own.
#pragma once

#include "bench/harness/process.hpp"
#include "bench/harness/scratch_bus.hpp"
#include "lib/recorder/options.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

/// With its topic and header one event is 256 B, in ring and log alike.
inline constexpr std::size_t event_bytes = 256;
inline constexpr std::size_t logged_payload = event_bytes - 32 - 16;

/// A directory below `parent` that goes when this goes.
class scratch_dir {
public:
    explicit scratch_dir(const std::string& parent);
    ~scratch_dir();
    scratch_dir(const scratch_dir&) = delete;
    scratch_dir& operator=(const scratch_dir&) = delete;
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    std::string path_;
    pid_t maker_;
};

class logged_bus {
public:
    explicit logged_bus(const std::string& parent, std::uint64_t slots = evbus::default_slots);

    [[nodiscard]] const scratch_bus& bus() const noexcept { return bus_; }
    /// The segments, oldest first.
    [[nodiscard]] std::vector<std::string> segments() const;

private:
    scratch_dir dir_;
    scratch_bus bus_;
};

/// What became of `events` events published through a recorder.
struct recorded {
    double ns = 0;         ///< from the first publish until all are written, or durable when synced
    double recorder_mib = 0; ///< the most that the recorder had, without the ring
    std::uint64_t lost = 0;
};

/// Publishes and records, each in its own process.
recorded publish_and_record(const logged_bus& on, std::uint64_t events, evbus::recorder::sync_policy sync, quiet& ran);

/// XXH3, inlined as the log has it.
[[nodiscard]] std::uint64_t plain_hash(const void* data, std::size_t bytes) noexcept;

/// The most memory that this process had, without shared pages such as a ring's. MiB.
[[nodiscard]] double peak_memory_mib();

} // namespace bench
