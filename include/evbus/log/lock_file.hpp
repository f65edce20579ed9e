// A file that is locked by who uses the thing beside it. An open-file-description lock, so that the system
// frees it when its holder dies, whatever killed it; the text inside is for messages alone.
#pragma once

#include <evbus/error.hpp>
#include <evbus/log/file.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace log {

class lock_file {
public:
    /// Takes the lock at `path`, making the file when it is not there; `program` is what others will read
    /// about the holder. Nothing when somebody else has it, or has removed the file meanwhile: a lock on a
    /// file without its name keeps nobody out. Throws for all else, naming `operation`.
    [[nodiscard]] static std::optional<lock_file> try_acquire(file_system& fs, const std::string& path,
                                                              std::string_view operation, std::string_view program,
                                                              unsigned mode) {
        const int fd = fs.open(path, O_RDWR | O_CREAT, mode);
        if (fd < 0) evbus::detail::throw_errno(-fd, operation, path);
        file f(fs, fd);
        const int r = f.try_lock();
        if (r == -EAGAIN || (r == 0 && !f.is_at(path))) return std::nullopt;
        if (r < 0) evbus::detail::throw_errno(-r, operation, path);
        leave_word(f, std::to_string(::getpid()) + " " + std::string(program) + "\n");
        return lock_file(std::move(f));
    }

    /// Who holds the lock, or held it last: "process 4711 (evrecord)"; "another process" when that is not known.
    [[nodiscard]] static std::string holder(file_system& fs, const std::string& path) {
        const int fd = fs.open(path, O_RDONLY, 0);
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
    /// True while somebody holds the lock at `path`, this process included. Needs no write permission and
    /// takes no lock, so that looking keeps nobody out.
    [[nodiscard]] static bool is_held(file_system& fs, const std::string& path) noexcept {
        const int fd = fs.open(path, O_RDONLY, 0);
        if (fd < 0) return false;
        const file f(fs, fd);
        return f.is_locked();
    }

private:
    explicit lock_file(file f) : file_(std::move(f)) {}

    /// Only words for others: a full disk must not keep anybody out. Left alone when they stand there already: a file
    /// that is cut to nothing and written again costs some file systems milliseconds when it is closed.
    static void leave_word(const file& f, const std::string& text) {
        std::string there(text.size() + 1, '\0');
        const std::int64_t n = f.read_at(there.data(), there.size(), 0);
        if (n == static_cast<std::int64_t>(text.size()) && there.compare(0, text.size(), text) == 0) return;
        if (f.truncate(0) == 0) static_cast<void>(f.write_at(text.data(), text.size(), 0));
    }

    file file_; ///< closing it frees the lock
};

} // namespace log
} // namespace v1
} // namespace evbus
