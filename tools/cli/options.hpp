// The flags of a tool, declared without the argument parser in sight: its headers cost seconds to
// compile and are included by options.cpp alone.
//
//   cli::command cmd("evtail", "shows the events of a bus", "  evtail md -f\n  evtail md 'md.trade.>' -n 100\n");
//   cmd.positional("BUS", bus, "name of the bus");
//   cmd.flag("-f,--follow", follow, "go on with what comes");
//   cmd.duration("--idle", idle, "end after this long without an event");
//   if (const auto code = cmd.parse(argc, argv)) return *code;
//
// Targets keep their value when the flag is not given; std::optional<T> is fine wherever T is. A
// flag given twice takes the last value, save for texts(), which keeps all.
#pragma once

#include "tools/cli/exit_codes.hpp"
#include "tools/cli/units.hpp"
#include "tools/cli/when.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cli {

using nanoseconds = std::chrono::nanoseconds;

/// Inclusive bounds of a value.
template <class T>
struct range {
    T least;
    T most;
};

namespace detail {
/// Throws evbus::error with a message like "9: is not within 64 .. 128".
[[noreturn]] void refuse_range(const std::string& value, const std::string& least, const std::string& most);
[[noreturn]] void refuse_choice(const std::string& value, const std::string& choices);
} // namespace detail

class command {
public:
    /// `examples` stands first in --help, one a line. `name` also begins every message.
    command(std::string name, std::string summary, std::string examples);
    ~command();
    command(command&&) = delete;

    command& flag(const std::string& names, bool& target, const std::string& help);
    /// Stays empty when the flag is not given.
    command& flag(const std::string& names, std::optional<bool>& target, const std::string& help);

    /// A flag that takes something away: `target` becomes false ("--no-log").
    command& no_flag(const std::string& names, bool& target, const std::string& help);

    template <class Target>
    command& text(const std::string& names, Target& target, const std::string& metavar, const std::string& help) {
        return option(names, metavar, help, [&target](const std::string& s) { target = s; });
    }
    /// May be given several times, one value each.
    command& texts(const std::string& names, std::vector<std::string>& target, const std::string& metavar,
                   const std::string& help);

    template <class Target>
    command& count(const std::string& names, Target& target, const std::string& help,
                   range<std::uint64_t> r = {0, std::numeric_limits<std::uint64_t>::max()}) {
        return option(names, "N", help, [&target, r](const std::string& s) {
            target = within<std::uint64_t>(s, parse_count(s), r, [](std::uint64_t n) { return std::to_string(n); });
        });
    }
    template <class Target>
    command& size(const std::string& names, Target& target, const std::string& help,
                  range<std::uint64_t> r = {0, std::numeric_limits<std::uint64_t>::max()}) {
        return option(names, "SIZE", help, [&target, r](const std::string& s) {
            target = within<std::uint64_t>(s, parse_size(s), r, format_size);
        });
    }
    template <class Target>
    command& duration(const std::string& names, Target& target, const std::string& help,
                      range<nanoseconds> r = {nanoseconds{0}, nanoseconds::max()}) {
        return option(names, "DURATION", help, [&target, r](const std::string& s) {
            target = within<nanoseconds>(s, parse_duration(s), r, format_duration);
        });
    }
    template <class Target>
    command& rate(const std::string& names, Target& target, const std::string& help) {
        return option(names, "RATE", help, [&target](const std::string& s) { target = parse_rate(s); });
    }
    /// A point in time, see parse_when.
    template <class Target>
    command& time(const std::string& names, Target& target, const std::string& help) {
        return option(names, "TIME", help, [&target](const std::string& s) { target = parse_when(s); });
    }
    /// One of a few words, each standing for a value.
    template <class T, class Target>
    command& choice(const std::string& names, Target& target, std::vector<std::pair<std::string, T>> words,
                    const std::string& help) {
        std::string all;
        for (const auto& w : words) all.append(all.empty() ? "" : "|").append(w.first);
        return option(names, all, help, [&target, words, all](const std::string& s) {
            for (const auto& w : words)
                if (w.first == s) {
                    target = w.second;
                    return;
                }
            detail::refuse_choice(s, all);
        });
    }
    /// Any other value: `take` is called with its text and throws evbus::error to refuse it.
    command& option(const std::string& names, const std::string& metavar, const std::string& help,
                    std::function<void(const std::string&)> take);

    /// What is given without a flag, in the order of these calls.
    command& positional(const std::string& metavar, std::string& target, const std::string& help, bool required = true);
    command& positionals(const std::string& metavar, std::vector<std::string>& target, const std::string& help,
                         bool required = false);

    /// Every flag may stand in a file too, by its long name: `sync-interval = "10ms"`. The command line wins.
    command& config(const std::string& names = "--config");

    /// A command of this command ("evctl list"), its examples first in its own --help. Exactly one must then
    /// be given; see chosen().
    command& subcommand(const std::string& name, const std::string& summary, const std::string& examples = {});
    /// True for the subcommand that the command line named.
    [[nodiscard]] bool chosen() const;

    /// Empty: go on. Else the exit code: 0 after --help or --version (to `out`), 2 after a message to `err`.
    [[nodiscard]] std::optional<int> parse(int argc, const char* const* argv, std::ostream& out, std::ostream& err);
    [[nodiscard]] std::optional<int> parse(int argc, const char* const* argv);

    [[nodiscard]] const std::string& name() const;

private:
    struct parser;

    command(std::unique_ptr<parser> p);

    template <class T, class Show>
    static T within(const std::string& text, T value, const range<T>& r, Show show) {
        if (value < r.least || r.most < value) detail::refuse_range(text, show(r.least), show(r.most));
        return value;
    }

    std::unique_ptr<parser> parser_;
};

} // namespace cli
