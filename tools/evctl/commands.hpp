// The subcommands of evctl. Each writes data to `out`, talk to standard error, returns its exit code
// and throws evbus::error for what exit code 2 stands for.
#pragma once

#include "tools/cli/terminal.hpp"

#include <evbus/bus_options.hpp>

#include <chrono>
#include <string>

namespace evctl {

struct show_options {
    bool json = false;
    bool colour = false;
};

struct remove_options {
    bool force = false;
    bool with_log = false;
};

struct doctor_options {
    bool fix = false;
    std::chrono::nanoseconds stale_after = std::chrono::hours(24); ///< without members that long, a bus is called stale
};

/// All buses of this machine, damaged ones with their error in a word. Exit codes: 0; 1 there is none.
int list(const show_options& how, cli::output& out);

/// One bus in full. Exit codes: 0; 2 it is not there, or is not what it should be.
int info(const std::string& bus, const show_options& how, cli::output& out);

/// Exit codes: 0 created; 2 it is there already, or cannot be.
int create(const std::string& bus, const evbus::bus_options& options);

/// Exit codes: 0 removed; 2 members live, it is not there, or it cannot be removed.
int remove(const std::string& bus, const remove_options& how);

/// The machine and its buses, or the one named, explained; with `fix` what is proven stale is cleaned.
/// Exit codes: 0 nothing worse than warnings is left; 4 problems are; 2 the bus named is not there at all.
int examine(const std::string& bus, const doctor_options& how, const show_options& show, cli::output& out);

} // namespace evctl
