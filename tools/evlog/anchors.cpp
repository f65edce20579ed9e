#include "tools/cli/exit_codes.hpp"
#include "tools/cli/log_place.hpp"
#include "tools/cli/table.hpp"
#include "tools/cli/units.hpp"
#include "tools/cli/when.hpp"
#include "tools/evlog/commands.hpp"
#include "tools/evlog/content_hash.hpp"

#include <evbus/anchor.hpp>
#include <evbus/error.hpp>

#include <nlohmann/json.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

namespace evlog {
namespace {

namespace log = evbus::log;
using evbus::errc;
using evbus::error;

constexpr const char* examples =
    "  evlog anchors md                        where states of bus md are kept, the newest last\n"
    "  evlog anchors /srv/log/md --json | jq -r '.anchors[-1].reference'\n"
    "  evlog anchors md put 4711 /srv/snapshots/4711 --hash-of /srv/snapshots/4711\n"
    "An anchor says: the state up to that seq is kept there. Who has it replays what comes behind (evtail --from\n"
    "anchor); retention keeps what the newest one needs. Put one once the state itself is on disk.\n"
    "Ends with 0, 1 (there is none), 124 (the recorder did not answer in time) or 2 on an error.\n";
constexpr const char* looking = "look for anchors";

struct options {
    std::string log;
    std::vector<std::string> action;
    std::optional<std::uint64_t> hash;
    std::optional<std::string> hash_of;
    std::chrono::nanoseconds timeout = std::chrono::seconds(10);
    bool json = false;
};

std::vector<log::anchor> anchors_in(const std::string& dir) {
    try {
        return log::list_anchors(log::posix(), {dir});
    } catch (const error& e) {
        // A log that no recorder has written yet names its bus nowhere.
        std::vector<evbus::seq_t> segments;
        if (e.kind() == errc::not_a_bus && log::list_segments(log::posix(), {dir}, segments) == 0 && segments.empty()) return {};
        throw;
    }
}

void show_json(const std::string& dir, const std::vector<log::anchor>& all, std::string& out) {
    nlohmann::ordered_json j;
    j["log"] = dir;
    j["anchors"] = nlohmann::ordered_json::array();
    for (const log::anchor& a : all) {
        nlohmann::ordered_json one;
        one["seq"] = std::to_string(a.seq);
        one["replay_from"] = std::to_string(a.place().walk_from);
        one["time"] = cli::format_iso(a.time_ns, cli::zone::utc);
        one["time_ns"] = std::to_string(a.time_ns);
        one["reference"] = a.reference;
        one["hash"] = a.content_hash ? nlohmann::ordered_json(hash_text(*a.content_hash)) : nlohmann::ordered_json();
        j["anchors"].push_back(std::move(one));
    }
    out += j.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

void show_table(const std::vector<log::anchor>& all, std::string& out) {
    cli::table t({{"SEQ", cli::align::right}, {"PUT"}, {"HASH"}, {"REFERENCE"}});
    for (const log::anchor& a : all)
        t.add({std::to_string(a.seq), cli::format_iso(a.time_ns, cli::zone::local).substr(0, 19),
               a.content_hash ? hash_text(*a.content_hash) : "-", a.reference});
    t.append_to(out, cli::use_colour(STDOUT_FILENO));
}

int list(const options& o, cli::output& out) {
    if (o.hash || o.hash_of) throw error(errc::bad_option, {"", "--hash", "belongs to put", "evlog anchors BUS put SEQ REFERENCE --hash HEX"});
    const cli::log_place at = cli::find_log(looking, o.log);
    const std::vector<log::anchor> all = anchors_in(at.dir);
    if (o.json) show_json(at.dir, all, out.buffer());
    else if (!all.empty()) show_table(all, out.buffer());
    out.flush();
    if (all.empty()) cli::say("evlog", "there is no anchor in " + at.dir);
    return all.empty() ? cli::exit_nothing_matched : cli::exit_fine;
}

int put(const options& o, const std::string& seq, const std::string& reference) {
    if (o.hash && o.hash_of) throw error(errc::bad_option, {"", "--hash and --hash-of", "are two hashes", "give one of them"});
    if (seq.empty() || seq.find_first_not_of("0123456789_") != std::string::npos)
        throw error(errc::bad_option, {"", "'" + seq + "'", "is no seq", "evlog anchors BUS put SEQ REFERENCE"});
    evbus::anchor a{.seq = cli::parse_count(seq), .reference = reference, .content_hash = o.hash};
    if (o.hash_of) a.content_hash = hash_of_file(*o.hash_of);
    const cli::log_place at = cli::find_log("put anchor", o.log);
    if (!at.ring)
        throw error(errc::not_found, {"put anchor", "'" + o.log + "'", "is not a bus that is there, and only its recorder writes anchors",
                                      "name the bus; evctl list shows which there are"});
    const evbus::bus on = evbus::bus::open(at.ring->name());
    try {
        evbus::put_anchor(on, a, o.timeout);
    } catch (const error& e) {
        if (e.kind() != errc::timed_out) throw;
        cli::say("evlog", e.what());
        return cli::exit_not_in_time;
    }
    cli::say("evlog", "anchor at seq " + std::to_string(a.seq) + ": " + a.reference +
                          (a.content_hash ? ", hash " + hash_text(*a.content_hash) : std::string()));
    return cli::exit_fine;
}

int anchors(const options& o, cli::output& out) {
    const std::vector<std::string>& a = o.action;
    if (a.empty() || (a.size() == 1 && a[0] == "list")) return list(o, out);
    if (a[0] == "put" && a.size() == 3) return put(o, a[1], a[2]);
    std::string given;
    for (const std::string& word : a) given += (given.empty() ? "" : " ") + word;
    throw error(errc::bad_option, {"", "'" + given + "'", "is nothing to do with anchors", "say list, or put SEQ REFERENCE; see evlog anchors --help"});
}

} // namespace

subcommand add_anchors(cli::command& evlog) {
    const auto o = std::make_shared<options>();
    cli::command& flags = evlog.subcommand("anchors", "up to where states are kept elsewhere: list, put", examples);
    flags.positional("DIR|BUS", o->log, "a log's directory, or the name of a bus");
    flags.positionals("ACTION", o->action, "[list], or put SEQ REFERENCE: the state up to SEQ is kept there");
    flags.option("--hash", "HEX", "of what is kept there: up to 16 hex digits", [o](const std::string& s) { o->hash = parse_hash(s); });
    flags.text("--hash-of", o->hash_of, "FILE", "the XXH3 of this file (as xxhsum -H3 says it)");
    flags.duration("--timeout", o->timeout, "how long to wait for the recorder (10s)");
    flags.flag("--json", o->json, "the list as one line of JSON");
    return {&flags, [o](cli::output& out) { return anchors(*o, out); }};
}

} // namespace evlog
