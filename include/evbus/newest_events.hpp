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
    /// A handler for the events of a walk that begins here: hands the newest to `on_event`, and has `account` count
    /// the others as filtered.
    template <class OnEvent>
    [[nodiscard]] auto give_to(OnEvent& on_event, delivery& account) {
        return [this, &on_event, &account](const event& e) {
            const std::uint64_t before = std::exchange(delivered_, account.account().delivered);
            if (pick_.wants(e)) return on_event(e);
            account.take_back(delivered_ - before);
            delivered_ = before;
        };
    }

private:
    newest_pick pick_;
    std::uint64_t delivered_ = 0; ///< seqs of events that were handed on
};

} // namespace v1
} // namespace evbus
