// Running real programs from a test. Nothing here sleeps: every wait is for an event (a line, the end
// of the process) and has a generous cap, whose passing is an exception that shows what was said so far.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace support {

using words = std::vector<std::string>;

/// How a process ended and all that it said.
struct finished {
    int code = -1;   ///< exit code; -1 when a signal ended it
    int signal = 0;  ///< the signal that ended it
    std::string out;
    std::string err;
    [[nodiscard]] std::vector<std::string> out_lines() const;
};

/// The path of one of the project's programs: tool("evpub").
[[nodiscard]] std::string tool(const std::string& name);

/// One child process, its input and output in pipes. Killed and reaped when this is destroyed. One thread.
class process {
public:
    struct options {
        words environment{};  ///< NAME=VALUE, beside those of the test
        std::string input{};  ///< a file for its stdin instead of a pipe
        std::chrono::seconds cap{60};
    };

    /// Starts argv[0] (found in PATH when it has no slash). Throws std::runtime_error when it cannot.
    explicit process(words argv, options how);
    explicit process(words argv) : process(std::move(argv), options{}) {}
    process(process&& other) noexcept;
    process& operator=(process&&) = delete;
    ~process();

    [[nodiscard]] pid_t pid() const { return pid_; }
    /// Writes all of it, reading what the process says meanwhile. A process that reads no more is no error.
    void write(std::string_view bytes);
    void close_input();
    void signal(int number) const;
    void kill();

    /// Waits until `there` says yes to what the process wrote so far.
    void wait_until(const std::function<bool(const std::string& out, const std::string& err)>& there);
    /// Waits until its stdout (stderr) holds `text`.
    void wait_for_out(const std::string& text);
    void wait_for_err(const std::string& text);
    /// Closes its input and waits for its end.
    finished wait();
    /// What it wrote so far, as far as it was read.
    [[nodiscard]] const std::string& out() const { return out_; }
    [[nodiscard]] const std::string& err() const { return err_; }
    [[nodiscard]] bool is_running();

private:
    using clock = std::chrono::steady_clock;
    void pump(clock::time_point deadline, std::string_view* input);
    [[noreturn]] void give_up(const std::string& waiting_for) const;
    void reap(int status);

    std::string name_;
    options how_;
    pid_t pid_ = -1;
    int ended_fd_ = -1; ///< readable once the process is gone
    int in_ = -1;
    int out_fd_ = -1;
    int err_fd_ = -1;
    bool ended_ = false;
    finished result_;
    std::string out_;
    std::string err_;
};

/// Runs to the end with `input` on stdin.
finished run(words argv, std::string_view input = {}, process::options how = {});

} // namespace support
