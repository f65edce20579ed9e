// Reading and checking a ring's first page, before one byte of it is believed.
#pragma once

#include <evbus/detail/hash.hpp>
#include <evbus/error.hpp>
#include <evbus/ring/layout.hpp>
#include <evbus/ring/names.hpp>
#include <evbus/ring/slot_word.hpp>
#include <evbus/version.hpp>

#include <bit>
#include <cstring>
#include <string>

namespace evbus {
inline namespace v1 {
namespace ring {

static_assert(std::endian::native == std::endian::little, "evbus keeps its integers little-endian as they are");

/// A description that passed every check, with the strings taken out.
struct checked_description {
    ring_description raw{};
    std::string name;
    std::string log_dir; ///< empty: a bus without a log

    /// One publisher at a time, which stores plainly; nobody steps over its slots.
    [[nodiscard]] bool exclusive() const noexcept { return (raw.incompatible & exclusive_feature) != 0; }
    [[nodiscard]] geometry shape() const noexcept { return {raw.slots, raw.slot_bytes}; }
    [[nodiscard]] evbus::bus_id id() const noexcept { return {{raw.bus_id[0], raw.bus_id[1]}}; }
    [[nodiscard]] epoch_t epoch() const noexcept { return static_cast<epoch_t>(raw.epoch); }
    [[nodiscard]] pacing_mode pacing() const noexcept { return static_cast<pacing_mode>(raw.pacing); }
    [[nodiscard]] stamp_mode stamps() const noexcept { return static_cast<stamp_mode>(raw.stamps); }
};

[[nodiscard]] inline std::uint64_t description_checksum(const ring_description& d, const char (&log_dir)[1024]) noexcept {
    ring_description plain = d;
    plain.checksum = 0;
    return detail::xxh3(log_dir, sizeof log_dir, detail::xxh3(&plain, sizeof plain));
}

/// Bytes of a ring object of this shape.
[[nodiscard]] constexpr std::uint64_t ring_bytes(std::uint64_t slots, std::uint32_t slot_bytes) noexcept {
    return sizeof(ring_header) + slots * slot_bytes;
}

/// The two pages in front of the slots, as read with one pread.
struct ring_preamble {
    ring_description description;
    char log_dir[1024];
};
static_assert(sizeof(ring_preamble) == 1536);

/// Throws the error that fits the first thing that is wrong with `p`. `path` is for its words.
[[nodiscard]] inline checked_description check_description(const ring_preamble& p, std::uint64_t true_bytes,
                                                           const std::string& path) {
    const ring_description& d = p.description;
    const std::string operation = "attach to bus";
    const char* const recreate = "remove it with evctl remove --force and create the bus anew";
    const auto refuse = [&](errc code, const std::string& problem, std::string_view way_out) {
        throw error(code, {operation, path, problem, way_out});
    };
    if (d.magic != ring_magic) refuse(errc::not_a_bus, "it is no evbus ring", "remove that file, or choose another bus name");
    if (d.byte_order != byte_order_mark)
        refuse(errc::byte_order, "it was written on a machine of the other byte order", "read it on such a machine");
    if (d.version != ring_format_version)
        refuse(errc::wrong_version,
               "it has layout version " + std::to_string(d.version) + ", this library knows " +
                   std::to_string(ring_format_version),
               "use the same library in all processes, or create the bus anew");
    if ((d.incompatible & ~known_incompatible) != 0)
        refuse(errc::unknown_feature, "it uses feature bits that this library does not know (" +
                   detail::hex64(d.incompatible & ~known_incompatible) + ")", "use a newer library");
    if (d.checksum != description_checksum(d, p.log_dir))
        refuse(errc::damaged, "its description does not match its checksum", recreate);
    if (!valid_slots(d.slots) || !valid_slot_bytes(d.slot_bytes) || d.slots_offset != sizeof(ring_header) ||
        d.clock_offset != offsetof(ring_header, clock) || d.tail_offset != offsetof(ring_header, tail) ||
        d.file_bytes != ring_bytes(d.slots, d.slot_bytes))
        refuse(errc::bad_geometry, "its sizes and offsets contradict each other", recreate);
    if (d.mode != 0600 && d.mode != 0640 && d.mode != 0660)
        refuse(errc::bad_geometry, "it claims a mode that no bus is created with", recreate);
    if (d.pacing > 2 || d.stamps > 2 || d.first_seq == 0 || d.epoch == 0)
        refuse(errc::bad_geometry, "its pacing, stamps, first seq or epoch is out of range", recreate);
    if (true_bytes != d.file_bytes)
        refuse(errc::cut_short,
               "it has " + std::to_string(true_bytes) + " bytes instead of " + std::to_string(d.file_bytes), recreate);

    checked_description out;
    out.raw = d;
    out.name.assign(d.name, ::strnlen(d.name, sizeof d.name));
    out.log_dir.assign(p.log_dir, ::strnlen(p.log_dir, sizeof p.log_dir));
    if (!valid_bus_name(out.name)) refuse(errc::bad_geometry, "the bus name in it is malformed", recreate);
    return out;
}

} // namespace ring
} // namespace v1
} // namespace evbus
