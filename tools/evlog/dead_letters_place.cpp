#include "tools/evlog/dead_letters_place.hpp"

#include "tools/cli/terminal.hpp"
#include "tools/evlog/cursor_view.hpp"

#include <evbus/error.hpp>
#include <evbus/log/cursor_file.hpp>
#include <evbus/log/cursor_list.hpp>
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
    for (const log::cursor_info& c : log::list_cursors(log::posix(), log_dir, {}))
        if (c.is_usable() && c.saved.notes.letters != evbus::no_seq) names.push_back(c.name);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
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

evbus::seq_t remembered_letters(const letter_place& place, const std::string& worker) {
    const log::cursor_copies found = log::read_cursor(log::posix(), log::cursor_paths(place.log(), worker));
    const log::saved_cursor* best = found.best();
    return best != nullptr && (place.bus.empty() || best->bus == place.bus) ? best->notes.letters : evbus::no_seq;
}

error letters_are_missing(const letter_place& place, const std::string& worker, evbus::seq_t last, evbus::seq_t remembered) {
    return error(errc::damaged, {"open letters of " + worker, place.log().dead_letters() + "/" + worker,
                                 "it ends at " + std::to_string(last) + ", and the cursor remembers letters up to " + std::to_string(remembered),
                                 "put the directory back; or, if they are to be given up, reset the cursor with `evlog cursors DIR reset " + worker + " SEQ`"});
}

evbus::letters::journal open_letters(const letter_place& place, const std::string& worker, to_do what) {
    const auto say = [](const evbus::notice& n) { cli::say("evlog", n.text); };
    const auto open = [&](bool read_only) {
        return evbus::letters::journal::open(log::posix(), place.log(), worker, {.bus = place.bus, .program = "evlog", .read_only = read_only, .on_notice = say});
    };
    const evbus::seq_t remembered = remembered_letters(place, worker);
    if (what == to_do::change && remembered == evbus::no_seq) return open(false);
    try {
        evbus::letters::journal look = open(true);
        if (what == to_do::look) return look;
        // What is appended to a journal that has lost its end would fill the gap, and its worker take it for whole.
        if (look.last() < remembered) throw letters_are_missing(place, worker, look.last(), remembered);
    } catch (const error& e) {
        if (e.kind() != errc::not_found || remembered == evbus::no_seq) throw;
        throw letters_are_missing(place, worker, evbus::no_seq, remembered);
    }
    return open(false);
}

std::string who_works(const letter_place& place, const std::string& worker) {
    const std::string lock = log::cursor_paths(place.log(), worker).lock();
    return log::lock_file::is_held(log::posix(), lock) ? log::lock_file::holder(log::posix(), lock) : std::string();
}

} // namespace evlog
