// Lines of a file or a pipe, each given as soon as it is there.
#pragma once

#include "tools/cli/terminal.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace evpub {

class line_input {
public:
    enum class state {
        line,     ///< line() is the next one
        end,      ///< there is no more
        too_long, ///< the line `number()` is longer than any event may be
        stopped,  ///< a signal came while nothing was there
    };

    /// FILE, or "-" for standard input. Throws evbus::error when it cannot be opened.
    line_input(const std::string& file, bool strip_cr, const cli::stop_signal& stop);
    ~line_input();
    line_input(const line_input&) = delete;

    /// Waits for the next line; `idle` is called before each wait and once a second during it. Throws
    /// evbus::error when reading fails.
    [[nodiscard]] state next(const std::function<void()>& idle);
    /// Without its line end; valid until next().
    [[nodiscard]] std::string_view line() const { return line_; }
    /// Counts from 1.
    [[nodiscard]] std::uint64_t number() const { return number_; }
    /// "standard input" or the file's name, for messages.
    [[nodiscard]] const std::string& name() const { return name_; }

private:
    void close_file() const;
    bool fill(const std::function<void()>& idle);
    state give(std::size_t end, std::size_t line_end_bytes);

    std::string name_;
    int fd_ = -1;
    bool strip_cr_;
    const cli::stop_signal& stop_;
    std::vector<char> buffer_;
    std::size_t begin_ = 0; ///< of the line that is being gathered
    std::size_t seen_ = 0;  ///< no line end before this
    std::size_t end_ = 0;
    bool at_end_ = false;
    std::uint64_t number_ = 0;
    std::string_view line_;
};

} // namespace evpub
