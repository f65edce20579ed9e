// evrecord: the recorder beside a bus. It runs until SIGTERM or SIGINT, drains, seals and exits 0.
//
// Exit codes: 0 asked to stop, everything is recorded; 2 usage, the system refused, or stopped before it recorded; 4 the log is
// damaged; 5 no space; 6 a sync failed; 7 the disk was too slow for too long; 8 somebody else records this bus already.
#include "lib/recorder/recording.hpp"
#include "tools/cli/bus_flags.hpp"
#include "tools/cli/exit_codes.hpp"
#include "tools/cli/keep_flags.hpp"
#include "tools/cli/terminal.hpp"
#include "tools/evrecord/options.hpp"
#include "tools/evrecord/process_log.hpp"

#include <evbus/bus.hpp>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>

namespace {

using evbus::ring::recorder_state;

int exit_code_of(evbus::errc e) {
    switch (e) {
    case evbus::errc::recorder_alive: return cli::exit_already_recorded;
    case evbus::errc::no_space: return cli::exit_no_space;
    case evbus::errc::damaged: return cli::exit_damage;
    default: return cli::exit_failed;
    }
}

int exit_code_of(recorder_state s) {
    switch (s) {
    case recorder_state::ended: return cli::exit_fine;
    case recorder_state::no_space: return cli::exit_no_space;
    case recorder_state::sync_failed: return cli::exit_sync_failed;
    case recorder_state::backpressure: return cli::exit_backpressure;
    case recorder_state::write_failed: return cli::exit_failed;
    default: return cli::exit_damage;
    }
}

/// Sets a flag when a signal comes, so that the recorder need not know about signals. Sleeps until then.
class stop_on_signal {
public:
    stop_on_signal() : ended_(::eventfd(0, EFD_CLOEXEC)), watch_([this] {
        pollfd both[] = {{signals_.fd(), POLLIN, 0}, {ended_, POLLIN, 0}};
        while (!signals_.asked() && both[1].revents == 0) ::poll(both, 2, -1);
        stop_.store(true);
    }) {}
    ~stop_on_signal() {
        ::eventfd_write(ended_, 1);
        watch_.join();
        ::close(ended_);
    }
    [[nodiscard]] const std::atomic<bool>& flag() const { return stop_; }

private:
    cli::stop_signal signals_;
    std::atomic<bool> stop_{false};
    int ended_;
    std::thread watch_;
};

/// Records one ring to its end. True when the bus was created anew meanwhile and is to be recorded on.
bool record_ring(const evrecord::settings& set, const std::atomic<bool>& stop, int& code, evbus::epoch_t& epoch) {
    const evbus::bus bus = evbus::bus::open_or_create(set.bus, set.create);
    epoch = bus.epoch();
    evbus::recorder::options how = set.record;
    evbus::seq_t first = evbus::no_seq;
    // Who starts publishers by this line counts on a paced bus waiting for the recorder.
    how.on_recording = [&] {
        evrecord::say("recording bus " + bus.name() + " from seq " + std::to_string(first) + " to " + bus.log_dir());
    };
    how.stop = &stop;
    std::optional<evbus::recorder::recording> recording;
    try {
        recording.emplace(bus, how);
    } catch (const evbus::error&) {
        if (!stop.load()) throw;
        evrecord::fail("stopped while it looked through the log of bus " + bus.name() + ": nothing was recorded");
        code = cli::exit_failed;
        return false;
    }
    first = recording->next_seq();
    const evbus::recorder::outcome end = recording->run(stop);
    code = exit_code_of(end.state);
    const std::string what = std::to_string(end.recorded.count()) + " seqs recorded" +
                             (end.lost != 0 ? ", " + std::to_string(end.lost) + " of them as lost" : "") +
                             ", the last is " + std::to_string(end.recorded.last);
    if (end.state != recorder_state::ended) {
        evrecord::fail("halted: " + end.reason + "; " + what + ". Publishers of a paced bus go on without a recorder; start "
                       "evrecord again once the cause is mended");
        return false;
    }
    if (!end.retired) {
        evrecord::say("stopped: " + what);
        return false;
    }
    evrecord::say("the ring was removed: " + what);
    return true;
}

/// Waits a while for publishers to create the bus anew. Who removed it for good wants no new one from us.
bool comes_back(const std::string& bus, evbus::epoch_t before, const std::atomic<bool>& stop) {
    using namespace std::chrono_literals;
    for (int tries = 0; tries < 100 && !stop.load(); ++tries) {
        try {
            if (evbus::bus::observe(bus).epoch() != before) return true;
        } catch (const evbus::error&) { // not there, or not yet
        }
        std::this_thread::sleep_for(20ms);
    }
    return false;
}

} // namespace

int main(int argc, char** argv) {
    cli::prepare_process();
    evrecord::settings set;
    if (const auto code = evrecord::parse(argc, argv, set)) return *code;
    evrecord::begin_log(set.quiet);
    set.record.on_deleted = [](const std::string& text) { evrecord::say(text); };
    set.create.on_notice = set.record.on_notice = [](const evbus::notice& n) { evrecord::say(n); };
    int code = cli::exit_fine;
    try {
        cli::check_bus_flags(set.create);
        cli::check_keep_flags(set.record.keep, set.record.segment_bytes);
        const stop_on_signal stop;
        evbus::epoch_t epoch{};
        while (record_ring(set, stop.flag(), code, epoch) && comes_back(set.bus, epoch, stop.flag())) {}
    } catch (const evbus::error& e) {
        evrecord::fail(e.what());
        return exit_code_of(e.kind());
    } catch (const std::bad_alloc&) {
        evrecord::fail("out of memory: free some, or raise the limit (ulimit -v)");
        return cli::exit_failed;
    } catch (const std::exception& e) {
        evrecord::fail(e.what());
        return cli::exit_failed;
    }
    return code;
}
