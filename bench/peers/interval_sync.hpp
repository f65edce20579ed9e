// Calls something every 10 ms on a thread of its own: how a store that syncs on request is synced soon.
#pragma once

#include "stores.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace bench::stores {

class interval_sync {
public:
    explicit interval_sync(std::function<void()> sync) : sync_(std::move(sync)), thread_([this] { run(); }) {}
    ~interval_sync() {
        {
            const std::lock_guard guard(mutex_);
            stop_ = true;
        }
        stopped_.notify_one();
        thread_.join();
    }
    interval_sync(const interval_sync&) = delete;
    interval_sync& operator=(const interval_sync&) = delete;

private:
    void run() {
        std::unique_lock lock(mutex_);
        while (!stopped_.wait_for(lock, soon_interval, [this] { return stop_; })) {
            lock.unlock();
            sync_();
            lock.lock();
        }
    }

    std::function<void()> sync_;
    std::mutex mutex_;
    std::condition_variable stopped_;
    bool stop_ = false;
    std::thread thread_;
};

} // namespace bench::stores
