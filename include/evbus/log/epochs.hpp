// DIR/epochs: one line for each creation of the ring, so that no seq is ever given out twice although
// ring and recorder may both be gone. A cooperating process appends under the log's LOCK before the
// ring is linked into place. Text, for people too: EPOCH FIRST_SEQ TIME_NS BOOT_ID BUS_ID NAME. A second
// line with the same epoch says that the ring was removed in good order, and FIRST_SEQ that nothing
// at or above it was ever published there.
#pragma once

#include <evbus/error.hpp>
#include <evbus/log/log_dir.hpp>

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

struct epoch_record {
    epoch_t epoch = epoch_t::none;
    seq_t first_seq = no_seq;
    std::int64_t time_ns = 0;
    std::string boot_id;
    bus_id bus{};
    std::string name{}; ///< of the bus that keeps this log
};

namespace detail {

/// A whole file of text, at most `most` bytes. 0 or -errno; -EFBIG when it is longer.
inline int read_text(file_system& fs, const std::string& path, std::size_t most, std::string& out) {
    const int fd = fs.open(path, O_RDONLY, 0);
    if (fd < 0) return fd;
    const file f(fs, fd);
    const std::int64_t size = f.size();
    if (size < 0) return static_cast<int>(size);
    if (static_cast<std::uint64_t>(size) > most) return -EFBIG;
    out.resize(static_cast<std::size_t>(size));
    const std::int64_t n = f.read_at(out.data(), out.size(), 0);
    if (n < 0) return static_cast<int>(n);
    out.resize(static_cast<std::size_t>(n));
    return 0;
}

inline std::string_view take_word(std::string_view& line) noexcept {
    const std::size_t space = line.find(' ');
    const std::string_view word = line.substr(0, space);
    line = space == std::string_view::npos ? std::string_view{} : line.substr(space + 1);
    return word;
}

template <class Number>
bool parse_number(std::string_view text, Number& out) noexcept {
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), out);
    return !text.empty() && fault == std::errc{} && end == text.data() + text.size();
}

/// False for a line that lacks a field, as one does that a crash cut off.
inline bool parse_epoch(std::string_view line, epoch_record& out) {
    std::uint64_t epoch = 0;
    if (!evbus::detail::parse_hex64(take_word(line), epoch)) return false;
    if (!parse_number(take_word(line), out.first_seq) || !parse_number(take_word(line), out.time_ns)) return false;
    out.epoch = static_cast<epoch_t>(epoch);
    out.boot_id = std::string(take_word(line));
    out.bus = parse_bus_id(take_word(line));
    out.name = std::string(take_word(line));
    return !out.boot_id.empty();
}

inline constexpr std::size_t max_epochs_bytes = std::size_t{64} << 20;

} // namespace detail

/// All creations in order; none when the file is not there. Lines cut off by a crash are left out.
/// Throws when it cannot be read.
[[nodiscard]] inline std::vector<epoch_record> read_epochs(file_system& fs, const log_dir& dir) {
    std::string text;
    const int r = detail::read_text(fs, dir.epochs(), detail::max_epochs_bytes, text);
    if (r < 0 && r != -ENOENT) evbus::detail::throw_errno(-r, "read epochs", dir.epochs());
    std::vector<epoch_record> out;
    for (std::string_view rest = text; !rest.empty();) {
        const std::size_t end = rest.find('\n');
        epoch_record record;
        if (detail::parse_epoch(rest.substr(0, end), record)) out.push_back(record);
        rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    }
    return out;
}

/// Appends one line and syncs file and directory. The caller holds the log's LOCK. Throws when it
/// cannot, and then takes back what it wrote of the line.
inline void append_epoch(file_system& fs, const log_dir& dir, const epoch_record& record, unsigned mode = 0600) {
    const std::string path = dir.epochs();
    const int fd = fs.open(path, O_RDWR | O_CREAT, mode);
    if (fd < 0) evbus::detail::throw_errno(-fd, "append epoch", path);
    const file f(fs, fd);
    const std::int64_t size = f.size();
    if (size < 0) evbus::detail::throw_errno(static_cast<int>(-size), "append epoch", path);
    const auto end = static_cast<std::uint64_t>(size);
    std::string line;
    char last = '\n';
    if (end != 0 && f.read_at(&last, 1, end - 1) == 1 && last != '\n') line = "\n"; // a cut line stays apart
    line += to_string(record.epoch) + " " + std::to_string(record.first_seq) + " " +
            std::to_string(record.time_ns) + " " + (record.boot_id.empty() ? "-" : record.boot_id) + " " +
            to_string(record.bus) + " " + (record.name.empty() ? "-" : record.name) + "\n";
    int r = f.write_at(line.data(), line.size(), end);
    if (r == 0) r = f.datasync();
    if (r == 0) r = fs.sync_dir(dir.root);
    if (r == 0) return;
    static_cast<void>(f.truncate(end));
    evbus::detail::throw_errno(-r, "append epoch", path);
}

} // namespace log
} // namespace v1
} // namespace evbus
