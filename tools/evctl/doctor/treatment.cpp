#include "tools/evctl/doctor/treatment.hpp"

#include "tools/evctl/doctor/bus_state.hpp"
#include "tools/evctl/removal.hpp"

#include <evbus/ring/create.hpp>
#include <evbus/ring/head.hpp>
#include <evbus/ring/repair.hpp>

#include <cerrno>
#include <cstring>
#include <memory>

namespace evctl::doctor {
namespace {

namespace ring = evbus::ring;

std::string bus_of_ctl(const std::string& object) {
    constexpr std::size_t prefix = 6;       // "evbus."
    constexpr std::size_t suffix = 5 + 16;  // ".ctl-" and the epoch
    return object.size() > prefix + suffix ? object.substr(prefix, object.size() - prefix - suffix) : std::string{};
}

void remove_ctl(finding& f) {
    // In this order: the creation byte, so that no creator can be at work on it; then the ring's word.
    const ring::held_byte creation = ring::held_byte::try_take(f.target, ring::creation_lock_byte);
    if (!creation) {
        f.unfixed = errno == 0 ? "somebody is at work on it" : errno == ENOENT ? "it is gone already" : std::strerror(errno);
        return;
    }
    const std::string bus = bus_of_ctl(f.target);
    const std::optional<evbus::epoch_t> named = ring::named_epoch(bus);
    const ring::shm_file file = ring::shm_file::try_open(f.target, ring::access::read_only);
    if (!named || f.target == ring::ctl_object(bus, *named)) f.unfixed = "a ring names it now, or cannot be read";
    else if (!file || ring::first_held_byte(file.fd(), 1, ring::recorder_lock_byte) >= 0) f.unfixed = "a member lives in it";
    else if (!ring::unlink_object(f.target)) f.unfixed = std::strerror(errno);
    else f.fixed = "removed /dev/shm/" + f.target;
}

void finish_closed(finding& f, const ring::attachment& at) {
    const seq_of_end end = finish_closed_ring(f.target, at);
    f.fixed = "removed the closed ring's names" + std::string(end.noted ? "; the next ring goes on at seq " + std::to_string(end.closed) : "");
}

void void_slots(finding& f, const ring::attachment& at) {
    std::size_t done = 0;
    std::size_t left = 0;
    for (evbus::seq_t i = 0; i < at.shape().slots(); ++i) {
        const ring::slot_word w = ring::load_word(at, i);
        if (w.phase() != ring::phase::writing && w.phase() != ring::phase::stalled) continue;
        if (!ring::owner_is_dead(at, w.owner())) continue;
        ring::slot_pen pen(at, i);
        if (pen && pen.swap(w, w.with(ring::phase::dead))) {
            ring::note_repair(at, evbus::notice_kind::reaped, i, w.owner(), nullptr);
            ++done;
        } else if (!pen) {
            ++left;
        }
    }
    if (left != 0) f.unfixed = std::to_string(left) + " slot(s) cannot be written by this user";
    else f.fixed = done == 0 ? "others have done it meanwhile" : std::to_string(done) + " slot(s) are voids now";
}

void remove_bus(finding& f, const ring::attachment& at) {
    // As evctl remove does it, who looks for members once more; and for what nobody has recorded since.
    const evbus::seq_t head = ring::find_head(at);
    if (!at.description().log_dir.empty() && head - 1 > at.ctl().frontier.written.load()) {
        f.unfixed = "events were published meanwhile that are not recorded";
        return;
    }
    remove_ring(f.target, at, {});
    f.fixed = "removed the bus; its log, if it has one, is as it was";
}

} // namespace

void treat(finding& f) {
    try {
        if (f.fix == cure::none) return;
        if (f.fix == cure::remove_ctl) return remove_ctl(f);
        const std::shared_ptr<ring::attachment> at = ring::attachment::open(f.target, ring::access::read_write);
        if (f.fix == cure::finish_closed) finish_closed(f, *at);
        if (f.fix == cure::void_slots) void_slots(f, *at);
        if (f.fix == cure::remove_bus) remove_bus(f, *at);
    } catch (const evbus::error& e) {
        f.unfixed = e.what();
    }
}

} // namespace evctl::doctor
