// A whole log from a damaged one, in a new place. It is written under another name, NEWDIR.unfinished,
// verified there, and gets its own in one step: whatever is called NEWDIR is whole.
#include "lib/log/rescue.hpp"
#include "lib/recorder/manifest.hpp"
#include "tools/cli/escape.hpp"
#include "tools/cli/exit_codes.hpp"
#include "tools/cli/log_place.hpp"
#include "tools/cli/progress.hpp"
#include "tools/evlog/commands.hpp"
#include "tools/evlog/run_check.hpp"
#include "tools/evlog/verify_report.hpp"

#include <evbus/error.hpp>
#include <evbus/log/log_lock.hpp>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include <sys/stat.h>

namespace evlog {
namespace {

namespace files = std::filesystem;
using evbus::errc;
using evbus::error;
using evbus::log::log_dir;
using evbus::log::rescue_report;
using evbus::log::verify_report;

constexpr const char* operation = "repair log";

struct options {
    std::string log;
    std::string to;
};

evbus::log::file_system& fs() { return evbus::log::posix(); }

void refuse_while_recording(const std::string& dir) {
    if (evbus::log::lock_file::is_held(fs(), log_dir{dir}.lock()))
        throw error(errc::busy, {operation, dir, evbus::log::log_lock::holder(fs(), dir) + " is writing to it", "stop that process first, or repair a copy of the log"});
}

/// Modes as the old log has them: who may read that one may read the new one.
unsigned mode_of(const std::string& path, unsigned otherwise) {
    struct ::stat s {};
    return ::stat(path.c_str(), &s) == 0 ? s.st_mode & 0777U : otherwise;
}

/// The place to write to; it is made here, so that there is one repair at a time.
class workplace {
public:
    workplace(const std::string& from, std::string to) : to_(std::move(to)) {
        while (to_.size() > 1 && to_.back() == '/') to_.pop_back();
        if (to_.empty()) throw error(errc::bad_option, {operation, "--to", "it is empty", "name a directory that is not there yet"});
        std::error_code none;
        if (files::exists(files::symlink_status(to_, none)) && !(files::is_directory(to_, none) && files::is_empty(to_, none)))
            throw error(errc::already_exists, {operation, to_, "it is there already, and not an empty directory", "name a place that is not there yet: a log is never repaired in place"});
        const files::path inner = files::weakly_canonical(to_, none);
        const files::path outer = files::weakly_canonical(from, none);
        if (std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end())
            throw error(errc::bad_option, {operation, to_, "it lies within the log that is to be repaired", "name a place beside it"});
        part_ = to_ + ".unfinished";
        const int r = fs().mkdir(part_, mode_of(from, 0700));
        if (r == -EEXIST)
            throw error(errc::already_exists, {operation, part_, "it is there already: another repair is at work, or one was killed", "see that none is running (ps), and remove it"});
        if (r < 0) evbus::detail::throw_errno(-r, operation, part_);
    }
    /// Removes what is unfinished.
    ~workplace() {
        std::error_code none;
        if (!kept_) files::remove_all(part_, none);
    }
    workplace(const workplace&) = delete;

    [[nodiscard]] const std::string& part() const { return part_; }
    [[nodiscard]] const std::string& to() const { return to_; }
    void keep() { kept_ = true; }
    /// It is whole: it gets its name.
    void finish() {
        const int r = fs().rename(part_, to_);
        if (r < 0) evbus::detail::throw_errno(-r, operation, to_);
        kept_ = true;
        const files::path parent = files::path(to_).parent_path();
        if (const int s = fs().sync_dir(parent.empty() ? "." : parent.string()); s < 0) evbus::detail::throw_errno(-s, operation, to_);
    }

private:
    std::string to_;
    std::string part_;
    bool kept_ = false;
};

void row(std::string& out, const char* title, const std::string& value) {
    out += title;
    cli::append_printable(out, value);
    out += '\n';
}

std::string holes_text(const rescue_report& r) {
    std::string out;
    for (std::size_t i = 0; i < std::min<std::size_t>(r.first_holes.size(), 8); ++i) {
        const evbus::seq_range h = r.first_holes[i];
        out += (out.empty() ? "" : ", ") + std::to_string(h.first) + (h.count() == 1 ? "" : " to " + std::to_string(h.last));
    }
    return out + (r.holes > 8 ? ", ..." : "");
}

void append_report(std::string& out, const std::string& from, const std::string& to, const rescue_report& r, const verify_report& v) {
    row(out, "from      ", from);
    row(out, "to        ", to);
    row(out, "bus id    ", to_string(v.bus));
    row(out, "holds     ", cli::format_count(r.segments, "segment") + ", " + cli::format_count(r.commits + r.mended, "commit") + ", " + cli::format_count(r.events) + " events and fragments" +
                               (v.last >= v.first && v.first != evbus::no_seq ? ", seqs " + std::to_string(v.first) + " to " + std::to_string(v.last) : ""));
    if (r.missing != 0)
        row(out, "missing   ", cli::format_count(r.missing, "seq") + ", which readers of it are told as damage: " + holes_text(r));
    if (r.mended != 0) row(out, "mended    ", cli::format_count(r.mended) + " commits without the records that made no sense");
    for (const std::string& what : r.left_out) row(out, "left out  ", what);
    row(out, "checked   ", "the new log is whole");
    row(out, "to use it ", "stop whoever uses the old one, then: mv " + from + " " + from + ".damaged && mv " + to + " " + from);
}

/// A damaged manifest stays behind: the log does not depend on it, and with it the new one would not be whole.
void leave_out_unreadable_runs(const log_dir& made, rescue_report& report) {
    for (const std::string& name : evbus::recorder::load_manifests(fs(), made).unreadable) {
        const std::string path = made.runs() + "/" + name;
        if (const int r = fs().unlink(path); r < 0) evbus::detail::throw_errno(-r, operation, path);
        report.left_out.push_back("runs/" + name + ": it is no manifest of a run");
    }
}

int repair(const options& o, cli::output& out) {
    const std::string from = cli::find_log(operation, o.log).dir;
    const log_dir old{from};
    refuse_while_recording(from);
    const cli::stop_signal stop;
    cli::progress shown("evlog");

    std::vector<evbus::seq_t> firsts;
    if (const int r = list_segments(fs(), old, firsts); r < 0) evbus::detail::throw_errno(-r, operation, old.segments());
    std::uint64_t total = 0;
    evbus::log::file_info info;
    for (const evbus::seq_t first : firsts)
        if (fs().stat(segment_path(old, first), info) == 0) total += info.bytes;
    evbus::log::rescue_options how;
    how.bus = evbus::log::bus_of_log(fs(), old, firsts);
    if (how.bus.empty())
        throw error(errc::damaged, {operation, from, "no segment has a readable header, and epochs names no bus: no commit can be checked",
                                    "bring a segment or the file epochs back from a copy: one is enough"});
    for (const evbus::recorder::manifest& m : evbus::recorder::load_manifests(fs(), old).runs)
        if (m.id == how.bus && m.last_seq < evbus::max_seq) how.known_last = std::max(how.known_last, m.last_seq);
    how.dir_mode = mode_of(from, 0700);
    how.file_mode = firsts.empty() ? 0600 : mode_of(segment_path(old, firsts.back()), 0600) & 0666U;
    how.go_on = [&](std::uint64_t bytes) {
        shown.show(bytes, total, "copying");
        return !stop.asked();
    };

    workplace place(from, o.to);
    const log_dir made{place.part()};
    rescue_report done = rescue(fs(), old, made, how);
    if (!done.stopped) leave_out_unreadable_runs(made, done);
    evbus::log::verify_options check;
    check.threads = std::clamp(std::thread::hardware_concurrency(), 1U, 8U);
    check.go_on = [&](const evbus::log::verify_progress& p) {
        shown.show(p.bytes, p.total, "checking the new log");
        return !stop.asked();
    };
    verify_report v;
    if (!done.stopped) v = evbus::log::verify(fs(), made, check);
    shown.clear();
    if (done.stopped || v.stopped || stop.asked()) {
        cli::say("evlog", "stopped; " + place.part() + " is removed again, and the old log is as it was");
        return cli::exit_failed;
    }
    check_runs(fs(), made, false, v);
    if (v.has_damage() || !v.is_whole() || v.sums.events + v.sums.fragments != done.events) {
        place.keep();
        std::string text;
        for (const evbus::log::finding& f : v.found.kept())
            if (f.weight != evbus::log::severity::note) append_finding(text, f, "");
        throw error(errc::damaged, {operation, place.part(), "what was written does not pass its check, and is left for you to look at:\n" + text, "the old log is as it was"});
    }
    refuse_while_recording(from);
    place.finish();
    append_report(out.buffer(), from, place.to(), done, v);
    out.flush();
    return done.holes != 0 ? cli::exit_gaps : cli::exit_fine;
}

} // namespace

subcommand add_repair(cli::command& evlog) {
    const auto o = std::make_shared<options>();
    cli::command& flags = evlog.subcommand("repair", "writes a whole log from a damaged one, in a new place; the old one is only read",
                                           "  evlog verify md                          what is wrong with it\n"
                                           "  evlog repair md --to /var/lib/evbus/md.new\n"
                                           "  evlog gaps /var/lib/evbus/md.new         what could not be saved\n"
                                           "Ends with 0 (nothing is missing), 3 (some seqs are, and readers are told so) or 2 (nothing was written).\n");
    flags.positional("DIR|BUS", o->log, "a log's directory, or the name of a bus that nobody records");
    flags.option("--to", "NEWDIR", "where the new log goes; not there yet, or an empty directory", [o](const std::string& s) { o->to = s; });
    return {&flags, [o](cli::output& out) { return repair(*o, out); }};
}

} // namespace evlog
