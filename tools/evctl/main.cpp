// evctl: what buses there are, their making and removal, and what is wrong with them.
#include "tools/cli/bus_flags.hpp"
#include "tools/cli/exit_codes.hpp"
#include "tools/cli/options.hpp"
#include "tools/evctl/commands.hpp"

#include <evbus/error.hpp>

#include <unistd.h>

namespace {

constexpr const char* examples = "  evctl list                     all buses of this machine\n"
                                 "  evctl info md                  how bus md is doing, and who is on it\n"
                                 "  evctl create md --slots 65536 --slot-bytes 128 --pacing strict\n"
                                 "  evctl remove md                when nobody uses it any more\n"
                                 "  evctl doctor --fix             what is wrong here, and cleaning up what is left over\n"
                                 "Ends with 0, 1 (list: there is none), 4 (doctor: problems are left) or 2 on an error.\n";

} // namespace

int main(int argc, char** argv) {
    cli::prepare_process();
    cli::command cmd("evctl", "lists, shows, creates, removes and examines buses", examples);
    evctl::show_options show;
    evctl::remove_options removal;
    evctl::doctor_options care;
    evbus::bus_options creation;
    std::string bus;

    cli::command& list = cmd.subcommand("list", "all buses, damaged ones too", "  evctl list --json | jq '.[].name'\n");
    list.flag("--json", show.json, "one JSON array");
    cli::command& info = cmd.subcommand("info", "one bus in full: geometry, recorder, members", "  evctl info md\n");
    info.positional("BUS", bus, "name of the bus");
    info.flag("--json", show.json, "one JSON object");
    cli::command& create = cmd.subcommand("create", "makes a bus; one that is there is an error", "  evctl create md --no-log\n");
    create.positional("BUS", bus, "name of the bus");
    cli::add_bus_flags(create, creation);
    cli::add_no_log_flag(create, creation);
    cli::command& remove = cmd.subcommand("remove", "removes a bus that nobody uses",
                                          "  evctl remove md\n  evctl remove md --force --with-log\n");
    remove.positional("BUS", bus, "name of the bus");
    remove.flag("--force", removal.force, "also with members living (they are told), or when it is damaged");
    remove.flag("--with-log", removal.with_log, "delete its log too; no recorder may live");
    cli::command& doctor = cmd.subcommand("doctor", "says what is wrong with this machine and its buses, and what to do",
                                          "  evctl doctor                   this machine and all buses\n"
                                          "  evctl doctor md                this machine and bus md\n"
                                          "  evctl doctor --fix             and clean up what is proven to be nobody's\n"
                                          "  evctl doctor md --fix          and remove md too, if it is stale; its log stays\n"
                                          "  evctl doctor --json | jq '.findings[] | select(.severity != \"fine\")'\n"
                                          "Ends with 0 (nothing worse than warnings is left), 4 (problems are) or 2 (no such bus, wrong usage).\n");
    doctor.positional("BUS", bus, "name of a bus; without it all of them", false);
    doctor.flag("--fix", care.fix, "clean up: orphaned control objects, names of closed rings, slots of the dead");
    doctor.flag("--json", show.json, "one JSON object");
    doctor.duration("--stale-after", care.stale_after, "a bus without members for so long is stale (1d)");
    if (const auto code = cmd.parse(argc, argv)) return *code;

    show.colour = cli::use_colour(STDOUT_FILENO);
    cli::output out(STDOUT_FILENO);
    try {
        if (list.chosen()) return evctl::list(show, out);
        if (info.chosen()) return evctl::info(bus, show, out);
        if (remove.chosen()) return evctl::remove(bus, removal);
        if (doctor.chosen()) return evctl::examine(bus, care, show, out);
        cli::check_bus_flags(creation);
        return evctl::create(bus, creation);
    } catch (const std::exception& e) {
        cli::say("evctl", e.what());
        return cli::exit_failed;
    }
}
