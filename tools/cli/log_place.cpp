#include "tools/cli/log_place.hpp"

#include <evbus/error.hpp>
#include <evbus/log/log_dir.hpp>

namespace cli {
namespace {

using evbus::errc;
using evbus::error;

bool is_path(std::string_view text) { return text == "." || text == ".." || text.find('/') != std::string_view::npos; }

/// Throws unless `dir` is a directory that looks like a log.
void check_dir(std::string_view operation, const std::string& dir) {
    evbus::log::file_info info;
    if (const int r = evbus::log::posix().stat(dir, info); r < 0) evbus::detail::throw_errno(-r, operation, dir);
    if (!info.is_directory)
        throw error(errc::not_a_bus, {operation, dir, "it is no directory", "name the log's directory, the one that holds segments/"});
    if (!evbus::log::is_log_dir(evbus::log::posix(), {dir}))
        throw error(errc::not_a_bus, {operation, dir, "it holds neither segments/ nor epochs, so that it is no log",
                                      "name the log's directory, the one that holds segments/"});
}

} // namespace

std::optional<evbus::bus> try_observe(const std::string& name) {
    try {
        return evbus::bus::observe(name);
    } catch (const error& e) {
        if (e.kind() != errc::not_found) throw;
        return std::nullopt;
    }
}

std::string log_of_bus(std::string_view operation, const std::string& name, const std::optional<evbus::bus>& ring,
                       std::string_view way_out) {
    const std::string says = ring ? ring->log_dir() : std::string();
    if (ring && says.empty())
        throw error(errc::not_found, {operation, "the log of bus " + name, "this bus was created without a log"});
    if (const auto dir = evbus::log::find_log_dir(evbus::log::posix(), name, says)) return *dir;
    std::string places = evbus::ring::shm_path(evbus::ring::ring_object(name));
    for (const std::string& place : evbus::log::default_log_dirs(name)) places += ", " + place;
    throw error(errc::not_found, {operation, places, "neither its ring nor its log is there", way_out});
}

log_place find_log(std::string_view operation, const std::string& dir_or_bus) {
    if (dir_or_bus.empty()) throw error(errc::bad_option, {operation, "DIR|BUS", "it is empty", "name a bus or a log's directory"});
    if (is_path(dir_or_bus)) {
        check_dir(operation, dir_or_bus);
        return {dir_or_bus, std::nullopt};
    }
    const bool is_here = evbus::log::is_log_dir(evbus::log::posix(), {dir_or_bus});
    try {
        const std::string named = std::string(operation) + ": bus " + dir_or_bus;
        log_place out{{}, try_observe(dir_or_bus)};
        out.dir = log_of_bus(named, dir_or_bus, out.ring, "look at evctl list, or name the log's directory");
        check_dir(named, out.dir);
        return out;
    } catch (const error& e) {
        const bool nobodys = e.kind() == errc::not_found || e.kind() == errc::bad_name;
        if (!is_here || !nobodys) throw;
        return {dir_or_bus, std::nullopt};
    }
}

} // namespace cli
