// Making a ring that nobody ever sees half-made, and taking its name away again.
//
// Order, and what a death leaves behind:
//   ctl unnamed, filled, its creation byte locked     - nothing
//   ctl linked under its random epoch                  - an orphan: cleared by the next creator
//   ring unnamed, filled                               - the same
//   ring linked                                        - the bus exists: the one commit point
// An orphan is unlinked only while its creation byte is free and, looked at after that, no ring
// names it.
#pragma once

#include <evbus/detail/cpu.hpp>
#include <evbus/detail/probe.hpp>
#include <evbus/detail/system.hpp>
#include <evbus/ring/clock.hpp>
#include <evbus/ring/description.hpp>
#include <evbus/ring/liveness.hpp>
#include <evbus/ring/shm.hpp>
#include <evbus/ring/slot_word.hpp>
#include <evbus/ring/words.hpp>

#include <dirent.h>

#include <optional>
#include <string>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace ring {

/// All that distinguishes one ring from another; every value already checked and defaulted.
struct creation {
    std::string name;
    std::uint64_t slots = 0;
    std::uint32_t slot_bytes = 0;
    unsigned mode = 0600;
    pacing_mode pacing = pacing_mode::overwrite;
    stamp_mode stamps = stamp_mode::wall_ns;
    bool exclusive = false;
    std::uint64_t stall_limit_ns = 1'000'000'000;
    evbus::bus_id id;
    epoch_t epoch = epoch_t::none;
    seq_t first_seq = 1;
    std::string log_dir;
};

inline void fill_ctl(ctl_header& ctl, const creation& c) noexcept {
    ctl.magic = ctl_magic;
    ctl.byte_order = byte_order_mark;
    ctl.version = ring_format_version;
    ctl.incompatible = c.exclusive ? exclusive_feature : 0;
    ctl.file_bytes = ctl_bytes;
    ctl.epoch = static_cast<std::uint64_t>(c.epoch);
    ctl.members_offset = sizeof(ctl_header);
    ctl.member_stride = sizeof(member_entry);
    ctl.member_count = evbus::member_count;
    ctl.latency_offset = latency_offset;
    ctl.latency_stride = sizeof(latency_words);
    ctl.latency_readers = latency_readers;
    // Nothing before the first seq is this ring's to record, and no recorder has been here: the
    // verdict for (generation 0, this frontier) stands from the start.
    ctl.frontier.written.store(c.first_seq - 1, std::memory_order_relaxed);
    ctl.frontier.captured.store(c.first_seq - 1, std::memory_order_relaxed);
    ctl.frontier.durable.store(c.first_seq - 1, std::memory_order_relaxed);
    ctl.verdict.verdict.store((c.first_seq - 1) & ((std::uint64_t{1} << 48) - 1), std::memory_order_relaxed);
}

inline void fill_description(ring_header& ring, const creation& c) noexcept {
    ring_description& d = ring.description;
    d.magic = ring_magic;
    d.byte_order = byte_order_mark;
    d.version = ring_format_version;
    d.incompatible = c.exclusive ? exclusive_feature : 0;
    d.slots = c.slots;
    d.slot_bytes = c.slot_bytes;
    d.slots_offset = sizeof(ring_header);
    d.file_bytes = ring_bytes(c.slots, c.slot_bytes);
    d.mode = c.mode;
    d.bus_id[0] = c.id.words[0];
    d.bus_id[1] = c.id.words[1];
    d.epoch = static_cast<std::uint64_t>(c.epoch);
    d.first_seq = c.first_seq;
    d.created_ns = detail::wall_ns();
    d.pacing = static_cast<std::uint32_t>(c.pacing);
    d.stamps = static_cast<std::uint32_t>(c.stamps);
    d.stall_limit_ns = c.stall_limit_ns;
    d.clock_offset = offsetof(ring_header, clock);
    d.tail_offset = offsetof(ring_header, tail);
    const std::string boot = detail::boot_id();
    std::memcpy(d.boot_id, boot.data(), std::min(boot.size(), sizeof d.boot_id - 1));
    std::memcpy(d.name, c.name.data(), std::min(c.name.size(), sizeof d.name - 1));
    std::memcpy(ring.log_dir, c.log_dir.data(), std::min(c.log_dir.size(), max_log_dir));
    d.checksum = description_checksum(d, ring.log_dir);
    ring.tail.store(c.first_seq, std::memory_order_relaxed);
}

/// Slots in front of the first seq's own begin in its lap, so that nobody takes a seq below it.
inline void fill_slots(std::byte* slots, const creation& c) noexcept {
    const geometry shape(c.slots, c.slot_bytes);
    const std::uint64_t lap = shape.lap(c.first_seq);
    for (std::uint64_t i = 0; i < c.slots; ++i) {
        const std::uint64_t own = i < shape.index(c.first_seq) ? lap : (lap - 1) & geometry::lap_mask;
        auto* word = reinterpret_cast<shared_word*>(slots + i * c.slot_bytes);
        word->store(slot_word(own, member_no::nobody, phase::dead).bits(), std::memory_order_relaxed);
    }
}

/// Names of ctl objects of `bus` in /dev/shm.
[[nodiscard]] inline std::vector<std::string> ctl_objects(const std::string& bus) {
    std::vector<std::string> found;
    const std::string prefix = ctl_prefix(bus);
    if (DIR* dir = ::opendir(shm_directory)) {
        while (const dirent* e = ::readdir(dir)) {
            const std::string_view name = e->d_name;
            // All hex: "evbus.a.ctl-0123456789a.ring" is the ring of a bus with a strange name.
            std::uint64_t epoch = 0;
            if (name.starts_with(prefix) && name.size() == prefix.size() + 16 &&
                evbus::detail::parse_hex64(name.substr(prefix.size()), epoch))
                found.emplace_back(name);
        }
        ::closedir(dir);
    }
    return found;
}

/// The epoch that the ring under this name has now, unchecked: `none` when there is no ring, nothing
/// when there is one that cannot be read (cut, not ours, no descriptor left).
[[nodiscard]] inline std::optional<epoch_t> named_epoch(const std::string& bus) noexcept {
    ring_description d{};
    const shm_file ring = shm_file::try_open(ring_object(bus), access::read_only);
    if (!ring) return errno == ENOENT ? std::optional(epoch_t::none) : std::nullopt;
    if (::pread(ring.fd(), &d, sizeof d, 0) != static_cast<ssize_t>(sizeof d)) return std::nullopt;
    return static_cast<epoch_t>(d.epoch);
}

/// Unlinks control objects that a creator or remover left behind. Returns how many.
inline std::size_t remove_orphaned_ctl(const std::string& bus) {
    std::size_t removed = 0;
    for (const std::string& object : ctl_objects(bus)) {
        const held_byte creation = held_byte::try_take(object, creation_lock_byte);
        if (!creation) continue;
        const std::optional<epoch_t> named = named_epoch(bus); // in this order: the byte first
        mark(probe::orphan_seen);
        if (named && object != ctl_object(bus, *named) && unlink_object(object)) {
            ++removed;
            mark(probe::orphan_removed);
        }
    }
    return removed;
}

/// Makes the ring. False when another process was first: attach to that one then. Throws when
/// memory, permission or a limit stands against it; leaves nothing behind in that case.
[[nodiscard]] inline bool create_ring(const creation& c) {
    const std::string ctl_object_name = ctl_object(c.name, c.epoch);
    remove_orphaned_ctl(c.name);

    const shm_file ctl = shm_file::make_unnamed(ctl_object_name, ctl_bytes, c.mode);
    {
        const bip::mapped_region region = map(ctl, access::read_write, ctl_bytes);
        fill_ctl(*static_cast<ctl_header*>(region.get_address()), c);
    }
    struct flock creating = one_byte(F_WRLCK, creation_lock_byte);
    if (::fcntl(ctl.fd(), F_OFD_SETLK, &creating) != 0) detail::throw_errno(errno, "create bus", shm_path(ctl_object_name));

    mark(probe::create_ctl_filled);
    const std::uint64_t bytes = ring_bytes(c.slots, c.slot_bytes);
    const shm_file ring = shm_file::make_unnamed(ring_object(c.name), bytes, c.mode);
    {
        const bip::mapped_region region = map(ring, access::read_write, bytes);
        fill_description(*static_cast<ring_header*>(region.get_address()), c);
        fill_slots(static_cast<std::byte*>(region.get_address()) + sizeof(ring_header), c);
        if (c.stamps == stamp_mode::counter) clock_keeper::begin(static_cast<ring_header*>(region.get_address())->clock);
    }
    mark(probe::create_ring_filled);
    if (!ctl.link_as(ctl_object_name))
        throw error(errc::already_exists, {"create bus", shm_path(ctl_object_name), "the random name is taken", "try again"});
    mark(probe::create_ctl_linked);
    bool mine = false;
    try {
        mine = ring.link_as(ring_object(c.name));
        mark(probe::create_ring_linked);
    } catch (...) {
        unlink_object(ctl_object_name);
        throw;
    }
    if (!mine) unlink_object(ctl_object_name);
    return mine;
}

/// Takes both names away, the ring's first. What is mapped stays mapped. The caller has made sure
/// that nobody is left, or has retired the ring.
inline void unlink_ring(const std::string& bus, epoch_t epoch) {
    if (!unlink_object(ring_object(bus)) && errno != ENOENT)
        detail::throw_errno(errno, "remove bus", shm_path(ring_object(bus)));
    if (epoch != epoch_t::none) unlink_object(ctl_object(bus, epoch));
}

} // namespace ring
} // namespace v1
} // namespace evbus
