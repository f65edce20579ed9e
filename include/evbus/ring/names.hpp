// Names of buses and of their shared memory objects.
#pragma once

#include <evbus/error.hpp>
#include <evbus/ids.hpp>
#include <evbus/ring/layout.hpp>

#include <string>
#include <string_view>

namespace evbus {
inline namespace v1 {
namespace ring {

/// Where the C library keeps POSIX shared memory on Linux.
inline constexpr const char* shm_directory = "/dev/shm";

/// [a-z0-9][a-z0-9._-]{0,62}
[[nodiscard]] constexpr bool valid_bus_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > max_bus_name) return false;
    for (std::size_t i = 0; i < name.size(); ++i) {
        const char c = name[i];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && (i == 0 || (c != '.' && c != '_' && c != '-'))) return false;
    }
    return true;
}

/// Throws errc::bad_name.
inline void check_bus_name(std::string_view name) {
    if (!valid_bus_name(name))
        throw error(errc::bad_name, {"use bus name", "'" + std::string(name) + "'", "not a name for a bus",
                                     "use 1-63 of a-z 0-9 . _ - and begin with a letter or digit"});
}

[[nodiscard]] inline std::string ring_object(std::string_view bus) { return "evbus." + std::string(bus) + ".ring"; }
[[nodiscard]] inline std::string ctl_prefix(std::string_view bus) { return "evbus." + std::string(bus) + ".ctl-"; }
[[nodiscard]] inline std::string ctl_object(std::string_view bus, epoch_t epoch) {
    return ctl_prefix(bus) + to_string(epoch);
}
[[nodiscard]] inline std::string shm_path(std::string_view object) {
    return std::string(shm_directory) + "/" + std::string(object);
}

} // namespace ring
} // namespace v1
} // namespace evbus
