#include "tools/cli/exit_codes.hpp"
#include "tools/cli/table.hpp"
#include "tools/cli/units.hpp"
#include "tools/cli/when.hpp"
#include "tools/evlog/commands.hpp"
#include "tools/evlog/cursor_view.hpp"

#include <evbus/error.hpp>
#include <evbus/log/cursor_store.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

namespace evlog {
namespace {

namespace log = evbus::log;
using evbus::errc;
using evbus::error;
using evbus::seq_t;

constexpr const char* examples = "  evlog cursors md                       all cursors of bus md: place, lag, filter, user,\n"
                                 "                                         and what a killed worker may have handled behind its place\n"
                                 "  evlog cursors md --json | jq '.cursors[].lag_events'\n"
                                 "  evlog cursors md reset billing 4711    goes on with seq 4711, wherever it stood\n"
                                 "  evlog cursors /srv/log/md reset billing begin\n"
                                 "  evlog cursors md remove billing        forgets it: it pins nothing any more\n"
                                 "Ends with 0, 1 (there is none), 4 (one of them is damaged) or 2 on an error.\n";

struct options {
    std::string log;
    std::vector<std::string> action;
    bool json = false;
};

std::string short_duration(std::int64_t ns) {
    constexpr std::int64_t ms = 1'000'000, second = 1000 * ms, day = 86'400 * second;
    const std::int64_t unit = ns >= 2 * day ? day : ns >= 7200 * second ? 3600 * second : ns >= 120 * second ? 60 * second : ns >= 2 * second ? second : ms;
    return cli::format_duration(std::chrono::nanoseconds(ns / unit * unit));
}

std::string lag_text(const cursor_view& v) {
    if (v.is_ahead) return "ahead";
    std::string text = cli::format_count(v.lag);
    if (v.lag != 0 && v.lag_ns) text += " (" + short_duration(*v.lag_ns) + ")";
    return text;
}

std::string state_text(const cursor_view& v) {
    std::string text = v.info.state == log::cursor_state::ok ? "" : to_string(v.info.state);
    const auto add = [&](const std::string& more) { text += (text.empty() ? "" : ", ") + more; };
    if (!v.user.empty()) add("used by " + v.user);
    else if (v.info.is_usable()) { // of a worker that lives they say how far it may go before its next save
        const log::cursor_notes& notes = v.info.saved.notes;
        if (notes.may_repeat != 0) add("up to " + cli::format_count(notes.may_repeat) + " may repeat");
        if (notes.unsure_letters) add("waiting letters may repeat");
    }
    return text.empty() ? "-" : text;
}

void say(const std::string& text) { cli::say("evlog", text); }

int list(const cli::log_place& at, bool as_json, cli::output& out) {
    const log_reach reach = reach_of(at);
    const std::vector<cursor_view> all = look_at_cursors(at, reach);
    bool damaged = false;
    using cli::align;
    cli::table t({{"CURSOR"}, {"NEXT SEQ", align::right}, {"LAG", align::right}, {"SAVED"}, {"FILTER"}, {"STATE"}});
    for (const cursor_view& v : all) {
        damaged = damaged || v.info.state == log::cursor_state::damaged;
        if (v.info.is_usable())
            t.add({v.info.name, std::to_string(v.info.saved.place.next), lag_text(v),
                   cli::format_iso(v.info.saved.saved_ns, cli::zone::local).substr(0, 19), v.info.saved.filter, state_text(v)});
        else
            t.add({v.info.name, "-", "-", "-", "-", state_text(v)});
    }
    if (as_json) out.buffer() += cursors_json(at.dir, reach, all);
    else if (!all.empty()) t.append_to(out.buffer(), cli::use_colour(STDOUT_FILENO));
    out.flush();
    for (const cursor_view& v : all) {
        if (!v.info.words.empty()) say("cursor " + v.info.name + ": " + v.info.words);
        if (v.is_ahead)
            say("cursor " + v.info.name + ": its place, seq " + std::to_string(v.info.saved.place.next) +
                ", lies ahead of ring and log, which end before seq " + std::to_string(reach.head));
    }
    if (all.empty()) say("there is no cursor in " + log::log_dir{at.dir}.cursors());
    return damaged ? cli::exit_damage : all.empty() ? cli::exit_nothing_matched : cli::exit_fine;
}

/// What is there under the name. Throws not_found, naming those that are there.
log::cursor_copies find_cursor(const std::string& operation, const std::string& dir, const std::string& name) {
    log::cursor_copies found;
    if (log::valid_cursor_name(name)) found = read_cursor(log::posix(), log::cursor_paths({dir}, name));
    if (!found.is_new()) return found;
    std::string names;
    for (const log::cursor_info& c : list_cursors(log::posix(), {dir}, {})) names += (names.empty() ? "" : ", ") + c.name;
    throw error(errc::not_found, {operation, "'" + name + "'", "there is no such cursor in " + dir,
                                  names.empty() ? "there is none at all" : "there are: " + names});
}

seq_t parse_place(const std::string& text, const log_reach& reach) {
    if (text == "begin") return reach.oldest;
    if (text == "end") return reach.head;
    const seq_t next = cli::parse_count(text);
    if (next == evbus::no_seq) throw error(errc::bad_option, {"reset cursor", "'" + text + "'", "is no seq", "seqs begin at 1"});
    if (next > reach.head)
        throw error(errc::bad_option, {"reset cursor", "seq " + text, "lies ahead of ring and log, which end before seq " + std::to_string(reach.head),
                                       "name a seq up to that one, or end"});
    return next;
}

int reset(const cli::log_place& at, const std::string& name, const std::string& where) {
    const std::string operation = "reset cursor " + name;
    (void)find_cursor(operation, at.dir, name);
    const log_reach reach = reach_of(at);
    const seq_t next = parse_place(where, reach);
    log::cursor_store store = log::cursor_store::open(log::posix(), {at.dir}, name, "evlog cursors reset");
    // Looked at under the lock. Without a whole file nobody knows the filter: the next user binds it anew.
    const log::saved_cursor* old = store.found().best();
    const std::string from = old == nullptr ? "nowhere" : "seq " + std::to_string(old->place.next);
    const log::saved_cursor anew{reach.bus, {next, next}, 0, cli::now_ns(), old == nullptr || old->bus != reach.bus ? "" : old->filter, {}};
    for (int i = 0; i < 2; ++i) // the file before too: nothing is left of the old place
        if (const int r = store.save(anew); r < 0) evbus::detail::throw_errno(-r, operation, store.path());
    say("cursor " + name + ": from " + from + " to seq " + std::to_string(next));
    return cli::exit_fine;
}

int remove(const cli::log_place& at, const std::string& name) {
    const std::string operation = "remove cursor " + name;
    (void)find_cursor(operation, at.dir, name);
    log::cursor_store store = log::cursor_store::open(log::posix(), {at.dir}, name, "evlog cursors remove");
    if (const int r = store.remove(); r < 0) evbus::detail::throw_errno(-r, operation, store.path());
    say("cursor " + name + ": removed; who uses that name next begins at the oldest event");
    return cli::exit_fine;
}

int cursors(const options& o, cli::output& out) {
    const cli::log_place at = cli::find_log("look at cursors", o.log);
    const std::vector<std::string>& a = o.action;
    if (a.empty()) return list(at, o.json, out);
    if (a[0] == "reset" && a.size() == 3) return reset(at, a[1], a[2]);
    if (a[0] == "remove" && a.size() == 2) return remove(at, a[1]);
    std::string given;
    for (const std::string& word : a) given += (given.empty() ? "" : " ") + word;
    throw error(errc::bad_option, {"", "'" + given + "'", "is nothing to do with cursors",
                                   "give nothing, reset NAME SEQ|begin|end, or remove NAME; see evlog cursors --help"});
}

} // namespace

subcommand add_cursors(cli::command& evlog) {
    const auto o = std::make_shared<options>();
    cli::command& flags = evlog.subcommand("cursors", "where consumers stand: list, reset, remove", examples);
    flags.positional("DIR|BUS", o->log, "a log's directory, or the name of a bus");
    flags.positionals("ACTION", o->action, "reset NAME SEQ|begin|end, or remove NAME");
    flags.flag("--json", o->json, "the list as one line of JSON");
    return {&flags, [o](cli::output& out) { return cursors(*o, out); }};
}

} // namespace evlog
