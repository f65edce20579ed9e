// The writing side of a log directory: opens with recovery, appends batches, rolls segments, seals.
// One writer thread; a sync_point may be synced by any other thread meanwhile, so that appending
// never waits for the disk. Whoever opens holds the log's LOCK (log_lock.hpp).
#pragma once

#include "lib/log/fresh_tail.hpp"
#include "lib/log/recovery.hpp"

#include <evbus/log/batch.hpp>
#include <evbus/log/segment_writer.hpp>
#include <evbus/notice.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

namespace evbus {
inline namespace v1 {
namespace log {

enum class on_torn : std::uint8_t {
    trim,   ///< move an unfinished write at the end to quarantine/ and go on
    refuse, ///< throw errc::damaged instead
};

struct log_options {
    bus_id bus{};                ///< must be set; an existing log must have the same
    epoch_t epoch = epoch_t::none; ///< of the ring that is about to be recorded
    std::uint64_t segment_bytes = std::uint64_t{256} << 20; ///< roll before a segment passes this
    on_torn torn = on_torn::trim;
    known_end end{};             ///< what the caller knows of an earlier writer's syncs
    bool starts_writeback = true; ///< append asks the disk to begin now and then; false: who syncs does
    unsigned dir_mode = 0700;
    unsigned file_mode = 0600;
    const std::atomic<bool>* stop = nullptr; ///< once set, a long recovery gives up: errc::io (ECANCELED)
};

enum class append_status : std::uint8_t {
    ok,
    no_space,     ///< ENOSPC, EDQUOT, EFBIG: nothing of the batch is in the log; try again later
    io_failed,    ///< any other failure of a write; the log ends before the batch
    sync_failed,  ///< the disk may have lost what was written: nothing more is accepted
    out_of_order, ///< the batch does not begin at next_seq(), or has a hole: a bug of the caller
    behind,       ///< begin_epoch: the ring's first seq was already recorded
};

[[nodiscard]] const char* to_string(append_status s) noexcept;

struct append_result {
    append_status status = append_status::ok;
    int os_error = 0;
    [[nodiscard]] bool ok() const noexcept { return status == append_status::ok; }
};

/// One failed sync is the last. The system reports a lost write to one sync alone, whichever thread's it was, and
/// calls the pages clean from then on: the next one would succeed without having anything on the disk.
class sync_gate {
public:
    /// 0 or -errno: the first failure for good. One sync at a time; any thread.
    [[nodiscard]] int sync(const file& f) noexcept {
        const std::lock_guard guard(mutex_);
        if (failure_ == 0) failure_ = f.datasync();
        return failure_;
    }

private:
    std::mutex mutex_;
    int failure_ = 0;
};

/// What stood in the file at one moment. sync() makes `last` and all before it durable; any thread.
struct sync_point {
    std::shared_ptr<const file> target; ///< null when there is nothing to sync
    std::shared_ptr<sync_gate> gate;    ///< of the writer; never null when there is a target
    seq_t last = no_seq;
    std::uint64_t bytes = 0; ///< of the file

    /// 0 or -errno. After an error nothing written since the last success can be called durable.
    [[nodiscard]] int sync() const noexcept { return target ? gate->sync(*target) : 0; }
    /// Asks the disk to begin. It may wait for the disk's queue, and makes nothing durable.
    void start_writeback() const noexcept {
        if (target) target->start_writeback();
    }
};

class log_writer {
public:
    /// Makes the directories, recovers, and stands ready to append at next_seq(). Waits for the disk.
    /// Throws errc::foreign_log (other bus), damaged (fork, or torn with on_torn::refuse),
    /// wrong_version, and what the system reports.
    [[nodiscard]] static log_writer open(file_system& fs, std::string dir, const log_options& options,
                                         notice_hook notices = {});

    log_writer(log_writer&&) noexcept = default;
    log_writer& operator=(log_writer&&) = delete;
    /// Leaves the newest segment unsealed, as a crash would; use close().
    ~log_writer() = default;

    /// The seq that the next batch begins with.
    [[nodiscard]] seq_t next_seq() const noexcept { return state_.next; }
    [[nodiscard]] seq_t last_seq() const noexcept { return state_.next - 1; }
    /// The first seq of the segment being written, or of the one to come.
    [[nodiscard]] seq_t segment_first() const noexcept;
    /// Bytes in the segment being written; 0 when none is open.
    [[nodiscard]] std::uint64_t segment_bytes() const noexcept { return segment_.is_open() ? segment_.offset() : 0; }
    [[nodiscard]] std::uint64_t rolls() const noexcept { return rolls_; }

    /// What follows comes from another ring, whose first seq is `first`. Above next_seq() the hole is
    /// written as LOST{ring_lost}; below it: `behind`. May write and sync.
    [[nodiscard]] append_result begin_epoch(epoch_t epoch, seq_t first) noexcept;

    /// Seals the batch and writes it with one call. After anything but ok the log is as before.
    /// Rolls first when the segment would grow too long: then it also syncs, inline.
    [[nodiscard]] append_result append(batch& b) noexcept;

    /// What append has written so far. Take it on the writer's thread, sync it on any.
    [[nodiscard]] sync_point current() const noexcept;
    /// Syncs inline.
    [[nodiscard]] append_result sync() noexcept;
    /// The last seq that this object has synced itself, by rolling, sync() or close(); it begins at
    /// no_seq. Any thread may read it.
    [[nodiscard]] seq_t synced() const noexcept { return synced_->load(std::memory_order_acquire); }

    /// Writes the footer and syncs. Appending again opens a new segment; but one that held no seq has its name
    /// already: open the log anew to go on with that (append says EEXIST).
    [[nodiscard]] append_result close() noexcept;

private:
    log_writer(file_system& fs, std::string dir, const log_options& options, notice_hook notices)
        : fs_(&fs), dir_{std::move(dir)}, options_(options), notices_(std::move(notices)) {
        if (!options.starts_writeback) segment_.leave_writeback();
    }

    void recover();
    void resume(segment_state& s);
    void sync_left_behind(const segment_state& s);
    [[nodiscard]] append_result seal_segment() noexcept;
    [[nodiscard]] append_result open_segment() noexcept;
    [[nodiscard]] append_result failed(int negative_errno) noexcept;
    void reached(seq_t last) noexcept { synced_->store(last, std::memory_order_release); }

    file_system* fs_;
    log_dir dir_;
    log_options options_;
    notice_hook notices_;
    chain_state state_;
    segment_writer segment_;
    bool sealed_ = false; ///< the open segment has its footer, and waits only to be synced
    append_result poison_;
    std::uint64_t rolls_ = 0;
    std::shared_ptr<sync_gate> gate_ = std::make_shared<sync_gate>();
    std::unique_ptr<std::atomic<seq_t>> synced_ = std::make_unique<std::atomic<seq_t>>(no_seq);
    std::unique_ptr<batch> own_ = std::make_unique<batch>(batch::least_capacity); ///< for LOST and notes
};

} // namespace log
} // namespace v1
} // namespace evbus
