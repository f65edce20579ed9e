// LOCK: one recorder (or one creator of the ring) a log. An open-file-description lock, so that the
// system frees it when its holder dies, whatever killed it; the text inside is for messages alone.
#pragma once

#include <evbus/error.hpp>
#include <evbus/log/log_dir.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace log {

class log_lock {
public:
    /// Takes the lock of the log in `dir`, which exists; `program` is what others will read about the
    /// holder. Waits at most `patience`. Nothing when somebody else has it. Throws for all else.
    [[nodiscard]] static std::optional<log_lock> try_acquire(file_system& fs, const std::string& dir,
                                                             std::string_view program,
                                                             std::chrono::milliseconds patience = {},
                                                             unsigned mode = 0600) {
        const std::string path = log_dir{dir}.lock();
        const auto deadline = std::chrono::steady_clock::now() + patience;
        std::optional<file> locked;
        while (!(locked = try_lock_file(fs, path, mode))) {
            if (std::chrono::steady_clock::now() >= deadline) return std::nullopt;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        file f = *std::move(locked);
        // Only words for others: a full disk must not keep anybody from recording.
        const std::string text = std::to_string(::getpid()) + " " + std::string(program) + "\n";
        if (f.truncate(0) == 0) static_cast<void>(f.write_at(text.data(), text.size(), 0));
        return log_lock(std::move(f));
    }

    /// The same, but throws errc::busy naming the holder.
    [[nodiscard]] static log_lock acquire(file_system& fs, const std::string& dir, std::string_view program,
                                          std::chrono::milliseconds patience = {}, unsigned mode = 0600) {
        if (std::optional<log_lock> held = try_acquire(fs, dir, program, patience, mode)) return std::move(*held);
        throw error(errc::busy, {"lock log", log_dir{dir}.lock(), "held by " + holder(fs, dir),
                                 "stop that process, or use another log directory"});
    }

    /// "process 123 (evrecord)" as the last holder wrote it; "another process" when it wrote nothing.
    [[nodiscard]] static std::string holder(file_system& fs, const std::string& dir) {
        const int fd = fs.open(log_dir{dir}.lock(), O_RDONLY, 0);
        if (fd < 0) return "another process";
        const file f(fs, fd);
        char text[256];
        const std::int64_t n = f.read_at(text, sizeof text, 0);
        std::string_view line(text, n > 0 ? static_cast<std::size_t>(n) : 0);
        line = line.substr(0, line.find('\n'));
        const std::size_t space = line.find(' ');
        if (space == std::string_view::npos) return "another process";
        return "process " + std::string(line.substr(0, space)) + " (" + std::string(line.substr(space + 1)) + ")";
    }

private:
    explicit log_lock(file f) : file_(std::move(f)) {}

    /// Nothing when somebody else has it, or has removed it together with its log while we waited: a
    /// lock on a file without its name keeps nobody out.
    [[nodiscard]] static std::optional<file> try_lock_file(file_system& fs, const std::string& path, unsigned mode) {
        const int fd = fs.open(path, O_RDWR | O_CREAT, mode);
        if (fd < 0) evbus::detail::throw_errno(-fd, "lock log", path);
        file f(fs, fd);
        const int r = f.try_lock();
        if (r == -EAGAIN || (r == 0 && !f.is_at(path))) return std::nullopt;
        if (r < 0) evbus::detail::throw_errno(-r, "lock log", path);
        return f;
    }

    file file_; ///< closing it frees the lock
};

} // namespace log
} // namespace v1
} // namespace evbus
