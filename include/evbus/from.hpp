// Where a reader starts.
#pragma once

#include <evbus/ids.hpp>

#include <chrono>
#include <cstdint>

namespace evbus {
inline namespace v1 {

class from {
public:
    enum class kind : std::uint8_t { head, oldest, seq, time, epoch };

    /// What is published from now on.
    [[nodiscard]] static constexpr from head() noexcept { return from(kind::head, 0); }
    /// Everything there still is: in the ring, and for a consumer in the log.
    [[nodiscard]] static constexpr from oldest() noexcept { return from(kind::oldest, 0); }
    /// From this seq on; what is gone of it is a gap, what is not there yet is waited for.
    [[nodiscard]] static constexpr from seq(seq_t first) noexcept { return from(kind::seq, first == 0 ? 1 : first); }
    /// Everything since the bus was last created, and nothing of its earlier lives; what is gone of it is a gap.
    [[nodiscard]] static constexpr from this_epoch() noexcept { return from(kind::epoch, 0); }
    /// From the first event on by which publish times have reached `ns` since 1970.
    [[nodiscard]] static constexpr from time_ns(std::int64_t ns) noexcept {
        return from(kind::time, static_cast<std::uint64_t>(ns));
    }
    [[nodiscard]] static from time(std::chrono::system_clock::time_point at) noexcept {
        return time_ns(std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count());
    }

    [[nodiscard]] constexpr kind what() const noexcept { return kind_; }
    [[nodiscard]] constexpr seq_t first_seq() const noexcept { return value_; }
    [[nodiscard]] constexpr std::int64_t ns() const noexcept { return static_cast<std::int64_t>(value_); }

private:
    constexpr from(kind k, std::uint64_t value) noexcept : kind_(k), value_(value) {}
    kind kind_;
    std::uint64_t value_;
};

} // namespace v1
} // namespace evbus
