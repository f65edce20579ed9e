// What there is to know about a bus, read once, without taking a place in it.
#pragma once

#include <evbus/bus_options.hpp>
#include <evbus/ids.hpp>
#include <evbus/pressure.hpp>
#include <evbus/ring/attachment.hpp>
#include <evbus/ring/latency.hpp>
#include <evbus/ring/members.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace evctl {

struct member_view {
    evbus::ring::member_info info;
    bool alive = false; ///< false: it died without leaving
    std::uint64_t lag = 0; ///< of a reader: seqs up to the head
    std::optional<evbus::ring::latency_view> latency{}; ///< from publish to it; nothing where none is kept
    [[nodiscard]] bool handles_events() const {
        return info.kind == evbus::ring::member_kind::subscriber || info.kind == evbus::ring::member_kind::consumer;
    }
    [[nodiscard]] evbus::pressure pressure() const { return static_cast<evbus::pressure>(info.pressure); }
    [[nodiscard]] bool reads() const {
        return info.kind != evbus::ring::member_kind::publisher && info.position != 0;
    }
};

struct bus_view {
    std::string name;
    std::uint64_t slots = 0;
    std::uint32_t slot_bytes = 0;
    std::uint64_t ring_bytes = 0;
    unsigned mode = 0;
    std::string owner;
    std::string group;
    evbus::pacing pacing{};
    bool exclusive = false;
    evbus::ring::stamp_mode stamps{};
    evbus::epoch_t epoch{};
    evbus::bus_id id;
    std::string log_dir; ///< empty: none
    std::int64_t created_ns = 0;
    evbus::seq_t first_seq = 0;
    evbus::seq_t head = 0;
    bool closed = false; ///< retired: nobody publishes here any more
    evbus::seq_t written = 0;
    evbus::seq_t durable = 0;
    evbus::seq_t captured = 0;
    evbus::seq_t anchor = evbus::no_seq; ///< the newest one's seq
    std::uint64_t generation = 0;
    evbus::ring::recorder_state recorder{};
    std::uint32_t recorder_pid = 0;
    bool recorder_alive = false;
    std::uint32_t disk = 0;        ///< evbus::pressure of the recorder's disk, as ctl has it
    std::uint32_t suspensions = 0; ///< times that it was suspended
    bool verdict_stands = false; ///< paced: publishers do not wait for the recorder now
    std::array<std::uint64_t, evbus::notice_kinds> notices{};
    std::optional<evbus::ring::latency_view> to_written{}; ///< from publish, by the last recorder
    std::optional<evbus::ring::latency_view> to_durable{};
    std::vector<member_view> members; ///< who lives, and who died without leaving

    /// Events up to the head that are not at `frontier` yet.
    [[nodiscard]] std::uint64_t behind(evbus::seq_t frontier) const { return head - 1 > frontier ? head - 1 - frontier : 0; }
    [[nodiscard]] std::size_t living() const;
};

/// Names of all buses that have a ring, sorted.
[[nodiscard]] std::vector<std::string> bus_names();
/// "root", or the number of a user without a name; "?" when the ring cannot be looked at.
[[nodiscard]] std::string ring_owner(const std::string& bus);

/// Throws evbus::error as attaching does.
[[nodiscard]] bus_view look_at(const std::string& bus);
[[nodiscard]] bus_view look_at(const evbus::ring::attachment& at);

/// "recording", "recording (dead)", "none": the state, and whether its process is still there.
[[nodiscard]] std::string recorder_text(const bus_view& v);
[[nodiscard]] const char* to_text(evbus::ring::recorder_state s);
[[nodiscard]] const char* to_text(evbus::ring::stamp_mode s);

} // namespace evctl
