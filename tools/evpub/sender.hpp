// One publisher that survives what happens to its bus, and counts what it published.
#pragma once

#include "tools/cli/terminal.hpp"

#include <evbus/publisher.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace evpub {

enum class outcome {
    sent,
    timed_out, ///< pacing did not allow it in time; it was not published
    stopped,   ///< a signal came while it waited; it was not published
};

struct sender_options {
    std::string bus;
    evbus::bus_options create;
    std::string name;                                 ///< of the participant
    evbus::headers headers;                           ///< of every event
    std::optional<std::chrono::nanoseconds> timeout;  ///< of each event; none: as long as it takes
};

class sender {
public:
    /// Opens the bus, creating it when it is not there. Throws evbus::error.
    sender(sender_options how, const cli::stop_signal& stop);

    /// Publishes one event, on a ring created anew when this one was retired. Throws evbus::error when
    /// the event is too large (errc::too_large) or the ring is damaged.
    outcome send(const evbus::topic& to, std::span<const std::byte> payload) {
        const evbus::published r = publisher_->publish_for(first_slice(), to, payload, with_);
        if (!r) [[unlikely]] return send_slow(to, payload, r.status);
        count(r.seq);
        return outcome::sent;
    }
    outcome send(const evbus::topic& to, std::string_view payload) { return send(to, std::as_bytes(std::span(payload))); }

    /// Looks, at most once a second, whether the bus's name still leads to this ring; goes over to the
    /// new one when it does not.
    void look_after();

    [[nodiscard]] const evbus::bus& bus() const { return *bus_; }
    [[nodiscard]] std::uint64_t sent() const { return sent_; }
    [[nodiscard]] evbus::seq_t first() const { return first_; }
    [[nodiscard]] evbus::seq_t last() const { return last_; }

private:
    using nanoseconds = std::chrono::nanoseconds;

    [[nodiscard]] nanoseconds first_slice() const { return first_slice_; }
    void open();
    void reopen();
    void create_like(const evbus::bus& before);
    outcome send_slow(const evbus::topic& to, std::span<const std::byte> payload, evbus::publish_status status);
    [[noreturn]] void refuse_size(const evbus::topic& to, std::size_t bytes) const;
    void count(evbus::seq_t seq) {
        if (first_ == evbus::no_seq) first_ = seq;
        last_ = seq;
        ++sent_;
    }

    sender_options how_;
    const cli::stop_signal& stop_;
    nanoseconds first_slice_;
    evbus::publish_options with_;
    std::optional<evbus::bus> bus_;
    std::optional<evbus::publisher> publisher_;
    std::uint64_t sent_ = 0;
    evbus::seq_t first_ = evbus::no_seq;
    evbus::seq_t last_ = evbus::no_seq;
    evbus::group_access group_ = evbus::group_access::none; ///< of the bus that is open
    std::int64_t looked_ns_ = 0;
    bool said_retired_ = false;
};

} // namespace evpub
