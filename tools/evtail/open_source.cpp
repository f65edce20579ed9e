// Which source the options name.
#include "tools/cli/log_place.hpp"
#include "tools/evtail/bus_source.hpp"
#include "tools/evtail/dead_ring.hpp"
#include "tools/evtail/log_source.hpp"
#include "tools/evtail/options.hpp"

#include <evbus/error.hpp>

#include <optional>

namespace evtail {
namespace {

using evbus::errc;
using evbus::error;

std::unique_ptr<source> open_log_of(const options& o, const std::optional<evbus::bus>& live) {
    if (live && live->log_dir().empty())
        throw error(errc::not_found, {"read bus " + o.bus, "--source log", "this bus was created without a log", "leave it out"});
    const std::string dir = cli::log_of_bus("read bus " + o.bus, o.bus, live,
                                            "create the bus by publishing to it (evpub " + o.bus + " TOPIC), name its log with "
                                            "--log, or look at evctl list");
    return std::make_unique<log_source>(dir, o.bus, o.source == source_kind::automatic, o.wanted, o.follow);
}

} // namespace

std::unique_ptr<source> open_source(const options& o) {
    if (o.ring_file) return std::make_unique<dead_ring_source>(*o.ring_file, o.wanted);
    if (o.log_dir) return std::make_unique<log_source>(*o.log_dir, "", false, o.wanted, o.follow);
    const std::optional<evbus::bus> live = cli::try_observe(o.bus);
    if (o.source == source_kind::log) return open_log_of(o, live);
    if (live) return std::make_unique<bus_source>(*live, o.wanted, o.source == source_kind::ring, o.durable);
    if (o.durable)
        throw error(errc::not_found, {"read bus " + o.bus, evbus::ring::shm_path(evbus::ring::ring_object(o.bus)),
                                      "its ring is not there, which says what is synced", "leave out --durable to read its log"});
    if (o.source == source_kind::ring)
        throw error(errc::not_found, {"read bus " + o.bus, evbus::ring::shm_path(evbus::ring::ring_object(o.bus)), "its ring is not there",
                                      "leave out --source ring to read its log"});
    return open_log_of(o, live);
}

} // namespace evtail
