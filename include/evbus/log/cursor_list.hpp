// All cursors of a log, for who shows them and for retention, which must not delete what one of them still
// needs. Takes no lock and changes nothing.
#pragma once

#include <evbus/error.hpp>
#include <evbus/log/cursor_file.hpp>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

enum class cursor_state : std::uint8_t {
    ok,
    older,       ///< the newest file is damaged or missing; the one before stands in for it
    damaged,     ///< no file is whole
    foreign,     ///< of another bus
    unsupported, ///< written by a newer version
    unreadable,  ///< the system refuses to read it
};

[[nodiscard]] constexpr const char* to_string(cursor_state s) noexcept {
    switch (s) {
    case cursor_state::ok: return "ok";
    case cursor_state::older: return "older";
    case cursor_state::damaged: return "damaged";
    case cursor_state::foreign: return "foreign";
    case cursor_state::unsupported: return "unsupported";
    case cursor_state::unreadable: return "unreadable";
    }
    return "?";
}

struct cursor_info {
    std::string name;
    cursor_state state = cursor_state::ok;
    saved_cursor saved; ///< where it goes on; meaningful when is_usable()
    seq_t pin = 1;      ///< the log keeps this seq and all after it; 1, that is everything, unless is_usable()
    std::string words;  ///< what is wrong with it, and what to do; empty when it is ok

    [[nodiscard]] bool is_usable() const noexcept { return state == cursor_state::ok || state == cursor_state::older; }
};

namespace detail {

inline cursor_state state_of(const cursor_copies& c, const bus_id& bus) noexcept {
    if (const saved_cursor* best = c.best()) {
        if (!bus.empty() && best->bus != bus) return cursor_state::foreign;
        return best == &c.before.saved ? cursor_state::older : cursor_state::ok;
    }
    for (const cursor_copy* one : {&c.current, &c.before}) {
        if (one->fault == cursor_fault::unreadable) return cursor_state::unreadable;
        if (one->fault == cursor_fault::unsupported) return cursor_state::unsupported;
    }
    return cursor_state::damaged;
}

inline std::string words_of(const cursor_copies& c, cursor_state s, const std::string& name) {
    const std::string reset = "`evlog cursors DIR reset " + name + " SEQ` gives it a place again, `remove` forgets it";
    const auto refused = [&] { return c.current.os_error != 0 ? c.current.os_error : c.before.os_error; };
    switch (s) {
    case cursor_state::ok: return {};
    case cursor_state::older:
        return c.current.fault == cursor_fault::missing ? "its newest file is missing, as after a crash within a save: the one before stands in for it"
                                                        : "its newest file is damaged: the one before stands in for it";
    case cursor_state::damaged: return "damaged, and so is the one saved before it; " + reset;
    case cursor_state::foreign: return "it belongs to another bus; remove it, or put it back where it came from";
    case cursor_state::unsupported: return "written by a newer version of evbus; use that one";
    case cursor_state::unreadable: return std::string("cannot be read: ") + std::strerror(refused());
    }
    return {};
}

inline constexpr std::string_view cursor_suffix = ".cursor";

/// The cursor that a file in cursors/ belongs to; empty for any other file.
inline std::string_view cursor_of_file(std::string_view file) noexcept {
    constexpr std::string_view before = ".before";
    if (file.ends_with(before)) file.remove_suffix(before.size());
    if (!file.ends_with(cursor_suffix)) return {};
    file.remove_suffix(cursor_suffix.size());
    return valid_cursor_name(file) ? file : std::string_view{};
}

} // namespace detail

/// One cursor, whether or not anything was saved under the name: then it is `damaged`, so ask
/// read_cursor(...).is_new() before. `bus` may be empty: then any bus will do.
[[nodiscard]] inline cursor_info describe_cursor(const cursor_copies& found, std::string name, const bus_id& bus) {
    cursor_info out;
    out.state = detail::state_of(found, bus);
    out.words = detail::words_of(found, out.state, name);
    out.name = std::move(name);
    if (const saved_cursor* best = found.best()) out.saved = *best;
    if (out.is_usable()) out.pin = found.pin();
    return out;
}

/// Every cursor of the log `dir`, by name; none when there is no cursors/ directory. What cannot be read,
/// understood or trusted is in the list all the same, and pins everything. Throws when the directory cannot
/// be read: then nobody knows what is pinned.
[[nodiscard]] inline std::vector<cursor_info> list_cursors(file_system& fs, const log_dir& dir, const bus_id& bus) {
    std::vector<std::string> files;
    if (const int r = fs.list(dir.cursors(), files); r < 0 && r != -ENOENT)
        evbus::detail::throw_errno(-r, "list cursors", dir.cursors());
    std::vector<std::string> names;
    for (const std::string& file : files)
        if (const std::string_view name = detail::cursor_of_file(file); !name.empty()) names.emplace_back(name);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    std::vector<cursor_info> out;
    for (std::string& name : names) {
        const cursor_copies found = read_cursor(fs, cursor_paths(dir, name));
        if (!found.is_new()) out.push_back(describe_cursor(found, std::move(name), bus)); // else: removed meanwhile
    }
    return out;
}

} // namespace log
} // namespace v1
} // namespace evbus
