// The subcommands of evlog. Each has a file of its own that declares its flags and does the work, and one
// line here, in main.cpp and in meson.build. Data goes to the output, talk to standard error.
#pragma once

#include "tools/cli/options.hpp"
#include "tools/cli/terminal.hpp"

#include <functional>

namespace evlog {

/// A subcommand that was declared. `run` is called when the command line chose `flags`; it returns the exit
/// code and throws evbus::error for what exit code 2 stands for.
struct subcommand {
    cli::command* flags;
    std::function<int(cli::output&)> run;
};

/// What is in a log. Exit codes: 0; 2 there is no log, or it cannot be read.
subcommand add_info(cli::command& evlog);
/// Compresses sealed segments. Exit codes: 0; 4 a segment is damaged; 2 an error, or stopped.
subcommand add_compress(cli::command& evlog);
/// Whether a log is whole. Exit codes: 0; 3 whole, with gaps; 4 damage; 2 not everything could be looked at.
subcommand add_verify(cli::command& evlog);
/// Writes a whole log elsewhere. Exit codes: 0; 3 something is missing in it; 2 an error: then nothing stands there.
subcommand add_repair(cli::command& evlog);
/// What a log lacks. Exit codes: 0 nothing; 3 some seqs; 2 it could not be read.
subcommand add_gaps(cli::command& evlog);
/// Sends a log elsewhere. Exit codes: 0; 3 it has holes; 2 an error; 128 + signal when stopped (0 with --follow).
subcommand add_export(cli::command& evlog);
/// Takes what export sends. Exit codes: as add_export.
subcommand add_import(cli::command& evlog);
/// Up to where states are kept elsewhere. Exit codes: 0; 1 there is no anchor; 124 no answer in time; 2 an error.
subcommand add_anchors(cli::command& evlog);
/// Where consumers stand. Exit codes: 0; 1 there is no cursor; 4 one is damaged; 2 an error.
subcommand add_cursors(cli::command& evlog);
/// What workers gave up. Exit codes: 0; 1 there is no (such) letter; 4 a worker's letters are damaged; 2 an error;
/// 128 + signal when stopped while publishing.
subcommand add_dead_letters(cli::command& evlog);
/// Shows which segments limits ask for, and deletes them when told to. Exit codes: 0; 2 an error.
subcommand add_retain(cli::command& evlog);

} // namespace evlog
