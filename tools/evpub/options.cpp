#include "tools/evpub/options.hpp"

#include "tools/cli/bus_flags.hpp"
#include "tools/cli/exit_codes.hpp"
#include "tools/cli/options.hpp"
#include "tools/cli/terminal.hpp"

#include <evbus/frame.hpp>
#include <evbus/ring/members.hpp>
#include <evbus/ring/names.hpp>
#include <evbus/topic.hpp>

#include <vector>

namespace evpub {
namespace {

constexpr const char* examples =
    "  evpub md md.trade.AAPL < trades.txt                    a line an event\n"
    "  tail -F app.log | evpub logs app.web                   as they come\n"
    "  evpub logs app --lines app.log -H type=line --wait durable\n"
    "  evpub orders - --topic-from-field topic < orders.json  the topic is in the line\n"
    "  evpub md load --count 1000000 --size 64 --rate 100k    load\n"
    "The bus is created when it is not there. Ends with 0 when all is published, 2 on an error, 124 when\n"
    "--timeout was over first, 130 or 143 when SIGINT or SIGTERM came (between two events).\n";

[[noreturn]] void refuse(const std::string& what, const std::string& problem, const std::string& way_out = {}) {
    throw evbus::error(evbus::errc::bad_option, {"", what, problem, way_out});
}

void add_headers(evbus::headers& to, const std::vector<std::string>& pairs) {
    for (const std::string& pair : pairs) {
        const std::size_t equals = pair.find('=');
        if (equals == std::string::npos || equals == 0)
            refuse("--header '" + pair + "'", "is no pair", "write key=value");
        to.add(pair.substr(0, equals), pair.substr(equals + 1));
    }
}

// Whatever can be told to be wrong before anything is created or published.
void check(const options& o) {
    evbus::ring::check_bus_name(o.bus);
    if (!(o.topic_field && o.topic == "-")) (void)evbus::topic(o.topic);
    cli::check_bus_flags(o.create);
    if (o.name.empty() || o.name.size() > evbus::ring::max_member_name)
        refuse("--name '" + o.name + "'", "is no name of a participant", "use 1-39 bytes");
    if (o.count) {
        for (const auto& [given, flag] : {std::pair{o.lines_file.has_value(), "--lines"},
                                          {o.topic_field.has_value(), "--topic-from-field"},
                                          {o.strip_cr, "--crlf"},
                                          {o.max_events.has_value(), "--max-events"}})
            if (given) refuse(flag, "is about lines, and --count makes events without any", "give one of them");
    } else if (o.size) {
        refuse("--size", "is about load", "give --count too");
    }
}

} // namespace

std::variant<options, int> parse_options(int argc, const char* const* argv) {
    options o;
    std::vector<std::string> headers;
    cli::command cmd("evpub", "publishes lines, or load, on a bus", examples);
    cmd.positional("BUS", o.bus, "name of the bus");
    cmd.positional("TOPIC", o.topic, "topic of the events; with --topic-from-field what stands before it, or -");
    cmd.text("--lines", o.lines_file, "FILE", "read lines from there instead of standard input");
    cmd.flag("--crlf", o.strip_cr, "lines may end with CR LF; a CR is kept otherwise");
    cmd.text("--topic-from-field", o.topic_field, "NAME", "lines are JSON objects, the topic is the string at NAME");
    cmd.count("--max-events", o.max_events, "end after so many lines", {1, std::numeric_limits<std::uint64_t>::max()});
    cmd.count("--count", o.count, "publish N events of load instead of lines");
    cmd.size("--size", o.size, "payload bytes of an event of load (default 64)", {0, evbus::max_event_bytes});
    cmd.rate("--rate", o.rate, "events a second at most");
    cmd.texts("-H,--header", headers, "KEY=VALUE", "a header of every event; may be repeated");
    cmd.duration("--timeout", o.timeout, "how long pacing may hold up one event, and --wait may take");
    cmd.choice<recorded_as>("--wait", o.wait, {{"written", recorded_as::written}, {"durable", recorded_as::durable}},
                            "return when the recorder has the last event in the page cache, or synced");
    cmd.text("--name", o.name, "NAME", "name of this participant (default evpub)");
    cmd.flag("-q,--quiet", o.quiet, "no summary");
    cli::add_bus_flags(cmd, o.create);
    cli::add_no_log_flag(cmd, o.create);
    cmd.config();
    if (const auto code = cmd.parse(argc, argv)) return *code;
    try {
        check(o);
        add_headers(o.headers, headers);
    } catch (const evbus::error& e) {
        cli::say("evpub", e.what());
        return cli::exit_failed;
    }
    return o;
}

} // namespace evpub
