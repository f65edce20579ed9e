// The demo's processes: forked roles and the project's own tools.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace demo {

/// One child process. Killed and reaped when this is destroyed.
class child {
public:
    child() = default;
    /// Runs `role` in a forked process, which ends with its result.
    explicit child(const std::function<int()>& role);
    /// Runs a program; its stdout and stderr are the demo's.
    explicit child(const std::vector<std::string>& argv);
    child(child&& other) noexcept;
    child& operator=(child&& other) noexcept;
    ~child();

    void signal(int number) const;
    /// Waits for its end: its exit code, or 128 and the signal.
    int wait();
    /// True when it ended by itself meanwhile.
    [[nodiscard]] bool has_ended();

private:
    pid_t pid_ = -1;
    bool ended_ = false;
    int code_ = 0;
};

} // namespace demo
