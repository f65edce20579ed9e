// One cursor's files: the place that was saved last, and the one before it. Reading looks at both and
// says what it found; nothing here decides whether that is good enough to go on from.
#pragma once

#include <evbus/detail/hash.hpp>
#include <evbus/from.hpp>
#include <evbus/ids.hpp>
#include <evbus/log/epochs.hpp>
#include <evbus/log/format.hpp>
#include <evbus/log/log_dir.hpp>
#include <evbus/version.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace evbus {
inline namespace v1 {
namespace log {

/// What a worker keeps with its place.
struct cursor_notes {
    seq_t letters = no_seq;       ///< the journal of its letters reaches at least this position
    std::uint64_t may_repeat = 0; ///< so many events from the place on may have been handled already
    bool unsure_letters = false;  ///< what waits among the letters may have been handled, too

    friend bool operator==(const cursor_notes&, const cursor_notes&) = default;
};

/// What a cursor file holds.
struct saved_cursor {
    bus_id bus;
    cursor_place place;
    std::uint64_t saves = 0; ///< counts up with every save
    std::int64_t saved_ns = 0;
    std::string filter{}; ///< its text, as docs/log-format.md says
    cursor_notes notes{};

    /// By the number of saves, which may begin again at 0 behind the last u64.
    [[nodiscard]] bool is_newer_than(const saved_cursor& other) const noexcept {
        return static_cast<std::int64_t>(saves - other.saves) > 0;
    }
};

enum class cursor_fault : std::uint8_t {
    none,        ///< whole
    missing,     ///< no such file
    damaged,     ///< fails its checks
    unsupported, ///< written by a newer version
    unreadable,  ///< the system refuses to read it
};

/// [a-z0-9][a-z0-9._-]{0,62}, as a bus is named.
[[nodiscard]] constexpr bool valid_cursor_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > 63) return false;
    for (std::size_t i = 0; i < name.size(); ++i) {
        const char c = name[i];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && (i == 0 || (c != '.' && c != '_' && c != '-'))) return false;
    }
    return true;
}

/// Paths of one cursor's files. Touches no file.
struct cursor_paths {
    cursor_paths(const log_dir& dir, std::string_view name) : current(dir.cursors() + "/" + std::string(name) + ".cursor") {}

    std::string current;
    [[nodiscard]] std::string before() const { return current + ".before"; }
    [[nodiscard]] std::string fresh() const { return current + ".new"; }
    [[nodiscard]] std::string lock() const { return current + ".lock"; }
};

namespace detail {

inline std::uint64_t cursor_checksum(const cursor_header& h, std::string_view filter) {
    std::string covered(reinterpret_cast<const char*>(&h), offsetof(cursor_header, checksum));
    covered += filter;
    return evbus::detail::xxh3(covered.data(), covered.size(), bus_id{{h.bus_id[0], h.bus_id[1]}}.seed());
}

} // namespace detail

/// The bytes of a file that holds `c`.
[[nodiscard]] inline std::string encode_cursor(const saved_cursor& c) {
    cursor_header h{};
    h.magic = cursor_magic;
    h.version = log_format_version;
    h.bus_id[0] = c.bus.words[0];
    h.bus_id[1] = c.bus.words[1];
    h.next_seq = c.place.next;
    h.walk_from = c.place.walk_from;
    h.saves = c.saves;
    h.saved_ns = c.saved_ns;
    h.filter_hash = evbus::detail::xxh3(c.filter.data(), c.filter.size());
    h.filter_bytes = static_cast<std::uint32_t>(c.filter.size());
    h.unsure_letters = c.notes.unsure_letters ? 1 : 0;
    h.letters = c.notes.letters;
    h.may_repeat = c.notes.may_repeat;
    h.checksum = detail::cursor_checksum(h, c.filter);
    return std::string(reinterpret_cast<const char*>(&h), sizeof h) + c.filter;
}

/// The reverse: none, damaged or unsupported. `out` is untouched unless it is none.
[[nodiscard]] inline cursor_fault decode_cursor(std::string_view bytes, saved_cursor& out) {
    cursor_header h;
    if (bytes.size() < sizeof h) return cursor_fault::damaged;
    std::memcpy(&h, bytes.data(), sizeof h);
    const std::string_view filter = bytes.substr(sizeof h);
    if (h.magic != cursor_magic || h.filter_bytes != filter.size() || h.checksum != detail::cursor_checksum(h, filter))
        return cursor_fault::damaged;
    // What is whole and not understood is no damage: the next version may keep more here.
    if (h.version != log_format_version || h.flags != 0) return cursor_fault::unsupported;
    const cursor_place place{h.next_seq, h.walk_from};
    if (place.walk_from == no_seq || place.walk_from > place.next || h.unsure_letters > 1 || h.filter_hash != evbus::detail::xxh3(filter.data(), filter.size()))
        return cursor_fault::damaged;
    out = {{{h.bus_id[0], h.bus_id[1]}}, place, h.saves, h.saved_ns, std::string(filter), {h.letters, h.may_repeat, h.unsure_letters == 1}};
    return cursor_fault::none;
}

/// One file, as it was found.
struct cursor_copy {
    cursor_fault fault = cursor_fault::missing;
    int os_error = 0; ///< behind `unreadable`
    saved_cursor saved;

    [[nodiscard]] bool is_whole() const noexcept { return fault == cursor_fault::none; }
};

/// Both files of a cursor.
struct cursor_copies {
    cursor_copy current;
    cursor_copy before;

    /// Nothing was ever saved.
    [[nodiscard]] bool is_new() const noexcept {
        return current.fault == cursor_fault::missing && before.fault == cursor_fault::missing;
    }
    /// The one to go on from: the newest, or the one before when the newest is damaged or missing. Null when
    /// there is none. What a newer version wrote, or cannot be read at the moment, is never passed over.
    [[nodiscard]] const saved_cursor* best() const noexcept {
        const bool may_pass = current.fault == cursor_fault::damaged || current.fault == cursor_fault::missing;
        if (!current.is_whole()) return may_pass && before.is_whole() ? &before.saved : nullptr;
        return before.is_whole() && before.saved.is_newer_than(current.saved) ? &before.saved : &current.saved;
    }
    /// No event below it is needed, whichever of the two will be gone on from. Only with a best().
    [[nodiscard]] seq_t pin() const noexcept {
        seq_t least = max_seq;
        for (const cursor_copy* c : {&current, &before})
            if (c->is_whole()) least = std::min(least, c->saved.place.walk_from);
        return least;
    }
};

/// One file; never throws for what is in it.
[[nodiscard]] inline cursor_copy read_cursor_file(file_system& fs, const std::string& path) {
    constexpr std::size_t most = sizeof(cursor_header) + max_cursor_filter_bytes;
    cursor_copy out;
    std::string bytes;
    const int r = detail::read_text(fs, path, most, bytes);
    if (r == 0) out.fault = decode_cursor(bytes, out.saved);
    else if (r == -EFBIG || r == -EISDIR) out.fault = cursor_fault::damaged;
    else if (r != -ENOENT) out.fault = cursor_fault::unreadable;
    out.os_error = out.fault == cursor_fault::unreadable ? -r : 0;
    return out;
}

/// Looks at both files. Who has not the cursor's lock may come between the renames of a save; one of the
/// two is whole all the same, because what is moved away from the first is moved to the second.
[[nodiscard]] inline cursor_copies read_cursor(file_system& fs, const cursor_paths& at) {
    cursor_copies out;
    out.current = read_cursor_file(fs, at.current);
    out.before = read_cursor_file(fs, at.before());
    return out;
}

} // namespace log
} // namespace v1
} // namespace evbus
