#include "tools/cli/exit_codes.hpp"
#include "tools/cli/log_place.hpp"
#include "tools/evlog/commands.hpp"

#include <evbus/log/log_reader.hpp>

#include <memory>
#include <string>

namespace evlog {
namespace {

struct options {
    std::string log;
};

int info(const options& o, cli::output& out) {
    const cli::log_place at = cli::find_log("read log", o.log);
    evbus::log::log_reader log(evbus::log::posix(), at.dir);
    out.buffer() += "log    " + at.dir + "\nbus id " + to_string(log.bus()) + "\nseqs   " + std::to_string(log.first_seq()) + " to " +
                    std::to_string(log.last_seq()) + "\n";
    out.flush();
    return cli::exit_fine;
}

} // namespace

subcommand add_info(cli::command& evlog) {
    const auto o = std::make_shared<options>();
    cli::command& flags = evlog.subcommand("info", "what a log holds", "  evlog info md\n  evlog info ./logs/md\n");
    flags.positional("DIR|BUS", o->log, "a log's directory, or the name of a bus");
    return {&flags, [o](cli::output& out) { return info(*o, out); }};
}

} // namespace evlog
