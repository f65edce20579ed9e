#include "lib/log/retention.hpp"
#include "tools/cli/exit_codes.hpp"
#include "tools/cli/keep_flags.hpp"
#include "tools/cli/log_place.hpp"
#include "tools/cli/table.hpp"
#include "tools/cli/units.hpp"
#include "tools/cli/when.hpp"
#include "tools/evlog/commands.hpp"

#include <evbus/error.hpp>
#include <evbus/log/log_reader.hpp>

#include <nlohmann/json.hpp>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

namespace evlog {
namespace {

namespace log = evbus::log;
using evbus::errc;
using evbus::error;

constexpr const char* examples = "  evlog retain md --keep-age 30d                  what would go, and why; nothing is deleted\n"
                                 "  evlog retain md --keep-age 30d --do             deletes it, also while md is recorded\n"
                                 "  evlog retain /srv/log/md --keep-bytes 100G --keep-free 5% --json\n"
                                 "Oldest first, never the newest segment, and nothing that a cursor or the newest anchor\n"
                                 "still needs (--force: that too).\n"
                                 "Ends with 0, or 2 on an error.\n";
constexpr const char* operation = "retain";

struct options {
    std::string log;
    log::retention_limits keep;
    bool plan = false;
    bool act = false;
    bool force = false;
    bool json = false;
};

log::retention_plan make_plan(const options& o, const std::string& dir) {
    log::file_system& fs = log::posix();
    log::retention_scene scene;
    scene.now_ns = cli::now_ns();
    if (const int r = fs.space(dir, scene.space); r < 0) evbus::detail::throw_errno(-r, operation, dir);
    std::vector<log::stored_segment> segments = log::list_stored(fs, {dir}, log::time_wanted::of_all());
    if (segments.empty()) return {};
    const evbus::bus_id bus = log::log_reader(fs, dir).bus();
    return log::plan(std::move(segments), o.keep, scene, log::pins_of(fs, {dir}, bus), o.force);
}

bool goes(const log::planned_segment& p) { return p.verdict == log::retention_verdict::goes; }

std::string last_text(const log::stored_segment& s) { return s.last == evbus::max_seq ? "..." : std::to_string(s.last); }

std::string age_text(std::int64_t ns) {
    constexpr std::int64_t second = 1'000'000'000, hour = 3600 * second;
    const std::int64_t unit = ns >= 48 * hour ? 24 * hour : ns >= 2 * hour ? hour : ns >= 120 * second ? 60 * second : second;
    return cli::format_duration(std::chrono::nanoseconds(std::max<std::int64_t>(ns, 0) / unit * unit));
}

void show_table(const log::retention_plan& p, std::string& out) {
    using cli::align;
    const std::int64_t now = cli::now_ns();
    cli::table t({{"FIRST SEQ", align::right}, {"LAST SEQ", align::right}, {"SIZE", align::right}, {"AGE", align::right}, {"IT"}, {"BECAUSE"}});
    for (const log::planned_segment& s : p.segments)
        t.add({std::to_string(s.segment.first), last_text(s.segment), cli::format_size(s.segment.bytes), age_text(now - s.segment.time_ns),
               goes(s) ? "goes" : "stays", to_string(s)});
    t.append_to(out, cli::use_colour(STDOUT_FILENO));
}

void show_json(const std::string& dir, const log::retention_plan& p, const log::retention_result* done, std::string& out) {
    nlohmann::ordered_json j;
    j["log"] = dir;
    j["bytes"] = p.bytes;
    j["going"] = p.going;
    j["going_bytes"] = p.going_bytes;
    j["crowded"] = p.crowded;
    j["segments"] = nlohmann::ordered_json::array();
    for (const log::planned_segment& s : p.segments) {
        nlohmann::ordered_json one;
        one["first_seq"] = std::to_string(s.segment.first);
        one["last_seq"] = s.segment.last == evbus::max_seq ? nlohmann::ordered_json() : nlohmann::ordered_json(std::to_string(s.segment.last));
        one["bytes"] = s.segment.bytes;
        one["time_ns"] = std::to_string(s.segment.time_ns);
        one["goes"] = goes(s);
        one["why"] = to_string(s);
        j["segments"].push_back(std::move(one));
    }
    if (done != nullptr) j["deleted"] = {{"segments", done->segments}, {"bytes", done->bytes}};
    out += j.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string amount(std::uint64_t segments, std::uint64_t bytes) {
    return cli::format_count(segments, "segment") + ", " + cli::format_size(bytes);
}

/// What a table does not say.
void say_more(const options& o, const log::retention_plan& p, const log::retention_result* done) {
    if (done != nullptr) cli::say("evlog", "deleted " + amount(done->segments, done->bytes));
    else if (p.going != 0) cli::say("evlog", amount(p.going, p.going_bytes) + " would go; nothing was deleted (--do deletes)");
    else cli::say("evlog", "nothing would go");
    if (const log::planned_segment* const held = p.held())
        cli::say("evlog", "seqs from " + std::to_string(held->segment.first) + " on would go too, but are needed by " + held->pin + ": " +
                              way_out_of(held->pin_kind) + ", or give --force");
    if (p.crowded)
        cli::say("evlog", "too little space is free, and all segments but the newest would not make up for it: something else fills the disk, "
                          "and nothing goes for the sake of --keep-free");
    if (o.force && p.going != 0 && done == nullptr) cli::say("evlog", "--force: what cursors and the newest anchor still need is not spared");
}

int retain(const options& o, cli::output& out) {
    if (!o.keep.any())
        throw error(errc::bad_option, {"", operation, "no limit was given", "give --keep-bytes, --keep-age, --keep-segments or --keep-free"});
    if (o.plan && o.act) throw error(errc::bad_option, {"", "--plan and --do", "contradict each other", "give one of them"});
    const cli::log_place at = cli::find_log("retain log", o.log);
    const log::retention_plan p = make_plan(o, at.dir);
    log::retention_result done;
    if (o.act) done = log::execute(log::posix(), {at.dir}, p);
    const log::retention_result* const shown = o.act ? &done : nullptr;
    if (o.json) show_json(at.dir, p, shown, out.buffer());
    else if (!p.segments.empty()) show_table(p, out.buffer());
    out.flush();
    say_more(o, p, shown);
    if (done.os_error != 0) evbus::detail::throw_errno(done.os_error, "delete segment", done.failed);
    return cli::exit_fine;
}

} // namespace

subcommand add_retain(cli::command& evlog) {
    const auto o = std::make_shared<options>();
    cli::command& flags = evlog.subcommand("retain", "deletes the oldest segments, as limits ask for it", examples);
    flags.positional("DIR|BUS", o->log, "a log's directory, or the name of a bus");
    cli::add_keep_flags(flags, o->keep);
    flags.flag("--plan", o->plan, "show what would go, and delete nothing (this is what happens without --do)");
    flags.flag("--do", o->act, "delete it");
    flags.flag("--force", o->force, "also what cursors and the newest anchor still need");
    flags.flag("--json", o->json, "for programs");
    return {&flags, [o](cli::output& out) { return retain(*o, out); }};
}

} // namespace evlog
