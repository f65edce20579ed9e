// How long events were under way, kept as counts by length in ctl, where anybody may look.
//
// Buckets are half an octave wide, and their bounds are fixed: adding is a shift, a load and a store, and the counts
// of many readers can be added up. One writer an entry; whoever reads it takes whatever stands there as numbers that a
// stranger may have written.
#pragma once

#include <evbus/ring/layout.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <optional>

namespace evbus {
inline namespace v1 {
namespace ring {

inline constexpr std::size_t latency_buckets = sizeof(latency_words::buckets) / sizeof(shared_u64);

/// The bucket that counts `ns`.
[[nodiscard]] constexpr std::size_t latency_bucket(std::uint64_t ns) noexcept {
    if (ns < 32) return 0;
    const auto octave = static_cast<std::size_t>(std::bit_width(ns)) - 1;
    const std::size_t bucket = 2 * (octave - 5) + (ns >> (octave - 1) & 1) + 1;
    return std::min(bucket, latency_buckets - 1);
}
/// The shortest duration, in ns, that `bucket` counts.
[[nodiscard]] constexpr std::uint64_t latency_floor(std::size_t bucket) noexcept {
    if (bucket == 0) return 0;
    const std::size_t octave = 5 + (bucket - 1) / 2;
    return (std::uint64_t{2} | ((bucket - 1) & 1)) << (octave - 1);
}

/// The writing side of one entry. One thread at a time.
class latency_record {
public:
    latency_record() = default;
    /// Empties the entry for a new life of its writer; `life` is not 0.
    // SYNC latency-life
    //   here : life := 0, release fence, zeros (relaxed), life := the new one (release)
    //   pairs: read_latency, life (acquire), the counts, acquire fence, life once more
    //   death: life is 0 and nothing is shown
    latency_record(latency_words& at, std::uint64_t life) noexcept : at_(&at) {
        at.life.store(0, std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_release);
        for (shared_u64* word : {&at.sum_ns, &at.max_ns, &at.negative}) word->store(0, std::memory_order_relaxed);
        for (shared_u64& count : at.buckets) count.store(0, std::memory_order_relaxed);
        at.life.store(life, std::memory_order_release);
    }

    [[nodiscard]] explicit operator bool() const noexcept { return at_ != nullptr; }
    /// Counts one duration; a negative one as 0.
    void add(std::int64_t ns) noexcept {
        if (ns < 0) [[unlikely]] {
            more(at_->negative, 1);
            ns = 0;
        }
        const auto length = static_cast<std::uint64_t>(ns);
        more(at_->buckets[latency_bucket(length)], 1);
        more(at_->sum_ns, length);
        if (length > at_->max_ns.load(std::memory_order_relaxed)) at_->max_ns.store(length, std::memory_order_relaxed);
    }

private:
    static void more(shared_u64& word, std::uint64_t by) noexcept {
        word.store(word.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
    }
    latency_words* at_ = nullptr;
};

/// A copy of an entry, with what can be said of it. Whatever stood in shared memory, every answer is a number.
struct latency_view {
    std::array<std::uint64_t, latency_buckets> buckets{};
    std::uint64_t sum_ns = 0;
    std::uint64_t max_ns = 0;
    std::uint64_t negative = 0;

    /// How many were measured.
    [[nodiscard]] std::uint64_t count() const noexcept {
        std::uint64_t sum = 0;
        for (const std::uint64_t n : buckets) sum = n > ~std::uint64_t{0} - sum ? ~std::uint64_t{0} : sum + n;
        return sum;
    }
    [[nodiscard]] std::uint64_t mean_ns() const noexcept {
        const std::uint64_t n = count();
        return n == 0 ? 0 : sum_ns / n;
    }
    /// Below or at it lies the share `part` (0 to 1) of what was measured; 0 when nothing was. Interpolated as if a
    /// bucket's durations lay evenly in it, so that up to
    /// 68 s it is off by less than half of the true value.
    [[nodiscard]] std::uint64_t percentile(double part) const noexcept {
        const auto all = static_cast<double>(count());
        // That of the k-th shortest, k being at least 1.
        double left = std::max(std::ceil(std::clamp(part, 0.0, 1.0) * all), 1.0);
        std::size_t longest = 0;
        for (std::size_t i = 0; i < buckets.size(); ++i) {
            if (buckets[i] == 0) continue;
            const auto here = static_cast<double>(buckets[i]);
            if (left <= here) return within(i, left / here);
            left -= here;
            longest = i;
        }
        return all > 0 ? within(longest, 1) : 0; // counts without measure do not add up exactly
    }

private:
    [[nodiscard]] std::uint64_t within(std::size_t bucket, double part) const noexcept {
        const std::uint64_t low = latency_floor(bucket);
        const std::uint64_t end = bucket + 1 < latency_buckets ? latency_floor(bucket + 1) : ~std::uint64_t{0};
        // The longest stands in the last bucket that is not empty; a wrong one may stand anywhere.
        const std::uint64_t width = std::clamp(max_ns, low, end) - low;
        return low + std::min(width, static_cast<std::uint64_t>(static_cast<double>(width) * part));
    }
};

/// The counts of `life`; nothing when none are kept for it.
[[nodiscard]] inline std::optional<latency_view> read_latency(const latency_words& at, std::uint64_t life) noexcept {
    latency_view v;
    if (life == 0 || at.life.load(std::memory_order_acquire) != life) return std::nullopt;
    for (std::size_t i = 0; i < latency_buckets; ++i) v.buckets[i] = at.buckets[i].load(std::memory_order_relaxed);
    v.sum_ns = at.sum_ns.load(std::memory_order_relaxed);
    v.max_ns = at.max_ns.load(std::memory_order_relaxed);
    v.negative = at.negative.load(std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (at.life.load(std::memory_order_relaxed) != life) return std::nullopt;
    return v;
}

/// The entry of a reader's number; null for numbers that keep none.
[[nodiscard]] inline latency_words* latency_of(latency_table& table, member_no reader) noexcept {
    const std::uint32_t n = to_u16(reader);
    return n >= first_reader_no && n - first_reader_no < latency_readers ? &table.readers[n - first_reader_no] : nullptr;
}

} // namespace ring
} // namespace v1
} // namespace evbus
