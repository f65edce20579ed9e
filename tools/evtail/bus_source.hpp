// A bus that lives: ring and log as one stream, or its ring alone.
#pragma once

#include "tools/evtail/publisher_names.hpp"
#include "tools/evtail/source.hpp"

#include <evbus/bus.hpp>

#include <string>
#include <vector>

namespace evtail {

/// Attached to look on only: takes no place among the participants, writes nothing, wakes nobody.
class bus_source final : public source {
public:
    /// `ring_alone`: what is gone from the ring is a gap, whatever the log has. `durable_only`: ends where the log
    /// is not synced yet.
    bus_source(evbus::bus on, event_filter wanted, bool ring_alone, bool durable_only = false);

    std::unique_ptr<reader> read(evbus::from where) override;
    seq_t head() override;
    evbus::bus_id id() const override { return bus_.id(); }
    evbus::epoch_t epoch() const override { return bus_.epoch(); }
    bool is_stamped() override;
    std::uint64_t longest_event() const override;
    bool is_stale() override { return !bus_.is_current(); }
    evbus::cursor_home cursors() override { return evbus::cursor_home::of(bus_); }
    std::string_view publisher_name(evbus::publisher_id who, seq_t at) override { return names_.name(who, at); }

private:
    evbus::bus bus_;
    event_filter wanted_;
    bool ring_alone_;
    bool durable_only_;
    publisher_names names_;
};

} // namespace evtail
