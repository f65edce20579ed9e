#include "tools/evpub/sender.hpp"

#include "tools/cli/units.hpp"

#include <evbus/ring/retire.hpp>

#include <algorithm>
#include <thread>

using namespace std::chrono_literals;

namespace evpub {
namespace {

// A wait is cut into slices, so that a signal is heard during it. They grow, because an event of many
// frames that is cut short begins anew.
constexpr std::chrono::nanoseconds shortest_slice = 200ms;
constexpr std::chrono::nanoseconds longest_slice = 5s;

evbus::group_access group_of(const evbus::bus& on) {
    const auto at = on.attach(evbus::ring::access::read_only);
    return evbus::detail::group_of_mode(at->description().raw.mode);
}

} // namespace

sender::sender(sender_options how, const cli::stop_signal& stop)
    : how_(std::move(how)), stop_(stop), first_slice_(std::min(shortest_slice, how_.timeout.value_or(shortest_slice))),
      with_{how_.headers.view()} {
    how_.create.on_notice = [](const evbus::notice& n) { cli::say("evpub", n.text); };
    open();
}

void sender::open() {
    for (int tries = 0;; ++tries) {
        bus_ = evbus::bus::open_or_create(how_.bus, how_.create);
        try {
            publisher_.emplace(*bus_, evbus::publisher_options{how_.name, how_.create.on_notice});
            group_ = group_of(*bus_);
            return;
        } catch (const evbus::error& e) {
            // Removed and created anew between the two steps: look again.
            if ((e.kind() != evbus::errc::retired && e.kind() != evbus::errc::not_found) || tries == 100) throw;
        }
    }
}

void sender::reopen() {
    if (!said_retired_) cli::say("evpub", "the ring of bus " + how_.bus + " was removed: going on with the bus created anew");
    said_retired_ = true;
    publisher_.reset();
    // Who closed it takes its names away, after it has told the log. If it died before that, we do.
    for (int i = 0; i < 600 && bus_->is_current() && !stop_.asked(); ++i) std::this_thread::sleep_for(10ms);
    if (bus_->is_current()) evbus::ring::unlink_closed(how_.bus, bus_->epoch());
    const evbus::bus before = *bus_;
    create_like(before);
    open();
    if (bus_->id() != before.id()) first_ = evbus::no_seq; // other seqs
}

// What was left to the bus that was there is taken from it, its log above all. Somebody else may have
// been first, with other properties: then theirs hold, as far as the flags allow.
void sender::create_like(const evbus::bus& before) {
    evbus::bus_options o = how_.create;
    o.slots = before.slots();
    o.slot_bytes = before.slot_bytes();
    o.pacing = before.pacing();
    o.with_log = !before.log_dir().empty();
    if (o.with_log) o.log_dir = before.log_dir();
    if (!o.group) o.group = group_;
    try {
        (void)evbus::bus::create(how_.bus, o);
    } catch (const evbus::error& e) {
        if (e.kind() != evbus::errc::already_exists) throw;
    }
}

void sender::look_after() {
    const std::int64_t now = evbus::detail::steady_ns();
    if (now - looked_ns_ < 1'000'000'000) return;
    looked_ns_ = now;
    if (!bus_->is_current()) reopen();
}

outcome sender::send_slow(const evbus::topic& to, std::span<const std::byte> payload, evbus::publish_status status) {
    nanoseconds slice = first_slice_;
    nanoseconds waited = slice;
    while (true) {
        switch (status) {
        case evbus::publish_status::timed_out:
            if (how_.timeout && waited >= *how_.timeout) return outcome::timed_out;
            if (stop_.asked()) return outcome::stopped;
            slice = std::min(slice * 2, longest_slice);
            if (how_.timeout) slice = std::min(slice, *how_.timeout - waited);
            waited += slice;
            break;
        case evbus::publish_status::retired:
            if (stop_.asked()) return outcome::stopped;
            reopen();
            break;
        case evbus::publish_status::too_large: refuse_size(to, payload.size());
        default:
            throw evbus::error(evbus::errc::damaged,
                               {"publish on bus " + how_.bus, "", to_string(status),
                                "evctl info shows what is left; evctl remove --force and create the bus anew"});
        }
        const evbus::published r = publisher_->publish_for(slice, to, payload, with_);
        if (r) {
            count(r.seq);
            return outcome::sent;
        }
        status = r.status;
    }
}

void sender::refuse_size(const evbus::topic& to, std::size_t bytes) const {
    const std::size_t most = publisher_->max_event(to, how_.headers.words().size_bytes());
    const std::string shape = std::to_string(bus_->slots()) + " slots of " + std::to_string(bus_->slot_bytes()) + " bytes";
    if (most == 0)
        throw evbus::error(evbus::errc::too_large,
                           {"", "topic and headers of " + std::string(to.text()), "do not fit into a slot of " +
                            std::to_string(bus_->slot_bytes()) + " bytes", "use fewer headers, or create the bus with larger --slot-bytes"});
    throw evbus::error(evbus::errc::too_large,
                       {"", "an event of " + cli::format_count(bytes) + " bytes",
                        "bus " + how_.bus + " (" + shape + ") takes at most " + cli::format_count(most),
                        "split it, or create the bus with more --slots or larger --slot-bytes"});
}

} // namespace evpub
