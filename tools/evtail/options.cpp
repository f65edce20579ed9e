#include "tools/evtail/options.hpp"

#include "tools/cli/options.hpp"
#include "tools/cli/terminal.hpp"

#include <evbus/error.hpp>

#include <unistd.h>

namespace evtail {
namespace {

constexpr const char* examples =
    "  evtail md                              the last 10 events of bus md\n"
    "  evtail md -f                           the last 10, then what comes, until Ctrl-C\n"
    "  evtail md 'md.trade.>' -x 'md.*.TEST' -n 100\n"
    "  evtail md -S -5m -g 'price=0\\b'        of the last five minutes what matches\n"
    "  evtail md --from begin -o json | jq .payload\n"
    "  evtail md -f -n 0 -c 1 --for 5s        the next event; exit 124 when none comes in 5 s\n"
    "  evtail md -f --from epoch              all since the bus was last created, then what comes\n"
    "  evtail md -f --cursor audit >>audit.txt  go on where the last such run ended, whatever ended it\n"
    "  evtail md --last-per-topic 'md.trade.>'  the newest event of each topic; with -f then what comes\n"
    "  evtail md --topics                     count, rate and last time of each topic\n"
    "  evtail md --from begin --header correlation-id=4711   what belongs together\n"
    "  evtail --log /var/lib/evbus/md -r -n 3 the newest three of a log without its bus\n"
    "  evtail --ring /tmp/evbus.md.ring       what a copied ring still holds\n"
    "\n"
    "Exit codes: 0 fine, also when a -f is ended by Ctrl-C; 1 nothing matched; 2 wrong usage or an\n"
    "error; 3 finished with gaps, or the recorder did not bring what was asked for; 4 a damaged log;\n"
    "124 -c was not reached before --for or --idle was over.\n"
    "\n"
    "A cursor is kept beside the log and bound to the filters. Its place is saved once a second and at the\n"
    "end, after what stands before it was written: after a crash something may be shown twice, nothing is\n"
    "left out. See evlog cursors.\n"
    "\n"
    "Publishers stamp their events themselves, so that times need not rise with seqs: -S and -U pick\n"
    "single events. -U leaves out what is stamped later and goes on to the end of what was asked for.\n";

[[noreturn]] void refuse(const std::string& flags, const std::string& problem, const std::string& way_out) {
    throw evbus::error(evbus::errc::bad_option, {"", flags, problem, way_out});
}

evbus::seq_t parse_seq(const std::string& text) {
    const std::uint64_t seq = cli::parse_count(text);
    if (seq == evbus::no_seq) refuse("'" + text + "'", "is no seq", "seqs begin at 1");
    return seq;
}

void add_header(options& o, const std::string& text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) refuse("--header " + text, "is no KEY=VALUE", "write --header correlation-id=4711");
    o.wanted.headers.add(text.substr(0, equals), text.substr(equals + 1));
}

void declare_range(cli::command& cmd, options& o) {
    cmd.option("-n,--last", "N|all", "the last N matching events (10; all with --from and -S)", [&o](const std::string& s) {
        o.all = s == "all";
        o.last.reset();
        if (!o.all) o.last = cli::parse_count(s);
    });
    cmd.option("--from", "begin|epoch|anchor|end|SEQ",
               "all from there on; epoch: since the bus was last created; anchor: behind the newest anchor, all if there is none", [&o](const std::string& s) {
        o.all = s == "begin";
        o.from_epoch = s == "epoch";
        o.from_anchor = s == "anchor";
        o.from.reset();
        if (s == "end") o.from = evbus::max_seq;
        else if (!o.all && !o.from_epoch && !o.from_anchor) o.from = parse_seq(s);
    });
    cmd.flag("--last-per-topic", o.last_per_topic, "the newest event of each topic, as of --to; with -f then all that comes");
    cmd.text("--cursor", o.cursor, "NAME", "all from where a run with this name ended (at first: all there is), and keep the place");
    cmd.option("--to", "SEQ", "nothing after this seq", [&o](const std::string& s) { o.to = parse_seq(s); });
    cmd.time("-S,--since", o.since, "published then or later: 2026-11-20T09:30, -5m, today, @1795167000");
    cmd.time("-U,--until", o.until, "published then or earlier");
    cmd.text("-g,--grep", o.grep, "RE", "payload holds a match of this regular expression (RE2)");
    cmd.flag("-r,--reverse", o.newest_first, "newest first");
}

void declare_end(cli::command& cmd, options& o) {
    cmd.flag("-f,--follow", o.follow, "go on with what comes, also when the bus is created anew");
    cmd.flag("-e,--exit-at-end", o.exit_at_end, "with -f: end at what is the head now");
    cmd.count("-c,--count", o.count, "end after N events", {1, std::numeric_limits<std::uint64_t>::max()});
    cmd.duration("--idle", o.idle, "end after this long without an event", {std::chrono::nanoseconds{1}, std::chrono::nanoseconds::max()});
    cmd.duration("--for", o.duration, "end after this long", {std::chrono::nanoseconds{1}, std::chrono::nanoseconds::max()});
}

void declare_source(cli::command& cmd, options& o) {
    cmd.choice<source_kind>("--source", o.source,
                            {{"auto", source_kind::automatic}, {"ring", source_kind::ring}, {"log", source_kind::log}},
                            "read ring and log as one, or one of them alone");
    cmd.text("--ring", o.ring_file, "FILE", "read a dead ring: a copy, or a file left behind");
    cmd.text("--log", o.log_dir, "DIR", "read the log in this directory, without its bus");
    cmd.flag("--durable", o.durable, "only what the recorder has synced, which a power loss cannot take back");
    cmd.choice<gap_policy>("--on-gap", o.on_gap,
                           {{"warn", gap_policy::warn}, {"error", gap_policy::error}, {"ignore", gap_policy::ignore}},
                           "events that cannot be had: tell and go on, stop there, say nothing");
}

void declare_output(cli::command& cmd, options& o, bool& utc) {
    cmd.choice<output_mode>("-o,--output", o.format.mode, output_modes(), "how an event is shown");
    cmd.text("-F,--format", o.format.template_text, "TEMPLATE",
             "%s seq %t topic %T time %n ns %P publisher %h headers %l length %p payload %x hex");
    cmd.flag("--utc", utc, "times in UTC");
    cmd.flag("--topics", o.topics, "count, rate and last time of each topic instead of events");
    cmd.flag("--stats", o.stats, "at the end, on stderr: what was read, and from where");
}

void check_cursor(const options& o) {
    if (o.from || o.from_epoch || o.from_anchor || o.all || o.last || o.since)
        refuse("--cursor", "and another beginning were given", "leave out --from, -n and -S");
    if (o.until) refuse("--cursor", "would pass what --until leaves out", "leave out one of them");
    if (o.newest_first) refuse("--cursor", "goes on in the order of seqs", "leave out --reverse");
    if (o.ring_file) refuse("--cursor", "has no place beside a dead ring", "leave it out with --ring");
    if (o.source == source_kind::ring) refuse("--cursor", "needs the log, for what is gone from the ring", "leave out --source ring");
}

void check_last_per_topic(const options& o) {
    if (o.from || o.from_epoch || o.from_anchor || o.all || o.last || o.since)
        refuse("--last-per-topic", "and another beginning were given", "leave out --from, -n and -S; --to names the moment");
    if (o.cursor) refuse("--last-per-topic", "begins anew each time, and --cursor goes on", "leave out one of them");
    if (o.newest_first) refuse("--last-per-topic", "shows in the order of seqs", "leave out --reverse");
}

void check_durable(const options& o) {
    if (o.ring_file || o.log_dir) refuse("--durable", "needs the bus, which says what is synced", "leave it out with --ring and --log");
    if (o.source != source_kind::automatic) refuse("--durable", "reads what of the log is synced", "leave out --source");
}

void check(const options& o) {
    if (o.last_per_topic) check_last_per_topic(o);
    if (o.durable) check_durable(o);
    if (o.ring_file && o.log_dir) refuse("--ring and --log", "are two sources", "name one");
    if ((o.ring_file || o.log_dir) && o.source != source_kind::automatic)
        refuse("--source", "chooses between the parts of a bus", "leave it out with --ring and --log");
    if (o.bus.empty() && !o.ring_file && !o.log_dir) refuse("BUS", "is missing", "name a bus, or a source with --ring or --log");
    if (o.ring_file && o.is_live()) refuse("--follow", "has nothing to wait for in a dead ring", "leave it out with --ring");
    if (o.newest_first && o.is_live()) refuse("--reverse", "needs an end to begin at", "leave out --follow");
    if (o.newest_first && o.topics) refuse("--reverse", "orders events, and --topics shows none", "leave out one of them");
    if (o.from_anchor && (o.ring_file || o.source == source_kind::ring))
        refuse("--from anchor", "needs the log, where anchors stand", "leave out --ring and --source ring");
    if (o.since && (o.from || o.all || o.from_epoch || o.from_anchor)) refuse("--since", "and another beginning were given", "leave out --from and -n all");
    if (o.cursor) check_cursor(o);
    if (o.from && o.to && *o.to < *o.from) refuse("--to", "lies before --from", "exchange the two");
    if (o.since && o.until && *o.until < *o.since) refuse("--until", "lies before --since", "exchange the two");
}

} // namespace

std::variant<options, int> parse_options(int argc, const char* const* argv) {
    options o;
    bool utc = false;
    std::vector<std::string> headers;
    cli::command cmd("evtail", "shows the events of a bus", examples);
    cmd.positional("BUS", o.bus, "name of the bus; not with --ring and --log", false);
    cmd.positionals("FILTER", o.wanted.topics, "topics to show: a.b, a.*, a.>");
    cmd.texts("-x,--exclude", o.wanted.exclude, "FILTER", "topics to leave out");
    cmd.texts("--header", headers, "KEY=VALUE", "events with this header; several: with all of them");
    declare_range(cmd, o);
    declare_end(cmd, o);
    declare_source(cmd, o);
    declare_output(cmd, o, utc);
    if (const auto code = cmd.parse(argc, argv)) return *code;
    if ((o.ring_file || o.log_dir) && !o.bus.empty()) {
        o.wanted.topics.insert(o.wanted.topics.begin(), o.bus);
        o.bus.clear();
    }
    o.format.zone = utc ? cli::zone::utc : cli::zone::local;
    o.format.colour = cli::use_colour(STDOUT_FILENO);
    try {
        for (const std::string& h : headers) add_header(o, h);
        check(o);
    } catch (const evbus::error& e) {
        cli::say("evtail", std::string(e.what()) + "; see evtail --help");
        return static_cast<int>(cli::exit_failed);
    }
    return o;
}

} // namespace evtail
