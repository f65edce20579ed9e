#include "tools/cli/exit_codes.hpp"
#include "tools/cli/log_place.hpp"
#include "tools/cli/progress.hpp"
#include "tools/evlog/commands.hpp"
#include "tools/evlog/run_check.hpp"
#include "tools/evlog/verify_report.hpp"

#include <evbus/log/log_lock.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

namespace evlog {
namespace {

using evbus::log::verify_progress;
using evbus::log::verify_report;

struct options {
    std::string log;
    bool json = false;
    std::uint64_t threads = 0;
};

int exit_code(const verify_report& r) {
    if (r.has_damage()) return cli::exit_damage;
    if (!r.is_whole()) return cli::exit_failed;
    return r.has_gaps() ? cli::exit_gaps : cli::exit_fine;
}

int verify(const options& o, cli::output& out) {
    evbus::log::file_system& fs = evbus::log::posix();
    const evbus::log::log_dir dir{cli::find_log("verify log", o.log).dir};
    const cli::stop_signal stop;
    cli::progress shown("evlog");
    evbus::log::verify_options how;
    how.threads = o.threads != 0 ? static_cast<unsigned>(o.threads) : std::clamp(std::thread::hardware_concurrency(), 1U, 8U);
    how.growing = evbus::log::lock_file::is_held(fs, dir.lock());
    how.go_on = [&](const verify_progress& p) {
        shown.show(p.bytes, p.total, std::to_string(p.segments) + " of " + std::to_string(p.all_segments) + " segments");
        return !stop.asked();
    };
    const auto began = std::chrono::steady_clock::now();
    verify_report r = evbus::log::verify(fs, dir, how);
    if (!r.stopped) check_runs(fs, dir, how.growing, r);
    shown.clear();
    const verify_head head{dir.root, how.growing, std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count()};
    if (o.json) append_json(out.buffer(), head, r);
    else append_text(out.buffer(), head, r);
    out.flush();
    return exit_code(r);
}

} // namespace

subcommand add_verify(cli::command& evlog) {
    const auto o = std::make_shared<options>();
    cli::command& flags = evlog.subcommand("verify", "whether a log is whole: every commit, record, footer and index; changes nothing",
                                           "  evlog verify md                also while a recorder is writing\n"
                                           "  evlog verify /srv/copy/md -j 1\n"
                                           "  evlog verify md --json | jq '.findings[] | select(.severity == \"damage\")'\n"
                                           "Ends with 0 (whole), 3 (whole, but seqs were lost before), 4 (damage) or 2 (not everything could be read).\n");
    flags.positional("DIR|BUS", o->log, "a log's directory, or the name of a bus");
    flags.flag("--json", o->json, "one JSON object");
    flags.count("-j,--threads", o->threads, "segments looked at at a time (as many as there are processors, 8 at most)", {1, 256});
    return {&flags, [o](cli::output& out) { return verify(*o, out); }};
}

} // namespace evlog
