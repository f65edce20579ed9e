// evtail: shows the events of a bus. Reads only: takes no place among the participants, holds nobody
// up, writes nothing but its cursor. Its exit codes stand in --help (options.cpp).
#include "tools/cli/exit_codes.hpp"
#include "tools/cli/terminal.hpp"
#include "tools/evtail/options.hpp"
#include "tools/evtail/tail.hpp"

#include <exception>
#include <optional>

#include <unistd.h>

int main(int argc, char** argv) {
    cli::prepare_process();
    const auto parsed = evtail::parse_options(argc, argv);
    if (const int* code = std::get_if<int>(&parsed)) return *code;
    const evtail::options& o = std::get<evtail::options>(parsed);
    try {
        // Without -f or a cursor a signal may kill: there is nothing to bring to an end.
        std::optional<cli::stop_signal> stop;
        if (o.is_live() || o.cursor) stop.emplace();
        cli::output out(STDOUT_FILENO);
        return evtail::tail(o, out, stop ? &*stop : nullptr).run();
    } catch (const std::exception& e) {
        cli::say("evtail", e.what());
        return cli::exit_failed;
    }
}
