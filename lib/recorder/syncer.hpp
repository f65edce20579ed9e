// The sync thread: makes what was written durable, by policy, and asks the disk to begin with what is
// not due yet. Neither capture nor writer ever waits for it; a slow disk only leaves `durable` further behind.
#pragma once

#include "lib/recorder/control.hpp"
#include "lib/recorder/options.hpp"

#include "lib/log/log.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace evbus {
inline namespace v1 {
namespace recorder {

class syncer {
public:
    /// `on_failure` is called once, on the sync thread, when a sync failed; `on_hurried`, there too, when what
    /// hurry() asked for is done.
    syncer(control& ctl, const options& how, seq_t durable, std::function<void()> on_failure, std::function<void()> on_hurried);
    syncer(const syncer&) = delete;
    syncer& operator=(const syncer&) = delete;
    ~syncer() { stop(); }

    /// Writer: this is in the file now.
    void wrote(const log::sync_point& point) noexcept;
    /// Writer: this is in the file, and to be synced at once, whatever the policy.
    void hurry(const log::sync_point& point) noexcept;
    /// Writer: rolling synced everything up to `last` itself.
    void reached(seq_t last) noexcept;
    /// Ends the thread; what is not synced by then is the caller's to sync.
    void stop() noexcept;

    /// The last seq that is known to be on the disk. After stop().
    [[nodiscard]] seq_t durable() const noexcept { return durable_; }
    /// errno of the sync that failed; 0 while all went well. `durable` does not move any more then.
    [[nodiscard]] int failure() const noexcept { return failure_.load(std::memory_order_acquire); }

private:
    void run();
    [[nodiscard]] bool has_work() const noexcept {
        return (hurried_ || (how_.sync != sync_policy::none && newest_.last > durable_)) && failure() == 0;
    }
    /// More is written than a sync should find all at once.
    [[nodiscard]] bool lags() const noexcept {
        return newest_.bytes >= begun_bytes_ + log::writeback_bytes && failure() == 0;
    }
    void begin_early(std::unique_lock<std::mutex>& lock);
    void advance(seq_t last) noexcept;
    void fail(int os_error) noexcept;

    control& ctl_;
    const options& how_;
    std::function<void()> on_failure_;
    std::function<void()> on_hurried_;
    std::mutex mutex_; ///< of those below, up to news_
    log::sync_point newest_;
    seq_t durable_;
    std::uint64_t begun_bytes_ = 0; ///< of newest_'s file: the disk was asked to begin up to here
    bool idle_ = false;             ///< the thread waits for something to sync
    bool hurried_ = false;
    bool stop_ = false;
    std::condition_variable news_;
    std::atomic<int> failure_{0};
    std::thread thread_;
};

} // namespace recorder
} // namespace v1
} // namespace evbus
