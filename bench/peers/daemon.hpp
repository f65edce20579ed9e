// A peer's server: a child for as long as this lives.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace bench::stores {

class daemon {
public:
    /// Starts `command` quietly. Throws when the system will not.
    explicit daemon(const std::vector<std::string>& command);
    /// Ends it with SIGTERM and waits.
    ~daemon();
    daemon(const daemon&) = delete;
    daemon& operator=(const daemon&) = delete;
    /// Throws when it has ended by itself; `what` is for people.
    void check_alive(const std::string& what);

private:
    pid_t maker_;
    pid_t pid_;
};

/// Where a program is: on PATH, or in one of the places for servers; empty when it is nowhere.
[[nodiscard]] std::string find_program(const std::string& name);
/// The version in what `name --version` says; empty when there is none.
[[nodiscard]] std::string version_of(const std::string& name);

} // namespace bench::stores
