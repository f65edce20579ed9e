// evlog: what is in a log, whether it is whole, and what can be done with it.
#include "tools/cli/exit_codes.hpp"
#include "tools/cli/options.hpp"
#include "tools/evlog/commands.hpp"

#include <exception>
#include <vector>

#include <unistd.h>

namespace {

constexpr const char* examples = "  evlog info md                  what the log of bus md holds\n"
                                 "  evlog verify /srv/copy/md      is it whole? evlog gaps says what it lacks\n"
                                 "  evlog repair md --to /var/lib/evbus/md.new\n"
                                 "  evlog retain md --help         each command has examples of its own\n"
                                 "Most end with 0, 3 (seqs are missing), 4 (damage) or 2 on an error.\n";

/// In the order of --help.
constexpr evlog::subcommand (*all[])(cli::command&) = {
    evlog::add_info,
    evlog::add_compress,
    evlog::add_verify,
    evlog::add_repair,
    evlog::add_gaps,
    evlog::add_export,
    evlog::add_import,
    evlog::add_cursors,
    evlog::add_anchors,
    evlog::add_dead_letters,
    evlog::add_retain,
};

} // namespace

int main(int argc, char** argv) {
    cli::prepare_process();
    cli::command cmd("evlog", "looks after logs: shows, checks, repairs and carries them", examples);
    std::vector<evlog::subcommand> subcommands;
    for (const auto add : all) subcommands.push_back(add(cmd));
    if (const auto code = cmd.parse(argc, argv)) return *code;

    cli::output out(STDOUT_FILENO);
    try {
        for (const evlog::subcommand& s : subcommands)
            if (s.flags->chosen()) return s.run(out);
    } catch (const std::exception& e) {
        cli::say("evlog", e.what());
    }
    return cli::exit_failed;
}
