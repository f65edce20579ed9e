// Publish times at the price of one counter read: a clock call costs more than the ring.
//
// Frames carry counter ticks. The ring carries the conversion to ns as pieces of a continuous,
// rising line; a piece begins in the future of the moment it is written, so that one tick has one
// time for everybody who ever converts it. Where the counter is not invariant frames carry
// clock_gettime's ns instead.
#pragma once

#include <evbus/detail/cpu.hpp>
#include <evbus/detail/probe.hpp>
#include <evbus/ring/layout.hpp>

#include <algorithm>
#include <cstdint>

namespace evbus {
inline namespace v1 {
namespace ring {

/// GCC's and clang's 128-bit integers, which -Wpedantic knows nothing of.
__extension__ using wide_int = __int128;
__extension__ using wide_uint = unsigned __int128;

/// A counter and a wall clock reading of the same moment.
struct clock_sample {
    std::uint64_t ticks;
    std::int64_t ns;
};

/// The tightest of a few tries.
[[nodiscard]] inline clock_sample sample_clocks() noexcept {
    clock_sample best{};
    std::uint64_t best_width = ~std::uint64_t{0};
    for (int i = 0; i < 8; ++i) {
        const std::uint64_t before = detail::read_counter();
        const std::int64_t ns = detail::wall_ns();
        const std::uint64_t width = detail::read_counter() - before;
        if (width < best_width) best = {before + width / 2, ns}, best_width = width;
    }
    return best;
}

/// Plain copy of a clock_piece, with the arithmetic.
struct clock_line {
    std::uint64_t begin_ticks = 0;
    std::uint64_t end_ticks = 0; ///< where the next piece begins, or the greatest value
    std::uint64_t base_ns = 0;
    std::uint64_t ns_per_tick = 0; ///< 32 fractional bits

    [[nodiscard]] std::int64_t to_ns(std::uint64_t ticks) const noexcept {
        const auto span = static_cast<std::int64_t>(ticks - begin_ticks);
        return static_cast<std::int64_t>(base_ns + static_cast<std::uint64_t>(span_ns(span)));
    }
    [[nodiscard]] std::int64_t span_ns(std::int64_t ticks) const noexcept {
        return static_cast<std::int64_t>(static_cast<wide_int>(ticks) * static_cast<wide_int>(ns_per_tick) >> 32);
    }
};

/// A writer that was stopped inside append() for so long that another took the pen may put its words
/// over the other's. Half a piece of each has no right check.
[[nodiscard]] constexpr std::uint64_t piece_check(std::uint64_t index, std::uint64_t begin, std::uint64_t ns,
                                                  std::uint64_t per_tick) noexcept {
    std::uint64_t h = index + 1;
    for (const std::uint64_t word : {begin, ns, per_tick}) {
        h = (h ^ word) * 0x9e3779b97f4a7c15;
        h ^= h >> 29;
    }
    return h;
}

/// Piece `index` of the table, if it is whole. `end_ticks` is left open.
[[nodiscard]] inline bool read_piece(const clock_table& table, std::uint64_t index, clock_line& out) noexcept {
    const clock_piece& p = table.pieces[index % clock_pieces];
    out = {p.begin_ticks.load(std::memory_order_relaxed), ~std::uint64_t{0}, p.base_ns.load(std::memory_order_relaxed),
           p.ns_per_tick.load(std::memory_order_relaxed)};
    return p.check.load(std::memory_order_relaxed) == piece_check(index, out.begin_ticks, out.base_ns, out.ns_per_tick);
}

/// Appends to the table; anybody who may write the ring does it now and then.
class clock_keeper {
public:
    /// First piece, by the creator: measures the counter against the clock for about 10 ms.
    static void begin(clock_table& table) noexcept {
        const clock_sample a = sample_clocks();
        while (detail::wall_ns() - a.ns < 10'000'000) detail::cpu_pause();
        const clock_sample b = sample_clocks();
        append(table, 0, a.ticks, static_cast<std::uint64_t>(a.ns), rate(a, b));
    }

    /// Appends a piece when the newest is `max_age_ns` old: it starts where the old line is by then and
    /// steers back to the wall clock. Cheap when nothing is to be done.
    static void maintain(clock_table& table, std::int64_t max_age_ns = 2'000'000'000) noexcept {
        const std::uint64_t count = table.count.load(std::memory_order_acquire);
        if (count == 0) return;
        clock_line line;
        if (!newest(table, count, line)) return;
        const clock_sample now = sample_clocks();
        const std::int64_t shown = line.to_ns(now.ticks);
        const std::int64_t age = distance_ns(line.base_ns, shown);
        if (age < std::min(max_age_ns << std::min<std::uint64_t>(count, 5), std::int64_t{60'000'000'000})) return;
        if (!take_pen(table)) return;
        mark(probe::clock_pen_taken);
        if (table.count.load(std::memory_order_acquire) == count) steer(table, count, line, now, shown, age);
        table.writer.store(0, std::memory_order_release);
    }

private:
    static constexpr std::int64_t lead_ns = 50'000'000;      ///< a piece begins this far ahead
    static constexpr std::int64_t settle_ns = 4'000'000'000; ///< an error is steered away over this long

    static constexpr double greatest_rate = 0x1p63;          ///< what a wrong piece says must still be a number

    /// Wraps, as the line itself does: a wrong piece may say any time.
    static std::int64_t distance_ns(std::uint64_t from, std::int64_t to) noexcept {
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(to) - from);
    }
    static std::uint64_t rate(const clock_sample& a, const clock_sample& b) noexcept {
        const auto ns = static_cast<wide_uint>(static_cast<std::uint64_t>(b.ns - a.ns)) << 32;
        const std::uint64_t ticks = b.ticks - a.ticks;
        return ticks == 0 ? std::uint64_t{1} << 32 : static_cast<std::uint64_t>(ns / ticks);
    }
    static void steer(clock_table& table, std::uint64_t count, clock_line line, clock_sample now, std::int64_t shown,
                      std::int64_t age) noexcept {
        // Drift of the line's own rate over its life, plus what brings today's error to zero; never
        // more than a tenth either way, so that time rises whatever the wall clock does.
        const std::int64_t error_ns = distance_ns(static_cast<std::uint64_t>(shown), now.ns);
        const double old_rate = static_cast<double>(line.ns_per_tick);
        const double drift = static_cast<double>(error_ns) / static_cast<double>(std::max<std::int64_t>(age, 1));
        const double pull = static_cast<double>(error_ns) / static_cast<double>(settle_ns);
        const double factor = 1.0 + std::clamp(drift * 0.5 + pull, -0.1, 0.1);
        const std::uint64_t begin = now.ticks + (static_cast<std::uint64_t>(lead_ns) << 32) / std::max<std::uint64_t>(line.ns_per_tick, 1);
        append(table, count, begin, static_cast<std::uint64_t>(line.to_ns(begin)),
               static_cast<std::uint64_t>(std::min(old_rate * factor, greatest_rate)));
    }
    static bool newest(const clock_table& table, std::uint64_t count, clock_line& out) noexcept {
        const std::uint64_t kept = std::min<std::uint64_t>(count, clock_pieces - 2);
        for (std::uint64_t k = 1; k <= kept; ++k)
            if (read_piece(table, count - k, out)) return true;
        return false;
    }
    /// One writer at a time; a pen whose holder died is free again after a second.
    static bool take_pen(clock_table& table) noexcept {
        std::uint64_t until = table.writer.load(std::memory_order_relaxed);
        const auto now = static_cast<std::uint64_t>(detail::steady_ns());
        if (until > now && until < now + 2'000'000'000) return false;
        return table.writer.compare_exchange_strong(until, now + 1'000'000'000, std::memory_order_acq_rel);
    }
    // SYNC clock-piece
    //   here : the piece's words (relaxed), then count, swapped from what was seen (release)
    //   pairs: clock_view::refresh, count (acquire), then the words, then count again
    //   death: before the last line the piece does not exist
    static void append(clock_table& table, std::uint64_t count, std::uint64_t begin, std::uint64_t ns,
                       std::uint64_t per_tick) noexcept {
        clock_piece& p = table.pieces[count % clock_pieces];
        p.begin_ticks.store(begin, std::memory_order_relaxed);
        p.base_ns.store(ns, std::memory_order_relaxed);
        p.ns_per_tick.store(per_tick, std::memory_order_relaxed);
        p.check.store(piece_check(count, begin, ns, per_tick), std::memory_order_relaxed);
        mark(probe::clock_piece_stored);
        table.count.compare_exchange_strong(count, count + 1, std::memory_order_release, std::memory_order_relaxed);
        mark(probe::clock_piece_counted);
    }
};

/// Now, as a frame that is published now would be stamped; 0 where frames carry no stamp.
[[nodiscard]] inline std::int64_t read_stamp(stamp_mode mode) noexcept {
    if (mode == stamp_mode::counter) return static_cast<std::int64_t>(detail::read_counter());
    return mode == stamp_mode::wall_ns ? detail::wall_ns() : 0;
}

/// A reader's conversion. Used by one thread; remembers the piece it used last.
class clock_view {
public:
    explicit clock_view(const clock_table& table, stamp_mode mode) noexcept : table_(&table), mode_(mode) {}

    /// ns since 1970 of a frame's stamp; 0 stays 0.
    [[nodiscard]] std::int64_t to_ns(std::int64_t stamp) noexcept {
        if (mode_ != stamp_mode::counter || stamp == 0) return stamp;
        const auto ticks = static_cast<std::uint64_t>(stamp);
        const bool known = ticks >= line_.begin_ticks && ticks < line_.end_ticks &&
                           table_->count.load(std::memory_order_relaxed) == seen_;
        if (!known) [[unlikely]] refresh(ticks);
        return line_.to_ns(ticks);
    }
    /// ns between two stamps, the first of which was the last to be converted.
    [[nodiscard]] std::int64_t ns_between(std::int64_t from, std::int64_t to) const noexcept {
        const std::int64_t span = static_cast<std::int64_t>(static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from));
        return mode_ != stamp_mode::counter ? span : line_.span_ns(span);
    }
    [[nodiscard]] std::int64_t now() const noexcept { return read_stamp(mode_); }

private:
    /// Looks from the newest piece back for the one that holds `ticks`.
    [[gnu::noinline]] void refresh(std::uint64_t ticks) noexcept {
        for (int tries = 0; tries < 16; ++tries) {
            const std::uint64_t count = table_->count.load(std::memory_order_acquire);
            const std::uint64_t kept = std::min<std::uint64_t>(count, clock_pieces - 2);
            std::uint64_t end = ~std::uint64_t{0};
            for (std::uint64_t k = 0; k < kept; ++k) {
                clock_line piece;
                if (!read_piece(*table_, count - 1 - k, piece)) continue;
                line_ = piece;
                line_.end_ticks = end;
                if (ticks >= line_.begin_ticks) break;
                end = line_.begin_ticks;
            }
            std::atomic_thread_fence(std::memory_order_acquire);
            seen_ = count;
            if (table_->count.load(std::memory_order_relaxed) == count) return;
        }
    }

    const clock_table* table_;
    stamp_mode mode_;
    clock_line line_{};
    std::uint64_t seen_ = 0;
};

} // namespace ring
} // namespace v1
} // namespace evbus
