// Others' ways from one process to another, with the same events: topic, stamp, 64 B that begin and end with
// their number. Each in the settings that lose nothing, where it has such, and spinning where it can.
#pragma once

#include "bench/harness/machine.hpp"
#include "bench/harness/payload.hpp"
#include "bench/harness/ping_pong.hpp"
#include "bench/harness/stream.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace bench::peers {

struct peer {
    std::string name; ///< with its version and the settings that matter
    std::function<sample(std::uint64_t events)> stream;
    std::function<timed_trips(std::uint64_t trips)> round_trip;
    std::uint64_t events; ///< for about a second of streaming
    std::uint64_t trips;
    bool may_lose = false;
};

[[nodiscard]] peer message_queue();
#ifdef BENCH_ICEORYX
[[nodiscard]] peer iceoryx();
#endif
#ifdef BENCH_ZEROMQ
[[nodiscard]] peer zeromq();
#endif
#ifdef BENCH_NNG
[[nodiscard]] peer nng();
#endif

/// One event as it goes over the wire; a subscription matches its beginning.
struct wire_event {
    char topic[16] = "md.trade.AAPL";
    std::uint64_t stamp = 0;
    numbered<64> payload{};

    void set(std::uint64_t number) noexcept {
        stamp = ticks();
        payload.set(number);
    }
    [[nodiscard]] std::uint64_t number() const noexcept { return number_of<64>(&payload, sizeof payload); }
};
static_assert(sizeof(wire_event) == 88);

/// One side of a round trip, of a peer's writer and reader: put(number) sends, next() waits for a number.
template <class Writer, class Reader>
struct player {
    template <class Out, class In>
    player(Out&& out, In&& in) : pen(out), ears(in) {}
    void send(std::uint64_t i) { missing += pen.put(i) ? 0U : 1U; }
    void take(std::uint64_t i) { missing += ears.next() == i ? 0U : 1U; }
    [[nodiscard]] std::uint64_t lost() const noexcept { return missing; }

    Writer pen;
    Reader ears;
    std::uint64_t missing = 0;
};

/// A name that no other run has.
[[nodiscard]] std::string unused_name();

} // namespace bench::peers
