#include "tools/cli/exit_codes.hpp"
#include "tools/evctl/commands.hpp"

#include <evbus/bus.hpp>

namespace evctl {

int create(const std::string& bus, const evbus::bus_options& options) {
    evbus::bus_options how = options;
    how.on_notice = [](const evbus::notice& n) { cli::say("evctl", n.text); };
    const evbus::bus made = evbus::bus::create(bus, how);
    cli::say("evctl", "created bus " + bus + ": " + std::to_string(made.slots()) + " slots of " + std::to_string(made.slot_bytes()) +
                          " bytes, " + evbus::to_string(made.pacing()) + (made.exclusive() ? ", exclusive" : "") + ", first seq " + std::to_string(made.first_seq()) +
                          (made.log_dir().empty() ? ", no log" : ", log in " + made.log_dir()));
    return cli::exit_fine;
}

} // namespace evctl
