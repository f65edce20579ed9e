// evplay: publishes a recorded range again. Its exit codes stand in --help (options.cpp).
#include "tools/cli/exit_codes.hpp"
#include "tools/cli/terminal.hpp"
#include "tools/evplay/options.hpp"
#include "tools/evplay/player.hpp"

#include <exception>

#include <sys/prctl.h>

int main(int argc, char** argv) {
    cli::prepare_process();
    const auto parsed = evplay::parse_options(argc, argv);
    if (const int* code = std::get_if<int>(&parsed)) return *code;
    // The kernel may wake us 50 us late by default; 1 us costs nothing for one thread.
    ::prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
    const cli::stop_signal stop;
    try {
        return evplay::player(std::get<evplay::options>(parsed), stop).run();
    } catch (const std::exception& e) {
        cli::say("evplay", e.what());
        return cli::exit_failed;
    }
}
