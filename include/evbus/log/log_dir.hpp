// The places of a log directory and how its files are named by their first seq.
#pragma once

#include <evbus/ids.hpp>
#include <evbus/log/file.hpp>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

/// Paths within one log directory. Touches no file.
struct log_dir {
    std::string root;

    [[nodiscard]] std::string segments() const { return root + "/segments"; }
    [[nodiscard]] std::string runs() const { return root + "/runs"; }
    [[nodiscard]] std::string quarantine() const { return root + "/quarantine"; }
    [[nodiscard]] std::string cursors() const { return root + "/cursors"; }
    [[nodiscard]] std::string dead_letters() const { return root + "/dead-letters"; }
    [[nodiscard]] std::string epochs() const { return root + "/epochs"; }
    [[nodiscard]] std::string lock() const { return root + "/LOCK"; }
};

/// 20 decimal digits, so that names sort as seqs do.
[[nodiscard]] inline std::string seq_digits(seq_t seq) {
    std::string out(20, '0');
    for (std::size_t i = 20; i-- > 0; seq /= 10) out[i] = static_cast<char>('0' + seq % 10);
    return out;
}

/// The seq that exactly 20 digits spell.
[[nodiscard]] inline std::optional<seq_t> parse_seq_digits(std::string_view text) noexcept {
    seq_t seq = 0;
    if (text.size() != 20) return std::nullopt;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), seq);
    if (fault != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return seq;
}

[[nodiscard]] inline std::string segment_name(seq_t first) { return seq_digits(first) + ".evseg"; }
[[nodiscard]] inline std::string index_name(seq_t first) { return seq_digits(first) + ".evidx"; }

[[nodiscard]] inline std::string segment_path(const log_dir& dir, seq_t first) {
    return dir.segments() + "/" + segment_name(first);
}
[[nodiscard]] inline std::string index_path(const log_dir& dir, seq_t first) {
    return dir.segments() + "/" + index_name(first);
}

/// The first seq that a segment's file name gives; nothing for any other name.
[[nodiscard]] inline std::optional<seq_t> parse_segment_name(std::string_view name) noexcept {
    if (!name.ends_with(".evseg")) return std::nullopt;
    const std::optional<seq_t> seq = parse_seq_digits(name.substr(0, name.size() - 6));
    return seq && *seq != no_seq ? seq : std::nullopt;
}

/// The first seqs of all segments, ascending, into `out`; 0 or -errno. None, and 0, for a log that its
/// ring's creation has begun and no recorder has come to: it has epochs, and no segments/ yet.
[[nodiscard]] inline int list_segments(file_system& fs, const log_dir& dir, std::vector<seq_t>& out) {
    std::vector<std::string> names;
    out.clear();
    const int r = fs.list(dir.segments(), names);
    if (file_info info; r == -ENOENT && fs.stat(dir.epochs(), info) == 0) return 0;
    if (r < 0) return r;
    for (const std::string& name : names)
        if (const std::optional<seq_t> seq = parse_segment_name(name)) out.push_back(*seq);
    std::sort(out.begin(), out.end());
    return 0;
}

/// Where the log of bus `name` may be when nobody said: in order of search.
[[nodiscard]] inline std::vector<std::string> default_log_dirs(std::string_view name) {
    std::vector<std::string> out{"/var/lib/evbus/" + std::string(name)};
    const char* const state = std::getenv("XDG_STATE_HOME");
    const char* const home = std::getenv("HOME");
    if (state != nullptr && *state == '/') out.push_back(std::string(state) + "/evbus/" + std::string(name));
    else if (home != nullptr && *home == '/')
        out.push_back(std::string(home) + "/.local/state/evbus/" + std::string(name));
    return out;
}

/// True when `dir` looks like a log: it has segments/ or epochs.
[[nodiscard]] inline bool is_log_dir(file_system& fs, const log_dir& dir) noexcept {
    file_info info;
    return (fs.stat(dir.segments(), info) == 0 && info.is_directory) || fs.stat(dir.epochs(), info) == 0;
}

/// The log of bus `name`: `ring_says` (the ring's own word) when not empty, else the first default
/// place that holds one; nothing when none does. `default_log_dirs` are the places to name then.
[[nodiscard]] inline std::optional<std::string> find_log_dir(file_system& fs, std::string_view name,
                                                             std::string_view ring_says = {}) {
    if (!ring_says.empty()) return std::string(ring_says);
    for (const std::string& place : default_log_dirs(name))
        if (is_log_dir(fs, {place})) return place;
    return std::nullopt;
}

/// Makes `path` and its parents; a directory that is there is fine. 0 or -errno.
[[nodiscard]] inline int make_dirs(file_system& fs, const std::string& path, unsigned mode) {
    file_info info;
    if (fs.stat(path, info) == 0) return info.is_directory ? 0 : -ENOTDIR;
    const std::size_t slash = path.find_last_of('/');
    const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash);
    if (slash != std::string::npos && slash > 0)
        if (const int r = make_dirs(fs, parent, mode); r < 0) return r;
    const int r = fs.mkdir(path, mode);
    if (r == -EEXIST) return 0;
    return r < 0 ? r : fs.sync_dir(parent);
}

/// Where to make the log of bus `name` when nobody said: the first default place that can be made.
/// Throws the last place's error.
[[nodiscard]] inline std::string make_default_log_dir(file_system& fs, std::string_view name, unsigned mode) {
    const std::vector<std::string> places = default_log_dirs(name);
    int r = -ENOENT;
    for (const std::string& place : places)
        if (r = make_dirs(fs, place, mode); r == 0) return place;
    evbus::detail::throw_errno(-r, "make log directory", places.back(), "name a directory with --log");
}

} // namespace log
} // namespace v1
} // namespace evbus
