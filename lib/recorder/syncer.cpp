#include "syncer.hpp"

#include <algorithm>
#include <chrono>

namespace evbus {
inline namespace v1 {
namespace recorder {

syncer::syncer(control& ctl, const options& how, seq_t durable) : ctl_(ctl), how_(how), durable_(durable) {
    if (how.sync != sync_policy::none) thread_ = std::thread([this] { run(); });
}

void syncer::wrote(const log::sync_point& point) noexcept {
    {
        const std::lock_guard guard(mutex_);
        newest_ = point;
    }
    news_.fetch_add(1, std::memory_order_release);
    news_.notify_one();
}

void syncer::reached(seq_t last) noexcept {
    const std::lock_guard guard(mutex_);
    if (last <= durable_ || failure() != 0) return;
    durable_ = last;
    ctl_.synced(last);
}

void syncer::stop() noexcept {
    stop_.store(true, std::memory_order_release);
    news_.fetch_add(1, std::memory_order_release);
    news_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void syncer::run() {
    std::uint32_t seen = 0;
    auto due = std::chrono::steady_clock::now();
    while (true) {
        news_.wait(seen, std::memory_order_acquire); // sleeps as long as there is nothing to sync
        seen = news_.load(std::memory_order_acquire);
        if (stop_.load(std::memory_order_acquire) || failure() != 0) return;
        if (how_.sync == sync_policy::interval) std::this_thread::sleep_until(due);
        seen = news_.load(std::memory_order_acquire);
        sync_once();
        due = std::chrono::steady_clock::now() + how_.sync_interval;
    }
}

void syncer::sync_once() {
    log::sync_point point;
    {
        const std::lock_guard guard(mutex_);
        if (newest_.last <= durable_) return;
        point = newest_;
    }
    const int r = point.sync();
    if (r == 0) reached(point.last);
    else failure_.store(-r, std::memory_order_release);
}

} // namespace recorder
} // namespace v1
} // namespace evbus
