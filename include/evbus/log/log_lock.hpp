// LOCK: one recorder (or one creator of the ring) a log.
#pragma once

#include <evbus/error.hpp>
#include <evbus/log/lock_file.hpp>
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
        const auto deadline = std::chrono::steady_clock::now() + patience;
        while (true) {
            if (std::optional<lock_file> got = lock_file::try_acquire(fs, log_dir{dir}.lock(), "lock log", program, mode))
                return log_lock(std::move(*got));
            if (std::chrono::steady_clock::now() >= deadline) return std::nullopt;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
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
        return lock_file::holder(fs, log_dir{dir}.lock());
    }

private:
    explicit log_lock(lock_file f) : held_(std::move(f)) {}

    lock_file held_;
};

} // namespace log
} // namespace v1
} // namespace evbus
