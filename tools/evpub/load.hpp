// Events for load: payloads that tell which one they are, at a rate that is kept.
#pragma once

#include "tools/cli/terminal.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace evpub {

/// Payload number i: i in decimal, 20 digits with leading zeros (or the lowest digits that fit), then
/// the alphabet over and over. The same on every run.
class load_payload {
public:
    explicit load_payload(std::size_t bytes);

    [[nodiscard]] std::string_view text() const { return text_; }
    /// Goes on to the next index; the first one is 0.
    void advance();

private:
    std::string text_;
    std::size_t digits_;
};

/// Beats at absolute times, so that a late event does not delay those after it.
class metronome {
public:
    /// `rate` events a second; none: no waiting at all.
    metronome(std::optional<double> rate, const cli::stop_signal& stop);

    /// Sleeps until event `index` (from 0) is due. False when a signal came.
    [[nodiscard]] bool wait(std::uint64_t index) const;

private:
    double ns_per_event_;
    std::int64_t start_ns_;
    const cli::stop_signal& stop_;
};

} // namespace evpub
