// A log without its ring: sealed, growing, or left behind by a bus that is gone.
#pragma once

#include "tools/evtail/publisher_names.hpp"
#include "tools/evtail/source.hpp"

#include <evbus/bus.hpp>
#include <evbus/log/log_reader.hpp>

#include <optional>
#include <string>
#include <vector>

namespace evtail {

class log_source final : public source {
public:
    /// The log in `dir`. `bus_name`, when not empty, is the bus it belongs to: while that one's recorder
    /// lives, nothing is read above what it says is written. `awaits_ring`: stale once the ring is there. `grows`:
    /// it is read on when it has.
    log_source(const std::string& dir, std::string bus_name, bool awaits_ring, event_filter wanted, bool grows);

    std::unique_ptr<reader> read(evbus::from where) override;
    seq_t head() override;
    evbus::bus_id id() const override { return log_.bus(); }
    bool is_stamped() override;
    bool is_stale() override;
    evbus::cursor_home cursors() override;
    std::string_view publisher_name(evbus::publisher_id who, seq_t at) override { return names_.name(who, at); }

    [[nodiscard]] bool grows() const { return grows_; }
    /// The last seq that may be read now.
    seq_t limit();

private:
    void look_for_bus();

    std::string dir_;
    std::string bus_name_;
    bool awaits_ring_;
    bool grows_;
    event_filter wanted_;
    evbus::log::log_reader log_; ///< for its ends only
    std::optional<evbus::bus> bus_;
    std::int64_t looked_ns_ = 0;
    publisher_names names_;
};

} // namespace evtail
