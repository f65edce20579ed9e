#include "lib/link/session.hpp"
#include "lib/link/tcp.hpp"
#include "tools/cli/exit_codes.hpp"
#include "tools/cli/log_place.hpp"
#include "tools/cli/progress.hpp"
#include "tools/evlog/commands.hpp"

#include <evbus/error.hpp>
#include <evbus/log/log_reader.hpp>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace evlog {
namespace {

namespace link = evbus::link;

struct options {
    std::string dir;
    std::optional<std::string> file, listen_at, connect_to;
    bool follow = false;
    bool position = false;
    bool quiet = false;
};

constexpr const char* examples =
    "  evlog import /srv/md < md.stream\n"
    "  ssh other evlog export md | evlog import /srv/md\n"
    "  evlog import /srv/md --follow --connect other:7000     a mirror that comes back by itself\n"
    "  evlog import /srv/md --position                        the seq that the log there goes on with\n"
    "DIR is an empty directory, one that is to be made, or a log of the same bus: what it has is compared, what it\n"
    "lacks is added. Started again after whatever happened it goes on where it was.\n"
    "Ends with 0, 3 (the other side could not give some seqs either), 2 on an error, 130 or 143 when it was stopped;\n"
    "with --follow that is its end, and 0.\n";

constexpr int shortest_pause_ms = 100;
constexpr int longest_pause_ms = 5000;

[[noreturn]] void refuse(const std::string& what, const std::string& problem, const std::string& way_out) {
    throw evbus::error(evbus::errc::bad_option, {"", what, problem, way_out});
}

void check(const options& o) {
    if (o.file.has_value() + o.listen_at.has_value() + o.connect_to.has_value() > 1)
        refuse("--input, --listen and --connect", "are three ways in", "give one of them");
    if (o.follow && !o.listen_at && !o.connect_to)
        refuse("--follow", "comes back after the other side went away, which a pipe cannot", "leave it out: a pipe is read to its end anyway");
    if (o.position && (o.file || o.listen_at || o.connect_to)) refuse("--position", "imports nothing", "give it alone");
    if (!o.position && !o.file && !o.listen_at && !o.connect_to && ::isatty(STDIN_FILENO) == 1)
        refuse("standard input", "is a terminal", "feed it a stream: evlog export ... | evlog import DIR");
}

/// Above all that the log in DIR has: what an export for it begins with.
int print_position(const std::string& dir, cli::output& out) {
    evbus::seq_t next = 1;
    if (evbus::log::is_log_dir(evbus::log::posix(), {dir})) {
        try {
            evbus::log::log_reader log(evbus::log::posix(), dir);
            next = std::max<evbus::seq_t>(log.last_seq() + 1, std::max<evbus::seq_t>(log.first_seq(), 1));
        } catch (const evbus::error& e) {
            if (e.kind() != evbus::errc::not_a_bus) throw;
        }
    }
    out.buffer() += std::to_string(next) + "\n";
    out.flush();
    return cli::exit_fine;
}

/// A log that a ring of this machine writes to, or will, gets its seqs from there and from nowhere else.
void refuse_live(const std::string& dir) {
    for (const evbus::log::epoch_record& e : evbus::log::read_epochs(evbus::log::posix(), {dir})) {
        std::optional<evbus::bus> ring;
        try {
            if (!e.name.empty()) ring = cli::try_observe(e.name);
        } catch (const evbus::error&) {
            continue;
        }
        std::error_code none;
        if (ring && std::filesystem::equivalent(ring->log_dir(), dir, none))
            throw evbus::error(evbus::errc::busy, {"import into log", dir, "it is the log of bus " + e.name + ", which is there on this machine",
                                                   "import into another directory, or remove the bus first (evctl remove)"});
    }
}

class import_run {
public:
    import_run(const options& o, const cli::stop_signal& stop) : o_(&o), stop_(&stop) {}

    int run() {
        if (o_->listen_at) return from_door();
        if (o_->connect_to) return from_peer();
        return from_file();
    }

private:
    [[nodiscard]] std::unique_ptr<link::importer> open() const {
        link::copy_options how;
        how.on_notice = [](const evbus::notice& n) { cli::say("evlog", n.text); };
        return std::make_unique<link::importer>(evbus::log::posix(), o_->dir, how);
    }
    [[nodiscard]] link::import_hook hook(const link::importer& to) {
        return [this, &to](const link::import_progress& p) {
            meter_.show(p.bytes, p.bytes_expected, "seq " + std::to_string(to.next_seq() - 1));
        };
    }

    /// Runs one stream, and says what came of it however it ended.
    template <class Stream>
    int take(Stream stream) {
        const std::unique_ptr<link::importer> to = open();
        try {
            const link::ending how = stream(*to);
            tell(*to);
            if (how == link::ending::stopped) return o_->follow ? static_cast<int>(cli::exit_fine) : 128 + stop_->number();
            return to->counts().missing != 0 ? cli::exit_gaps : cli::exit_fine;
        } catch (...) {
            meter_.clear();
            if (to->counts().commits != 0) tell(*to); // else the error says it all
            throw;
        }
    }

    int from_file() {
        const bool is_file = o_->file && *o_->file != "-";
        const int fd = is_file ? ::open(o_->file->c_str(), O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
        if (fd < 0) evbus::detail::throw_errno(errno, "import", *o_->file);
        link::fd_channel in(fd, -1, stop_->fd(), is_file ? *o_->file : "standard input");
        return take([&](link::importer& to) { return link::import_stream(in, to, hook(to)); });
    }

    int from_door() {
        link::listener door(link::parse_endpoint(*o_->listen_at));
        cli::say("evlog", "importing into " + o_->dir + " from who connects to " + door.name());
        return again_and_again([&] { return door.accept(stop_->fd()); });
    }

    int from_peer() {
        const link::endpoint where = link::parse_endpoint(*o_->connect_to);
        return again_and_again([&] { return link::connect_to(where, stop_->fd()); });
    }

    /// Without --follow: the first peer is the only one.
    template <class Meet>
    int again_and_again(Meet meet) {
        int pause = shortest_pause_ms;
        bool told = false;
        while (true) {
            try {
                std::optional<link::fd_channel> peer = meet();
                if (!peer) return o_->follow ? static_cast<int>(cli::exit_fine) : 128 + stop_->number();
                const int code = take([&](link::importer& to) {
                    const evbus::seq_t before = to.next_seq();
                    const link::ending how = link::import_from_peer(*peer, to, hook(to));
                    if (to.next_seq() != before) pause = shortest_pause_ms;
                    return how;
                });
                if (!o_->follow || stop_->asked()) return code;
                told = false;
            } catch (const evbus::error& e) {
                // What time does not mend ends a mirror too.
                const bool may_pass = e.kind() == evbus::errc::cut_short || e.kind() == evbus::errc::io ||
                                      (e.kind() == evbus::errc::not_found && o_->connect_to) || e.kind() == evbus::errc::damaged;
                if (!o_->follow || !may_pass || stop_->asked()) throw;
                if (!std::exchange(told, true)) cli::say("evlog", std::string(e.what()) + "; trying again until it comes");
            }
            if (stop_->wait_ms(pause)) return cli::exit_fine;
            pause = std::min(pause * 2, longest_pause_ms);
        }
    }

    void tell(const link::importer& to) {
        meter_.clear();
        const link::import_counts& c = to.counts();
        // What did not become durable is not promised: it comes again.
        const evbus::seq_range kept{c.added.first, std::min(c.added.last, to.durable())};
        const bool nothing = kept.count() == 0;
        if (o_->quiet || (o_->follow && nothing)) return;
        std::string text = nothing ? "imported nothing new" : "imported seqs " + std::to_string(kept.first) + " to " + std::to_string(kept.last);
        text += " into " + o_->dir;
        if (c.compared != 0) text += "; " + cli::format_count(c.compared) + " commits were there already, and are the same";
        if (c.missing != 0) text += "; " + cli::format_count(c.missing) + " seqs could not be had from the other side";
        if (to.durable() != evbus::no_seq) text += "; durable up to seq " + std::to_string(to.durable());
        cli::say("evlog", text);
    }

    const options* o_;
    const cli::stop_signal* stop_;
    cli::progress meter_{"evlog"};
};

int run(const options& o, cli::output& out) {
    check(o);
    if (o.position) return print_position(o.dir, out);
    std::signal(SIGPIPE, SIG_IGN);
    refuse_live(o.dir);
    const cli::stop_signal stop;
    return import_run(o, stop).run();
}

} // namespace

subcommand add_import(cli::command& evlog) {
    const auto o = std::make_shared<options>();
    cli::command& flags = evlog.subcommand("import", "takes what evlog export sends into a log", examples);
    flags.positional("DIR", o->dir, "the log's directory; it is made when it is not there");
    flags.text("-i,--input", o->file, "FILE", "a file instead of standard input");
    flags.text("--connect", o->connect_to, "HOST:PORT", "fetch from an exporter that listens");
    flags.text("--listen", o->listen_at, "HOST:PORT", "wait for an exporter that connects; without HOST on this machine only");
    flags.flag("-f,--follow", o->follow, "connect again whenever the other side has gone, until stopped");
    flags.flag("--position", o->position, "print the seq that the log goes on with, and import nothing");
    flags.flag("-q,--quiet", o->quiet, "no summary");
    return {&flags, [o](cli::output& out) { return run(*o, out); }};
}

} // namespace evlog
