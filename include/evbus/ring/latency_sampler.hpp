// Which events of a reader are measured, from publish to here, and how.
//
// A clock read costs as much as a good part of an event, so not each is measured: the first one after the reader was
// idle, and in a stream one of 128 to 383, at uneven distances so that no rhythm of the stream hides from it. Only what
// was published while the reader was there: what lay in the ring before says nothing of how fast it is.
#pragma once

#include <evbus/ring/attachment.hpp>
#include <evbus/ring/clock.hpp>
#include <evbus/ring/latency.hpp>
#include <evbus/ring/members.hpp>

#include <cstdint>
#include <optional>

namespace evbus {
inline namespace v1 {
namespace ring {

/// Used by the reader's thread. Counts nothing for who has no place or one of the later numbers, and on a bus
/// without stamps.
class latency_sampler {
public:
    latency_sampler() = default;
    latency_sampler(const attachment& at, const std::optional<membership>& place) noexcept
        : stamps_(at.description().stamps()) {
        latency_words* const words = place ? latency_of(at.latencies(), place->number()) : nullptr;
        if (words == nullptr || stamps_ == stamp_mode::none) return;
        record_ = latency_record(*words, place->incarnation());
        begun_ = read_stamp(stamps_);
        pause_ = 0;
    }

    /// Before an event is given: is it to be measured? `given` counts those before it, and may begin anew.
    [[nodiscard]] bool is_due(std::uint64_t given) const noexcept { return given - last_ >= pause_; }
    /// The time at which it is given.
    [[nodiscard]] std::int64_t now() const noexcept { return read_stamp(stamps_); }
    /// After it was given. `clock` has converted `published` last.
    [[gnu::noinline]] void add(const clock_view& clock, std::int64_t published, std::int64_t now, std::uint64_t given) noexcept {
        chance_ = chance_ * 0x5851f42d4c957f2d + 1;
        last_ = given;
        pause_ = 128 + (chance_ >> 56);
        looks_ = 0;
        if (published >= begun_) record_.add(clock.ns_between(published, now));
    }
    /// A look that found nothing.
    void found_nothing() noexcept {
        if (++looks_ == idle_looks) was_idle();
    }
    /// The next event is not one of a stream.
    void was_idle() noexcept {
        if (record_) pause_ = 0;
    }

private:
    static constexpr unsigned idle_looks = 32; ///< 1 us or so

    latency_record record_;
    stamp_mode stamps_ = stamp_mode::none;
    std::int64_t begun_ = 0;
    std::uint64_t last_ = 0;                  ///< the count before the last one that was measured
    std::uint64_t pause_ = ~std::uint64_t{0}; ///< so many events are given from there to the next one
    std::uint64_t chance_ = 0;
    unsigned looks_ = 0;
};

} // namespace ring
} // namespace v1
} // namespace evbus
