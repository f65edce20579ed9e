#include "lib/recorder/syncer.hpp"

#include <evbus/detail/probe.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace recorder {

syncer::syncer(control& ctl, const options& how, seq_t durable, std::function<void()> on_failure,
               std::function<void()> on_hurried)
    : ctl_(ctl), how_(how), on_failure_(std::move(on_failure)), on_hurried_(std::move(on_hurried)), durable_(durable) {
    thread_ = std::thread([this] { run(); });
}

void syncer::wrote(const log::sync_point& point) noexcept {
    bool is_news = false;
    {
        const std::lock_guard guard(mutex_);
        if (newest_.target != point.target) begun_bytes_ = 0;
        newest_ = point;
        is_news = lags() || (idle_ && has_work()); // nobody is woken for nothing
    }
    if (is_news) news_.notify_one();
}

void syncer::hurry(const log::sync_point& point) noexcept {
    {
        const std::lock_guard guard(mutex_);
        if (newest_.target != point.target) begun_bytes_ = 0;
        newest_ = point;
        hurried_ = true;
    }
    news_.notify_one();
}

void syncer::reached(seq_t last) noexcept {
    const std::lock_guard guard(mutex_);
    advance(last);
}

void syncer::advance(seq_t last) noexcept {
    if (last <= durable_ || failure() != 0) return;
    durable_ = last;
    ctl_.synced(last);
}

void syncer::stop() noexcept {
    {
        const std::lock_guard guard(mutex_);
        stop_ = true;
    }
    news_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void syncer::fail(int os_error) noexcept {
    failure_.store(os_error, std::memory_order_release);
    on_failure_();
}

void syncer::begin_early(std::unique_lock<std::mutex>& lock) {
    const log::sync_point point = newest_;
    begun_bytes_ = point.bytes;
    lock.unlock();
    point.start_writeback();
    lock.lock();
}

void syncer::run() {
    using clock = std::chrono::steady_clock;
    std::unique_lock lock(mutex_);
    auto due = clock::now();
    while (true) {
        idle_ = true;
        news_.wait(lock, [this] { return stop_ || has_work() || lags(); }); // sleeps as long as there is nothing to do
        idle_ = false;
        const bool in_turns = how_.sync == sync_policy::interval;
        if (in_turns && has_work()) news_.wait_until(lock, due, [this] { return stop_ || hurried_ || lags(); });
        if (stop_) return;
        if (!has_work() || (in_turns && !hurried_ && clock::now() < due)) {
            begin_early(lock);
            continue;
        }
        const log::sync_point point = newest_;
        const bool hurried = std::exchange(hurried_, false);
        begun_bytes_ = point.bytes;
        lock.unlock(); // the writer must never wait for the disk here
        const int r = point.sync();
        mark(probe::synced);
        lock.lock();
        if (r == 0) advance(point.last);
        else fail(-r);
        if (r == 0 && hurried) on_hurried_();
        due = std::chrono::steady_clock::now() + how_.sync_interval;
    }
}

} // namespace recorder
} // namespace v1
} // namespace evbus
