// The bounded hand-off between capture and writer: full batches one way, empty ones back. Nobody
// spins on it: who waits sleeps until the other side moves.
#pragma once

#include <evbus/log/batch.hpp>

#include <boost/lockfree/spsc_queue.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace recorder {

class handoff {
public:
    static constexpr std::size_t batches = 8; ///< 8 MiB in flight at the most

    handoff() {
        for (std::size_t i = 0; i < batches; ++i) {
            owned_.push_back(std::make_unique<log::batch>());
            free_.push(owned_.back().get());
        }
    }

    /// Capture: an empty batch, or null while all of them are with the writer.
    [[nodiscard]] log::batch* take_free() noexcept {
        log::batch* b = nullptr;
        return free_.pop(b) ? b : nullptr;
    }
    /// Capture: waits until a batch came back, or the writer stopped, at most so long.
    void wait_free(std::chrono::nanoseconds limit) noexcept {
        std::unique_lock lock(mutex_);
        returned_.wait_for(lock, limit, [this] { return free_.read_available() != 0 || stopped(); });
    }
    /// Capture: share of all batches that are with the writer. `held`: those that capture has itself.
    [[nodiscard]] double level(std::size_t held) const noexcept {
        return static_cast<double>(batches - free_.read_available() - held) / batches;
    }
    /// Capture: hands a batch over.
    void give(log::batch* b) noexcept {
        full_.push(b); // never full: there are no more batches than places
        given_.fetch_add(1, std::memory_order_release);
        given_.notify_one();
    }
    /// Capture: nothing more will come.
    void finish() noexcept {
        finished_.store(true, std::memory_order_release);
        given_.fetch_add(1, std::memory_order_release);
        given_.notify_one();
    }
    /// Any thread: makes take_full return, so that the writer looks around although nothing comes.
    void nudge() noexcept {
        nudged_.store(true, std::memory_order_release);
        given_.fetch_add(1, std::memory_order_release);
        given_.notify_one();
    }
    /// Capture: has the writer nothing to do?
    [[nodiscard]] bool writer_is_idle() const noexcept { return idle_.load(std::memory_order_relaxed); }

    /// Capture: true once after the writer had to drop batches, and with them what they said of members.
    [[nodiscard]] bool take_dropped() noexcept {
        return dropped_.load(std::memory_order_relaxed) && dropped_.exchange(false, std::memory_order_relaxed);
    }

    /// Writer: the next batch; null after finish() once all were taken, and after nudge(). Waits.
    [[nodiscard]] log::batch* take_full() noexcept {
        while (true) {
            const std::uint32_t seen = given_.load(std::memory_order_acquire);
            log::batch* b = nullptr;
            if (full_.pop(b)) return b;
            if (finished_.load(std::memory_order_acquire)) return full_.pop(b) ? b : nullptr;
            if (nudged_.exchange(false, std::memory_order_acquire)) return nullptr;
            idle_.store(true, std::memory_order_relaxed);
            given_.wait(seen, std::memory_order_acquire);
            idle_.store(false, std::memory_order_relaxed);
        }
    }
    /// Writer: nothing more will come.
    [[nodiscard]] bool is_over() noexcept {
        return finished_.load(std::memory_order_acquire) && full_.read_available() == 0;
    }
    /// Writer: a batch could not be kept.
    void dropped() noexcept { dropped_.store(true, std::memory_order_relaxed); }
    /// Writer: hands an emptied batch back.
    void give_back(log::batch* b) noexcept {
        b->clear();
        free_.push(b);
        wake_capture();
    }
    /// Writer: it stopped; capture must not wait for it any more.
    void stop() noexcept {
        stopped_.store(true, std::memory_order_release);
        wake_capture();
    }
    [[nodiscard]] bool stopped() const noexcept { return stopped_.load(std::memory_order_acquire); }

private:
    void wake_capture() noexcept {
        { const std::lock_guard between_its_look_and_its_sleep(mutex_); }
        returned_.notify_one();
    }

    using queue = boost::lockfree::spsc_queue<log::batch*, boost::lockfree::capacity<batches>>;
    std::vector<std::unique_ptr<log::batch>> owned_;
    queue free_;
    queue full_;
    std::atomic<std::uint32_t> given_{0};
    std::mutex mutex_;
    std::condition_variable returned_;
    std::atomic<bool> finished_{false};
    std::atomic<bool> nudged_{false};
    std::atomic<bool> dropped_{false};
    std::atomic<bool> stopped_{false};
    std::atomic<bool> idle_{false};
};

} // namespace recorder
} // namespace v1
} // namespace evbus
