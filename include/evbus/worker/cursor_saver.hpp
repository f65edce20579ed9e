// Saves a cursor on a thread of its own, so that who handles events need not wait for the disk. One save at a time.
//
// Between ask() and the take() that answers it the cursor belongs to the thread here; else to the caller.
#pragma once

#include <evbus/cursor.hpp>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace work {

/// One thread at a time, besides its own.
class cursor_saver {
public:
    explicit cursor_saver(evbus::cursor c) : cursor_(std::move(c)) {}
    cursor_saver(const cursor_saver&) = delete;
    cursor_saver& operator=(const cursor_saver&) = delete;
    /// Finishes the save under way.
    ~cursor_saver() {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            ends_ = true;
        }
        changed_.notify_all();
        if (thread_.joinable()) thread_.join();
    }

    /// Only while nothing is under way.
    [[nodiscard]] evbus::cursor& cursor() noexcept { return cursor_; }
    [[nodiscard]] const evbus::cursor& cursor() const noexcept { return cursor_; }

    /// Asked, and not taken yet.
    [[nodiscard]] bool is_under_way() const noexcept { return under_way_; }
    /// Begins to save; only while nothing is under way.
    void ask(const cursor_place& at, const cursor_notes& notes) {
        under_way_ = true;
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            is_done_ = false;
            asked_.emplace(at, notes);
        }
        if (!thread_.joinable() && !begin_thread()) return save_one();
        changed_.notify_all();
    }
    /// True when the save under way is over; `why` is what stood against it, or null.
    [[nodiscard]] bool take(std::exception_ptr& why) {
        const std::lock_guard<std::mutex> lock(mutex_);
        return take_locked(why);
    }
    /// Waits for that.
    void wait(std::exception_ptr& why) {
        std::unique_lock<std::mutex> lock(mutex_);
        done_.wait(lock, [&] { return is_done_; });
        (void)take_locked(why);
    }

private:
    bool take_locked(std::exception_ptr& why) noexcept {
        if (!is_done_) return false;
        why = std::exchange(why_, nullptr);
        under_way_ = false;
        return true;
    }
    /// Without a thread it is slower, and nothing worse.
    bool begin_thread() {
        try {
            thread_ = std::thread([this] { main(); });
        } catch (const std::system_error&) {
            return false;
        }
        return true;
    }
    void main() noexcept {
        while (true) {
            {
                std::unique_lock<std::mutex> lock(mutex_);
                changed_.wait(lock, [&] { return asked_ || ends_; });
                if (!asked_) return;
            }
            save_one();
        }
    }
    void save_one() noexcept {
        std::exception_ptr why;
        try {
            cursor_.save(asked_->first, asked_->second);
        } catch (...) {
            why = std::current_exception();
        }
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            asked_.reset();
            why_ = why;
            is_done_ = true;
        }
        done_.notify_all();
    }

    evbus::cursor cursor_;
    bool under_way_ = false; ///< the caller's
    std::mutex mutex_;
    std::condition_variable changed_;
    std::condition_variable done_;
    std::optional<std::pair<cursor_place, cursor_notes>> asked_;
    bool is_done_ = false;
    bool ends_ = false;
    std::exception_ptr why_;
    std::thread thread_;
};

} // namespace work
} // namespace v1
} // namespace evbus
