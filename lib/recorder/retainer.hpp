// The retention thread: keeps the log within its limits while it is recorded, at start, after each roll and
// every few seconds. Deleting large files can take long, so neither capture nor writer waits for it, but for
// the one case in which the writer has no space: then it asks for room before it gives up.
#pragma once

#include "lib/recorder/options.hpp"

#include "lib/log/retention.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace evbus {
inline namespace v1 {
namespace recorder {

class retainer {
public:
    retainer(log::file_system& fs, log::log_dir dir, const bus_id& bus, const options& how)
        : fs_(fs), dir_(std::move(dir)), bus_(bus), how_(how) {}
    retainer(const retainer&) = delete;
    retainer& operator=(const retainer&) = delete;
    ~retainer() { stop(); }

    /// Begins the thread and its first pass. Without a limit there is none.
    void start();
    /// Before start(): a pass on this thread, if the disk is nearly full. Otherwise starting would fail.
    void make_room_to_start();
    /// The newest anchor that is on the disk, from here on; until it is told, passes look for it in the log.
    void anchored(const std::optional<log::anchor>& newest);
    /// Writer: a segment was sealed. Does not wait.
    void rolled() noexcept;
    /// Writer: there is no space. Waits for a pass; true when anything was deleted since the last call.
    [[nodiscard]] bool make_room() noexcept;
    /// A pass that is under way ends with the segment it is at.
    void stop() noexcept;

private:
    void run();
    [[nodiscard]] std::uint64_t pass() noexcept;
    [[nodiscard]] log::retention_plan make_plan();
    [[nodiscard]] std::vector<log::retention_pin> pins();
    void tell_deleted(const log::retention_result& r, const log::retention_plan& p) const;
    void tell_trouble(const log::retention_plan& p);
    void complain(std::string& said, const std::string& about, const std::string& text) const;

    log::file_system& fs_;
    log::log_dir dir_;
    bus_id bus_;
    const options& how_;
    // Of whoever makes the pass.
    std::optional<std::uint64_t> size_when_crowded_;
    std::string said_held_; ///< what was complained about, so that it is said once
    std::string said_crowded_;
    std::string said_failed_;
    std::atomic<bool> stop_{false};
    std::mutex mutex_; ///< of all that follows
    std::condition_variable news_;
    std::uint64_t asked_ = 0;   ///< passes
    std::uint64_t done_ = 0;
    std::uint64_t deleted_ = 0; ///< segments, by this thread
    std::uint64_t deleted_seen_ = 0; ///< by the writer
    bool knows_anchor_ = false;
    std::optional<log::retention_pin> anchor_;
    std::thread thread_;
};

} // namespace recorder
} // namespace v1
} // namespace evbus
