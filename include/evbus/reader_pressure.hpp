// How hard pressed one reader is: by its lag, by what it holds, by what its program says it has on its
// hands. Looked at where a poll ends, and for a reader that keeps up at the cost of two compares: the head
// is looked for only while there is more to read, and then once a millisecond at most.
#pragma once

#include <evbus/delivery.hpp>
#include <evbus/detail/system.hpp>
#include <evbus/pressure.hpp>
#include <evbus/read_options.hpp>
#include <evbus/ring/members.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

namespace evbus {
inline namespace v1 {

/// One reader's; on its reading thread.
class reader_pressure {
public:
    /// Throws bad_option: marks that cannot be, a budget of nothing.
    reader_pressure(const read_options& how, std::uint64_t slots)
        : meter_(how.marks), changed_(how.on_pressure), slots_(static_cast<double>(slots)),
          budget_(static_cast<double>(how.max_buffered_bytes)) {
        if (how.max_buffered_bytes == 0)
            throw error(errc::bad_option, {"read bus", "max_buffered_bytes 0", "a large event has to be held while its parts come",
                                           "allow some bytes: one event alone may pass the budget"});
    }

    /// Where a reader stands when its poll ends.
    struct place {
        seq_t next;
        bool at_head;  ///< there was nothing further
        bool off_ring; ///< it reads the log, or waits for it
    };
    /// `head()` finds the ring's head; called rarely.
    template <class FindHead>
    void look(const place& at, const delivery& holds, const std::optional<ring::membership>& who, FindHead&& head) {
        const bool calm = meter_.state() == pressure::normal && load_ == 0 && !holds.has_open();
        if (calm && at.at_head) [[likely]] return;
        const seq_t walked = at.next - std::exchange(seen_, at.next);
        if (!at.at_head && at.off_ring == off_ring_ && !asked_) {
            looks_owed_ += walked + a_poll;
            if (looks_owed_ < enough) return;
        }
        weigh(at, holds, who, head);
    }
    /// What the program holds for events it was given, 0 none to 1 and above no room.
    void set_load(double level) noexcept {
        asked_ = true;
        load_ = level >= 0 ? level : 0; // what is no number is none
    }
    [[nodiscard]] pressure state() const noexcept { return meter_.state(); }

private:
    template <class FindHead>
    [[gnu::noinline]] void weigh(const place& at, const delivery& holds, const std::optional<ring::membership>& who, FindHead&& head) {
        looks_owed_ = 0;
        const bool turned = std::exchange(off_ring_, at.off_ring) != at.off_ring;
        if (at.at_head) {
            lag_ = 0;
        } else if (const std::int64_t now = detail::steady_ns(); turned || asked_ || now - looked_ns_ >= look_every_ns) {
            looked_ns_ = now;
            const seq_t end = head();
            lag_ = end > at.next ? end - at.next : 0;
        }
        asked_ = false;
        const bool has_no_room = at.off_ring || holds.has_shed();
        const double level = std::max({static_cast<double>(lag_) / slots_, static_cast<double>(holds.open_bytes()) / budget_, load_,
                                       has_no_room ? 1.0 : 0.0});
        const pressure before = meter_.state();
        const pressure now = meter_.read(level);
        if (now == before) return;
        if (who) who->entry().pressure.store(static_cast<std::uint32_t>(now), std::memory_order_relaxed);
        if (changed_) changed_({now, before, level, lag_, holds.open_bytes()});
    }

    static constexpr std::uint64_t a_poll = 16;  ///< weighs as much as so many seqs
    static constexpr std::uint64_t enough = 256; ///< then a look at the clock is cheap
    static constexpr std::int64_t look_every_ns = 1'000'000;

    pressure_meter meter_;
    pressure_hook changed_;
    double slots_;
    double budget_;
    double load_ = 0;
    seq_t seen_ = no_seq;
    std::uint64_t looks_owed_ = 0;
    std::uint64_t lag_ = 0;
    std::int64_t looked_ns_ = 0;
    bool off_ring_ = false;
    bool asked_ = false; ///< the program's own level has changed
};

} // namespace v1
} // namespace evbus
