#include "references.hpp"

#include <evbus/bus_options.hpp>
#include <evbus/detail/cpu.hpp>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstddef>

namespace bench {
namespace {

using word = std::atomic<std::uint64_t>;
constexpr std::uint64_t slots = evbus::default_slots;
constexpr auto relaxed = std::memory_order_relaxed;

struct alignas(128) slot {
    word words[16];
};
struct two_rings {
    slot there[slots];
    slot back[slots];
};

struct fresh_line_player {
    void send(std::uint64_t i) noexcept { out[i % slots].words[0].store(i, std::memory_order_release); }
    void take(std::uint64_t i) noexcept {
        while (in[i % slots].words[0].load(std::memory_order_acquire) != i) rest();
    }
    [[nodiscard]] static std::uint64_t lost() noexcept { return 0; }
    slot* out;
    slot* in;
    relax rest{};
};

template <bool Exclusive>
class protocol_player {
public:
    protocol_player(slot* out, slot* in) : out_(out), in_(in) {}

    void send(std::uint64_t i) noexcept {
        const std::uint64_t at = i - 1, lap = at / slots + 1, claimed = lap << 16 | writing,
                            done = lap << 16 | committed;
        word* const w = out_[at % slots].words;
        const std::uint64_t time = ticks();
        std::uint64_t seen = w[0].load(std::memory_order_acquire);
        if (seen >> 16 != lap - 1) ++lost_;
        if constexpr (Exclusive)
            w[0].store(claimed, relaxed);
        else if (!w[0].compare_exchange_strong(seen, claimed, std::memory_order_acq_rel))
            ++lost_;
        std::atomic_thread_fence(std::memory_order_release);
        w[1].store(0x9e3779b97f4a7c15, relaxed);
        w[2].store(time, relaxed);
        for (std::size_t k = 3; k < frame_words; ++k) w[k].store(i + k, relaxed);
        seen = claimed;
        if constexpr (Exclusive)
            w[0].store(done, std::memory_order_release);
        else if (!w[0].compare_exchange_strong(seen, done, std::memory_order_release))
            ++lost_;
        const auto* ahead = reinterpret_cast<const std::byte*>(out_ + (at + 16) % slots);
        evbus::detail::prefetch_for_write(ahead);
        evbus::detail::prefetch_for_write(ahead + evbus::detail::cache_line);
    }
    void take(std::uint64_t i) noexcept {
        const std::uint64_t at = i - 1, done = (at / slots + 1) << 16 | committed;
        const word* const w = in_[at % slots].words;
        while (w[0].load(std::memory_order_acquire) != done) rest_();
        for (std::size_t k = 1; k < frame_words; ++k) copy_[k] = w[k].load(relaxed);
        std::atomic_thread_fence(std::memory_order_acquire);
        if (w[0].load(relaxed) != done || copy_[frame_words - 1] != i + frame_words - 1) ++lost_;
    }
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

private:
    static constexpr std::uint64_t writing = 1, committed = 2;
    static constexpr std::size_t frame_words = 14; ///< as of 64 B on md.trade.AAPL
    slot* out_;
    slot* in_;
    relax rest_{};
    std::uint64_t copy_[frame_words] = {};
    std::uint64_t lost_ = 0;
};

struct futex_player {
    void send(std::uint64_t i) noexcept {
        out->store(static_cast<std::uint32_t>(i), std::memory_order_release);
        ::syscall(SYS_futex, out, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
    }
    void take(std::uint64_t i) noexcept {
        const auto wanted = static_cast<std::uint32_t>(i);
        for (std::uint32_t now = in->load(std::memory_order_acquire); now != wanted;
             now = in->load(std::memory_order_acquire))
            ::syscall(SYS_futex, in, FUTEX_WAIT, now, nullptr, nullptr, 0);
    }
    [[nodiscard]] static std::uint64_t lost() noexcept { return 0; }
    std::atomic<std::uint32_t>* out;
    std::atomic<std::uint32_t>* in;
};

template <class Player>
timed_trips play_in_rings(std::uint64_t trips) {
    const shared<two_rings> both;
    return play(
        trips,
        [&] {
            return Player{both->there, both->back};
        },
        [&] {
            return Player{both->back, both->there};
        });
}

} // namespace

timed_trips fresh_lines(std::uint64_t trips) { return play_in_rings<fresh_line_player>(trips); }

timed_trips bare_protocol(std::uint64_t trips, bool exclusive) {
    return exclusive ? play_in_rings<protocol_player<true>>(trips) : play_in_rings<protocol_player<false>>(trips);
}

timed_trips bare_futex(std::uint64_t trips, std::int64_t pause_ns) {
    struct words {
        alignas(128) std::atomic<std::uint32_t> there{0};
        alignas(128) std::atomic<std::uint32_t> back{0};
    };
    const shared<words> both;
    return play(
        trips_in_all(trips),
        [&] {
            return futex_player{&both->there, &both->back};
        },
        [&] {
            return futex_player{&both->back, &both->there};
        },
        [=](auto&& trip) { return time_trips(trips, trip, [=] { let_sleep(pause_ns); }); });
}

} // namespace bench
