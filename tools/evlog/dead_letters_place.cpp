#include "tools/evlog/dead_letters_place.hpp"

#include "tools/cli/terminal.hpp"
#include "tools/evlog/cursor_view.hpp"

#include <evbus/error.hpp>
#include <evbus/log/cursor_file.hpp>
#include <evbus/log/lock_file.hpp>

#include <algorithm>

namespace evlog {

namespace log = evbus::log;
using evbus::errc;
using evbus::error;

letter_place find_letters(const std::string& dir_or_bus) {
    letter_place out{cli::find_log("look at dead letters", dir_or_bus), {}};
    out.bus = reach_of(out.at).bus;
    return out;
}

std::vector<std::string> workers_of(const log::log_dir& log_dir) {
    const std::string dir = log_dir.dead_letters();
    std::vector<std::string> names;
    if (const int r = log::posix().list(dir, names); r < 0 && r != -ENOENT) evbus::detail::throw_errno(-r, "list dead letters", dir);
    std::erase_if(names, [](const std::string& n) { return !log::valid_cursor_name(n); });
    std::sort(names.begin(), names.end());
    return names;
}

void check_worker(const letter_place& place, const std::string& worker) {
    const std::vector<std::string> all = workers_of(place.log());
    if (std::find(all.begin(), all.end(), worker) != all.end()) return;
    std::string names;
    for (const std::string& n : all) names += (names.empty() ? "" : ", ") + n;
    throw error(errc::not_found, {"look at dead letters", "'" + worker + "'", "no worker of that name has any in " + place.log().dead_letters(),
                                  names.empty() ? "no worker has" : "there are: " + names});
}

evbus::letters::journal open_letters(const letter_place& place, const std::string& worker, to_do what) {
    const auto say = [](const evbus::notice& n) { cli::say("evlog", n.text); };
    return evbus::letters::journal::open(log::posix(), place.log(), worker, {.bus = place.bus, .program = "evlog", .read_only = what == to_do::look, .on_notice = say});
}

std::string who_works(const letter_place& place, const std::string& worker) {
    const std::string lock = log::cursor_paths(place.log(), worker).lock();
    return log::lock_file::is_held(log::posix(), lock) ? log::lock_file::holder(log::posix(), lock) : std::string();
}

} // namespace evlog
