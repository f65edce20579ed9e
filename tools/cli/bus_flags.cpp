#include "tools/cli/bus_flags.hpp"

#include <evbus/error.hpp>
#include <evbus/ring/slot_word.hpp>

namespace cli {

void add_bus_flags(command& cmd, evbus::bus_options& o) {
    using evbus::group_access;
    using evbus::pacing;
    cmd.count("--slots", o.slots, "slots of the ring, a power of two (created with 16384)");
    cmd.option("--slot-bytes", "SIZE", "bytes of a slot, a multiple of 64 (created with 256)", [&o](const std::string& s) {
        const std::uint64_t bytes = parse_size(s);
        if (bytes > evbus::ring::max_slot_bytes) detail::refuse_range(s, "128", "65536");
        o.slot_bytes = static_cast<std::uint32_t>(bytes);
    });
    cmd.choice<pacing>("--pacing", o.pacing,
                       {{"overwrite", pacing::overwrite}, {"paced", pacing::paced}, {"strict", pacing::strict}},
                       "do publishers wait for the recorder: never, while it lives and moves, always");
    cmd.flag("--exclusive", o.exclusive, "one publisher at a time, at the lowest cost: a second one is refused");
    cmd.choice<group_access>(
        "--group", o.group,
        {{"none", group_access::none}, {"read", group_access::read}, {"write", group_access::write}},
        "what the group may do (created with none)");
    cmd.text("--log", o.log_dir, "DIR", "directory of the log (created in /var/lib/evbus/BUS or $XDG_STATE_HOME/evbus/BUS)");
}

void add_no_log_flag(command& cmd, evbus::bus_options& o) {
    cmd.no_flag("--no-log", o.with_log, "a bus without a log; publishers never wait");
}

void check_bus_flags(const evbus::bus_options& o) {
    if (o.log_dir && !o.with_log)
        throw evbus::error(evbus::errc::bad_option, {"", "--log and --no-log", "contradict each other", "give one of them"});
    if (o.log_dir && o.log_dir->empty())
        throw evbus::error(evbus::errc::bad_option, {"", "--log", "needs the name of a directory"});
}

} // namespace cli
