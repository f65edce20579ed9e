// Where evtail reads: a place to start readers from. What stands behind it (a live bus, a log alone, a
// copied ring) makes no difference to who reads.
#pragma once

#include <evbus/cursor.hpp>
#include <evbus/event.hpp>
#include <evbus/from.hpp>
#include <evbus/header_filter.hpp>
#include <evbus/ids.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace evtail {

using evbus::seq_t;

/// The events that a reader gives, by what stands in front of their payloads.
struct event_filter {
    std::vector<std::string> topics{};
    std::vector<std::string> exclude{};
    evbus::header_filter headers{};
};

/// Takes what a reader gives, in the order of seqs.
class sink {
public:
    virtual ~sink() = default;
    virtual void event(const evbus::event& e) = 0;
    virtual void gap(const evbus::gap& g) = 0;
};

/// How a poll came to rest.
enum class rest : std::uint8_t {
    more,    ///< it gave something, or found out where to go on: poll again
    end,     ///< nothing further now
    behind,  ///< the next seq is gone from the ring and the recorder has not written it yet
    retired, ///< the ring ends here
    failed,  ///< the log cannot be read at the moment; failure() says why
};

/// What was read, for --stats. Events are those that passed the event_filter.
struct read_counts {
    std::uint64_t from_ring = 0;
    std::uint64_t from_log = 0;
    std::uint64_t voids = 0;
    std::uint64_t ring_bytes = 0; ///< of those events
    std::uint64_t log_bytes = 0;  ///< read from its files
    std::uint64_t log_reads = 0;  ///< in so many calls
    std::uint64_t log_commits = 0;
};

/// A place that moves on. One thread; its source outlives it.
class reader {
public:
    virtual ~reader() = default;
    /// Gives some of what is there, no further than seq `last`. Never waits.
    virtual rest poll(sink& to, seq_t last) = 0;
    /// Waits until there may be something, at most `limit` and about a quarter of a second.
    virtual void wait(std::chrono::nanoseconds limit) = 0;
    [[nodiscard]] virtual seq_t next() const = 0;
    /// Where another reader would go on, also within an event that is not whole yet.
    [[nodiscard]] virtual evbus::cursor_place place() const { return {next(), next()}; }
    /// Parts of events that it met without their beginning.
    [[nodiscard]] virtual std::uint64_t headless() const = 0;
    [[nodiscard]] virtual std::string failure() const { return {}; }
    virtual void add_to(read_counts& sum) const = 0;
};

/// Bytes of an event as it stands in a slot, without its frame's header.
[[nodiscard]] inline std::uint64_t bytes_of(const evbus::event& e) {
    return e.topic().size() + e.headers().block().size() + e.payload().size();
}

class source {
public:
    virtual ~source() = default;
    /// Throws evbus::error when it cannot be read.
    [[nodiscard]] virtual std::unique_ptr<reader> read(evbus::from where) = 0;
    /// The first seq that nobody has claimed yet, or that is not written yet.
    [[nodiscard]] virtual seq_t head() = 0;
    [[nodiscard]] virtual evbus::bus_id id() const = 0;
    /// The creation of the ring behind it; none without one.
    [[nodiscard]] virtual evbus::epoch_t epoch() const { return evbus::epoch_t::none; }
    /// False when its events carry no publish times.
    [[nodiscard]] virtual bool is_stamped() = 0;
    /// Seqs between the frames of one event, at most, save for a publisher that paused in it for longer.
    [[nodiscard]] virtual std::uint64_t longest_event() const { return 16384; }
    /// True when its bus is another one by now: it was removed, created, or both.
    [[nodiscard]] virtual bool is_stale() { return false; }
    /// Where cursors into it are kept. Throws bad_option when nowhere.
    [[nodiscard]] virtual evbus::cursor_home cursors() {
        throw evbus::error(evbus::errc::bad_option, {"keep a cursor", "", "there is no log beside which to keep it"});
    }
    /// The name of who published the event at `at`; empty when nobody knows.
    [[nodiscard]] virtual std::string_view publisher_name(evbus::publisher_id who, seq_t at) = 0;
};

struct options;

/// The source that the options name. Throws evbus::error: not_found names every place that was looked at.
std::unique_ptr<source> open_source(const options& o);

} // namespace evtail
