// Reads a range of a log and publishes it.
#pragma once

#include "tools/cli/log_place.hpp"
#include "tools/cli/terminal.hpp"
#include "tools/evplay/options.hpp"
#include "tools/evplay/pace.hpp"

#include <evbus/log_walk.hpp>
#include <evbus/publisher.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace evplay {

class player {
public:
    /// Opens the log, and then the bus, creating it when it is not there. Throws evbus::error: mismatch when the
    /// two are the same bus, and what opening them throws.
    player(const options& o, const cli::stop_signal& stop);

    /// Plays; returns the exit code. Throws evbus::error for what exit code 2 stands for.
    int run();

private:
    enum class outcome : std::uint8_t { goes_on, reached, stopped };

    [[nodiscard]] outcome play_once();
    [[nodiscard]] outcome play(const evbus::event& e);
    [[nodiscard]] evbus::headers_view headers_of(const evbus::event& e);
    [[nodiscard]] bool wait_until(std::int64_t due_ns) const;
    [[nodiscard]] outcome publish(const evbus::topic& to, const evbus::event& e, const evbus::publish_options& with);
    [[nodiscard]] evbus::seq_t last_readable() const;
    void tell_gap(const evbus::gap& g);
    void summarize() const;

    const options* o_;
    const cli::stop_signal* stop_;
    cli::log_place at_;
    evbus::log_walk walk_;
    std::optional<evbus::bus> bus_;
    std::optional<evbus::publisher> publisher_;
    pace pace_;
    evbus::headers headers_;
    std::int64_t begun_ns_ = 0; ///< the start that pace_ counts from
    std::uint64_t played_ = 0;
    std::uint64_t in_gaps_ = 0;
    std::uint64_t without_time_ = 0; ///< events whose headers left no room for the origin time
    evbus::seq_t first_ = evbus::no_seq;
    evbus::seq_t last_ = evbus::no_seq;
};

} // namespace evplay
