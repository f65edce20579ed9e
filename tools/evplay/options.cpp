#include "tools/evplay/options.hpp"

#include "tools/cli/bus_flags.hpp"
#include "tools/cli/exit_codes.hpp"
#include "tools/cli/options.hpp"
#include "tools/cli/terminal.hpp"

#include <evbus/error.hpp>
#include <evbus/filter.hpp>
#include <evbus/ring/members.hpp>
#include <evbus/ring/names.hpp>

#include <cmath>
#include <cstdlib>

namespace evplay {
namespace {

constexpr const char* examples =
    "  evplay md replay                                       the log of bus md again, on bus replay, at its pace\n"
    "  evplay ./logs/md replay 'md.trade.>' --speed 10        one part, ten times as fast\n"
    "  evplay md replay --speed max --since 09:30 --until 09:45\n"
    "The bus is created when it is not there, without a log unless --log is given. Topics, headers and order are\n"
    "kept; the header origin-time tells when an event was published first.\n"
    "Ends with 0, 1 when nothing was played, 3 when seqs were missing in the log, 2 on an error, 130 or 143 when\n"
    "SIGINT or SIGTERM came (between two events).\n";

[[noreturn]] void refuse(const std::string& what, const std::string& problem, const std::string& way_out) {
    throw evbus::error(evbus::errc::bad_option, {"", what, problem, way_out});
}

std::optional<double> parse_speed(std::string text) {
    if (text == "max") return std::nullopt;
    if (text.ends_with('x')) text.pop_back();
    char* end = nullptr;
    const double speed = std::strtod(text.c_str(), &end);
    const bool plain = !text.empty() && text.find_first_not_of("0123456789.") == std::string::npos && *end == '\0';
    if (!plain || !std::isfinite(speed) || speed < 1e-6 || speed > 1e9)
        refuse("'" + text + "'", "is no speed", "write 1 (its own pace), 10 (ten times as fast), 0.5 or max");
    return speed;
}

void check(const options& o) {
    evbus::ring::check_bus_name(o.to);
    cli::check_bus_flags(o.create);
    const evbus::filter_set wanted(o.filters, o.exclude);
    if (o.name.empty() || o.name.size() > evbus::ring::max_member_name)
        refuse("--name '" + o.name + "'", "is no name of a participant", "use 1-39 bytes");
    if (o.from && o.to_seq && *o.to_seq < *o.from) refuse("--to", "lies before --from", "exchange the two");
    if (o.since && o.until && *o.until < *o.since) refuse("--until", "lies before --since", "exchange the two");
    if (o.since && o.from) refuse("--since and --from", "are two beginnings", "give one of them");
}

} // namespace

std::variant<options, int> parse_options(int argc, const char* const* argv) {
    options o;
    bool has_log = false;
    std::optional<std::uint64_t> from, to;
    cli::command cmd("evplay", "publishes what a log holds once more", examples);
    cmd.positional("DIR|BUS", o.log, "a log's directory, or the name of the bus that it belongs to");
    cmd.positional("TO", o.to, "name of the bus to publish on; never the log's own");
    cmd.positionals("FILTER", o.filters, "topics to play: a.b, a.*, a.>");
    cmd.texts("-x,--exclude", o.exclude, "FILTER", "topics to leave out");
    cmd.option("--speed", "N|max", "1 its own pace (default), N times as fast, max at once",
               [&o](const std::string& text) { o.speed = parse_speed(text); });
    cmd.duration("--longest-pause", o.longest_pause, "let no pause last longer");
    cmd.count("--from", from, "begin with this seq", {1, evbus::max_seq - 1});
    cmd.count("--to", to, "end with this seq", {1, evbus::max_seq - 1});
    cmd.time("-S,--since", o.since, "begin with what was published then");
    cmd.time("-U,--until", o.until, "end with what was published then");
    cmd.flag("--loop", o.loop, "begin again at the end, until stopped");
    cmd.text("--name", o.name, "NAME", "of the participant that publishes");
    cmd.flag("-q,--quiet", o.quiet, "no summary");
    cli::add_bus_flags(cmd, o.create);
    if (const auto code = cmd.parse(argc, argv)) return *code;
    o.from = from;
    o.to_seq = to;
    has_log = o.create.log_dir.has_value();
    try {
        check(o);
    } catch (const evbus::error& e) {
        cli::say("evplay", std::string(e.what()) + "; see evplay --help");
        return static_cast<int>(cli::exit_failed);
    }
    o.create.with_log = has_log;
    return o;
}

} // namespace evplay
