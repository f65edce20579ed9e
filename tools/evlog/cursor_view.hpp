// A log's cursors as evlog cursors shows them: where each stands, how far behind, and who uses it.
#pragma once

#include "tools/cli/log_place.hpp"

#include <evbus/log/cursor_list.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace evlog {

/// How far the log, and the ring in front of it, go.
struct log_reach {
    evbus::bus_id bus;         ///< empty when nothing tells
    evbus::seq_t oldest = 1;   ///< the first seq that the log may still have
    evbus::seq_t head = 1;     ///< one behind the last
    std::int64_t last_ns = 0;  ///< publish time of the newest event in the log; 0 when there is none
};

/// Throws evbus::error when the log cannot be read; one without segments is fine.
[[nodiscard]] log_reach reach_of(const cli::log_place& at);

struct cursor_view {
    evbus::log::cursor_info info;
    std::uint64_t lag = 0;                 ///< seqs from its place to the head
    std::optional<std::int64_t> lag_ns{};  ///< from the first event at its place to the newest, by publish time in the log
    bool is_ahead = false;                 ///< its place lies above the head
    std::string user{};                    ///< "process 4711 (evtail)"; empty when nobody uses it
};

[[nodiscard]] std::vector<cursor_view> look_at_cursors(const cli::log_place& at, const log_reach& reach);

/// One line of JSON: {"log", "head", "cursors": [...]}; seqs and times as strings.
[[nodiscard]] std::string cursors_json(const std::string& dir, const log_reach& reach, const std::vector<cursor_view>& all);

} // namespace evlog
