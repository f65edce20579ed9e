// A bus of the benchmark's own, gone with it.
#pragma once

#include <evbus/bus.hpp>
#include <evbus/ring/create.hpp>

#include <unistd.h>

#include <cstdint>
#include <string>

namespace bench {

/// What the ring benchmarks publish on.
inline constexpr const char* trade_topic = "md.trade.AAPL";

class scratch_bus {
public:
    explicit scratch_bus(const std::string& what, const evbus::bus_options& how)
        : bus_(evbus::bus::create(unused_name(what), how)), maker_(::getpid()) {}
    ~scratch_bus() {
        if (::getpid() == maker_) evbus::ring::unlink_ring(name(), bus_.epoch());
    }
    scratch_bus(const scratch_bus&) = delete;
    scratch_bus& operator=(const scratch_bus&) = delete;

    [[nodiscard]] const std::string& name() const noexcept { return bus_.name(); }
    [[nodiscard]] const evbus::bus& handle() const noexcept { return bus_; }
    /// For the forked processes: a handle of one's own.
    [[nodiscard]] evbus::bus open() const { return evbus::bus::open(name()); }

private:
    static std::string unused_name(const std::string& what) {
        static int count = 0;
        return "bench-" + std::to_string(::getpid()) + "-" + std::to_string(++count) + "-" + what;
    }

    evbus::bus bus_;
    pid_t maker_;
};

/// A ring alone: no log, publishers never wait.
[[nodiscard]] inline evbus::bus_options ring_only(std::uint64_t slots, std::uint32_t slot_bytes,
                                                  bool exclusive = false) {
    evbus::bus_options o;
    o.slots = slots;
    o.slot_bytes = slot_bytes;
    o.with_log = false;
    o.exclusive = exclusive;
    return o;
}

} // namespace bench
