// The first seq that nobody has seen under this log's bus id: what the creator of a ring starts at.
// Asked under the log's LOCK. Every place that remembers a seq has its say, and what cannot be read
// is left out only where another place says at least as much.
#pragma once

#include <evbus/log/cursor_list.hpp>
#include <evbus/log/epochs.hpp>
#include <evbus/log/log_dir.hpp>
#include <evbus/log/log_reader.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

struct known_seqs {
    seq_t next = 1;                ///< above everything known
    std::int64_t last_time_ns = 0; ///< greatest time that the log or epochs recorded; 0 when none
    bus_id bus;                    ///< of the log's segments; empty when it has none
};

namespace detail {

inline void raise(known_seqs& out, seq_t used) noexcept {
    if (used != max_seq) out.next = std::max(out.next, used + 1);
}

/// Every run of exactly 20 digits in a file name is a seq that was used.
inline void raise_by_name(known_seqs& out, std::string_view name) noexcept {
    for (std::size_t at = 0; at < name.size();) {
        std::size_t end = at;
        while (end < name.size() && name[end] >= '0' && name[end] <= '9') ++end;
        if (const std::optional<seq_t> seq = parse_seq_digits(name.substr(at, end - at))) raise(out, *seq);
        at = end + 1;
    }
}

/// "last_seq": 123 or "123" in a manifest, without a JSON parser: this header stands alone.
inline std::optional<seq_t> last_seq_of_manifest(std::string_view text) noexcept {
    constexpr std::string_view key = "\"last_seq\"";
    std::size_t at = text.find(key);
    if (at == std::string_view::npos) return std::nullopt;
    at = text.find_first_not_of(" \t\r\n:\"", at + key.size());
    if (at == std::string_view::npos) return std::nullopt;
    seq_t seq = 0;
    const std::size_t end = text.find_first_not_of("0123456789", at);
    if (!parse_number(text.substr(at, end == std::string_view::npos ? end : end - at), seq)) return std::nullopt;
    return seq;
}

inline void raise_by_names_in(file_system& fs, const std::string& dir, known_seqs& out) {
    std::vector<std::string> names;
    const int r = fs.list(dir, names);
    if (r < 0 && r != -ENOENT) evbus::detail::throw_errno(-r, "find first free seq", dir);
    for (const std::string& name : names) raise_by_name(out, name);
}

inline void raise_by_manifests(file_system& fs, const log_dir& dir, known_seqs& out) {
    std::vector<std::string> names;
    const int r = fs.list(dir.runs(), names);
    if (r < 0 && r != -ENOENT) evbus::detail::throw_errno(-r, "find first free seq", dir.runs());
    for (const std::string& name : names) {
        std::string text;
        if (name.ends_with(".json") && read_text(fs, dir.runs() + "/" + name, std::size_t{1} << 20, text) == 0)
            if (const std::optional<seq_t> seq = last_seq_of_manifest(text)) raise(out, *seq);
    }
}

/// What a cursor handled was there, also where nothing else tells of it any more.
inline void raise_by_cursors(file_system& fs, const log_dir& dir, known_seqs& out) {
    for (const cursor_info& c : list_cursors(fs, dir, {}))
        if (c.is_usable()) raise(out, c.saved.place.next - 1);
}

} // namespace detail

/// Looks at segment names and the newest segment's valid end, quarantine and cursor names, cursors,
/// manifests and epochs. A directory that is not there yet gives {1, 0}. Throws what the system reports.
[[nodiscard]] inline known_seqs seq_floor(file_system& fs, const std::string& root) {
    const log_dir dir{root};
    known_seqs out;
    detail::raise_by_names_in(fs, dir.quarantine(), out);
    detail::raise_by_names_in(fs, dir.cursors(), out);
    detail::raise_by_cursors(fs, dir, out);
    detail::raise_by_manifests(fs, dir, out);
    const std::vector<epoch_record> epochs = read_epochs(fs, dir);
    for (std::size_t i = 0; i < epochs.size(); ++i) {
        // A creation's first seq may have been used; the seq of a removal's line was not, nor was any above.
        const bool is_end = i != 0 && epochs[i - 1].epoch == epochs[i].epoch;
        const bool has_end = i + 1 < epochs.size() && epochs[i + 1].epoch == epochs[i].epoch;
        if (is_end) out.next = std::max(out.next, epochs[i].first_seq);
        else if (!has_end) detail::raise(out, epochs[i].first_seq);
        out.last_time_ns = std::max(out.last_time_ns, epochs[i].time_ns);
    }
    std::vector<seq_t> firsts;
    if (const int r = list_segments(fs, dir, firsts); r < 0 && r != -ENOENT)
        evbus::detail::throw_errno(-r, "find first free seq", dir.segments());
    if (firsts.empty()) return out;
    // A name is a promise, not yet an event: the segment may have been made and never written.
    out.next = std::max(out.next, firsts.back());
    try {
        log_reader reader(fs, root);
        out.bus = reader.bus();
        detail::raise(out, reader.last_seq());
        out.last_time_ns = std::max(out.last_time_ns, reader.last_time_ns());
    } catch (const error& e) {
        if (e.kind() != errc::not_a_bus) throw; // no header is readable: the names have spoken
    }
    return out;
}

} // namespace log
} // namespace v1
} // namespace evbus
