#include "tools/evrecord/options.hpp"

#include "tools/cli/bus_flags.hpp"
#include "tools/cli/keep_flags.hpp"

namespace evrecord {
namespace {

using evbus::log::on_torn;
using evbus::recorder::on_full;
using evbus::recorder::sync_policy;

/// The effective options as text, for the manifest: what a person would have to type.
std::map<std::string, std::string> as_text(const evbus::recorder::options& o) {
    static constexpr const char* sync_words[] = {"none", "interval", "commit"};
    return {
        {"sync", sync_words[static_cast<int>(o.sync)]},
        {"sync-interval", cli::format_duration(o.sync_interval)},
        {"segment-bytes", std::to_string(o.segment_bytes)},
        {"keep-bytes", o.keep.bytes ? std::to_string(*o.keep.bytes) : "all"},
        {"keep-age", o.keep.age ? cli::format_duration(*o.keep.age) : "all"},
        {"keep-segments", o.keep.segments ? std::to_string(*o.keep.segments) : "all"},
        {"keep-free", cli::format_free_limit(o.keep.free)},
        {"on-full", o.full == on_full::halt ? "halt" : "lose"},
        {"on-torn", o.torn == on_torn::trim ? "trim" : "refuse"},
        {"halt-when-behind", o.halt_when_behind ? cli::format_duration(*o.halt_when_behind) : "never"},
        {"batch-deadline", cli::format_duration(o.batch_deadline)},
        {"batch-events", std::to_string(o.batch_events)},
    };
}

} // namespace

std::optional<int> parse(int argc, const char* const* argv, settings& out) {
    using namespace std::chrono_literals;
    cli::command cmd("evrecord", "records everything that is published on a bus into its log",
                     "  evrecord md                                  record bus md, creating it when it is not there\n"
                     "  evrecord md --log /data/md --sync commit     into another directory, synced as fast as the disk can\n"
                     "  evrecord md --on-full lose                   on a full disk go on, and say what was lost\n"
                     "  evrecord md --keep-age 7d --keep-free 50G    delete what is a week old, and leave others 50 GiB\n"
                     "  evrecord md --halt-when-behind 30s           give up on a disk that holds recording up\n"
                     "  evrecord md --config /etc/evbus/md.toml      options from a file\n\n"
                     "It runs until SIGTERM or Ctrl-C, then drains, seals the log and exits with 0. Other exit codes:\n"
                     "2 wrong usage or an error; 4 a damaged log; 5 no space for the log; 6 a sync failed; 7 the disk was\n"
                     "too slow for too long (--halt-when-behind); 8 somebody else records this bus or log already.\n");
    cmd.positional("BUS", out.bus, "name of the bus");
    cli::add_bus_flags(cmd, out.create);
    evbus::recorder::options& r = out.record;
    cmd.choice<sync_policy>("--sync", r.sync,
                            {{"none", sync_policy::none}, {"interval", sync_policy::interval}, {"commit", sync_policy::commit}},
                            "when written data is synced to the disk: at the end of a segment only, after "
                            "--sync-interval, or at once (default interval)");
    cmd.duration("--sync-interval", r.sync_interval, "time between syncs (default 10ms)", {100us, 1h});
    cmd.size("--segment-bytes", r.segment_bytes, "a new segment begins before one passes this (default 256MiB)",
             {std::uint64_t{1} << 20, std::uint64_t{1} << 40});
    cmd.choice<on_full>("--on-full", r.full, {{"halt", on_full::halt}, {"lose", on_full::lose}},
                        "when the disk is full: end with exit code 5, or go on and say in the log what was lost; "
                        "publishers of a strict bus wait all the same (default halt)");
    cmd.duration("--halt-when-behind", r.halt_when_behind,
                 "end with exit code 7 once recording has waited for its disk for so long without a break (default: waits for ever)",
                 {1ms, 24h});
    cli::add_keep_flags(cmd, r.keep);
    cmd.choice<on_torn>("--on-torn", r.torn, {{"trim", on_torn::trim}, {"refuse", on_torn::refuse}},
                        "an unfinished write found at the log's end: move it to quarantine/ and go on, or refuse (default trim)");
    cmd.duration("--batch-deadline", r.batch_deadline, "events wait no longer than this for others to be written with (default 1ms)",
                 {10us, 10s});
    cmd.count("--batch-events", r.batch_events, "events written at once at the most (default 65536)", {1, std::uint64_t{1} << 20});
    cmd.text("--name", r.name, "NAME", "name among the bus's participants (default recorder)");
    cmd.flag("-q,--quiet", out.quiet, "say warnings and errors only");
    cmd.config("--config");
    r.keep.free.percent = 10;
    if (const auto code = cmd.parse(argc, argv)) return code;
    r.config = as_text(r);
    return std::nullopt;
}

} // namespace evrecord
