#include "lib/recorder/recording.hpp"

#include "lib/recorder/anchor_desk.hpp"
#include "lib/recorder/capture.hpp"
#include "lib/recorder/control.hpp"
#include "lib/recorder/manifest.hpp"
#include "lib/recorder/retainer.hpp"
#include "lib/recorder/syncer.hpp"
#include "lib/recorder/writer.hpp"

#include <evbus/detail/probe.hpp>
#include <evbus/log/epochs.hpp>
#include <evbus/ring/head.hpp>
#include <evbus/version.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace recorder {
namespace {

/// Who may read a file may enter its directory.
unsigned dir_mode_of(unsigned file_mode) { return file_mode | (file_mode & 0444) >> 2; }

log::log_lock take_lock(const bus& on, log::file_system& files, std::optional<log::log_lock>& given) {
    if (given) return std::move(*given);
    // A directory that was deleted under its ring is made again: what the ring still has goes there.
    if (const int r = log::make_dirs(files, on.log_dir(), dir_mode_of(on.attach(ring::access::read_only)->description().raw.mode)); r < 0)
        detail::throw_errno(-r, "record bus " + on.name(), on.log_dir());
    // Who has just created the bus, or is removing it, holds the LOCK for a moment; a recorder keeps it.
    constexpr int tries = 200;
    for (int i = 0; i < tries; ++i) {
        if (std::optional<log::log_lock> lock = log::log_lock::try_acquire(files, on.log_dir(), "recorder of bus " + on.name()))
            return std::move(*lock);
        if (on.has_recorder()) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    throw error(errc::recorder_alive, {"record bus " + on.name(), log::log_dir{on.log_dir()}.lock(),
                                       "held by " + log::log_lock::holder(files, on.log_dir()),
                                       "one recorder a log; stop that process first"});
}

const bus& with_log(const bus& on) {
    if (on.log_dir().empty())
        throw error(errc::bad_option, {"record bus " + on.name(), ring::shm_path(ring::ring_object(on.name())),
                                       "this bus was created without a log", "remove it and create it with a log directory"});
    return on;
}

/// What an earlier recorder left on the disk, by its own word: in ctl, which knows of the ring that is there, and in
/// the manifests. A log that no recorder has written yet is believed as it reads back.
log::known_end known_end_of(const bus& on, const options& how) {
    const loaded_manifests all = load_manifests(*how.files, {on.log_dir()});
    const ring::frontier_words& f = on.attach(ring::access::read_only)->ctl().frontier;
    const seq_t in_ctl = f.generation.load(std::memory_order_acquire) == 0 ? no_seq : f.durable.load(std::memory_order_acquire);
    const std::optional<seq_t> in_runs = known_durable(all);
    if (!in_runs && in_ctl == no_seq) return {};
    log::known_end out;
    out.durable = std::max(in_ctl, in_runs.value_or(no_seq));
    out.closed = !all.runs.empty() && all.runs.back().status == run_status::ended;
    out.ring_from = ring::oldest_for(*on.attach(ring::access::read_only), on.head());
    return out;
}

log::log_options log_options_of(const bus& on, const options& how, unsigned mode) {
    log::log_options o;
    o.end = known_end_of(on, how);
    o.bus = on.id();
    o.epoch = on.epoch();
    o.segment_bytes = how.segment_bytes;
    o.torn = how.torn;
    // The disk's queue may be waited for: by the syncer, unless it is always in a sync.
    o.starts_writeback = how.sync == sync_policy::commit;
    o.stop = how.stop;
    o.file_mode = mode;
    o.dir_mode = dir_mode_of(mode);
    return o;
}

/// A ring whose head lies below the end of its log was not made for it: its seqs would come twice.
void check_not_behind(const bus& on, seq_t next) {
    const seq_t head = on.head();
    if (next <= head) return;
    throw error(errc::mismatch, {"record bus " + on.name(), on.log_dir(),
                                 "the log goes up to seq " + std::to_string(next - 1) + ", but the ring's head is only " + std::to_string(head),
                                 "remove the ring (evctl remove " + on.name() + " --force); a new one starts above the log"});
}

} // namespace

struct recording::parts {
    parts(const bus& on, options given, std::optional<log::log_lock> held)
        : how(std::move(given)), lock(take_lock(with_log(on), files(), held)), ctl(on, how.name),
          mode(ctl.attachment()->description().raw.mode), dir{on.log_dir()},
          retains(files(), dir, on.id(), how), writes(open_log(on)) {
        mark(probe::record_recovered);
        anchor = find_anchor(on);
        retains.anchored(anchor);
        check_not_behind(on, writes.next_seq());
        remember_epoch(on);
        // A ring that was recorded before goes on where its log ends.
        const seq_t first = std::max(on.first_seq(), writes.next_seq());
        if (const log::append_result r = writes.begin_epoch(on.epoch(), first); !r.ok()) give_up(r);
        // What an earlier run wrote counts as durable only now.
        if (const log::append_result r = writes.sync(); !r.ok()) give_up(r);
        begin_manifest(on);
    }

    [[nodiscard]] log::file_system& files() const noexcept { return *how.files; }

    [[nodiscard]] log::log_writer open_log(const bus& on) {
        retains.make_room_to_start();
        return log::log_writer::open(files(), on.log_dir(), log_options_of(on, how, mode), how.on_notice);
    }

    [[noreturn]] void give_up(const log::append_result& r) const {
        if (r.os_error != 0) detail::throw_errno(r.os_error, "record", dir.root);
        throw error(errc::damaged, {"record", dir.root, log::to_string(r.status)});
    }

    /// A log that was deleted under its ring has lost the line that keeps this ring's seqs from coming back.
    /// One that holds seqs of a ring that it does not know was not deleted: it is another ring's.
    void remember_epoch(const bus& on) const {
        for (const log::epoch_record& e : log::read_epochs(files(), dir))
            if (e.epoch == on.epoch()) return;
        if (writes.next_seq() > on.first_seq())
            throw error(errc::mismatch, {"record bus " + on.name(), dir.root,
                                         "the log goes up to seq " + std::to_string(writes.last_seq()) + " and does not know this ring, which "
                                         "began at seq " + std::to_string(on.first_seq()),
                                         "remove the ring (evctl remove " + on.name() + " --force); a new one starts above the log"});
        log::append_epoch(files(), dir, {on.epoch(), on.first_seq(), detail::wall_ns(), detail::boot_id(), on.id(), on.name()}, mode);
        mark(probe::log_epoch_noted);
    }

    /// What the last run knew of the log before it need not be looked through again.
    [[nodiscard]] std::optional<log::anchor> find_anchor(const bus& on) const {
        const loaded_manifests all = load_manifests(files(), dir);
        const manifest* const last = all.runs.empty() || all.runs.back().id != on.id() || !all.runs.back().knows_anchor ? nullptr : &all.runs.back();
        if (last == nullptr) return log::newest_anchor(files(), dir, {on.id()});
        const seq_t looked_at = last->status == run_status::ended ? last->last_seq : last->first_seq;
        const std::optional<log::anchor> newer = log::newest_anchor(files(), dir, {on.id()}, looked_at);
        return newer ? newer : last->anchor;
    }

    void begin_manifest(const bus& on) {
        loaded_manifests all = load_manifests(files(), dir);
        if (const int r = mark_crashed(files(), dir, all, writes.last_seq(), mode); r < 0)
            detail::throw_errno(-r, "mark crashed runs", dir.runs());
        run.started_ns = detail::wall_ns();
        run.pid = static_cast<std::uint32_t>(::getpid());
        run.run = make_run_id(run.started_ns, run.pid);
        run.parent = all.runs.empty() ? 0 : all.runs.back().run;
        run.bus = on.name();
        run.id = on.id();
        run.epoch = on.epoch();
        run.config = how.config;
        run.version = library_version;
        run.first_seq = writes.next_seq();
        run.last_seq = run.durable_seq = writes.last_seq();
        run.knows_anchor = true;
        run.anchor = anchor;
        save();
    }
    void save() {
        const int r = save_manifest(files(), dir, run, mode);
        mark(probe::record_manifest_saved);
        if (r < 0)
            detail::throw_errno(-r, "write manifest", dir.runs());
    }
    /// Best effort: a full disk must not hide why the recorder ended.
    void end_manifest(const outcome& o, seq_t durable) {
        run.durable_seq = durable;
        run.ended_ns = detail::wall_ns();
        run.last_seq = writes.last_seq();
        run.reason = o.reason;
        run.status = o.state == ring::recorder_state::ended ? run_status::ended : run_status::quarantined;
        if (save_manifest(files(), dir, run, mode) < 0 && how.on_notice)
            how.on_notice({notice_kind::degraded, "the manifest in " + dir.runs() + " could not be brought up to date"});
    }
    [[nodiscard]] std::string why_behind() const {
        const double seconds = std::chrono::duration<double>(how.halt_when_behind.value_or(std::chrono::nanoseconds(0))).count();
        char text[64];
        std::snprintf(text, sizeof text, "%.3g s", seconds);
        return dir.root + ": events come faster than the disk takes them, for " + text + " without a break (--halt-when-behind)";
    }
    /// The run's last record, the footer, the last sync. False when there is no such end.
    [[nodiscard]] bool seal(outcome& o, syncer& syncs) {
        log::batch last(log::batch::least_capacity);
        (void)last.add_run({run.run, log::run_change::end, detail::wall_ns()});
        log::append_result r = writes.append(last);
        if (r.ok()) r = writes.close();
        if (r.ok()) {
            syncs.reached(writes.last_seq());
            return true;
        }
        o.state = writer::halted_by(r.status);
        o.reason = std::string("the end of the log could not be sealed: ") + log::to_string(r.status);
        return false;
    }

    options how;
    log::log_lock lock;
    control ctl;
    unsigned mode;
    log::log_dir dir;
    retainer retains;
    log::log_writer writes;
    std::optional<log::anchor> anchor; ///< the newest one of earlier runs
    manifest run;
};

recording::recording(const bus& on, options how, std::optional<log::log_lock> lock)
    : p_(std::make_unique<parts>(on, std::move(how), std::move(lock))) {}
recording::~recording() = default;

seq_t recording::next_seq() const noexcept { return p_->writes.next_seq(); }

outcome recording::run(const std::atomic<bool>& stop) {
    parts& p = *p_;
    const seq_t first = p.writes.next_seq();
    handoff between;
    anchor_desk anchors(p.ctl, p.anchor, [&p](const log::anchor& a) { p.retains.anchored(a); });
    syncer syncs(p.ctl, p.how, first - 1, [&between] { between.nudge(); }, [&anchors] { anchors.synced(); });
    writer writes(p.ctl, between, p.how, p.writes, syncs, p.retains, anchors);
    capture captures(p.ctl, between, p.how, first, p.run.run, anchors);
    p.ctl.begin(first - 1, first - 1);
    if (p.how.on_recording) p.how.on_recording();
    p.retains.start();

    outcome o;
    std::thread writing([&] { o.state = writes.run(); });
    const capture_end end = captures.run(stop);
    // Said before what is under way is written: the disk may take its time for that, or stand still.
    if (end == capture_end::behind) p.ctl.end(ring::recorder_state::backpressure);
    between.finish();
    writing.join();
    syncs.stop();
    p.retains.stop();

    o.retired = end == capture_end::retired;
    o.reason = writes.reason();
    o.lost = captures.lost() + writes.lost();
    if (const int e = syncs.failure(); e != 0 && o.state == ring::recorder_state::ended) { // after the writer's last look
        o.state = ring::recorder_state::sync_failed;
        o.reason = writer::why_sync_failed(e);
    }
    if (end == capture_end::behind && o.state == ring::recorder_state::ended) {
        o.state = ring::recorder_state::backpressure;
        o.reason = p.why_behind();
    }
    bool synced = false;
    if (o.state == ring::recorder_state::ended) synced = p.seal(o, syncs);
    // What stands in the log when it halts is put on the disk: else the next start has to write it afresh, on a disk
    // that may have no room for that.
    else if (syncs.failure() == 0 && p.writes.sync().ok()) {
        syncs.reached(p.writes.last_seq());
        synced = true;
    }
    if (synced) anchors.synced();
    anchors.end();
    p.run.anchor = anchors.newest();
    mark(probe::record_sealed);
    o.recorded = {first, p.writes.last_seq()};
    p.ctl.end(o.state);
    p.end_manifest(o, syncs.durable());
    mark(probe::record_ended);
    return o;
}

} // namespace recorder
} // namespace v1
} // namespace evbus
