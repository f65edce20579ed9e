// One line on standard error that says how far a long command is, for people alone: nothing is written
// when standard error is no terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace cli {

class progress {
public:
    /// `tool` begins the line.
    explicit progress(std::string tool);
    /// Wipes the line out.
    ~progress();
    progress(const progress&) = delete;

    /// "evlog: 1.2 GiB of 4 GiB (30 %), 512 MiB/s, 5s left, WHAT". Call as often as you like: it writes at
    /// most five times a second. `total` 0: not known.
    void show(std::uint64_t bytes, std::uint64_t total, const std::string& what = {});
    /// Wipes the line out, for words that are to stand there; the next show() writes it again.
    void clear();

private:
    using clock = std::chrono::steady_clock;

    std::string tool_;
    bool on_;
    bool shown_ = false;
    clock::time_point began_ = clock::now();
    clock::time_point next_ = began_ + std::chrono::milliseconds(300); ///< quick commands show nothing
};

} // namespace cli
