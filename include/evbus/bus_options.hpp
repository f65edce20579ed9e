// What can be chosen when a bus is created.
#pragma once

#include <evbus/notice.hpp>
#include <evbus/ring/layout.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace evbus {
inline namespace v1 {

/// How publishers are held back by the recorder: `overwrite` never, `paced` while it lives and moves,
/// `strict` always.
using pacing = ring::pacing_mode;

/// What the members of the creator's group may do.
enum class group_access : std::uint8_t {
    none,  ///< mode 0600
    read,  ///< mode 0640: they read without being participants
    write, ///< mode 0660
};

[[nodiscard]] constexpr const char* to_string(pacing p) noexcept {
    switch (p) {
    case pacing::overwrite: return "overwrite";
    case pacing::paced: return "paced";
    case pacing::strict: return "strict";
    }
    return "?";
}
[[nodiscard]] constexpr const char* to_string(group_access g) noexcept {
    switch (g) {
    case group_access::none: return "none";
    case group_access::read: return "read";
    case group_access::write: return "write";
    }
    return "?";
}

/// Unset options take the default when the bus is created, and whatever is there when it exists.
struct bus_options {
    std::optional<std::uint64_t> slots{};         ///< power of two, 64..2^24; default 16,384
    std::optional<std::uint32_t> slot_bytes{};    ///< multiple of 64, 128..65,536; default 256
    std::optional<evbus::pacing> pacing{};        ///< default paced, without a log overwrite
    std::optional<bool> exclusive{};              ///< one publisher at a time, at the lowest cost; default false
    std::optional<group_access> group{};          ///< default none
    std::optional<std::string> log_dir{};         ///< default /var/lib/evbus/NAME, else $XDG_STATE_HOME/evbus/NAME
    bool with_log = true;                         ///< false: no log, and a new bus id at every creation
    bool stamps = true;                           ///< false: frames carry no publish time
    std::chrono::nanoseconds stall_limit{1'000'000'000}; ///< paced: how long a recorder may stand still
    notice_hook on_notice{};
};

inline constexpr std::uint64_t default_slots = 16384;
inline constexpr std::uint32_t default_slot_bytes = 256;

} // namespace v1
} // namespace evbus
