#include "lib/link/session.hpp"
#include "lib/link/tcp.hpp"
#include "tools/cli/exit_codes.hpp"
#include "tools/cli/log_place.hpp"
#include "tools/cli/progress.hpp"
#include "tools/evlog/commands.hpp"
#include "tools/evlog/readable_limit.hpp"

#include <evbus/error.hpp>
#include <evbus/log/epochs.hpp>
#include <evbus/log/log_reader.hpp>

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace evlog {
namespace {

namespace link = evbus::link;

struct options {
    std::string log;
    std::optional<std::uint64_t> from, to;
    bool follow = false;
    std::optional<std::string> file, listen_at, connect_to;
    std::optional<std::uint64_t> rate;
    bool quiet = false;
};

constexpr const char* examples =
    "  evlog export md > md.stream                            the whole log, into a file\n"
    "  evlog export md | ssh other evlog import /srv/md       to another machine\n"
    "  evlog export md --from $(evlog import /mnt/md --position) | evlog import /mnt/md\n"
    "  evlog export md --follow --listen 0.0.0.0:7000         a mirror: evlog import /srv/md --follow --connect HOST:7000\n"
    "Over TCP nothing is encrypted and nobody is asked who he is: use ssh where that matters.\n"
    "Ends with 0, 3 (the log has holes, and the stream says so), 2 on an error, 130 or 143 when it was stopped before\n"
    "the end; with --follow that is its end, and 0.\n";

[[noreturn]] void refuse(const std::string& what, const std::string& problem, const std::string& way_out) {
    throw evbus::error(evbus::errc::bad_option, {"", what, problem, way_out});
}

void check(const options& o) {
    if (o.file.has_value() + o.listen_at.has_value() + o.connect_to.has_value() > 1)
        refuse("--output, --listen and --connect", "are three ways out", "give one of them");
    if (o.from && o.to && *o.to < *o.from) refuse("--to", "lies before --from", "exchange the two");
    if (o.follow && o.to) refuse("--to", "is an end, and --follow has none", "leave one of them out");
    const bool to_stdout = !o.file && !o.listen_at && !o.connect_to;
    if (to_stdout && ::isatty(STDOUT_FILENO) == 1)
        refuse("standard output", "is a terminal, and a stream is no text", "send it on: evlog export ... | evlog import DIR, or > FILE");
}

/// A log that has no segment yet is known by its ring, or by the last creation of it.
evbus::bus_id id_of(const cli::log_place& at) {
    if (at.ring) return at.ring->id();
    const std::vector<evbus::log::epoch_record> epochs = evbus::log::read_epochs(evbus::log::posix(), {at.dir});
    std::vector<evbus::seq_t> segments;
    if (evbus::log::list_segments(evbus::log::posix(), {at.dir}, segments) == 0 && segments.empty() && !epochs.empty()) return epochs.back().bus;
    return evbus::log::log_reader(evbus::log::posix(), at.dir).bus();
}

class export_run {
public:
    export_run(const options& o, const cli::stop_signal& stop)
        : o_(&o), stop_(&stop), at_(cli::find_log("export log", o.log)), id_(id_of(at_)),
          limit_(at_.dir, id_, at_.ring) {
        settle();
    }

    int run() {
        if (o_->listen_at) return serve();
        if (o_->connect_to) return to_peer();
        return to_file();
    }

private:
    /// What was written when we began is to be in the stream: the disk has it in a moment.
    void settle() {
        const evbus::seq_t written = limit_.written();
        for (int i = 0; i < 250 && limit_.now() < written && written != evbus::max_seq; ++i)
            if (stop_->wait_ms(20)) return;
    }
    [[nodiscard]] link::export_options how() {
        link::export_options out;
        out.from = o_->from.value_or(evbus::no_seq);
        out.to = o_->to.value_or(evbus::max_seq);
        out.follow = o_->follow;
        if (o_->rate) out.bytes_a_second = static_cast<double>(*o_->rate);
        out.limit = [this] { return limit_.now(); };
        out.wait = [this](int ms) { return stop_->wait_ms(ms); };
        out.progress = [this](const link::export_counts& c) {
            meter_.show(c.bytes, c.bytes_expected, c.commits == 0 ? "" : "seq " + std::to_string(c.seqs.last));
        };
        return out;
    }

    int to_file() {
        const bool is_file = o_->file && *o_->file != "-";
        const int fd = is_file ? ::open(o_->file->c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : STDOUT_FILENO;
        if (fd < 0) evbus::detail::throw_errno(errno, "export log", *o_->file);
        link::fd_channel out(-1, fd, stop_->fd(), is_file ? *o_->file : "standard output");
        link::exporter from(evbus::log::posix(), at_.dir, id_, how());
        const bool whole = from.run(out);
        if (is_file) ::close(fd);
        return done(whole ? link::ending::whole : link::ending::stopped, from.counts(), is_file ? *o_->file : "");
    }

    int to_peer() {
        std::optional<link::fd_channel> peer = link::connect_to(link::parse_endpoint(*o_->connect_to), stop_->fd());
        if (!peer) return stopped();
        link::export_counts counts;
        const link::ending how_it_ended = link::export_to_peer(*peer, evbus::log::posix(), at_.dir, id_, how(), counts);
        return done(how_it_ended, counts, peer->name());
    }

    /// One importer after the other; without --follow until one has all.
    int serve() {
        link::listener door(link::parse_endpoint(*o_->listen_at));
        cli::say("evlog", "exporting " + at_.dir + " to who connects to " + door.name());
        while (true) {
            std::optional<link::fd_channel> peer = door.accept(stop_->fd());
            if (!peer) return stopped();
            link::export_counts counts;
            try {
                const link::ending ended = link::export_to_peer(*peer, evbus::log::posix(), at_.dir, id_, how(), counts);
                const int code = done(ended, counts, peer->name());
                if (ended == link::ending::whole && !o_->follow) return code;
                if (stop_->asked()) return o_->follow ? static_cast<int>(cli::exit_fine) : code;
            } catch (const evbus::error& e) {
                meter_.clear();
                cli::say("evlog", peer->name() + ": " + e.what() + "; waiting for the next one");
            }
        }
    }

    int stopped() const { return o_->follow ? static_cast<int>(cli::exit_fine) : 128 + stop_->number(); }

    int done(link::ending how_it_ended, const link::export_counts& c, const std::string& where) {
        meter_.clear();
        if (!o_->quiet) {
            std::string text = how_it_ended == link::ending::whole ? "exported " : "stopped after ";
            text += c.commits == 0 ? "nothing: there is nothing further in the log"
                    : c.seqs.first == evbus::no_seq ? std::to_string(c.commits) + " commits without seqs"
                                                    : "seqs " + std::to_string(c.seqs.first) + " to " + std::to_string(c.seqs.last);
            text += ", " + cli::format_size(c.bytes) + (where.empty() ? "" : ", to " + where);
            if (c.holes != 0)
                text += "; " + cli::format_count(c.missing) + " seqs of the log are missing or damaged, and named as holes (evlog verify tells more)";
            cli::say("evlog", text);
        }
        if (how_it_ended == link::ending::stopped) return stopped();
        return c.holes != 0 ? cli::exit_gaps : cli::exit_fine;
    }

    const options* o_;
    const cli::stop_signal* stop_;
    cli::log_place at_;
    evbus::bus_id id_;
    readable_limit limit_;
    cli::progress meter_{"evlog"};
};

int run(const options& o) {
    check(o);
    std::signal(SIGPIPE, SIG_IGN);
    const cli::stop_signal stop;
    return export_run(o, stop).run();
}

} // namespace

subcommand add_export(cli::command& evlog) {
    const auto o = std::make_shared<options>();
    cli::command& flags = evlog.subcommand("export", "sends a log elsewhere", examples);
    flags.positional("DIR|BUS", o->log, "a log's directory, or the name of a bus");
    flags.count("--from", o->from, "begin with the commit that holds this seq", {1, evbus::max_seq - 1});
    flags.count("--to", o->to, "end with the commit that holds this seq", {1, evbus::max_seq - 1});
    flags.flag("-f,--follow", o->follow, "go on with what is recorded from now on, as soon as it is durable");
    flags.text("-o,--output", o->file, "FILE", "a new file instead of standard output");
    flags.text("--listen", o->listen_at, "HOST:PORT", "serve importers that connect, one after the other; without HOST on this machine only");
    flags.text("--connect", o->connect_to, "HOST:PORT", "send to an importer that listens");
    flags.size("--rate", o->rate, "bytes a second at most", {1, std::uint64_t{1} << 50});
    flags.flag("-q,--quiet", o->quiet, "no summary");
    return {&flags, [o](cli::output&) { return run(*o); }};
}

} // namespace evlog
