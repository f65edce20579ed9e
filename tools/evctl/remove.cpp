// The order of a removal, so that a death in between leaves what the next one can finish:
//   retire the ring        - nobody publishes past the closed seq; members go on anew
//   close the log's epochs - the next ring goes on at that seq instead of jumping far ahead
//   unlink ring, then ctl  - only now may somebody create the bus again
#include "tools/cli/exit_codes.hpp"
#include "tools/cli/units.hpp"
#include "tools/evctl/bus_view.hpp"
#include "tools/evctl/commands.hpp"
#include "tools/evctl/log_removal.hpp"
#include "tools/evctl/removal.hpp"

#include <evbus/bus.hpp>
#include <evbus/log/epochs.hpp>
#include <evbus/log/log_lock.hpp>
#include <evbus/ring/retire.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <thread>

using namespace std::chrono_literals;

namespace evctl {
namespace {

namespace ring = evbus::ring;
namespace elog = evbus::log;
using evbus::errc;
using evbus::error;

constexpr std::chrono::milliseconds lock_patience = 5s;

// "publisher gateway (pid 12), recorder evrecord (pid 13)"; empty when nobody lives.
std::string living_text(const ring::attachment& at) {
    std::string text;
    bool recorder_named = false;
    const auto name = [&](const std::string& who, std::uint32_t pid) {
        text += (text.empty() ? "" : ", ") + who + " (pid " + std::to_string(pid) + ")";
    };
    for (const ring::member_info& m : ring::living_members(at)) {
        name(std::string(to_string(m.kind)) + " " + m.name, m.pid);
        recorder_named |= m.kind == ring::member_kind::recorder;
    }
    if (!recorder_named && ring::byte_is_held(at.test_fd(), ring::recorder_lock_byte))
        name("recorder", at.ctl().frontier.recorder_pid.load());
    return text;
}

void refuse_living_recorder(const std::string& bus, const ring::attachment& at) {
    if (ring::byte_is_held(at.test_fd(), ring::recorder_lock_byte))
        throw error(errc::recorder_alive, {"remove bus " + bus, at.description().log_dir,
                                           "a recorder (pid " + std::to_string(at.ctl().frontier.recorder_pid.load()) + ") writes this log",
                                           "stop it before --with-log"});
}

// In a sticky directory, as /dev/shm is, whom neither the file nor the directory belongs to may write a
// ring and yet not take its name away: told before the ring is closed, which could not be undone.
void refuse_foreign(const std::string& bus) {
    const std::string path = ring::shm_path(ring::ring_object(bus));
    struct stat dir {};
    struct stat file {};
    if (::stat(ring::shm_directory, &dir) != 0 || ::stat(path.c_str(), &file) != 0) return;
    const uid_t self = ::geteuid();
    const bool sticky = (dir.st_mode & S_ISVTX) != 0 && self != 0 && self != file.st_uid && self != dir.st_uid;
    if (!sticky && ::access(ring::shm_directory, W_OK) == 0) return;
    evbus::detail::throw_errno(EPERM, "remove bus " + bus, path, "its owner can remove it");
}

// Nothing when somebody else keeps it, or there is no log (any more).
std::optional<elog::log_lock> lock_log(const std::string& dir) {
    try {
        return elog::log_lock::try_acquire(elog::posix(), dir, "evctl remove", lock_patience);
    } catch (const error& e) {
        cli::say("evctl", e.what());
        return std::nullopt;
    }
}

// Only behind the line of this very ring; behind another one it would end that one.
void close_epoch(const ring::attachment& at, evbus::seq_t closed) {
    const ring::checked_description& d = at.description();
    const elog::log_dir dir{d.log_dir};
    const auto lines = elog::read_epochs(elog::posix(), dir);
    if (lines.empty() || lines.back().epoch != d.epoch()) return;
    if (lines.size() > 1 && lines[lines.size() - 2].epoch == d.epoch()) return; // done by who tried before
    elog::append_epoch(elog::posix(), dir, {d.epoch(), closed, evbus::detail::wall_ns(), evbus::detail::boot_id(), d.id(), d.name}, d.raw.mode);
}

void unlink_names(const std::string& bus, evbus::epoch_t epoch) {
    for (int tries = 0; tries < 100; ++tries) {
        errno = 0;
        if (ring::unlink_closed(bus, epoch)) return;
        if (errno != 0 && errno != ENOENT) break;
        std::this_thread::sleep_for(10ms);
    }
    evbus::detail::throw_errno(errno != 0 ? errno : EBUSY, "remove bus", ring::shm_path(ring::ring_object(bus)));
}

void report_log_removal(const std::string& dir) {
    const log_removal done = remove_log(dir);
    std::string text = "removed the log in " + dir + ": " + cli::format_count(done.files) + " files";
    for (const std::string& path : done.left) text += "; left alone: " + path;
    cli::say("evctl", text);
}

// The ring is gone or cannot be understood: only names are left to take away.
std::size_t remove_names(const std::string& bus) {
    std::size_t names = 0;
    const std::string object = ring::ring_object(bus);
    if (ring::unlink_object(object)) ++names;
    else if (errno != ENOENT) evbus::detail::throw_errno(errno, "remove bus", ring::shm_path(object));
    return names + ring::remove_orphaned_ctl(bus);
}

void remove_log_alone(const std::string& bus) {
    const std::optional<std::string> dir = elog::find_log_dir(elog::posix(), bus);
    if (!dir) return cli::say("evctl", "no log of bus " + bus + " was found in the usual places");
    const elog::log_lock lock = elog::log_lock::acquire(elog::posix(), *dir, "evctl remove");
    report_log_removal(*dir);
}

int remove_rest(const std::string& bus, const error& why, const remove_options& how) {
    const bool ring_there = why.kind() != errc::not_found || ring::shm_file::try_open(ring::ring_object(bus), ring::access::read_only);
    if (ring_there && (why.kind() == errc::permission || !how.force)) throw error(why);
    if (ring_there) cli::say("evctl", std::string(why.what()));
    const std::size_t names = remove_names(bus);
    const bool log_there = how.with_log && elog::find_log_dir(elog::posix(), bus);
    if (names == 0 && !log_there) throw error(why);
    if (names != 0)
        cli::say("evctl", "removed " + std::to_string(names) + (names == 1 ? " name" : " names") + " of bus " + bus +
                              (ring_there ? "; whoever still has it open was not told" : ", which had no ring any more"));
    if (how.with_log) remove_log_alone(bus);
    return cli::exit_fine;
}

} // namespace

void remove_ring(const std::string& bus, const ring::attachment& at, const remove_options& how) {
    const std::string& dir = at.description().log_dir;
    const std::string living = living_text(at);
    if (!living.empty() && !how.force)
        throw error(errc::members_alive, {"remove bus " + bus, "", "in use by " + living, "stop them, or use --force"});
    if (how.with_log && !dir.empty()) refuse_living_recorder(bus, at);
    refuse_foreign(bus);

    std::optional<elog::log_lock> lock;
    // A living recorder keeps the lock until it has read the ring to its end.
    const bool recorder_lives = ring::byte_is_held(at.test_fd(), ring::recorder_lock_byte);
    if (!dir.empty() && !recorder_lives) {
        lock = lock_log(dir);
        const bool held = !lock && elog::is_log_dir(elog::posix(), {dir});
        if (held && (how.with_log || !how.force))
            throw error(errc::busy, {"remove bus " + bus, elog::log_dir{dir}.lock(), "held by " + elog::log_lock::holder(elog::posix(), dir),
                                     "stop that process first"});
    }
    const evbus::seq_t closed = ring::retire(at, 4s);
    if (closed == evbus::no_seq && !how.force && at.description().exclusive())
        throw error(errc::busy, {"remove bus " + bus, "", "its publisher lives, and cannot be told at once because the system refuses membarrier",
                                 "end that process, or use --force: it is told at its next event"});
    if (closed == evbus::no_seq && !how.force)
        throw error(errc::damaged, {"remove bus " + bus, "", "its ring cannot be closed: its words make no sense", "use --force"});
    if (closed == evbus::no_seq) cli::say("evctl", "the ring could not be closed; its names are removed all the same");
    if (!dir.empty() && recorder_lives) lock = lock_log(dir);
    if (closed != evbus::no_seq && lock) close_epoch(at, closed);
    if (closed != evbus::no_seq && !dir.empty() && !lock)
        cli::say("evctl", "the end could not be noted in the log: the next ring of this bus starts at a far greater seq");
    unlink_names(bus, at.description().epoch());
    ring::remove_orphaned_ctl(bus);

    const evbus::seq_t written = at.ctl().frontier.written.load();
    cli::say("evctl", "removed bus " + bus + (living.empty() ? "" : "; still there, and told to open it anew: " + living));
    if (!dir.empty() && closed != evbus::no_seq && closed - 1 > written)
        cli::say("evctl", cli::format_count(closed - 1 - written) + " seq(s) of it were not recorded (" + std::to_string(written + 1) + "-" +
                              std::to_string(closed - 1) + ")");
    if (how.with_log && lock) report_log_removal(dir);
}

seq_of_end finish_closed_ring(const std::string& bus, const ring::attachment& at) {
    const std::string& dir = at.description().log_dir;
    const std::optional<elog::log_lock> lock = dir.empty() ? std::nullopt : lock_log(dir);
    seq_of_end end{ring::retire(at, 1s), false}; // closed already: this only says where
    if (end.closed != evbus::no_seq && lock) {
        close_epoch(at, end.closed);
        end.noted = true;
    }
    unlink_names(bus, at.description().epoch());
    return end;
}

int remove(const std::string& bus, const remove_options& how) {
    std::shared_ptr<ring::attachment> at;
    try {
        at = ring::attachment::open(bus, ring::access::read_write);
    } catch (const error& e) {
        if (e.kind() == errc::bad_name) throw;
        return remove_rest(bus, e, how);
    }
    remove_ring(bus, *at, how);
    return cli::exit_fine;
}

} // namespace evctl
