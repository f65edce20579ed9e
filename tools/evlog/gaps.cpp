// Every seq that the log cannot give, and why. Reads all that is asked for: a footer counts what the
// recorder lost, and knows nothing of what was damaged later.
#include "tools/cli/escape.hpp"
#include "tools/cli/exit_codes.hpp"
#include "tools/cli/log_place.hpp"
#include "tools/cli/progress.hpp"
#include "tools/evlog/commands.hpp"

#include <evbus/error.hpp>
#include <evbus/log/log_reader.hpp>

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace evlog {
namespace {

using evbus::seq_t;

struct options {
    std::string log;
    bool json = false;
    seq_t from = evbus::no_seq;
    seq_t to = evbus::max_seq;
};

struct found_gap {
    evbus::seq_range range;
    evbus::gap_cause cause{};
    std::int64_t before_ns = 0; ///< time of the last stamped event before it; 0 when there is none
};

/// Gathers gaps until the time of the event behind them is known, then writes them.
class gap_list {
public:
    gap_list(cli::output& out, bool json) : out_(out), json_(json) {}

    void add(evbus::seq_range range, evbus::gap_cause cause) {
        if (!open_.empty() && open_.back().cause == cause && open_.back().range.last + 1 == range.first) {
            open_.back().range.last = range.last;
            return;
        }
        if (open_.size() == most_open) flush(0);
        open_.push_back({range, cause, last_ns_});
    }
    void event(std::int64_t ns) {
        if (ns == 0) return;
        if (!open_.empty()) flush(ns);
        last_ns_ = ns;
    }
    void flush(std::int64_t after_ns) {
        for (const found_gap& g : open_) write(g, after_ns);
        open_.clear();
    }
    [[nodiscard]] std::uint64_t ranges() const { return ranges_; }
    /// "12 seqs in 3 gaps: overwritten 10, damage 2".
    [[nodiscard]] std::string sum() const {
        std::string causes;
        std::uint64_t all = 0;
        for (std::size_t i = 0; i < seqs_.size(); ++i) {
            all += seqs_[i];
            if (seqs_[i] != 0) causes += (causes.empty() ? "" : ", ") + std::string(to_string(static_cast<evbus::gap_cause>(i))) + " " + cli::format_count(seqs_[i]);
        }
        return cli::format_count(all, "seq") + " in " + cli::format_count(ranges_, "gap") + ": " + causes;
    }

private:
    static constexpr std::size_t most_open = 1024;

    static std::string time_text(std::int64_t ns) { return ns == 0 ? "-" : cli::format_iso(ns, cli::zone::local); }

    void write(const found_gap& g, std::int64_t after_ns) {
        std::string& text = out_.buffer();
        const std::string first = std::to_string(g.range.first);
        const std::string last = std::to_string(g.range.last);
        const std::string count = std::to_string(g.range.count());
        if (json_) {
            text += "{\"gap\":{\"from\":\"" + first + "\",\"to\":\"" + last + "\",\"count\":" + count + ",\"cause\":\"" + to_string(g.cause) + "\"";
            for (const auto& [name, ns] : {std::pair<const char*, std::int64_t>{"before", g.before_ns}, {"after", after_ns}})
                if (ns != 0) text += ",\"" + std::string(name) + "\":\"" + cli::format_iso(ns, cli::zone::utc) + "\",\"" + name + "_ns\":\"" + std::to_string(ns) + "\"";
            text += "}}\n";
        } else {
            if (ranges_ == 0) line(text, "FROM", "TO", "SEQS", "CAUSE", "EVENT BEFORE", "EVENT AFTER");
            line(text, first, last, count, to_string(g.cause), time_text(g.before_ns), time_text(after_ns));
        }
        ++ranges_;
        seqs_[static_cast<std::size_t>(g.cause) % seqs_.size()] += g.range.count();
        out_.flush_if_full();
    }
    static void line(std::string& to, const std::string& first, const std::string& last, const std::string& count, const std::string& cause,
                     const std::string& before, const std::string& after) {
        char text[256];
        std::snprintf(text, sizeof text, "%12s %12s %10s  %-14s %-35s  %s\n", first.c_str(), last.c_str(), count.c_str(), cause.c_str(), before.c_str(), after.c_str());
        to += text;
    }

    cli::output& out_;
    bool json_;
    std::vector<found_gap> open_;
    std::int64_t last_ns_ = 0;
    std::uint64_t ranges_ = 0;
    std::array<std::uint64_t, evbus::gap_causes> seqs_{};
};

std::uint64_t bytes_of(const evbus::log::log_dir& dir) {
    std::vector<seq_t> firsts;
    std::uint64_t total = 0;
    evbus::log::file_info info;
    static_cast<void>(list_segments(evbus::log::posix(), dir, firsts));
    for (const seq_t first : firsts)
        if (evbus::log::posix().stat(segment_path(dir, first), info) == 0) total += info.bytes;
    return total;
}

int gaps(const options& o, cli::output& out) {
    if (o.from > o.to)
        throw evbus::error(evbus::errc::bad_option, {"list gaps", "--from " + std::to_string(o.from), "it lies behind --to " + std::to_string(o.to)});
    const cli::log_place at = cli::find_log("list gaps", o.log);
    if (std::vector<seq_t> firsts; list_segments(evbus::log::posix(), {at.dir}, firsts) == 0 && firsts.empty()) {
        cli::say("evlog", "there is no segment yet, and so no gap");
        return cli::exit_fine;
    }
    evbus::log::log_reader log(evbus::log::posix(), at.dir);
    const cli::stop_signal stop;
    cli::progress shown("evlog");
    // What a living recorder has not finished may be taken back.
    const seq_t limit = std::min(o.to, at.ring && at.ring->has_recorder() ? at.ring->frontier().written : evbus::max_seq);
    const std::uint64_t total = bytes_of({at.dir});
    log.seek(o.from != evbus::no_seq ? o.from : std::max<seq_t>(1, log.first_seq()));
    const seq_t last = std::min(limit, log.last_seq());
    gap_list found(out, o.json);
    evbus::log::entry e;
    evbus::log::step s = evbus::log::step::end;
    for (std::uint64_t n = 0; (s = log.next(e, limit)) == evbus::log::step::entry; ++n) {
        if (e.kind == evbus::log::entry_kind::gap) found.add(e.range, e.cause);
        else if (e.kind == evbus::log::entry_kind::frame) found.event(e.time_ns());
        if (n % 4096 != 0) continue;
        if (stop.asked() || out.closed()) break;
        shown.show(log.stats().bytes, total, "seq " + std::to_string(log.position()));
    }
    found.flush(0);
    shown.clear();
    out.flush();
    if (s == evbus::log::step::end && log.position() <= last)
        throw evbus::error(evbus::errc::damaged, {"list gaps", at.dir, "reading does not get past seq " + std::to_string(log.position()) + ", and the log goes up to seq " + std::to_string(last),
                                                  "evlog verify says what is wrong there"});
    if (s == evbus::log::step::failed) throw evbus::error(evbus::errc::io, {"list gaps", "", log.failure(), "evlog verify looks further"});
    if (s == evbus::log::step::entry) {
        if (stop.asked()) cli::say("evlog", "stopped at seq " + std::to_string(log.position()) + ": what comes behind it was not looked at");
        return cli::exit_failed;
    }
    const seq_t end = log.last_seq();
    if (found.ranges() == 0 && o.from != evbus::no_seq && o.from > end)
        cli::say("evlog", "nothing was looked at: the log ends with seq " + std::to_string(end));
    else if (found.ranges() == 0) cli::say("evlog", "no gap up to seq " + std::to_string(log.position() - 1));
    else cli::say("evlog", found.sum());
    return found.ranges() == 0 ? cli::exit_fine : cli::exit_gaps;
}

} // namespace

subcommand add_gaps(cli::command& evlog) {
    const auto o = std::make_shared<options>();
    cli::command& flags = evlog.subcommand("gaps", "the seqs that a log cannot give, with cause and time",
                                           "  evlog gaps md\n"
                                           "  evlog gaps /srv/copy/md --from 1000 --to 2000\n"
                                           "  evlog gaps md --json | jq -r '.gap | \"\\(.from) \\(.to) \\(.cause)\"'\n"
                                           "Ends with 0 (there is none), 3 (there are some) or 2 (the log could not be read).\n");
    flags.positional("DIR|BUS", o->log, "a log's directory, or the name of a bus");
    flags.flag("--json", o->json, "one JSON object a line");
    flags.count("--from", o->from, "the first seq to look at (the log's first)", {1, evbus::max_seq});
    flags.count("--to", o->to, "the last seq to look at (the log's last)", {1, evbus::max_seq});
    return {&flags, [o](cli::output& out) { return gaps(*o, out); }};
}

} // namespace evlog
