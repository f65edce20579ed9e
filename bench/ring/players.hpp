// evbus at both ends of the experiments, each made in the process that uses it.
#pragma once

#include "bench/harness/machine.hpp"
#include "bench/harness/payload.hpp"
#include "bench/harness/scratch_bus.hpp"

#include <evbus/publisher.hpp>
#include <evbus/subscriber.hpp>

#include <chrono>
#include <cstdint>

namespace bench {

/// Publishes on one bus and reads another: one side of a round trip.
class bus_player {
public:
    bus_player(const scratch_bus& out, const scratch_bus& in, const evbus::subscriber::options& how = {})
        : to_(out.open()), from_(in.open()), pen_(to_), ears_(from_, how), sleeps_(how.spin.count() == 0) {}

    void send(std::uint64_t number) noexcept {
        out_.set(number);
        if (!pen_.publish(topic_, out_)) ++lost_;
    }
    void take(std::uint64_t number) noexcept {
        const auto look = [&](const evbus::event& e) {
            if (!is_whole<64>(e.payload(), number)) ++lost_;
        };
        while (ears_.poll(look) == 0) {
            if (sleeps_)
                (void)ears_.wait(std::chrono::seconds(1));
            else
                rest_();
        }
    }
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_ + ears_.losses().lost(); }

private:
    evbus::bus to_;
    evbus::bus from_;
    evbus::publisher pen_;
    evbus::subscriber ears_;
    bool sleeps_;
    relax rest_;
    evbus::topic topic_{trade_topic};
    numbered<64> out_;
    std::uint64_t lost_ = 0;
};

template <std::size_t Bytes>
class bus_writer {
public:
    explicit bus_writer(const scratch_bus& made) : on_(made.open()), pen_(on_) {}
    bool put(std::uint64_t number) noexcept {
        out_.set(number);
        return static_cast<bool>(pen_.publish(to_, out_));
    }

private:
    evbus::bus on_;
    evbus::publisher pen_;
    evbus::topic to_{trade_topic};
    numbered<Bytes> out_;
};

template <std::size_t Bytes>
class bus_reader {
public:
    explicit bus_reader(const scratch_bus& made) : on_(made.open()), ears_(on_) {}
    template <class Look>
    std::size_t take(Look&& look) {
        return ears_.poll(
            [&](const evbus::event& e) { look(number_of<Bytes>(e.payload().data(), e.payload().size())); });
    }

private:
    evbus::bus on_;
    evbus::subscriber ears_;
};

} // namespace bench
