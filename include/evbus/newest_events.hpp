// A reader's start with the newest event of each topic: how a walk over ring and log gives those alone.
#pragma once

#include <evbus/delivery.hpp>
#include <evbus/newest_topics.hpp>

#include <cstdint>
#include <utility>

namespace evbus {
inline namespace v1 {

/// One thread.
class newest_events {
public:
    explicit newest_events(newest_pick what) : pick_(std::move(what)) {}

    [[nodiscard]] const newest_pick& pick() const noexcept { return pick_; }
    /// A handler for the walk's events that hands the newest to `on_event`; `account` counts the others as filtered.
    template <class OnEvent>
    [[nodiscard]] auto give_to(OnEvent& on_event, delivery& account) const {
        return [this, &on_event, &account, counted = account.account().delivered](const event& e) mutable {
            const std::uint64_t before = std::exchange(counted, account.account().delivered);
            if (pick_.wants(e)) return on_event(e);
            account.take_back(counted - before);
            counted = before;
        };
    }

private:
    newest_pick pick_;
};

} // namespace v1
} // namespace evbus
