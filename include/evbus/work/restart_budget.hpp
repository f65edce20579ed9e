// How often a worker may begin again at its last commit before it gives up: within any stretch of time of the
// given length at most so many times. The window slides: a restart counts until it is that old.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <variant>

namespace evbus {
inline namespace v1 {

namespace restart {
/// The first failure ends the worker.
struct never {};
/// One restart in the worker's life.
struct once {};
/// At most `times` restarts within any `within`.
struct bounded {
    unsigned times = 3;
    std::chrono::nanoseconds within{60'000'000'000};
};
} // namespace restart

using restart_policy = std::variant<restart::never, restart::once, restart::bounded>;

namespace work {

/// Keeps the restarts that still count. Times are of one clock that never goes back (detail::steady_ns).
class restart_budget {
public:
    explicit restart_budget(const restart_policy& policy) noexcept {
        if (std::holds_alternative<restart::once>(policy)) times_ = 1;
        if (const auto* bounded = std::get_if<restart::bounded>(&policy)) {
            times_ = bounded->times;
            within_ns_ = bounded->within.count();
        }
    }

    /// True: restart, it is counted. False: the budget is used up.
    [[nodiscard]] bool spend(std::int64_t now_ns) {
        forget(now_ns);
        if (spent_.size() >= times_) return false;
        spent_.push_back(now_ns);
        return true;
    }
    /// Restarts that would be granted at `now_ns`, one after the other.
    [[nodiscard]] std::uint64_t left(std::int64_t now_ns) {
        forget(now_ns);
        return times_ - spent_.size();
    }

private:
    void forget(std::int64_t now_ns) {
        if (within_ns_ == INT64_MAX) return;
        while (!spent_.empty() && now_ns - spent_.front() >= within_ns_) spent_.pop_front();
    }

    std::uint64_t times_ = 0;
    std::int64_t within_ns_ = INT64_MAX; ///< for ever
    std::deque<std::int64_t> spent_;     ///< oldest first; never more than times_
};

} // namespace work
} // namespace v1
} // namespace evbus
