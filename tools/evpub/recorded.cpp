#include "tools/evpub/recorded.hpp"

#include "tools/cli/exit_codes.hpp"
#include "tools/cli/units.hpp"

#include <algorithm>
#include <string>

using namespace std::chrono_literals;

namespace evpub {
namespace {

bool wait_slice(const evbus::bus& on, evbus::seq_t seq, recorded_as how, std::chrono::nanoseconds slice) {
    return how == recorded_as::written ? on.wait_written(seq, slice) : on.wait_durable(seq, slice);
}

std::string state_now(const evbus::bus& on, recorded_as how) {
    const evbus::frontiers f = on.frontier();
    return how == recorded_as::written ? "written up to seq " + std::to_string(f.written)
                                       : "durable up to seq " + std::to_string(f.durable);
}

} // namespace

int wait_recorded(const evbus::bus& on, evbus::seq_t seq, recorded_as how,
                  std::optional<std::chrono::nanoseconds> timeout, const cli::stop_signal& stop) {
    const std::string what = how == recorded_as::written ? "--wait written: " : "--wait durable: ";
    if (on.log_dir().empty()) {
        cli::say("evpub", what + "bus " + on.name() + " has no log, so nothing records it; leave --wait away");
        return cli::exit_failed;
    }
    const std::int64_t start = evbus::detail::steady_ns();
    while (true) {
        // Asked before the look at the frontier: a recorder that ends in between has told it by then.
        const bool somebody_records = timeout || on.has_recorder();
        const std::chrono::nanoseconds waited(evbus::detail::steady_ns() - start);
        const std::chrono::nanoseconds slice = timeout ? std::clamp<std::chrono::nanoseconds>(*timeout - waited, 0ns, 100ms) : 100ms;
        if (wait_slice(on, seq, how, somebody_records ? slice : 0ns)) return cli::exit_fine;
        if (stop.asked()) return 128 + stop.number();
        if (!somebody_records) {
            cli::say("evpub", what + "no recorder lives on bus " + on.name() + " (" + state_now(on, how) +
                                  "); start evrecord " + on.name() + ", or wait for one with --timeout");
            return cli::exit_failed;
        }
        if (timeout && waited >= *timeout) {
            cli::say("evpub", what + "seq " + std::to_string(seq) + " was not recorded within " +
                                  cli::format_duration(*timeout) + " (" + state_now(on, how) + ")" +
                                  (on.has_recorder() ? "" : "; no recorder lives: start evrecord " + on.name()));
            return cli::exit_not_in_time;
        }
    }
}

} // namespace evpub
