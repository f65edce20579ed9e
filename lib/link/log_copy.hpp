// The log in a directory that commits of another place's log are appended to: as they are, but for the place
// that each one's header names. It is a log like any other; whoever reads it meanwhile sees it grow. Takes the
// log's LOCK, so that no recorder writes there. One thread. After an error it is to be dropped and opened anew.
#pragma once

#include "lib/link/stream_writer.hpp"
#include "lib/log/recovery.hpp"

#include <evbus/log/body_codec.hpp>
#include <evbus/log/epochs.hpp>
#include <evbus/log/log_lock.hpp>
#include <evbus/log/segment_writer.hpp>
#include <evbus/notice.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace link {

struct copy_options {
    std::uint64_t sync_bytes = std::uint64_t{16} << 20; ///< makes durable what came at least so often
    unsigned dir_mode = 0700;
    unsigned file_mode = 0600;
    notice_hook on_notice{};
};

class log_copy {
public:
    /// Makes the directory, locks, and puts the end right (copy_end.hpp). Throws evbus::error: busy (LOCK),
    /// damaged (a fork), wrong_version, and what the system reports.
    log_copy(log::file_system& fs, std::string dir, copy_options how);
    log_copy(const log_copy&) = delete;
    log_copy& operator=(const log_copy&) = delete;
    /// Remembers what is durable, for the next one; what was not synced is not made durable.
    ~log_copy();

    [[nodiscard]] const std::string& dir() const noexcept { return dir_.root; }
    [[nodiscard]] log::file_system& files() const noexcept { return *fs_; }
    /// Of the log there; empty while it has no segment and none was set.
    [[nodiscard]] const bus_id& bus() const noexcept { return bus_; }
    void set_bus(const bus_id& id) noexcept;
    [[nodiscard]] bool empty() const noexcept { return first_ == no_seq; }
    [[nodiscard]] seq_t first_seq() const noexcept { return first_; }
    /// What the next commit builds on, what is not durable yet included.
    [[nodiscard]] const log::chain_state& end() const noexcept { return end_; }
    /// The last seq that survives power loss.
    [[nodiscard]] seq_t durable() const noexcept { return durable_; }

    /// The first seq of the segment that is written; no_seq when none is open.
    [[nodiscard]] seq_t segment_first() const noexcept { return segment_.is_open() ? open_first_ : no_seq; }
    [[nodiscard]] epoch_t epoch() const noexcept { return segment_.epoch(); }
    /// Seals what is open, if it covers seqs, and begins a segment. Its previous_* are filled in here when it
    /// builds on what the log has, and left as given behind a hole.
    void begin_segment(log::segment_header h, bool builds_on);
    /// The open segment covers no seq yet: it becomes one of another epoch.
    void change_epoch(epoch_t to);
    /// Ends the open segment for good; none is open then. Nothing is done when it covers no seq.
    void seal();
    /// Appends to the open segment. `stored` was checked against the header; what is in it is checked here.
    void append(log::commit_header h, std::span<const std::byte> stored);
    /// Remembers a creation of the ring, if it is not remembered yet.
    void add_epoch(const log::epoch_record& record);
    /// Makes all of it durable; nothing is done after an error.
    void sync();

private:
    void check_fork(const log::log_state& found) const;
    void check_version(const log::log_state& found) const;
    void resume(const log::segment_state& newest);
    void write();
    [[noreturn]] void fail(int os_error, std::string_view object);
    [[nodiscard]] bool covers_seqs() const noexcept { return segment_.covers_seqs(); }

    log::file_system* fs_;
    log::log_dir dir_;
    copy_options how_;
    std::optional<log::log_lock> lock_;
    bus_id bus_;
    seq_t first_ = no_seq;
    log::chain_state end_{};
    log::chain_state proven_{}; ///< the end that a sync has returned for
    seq_t durable_ = no_seq;
    log::segment_writer segment_;
    seq_t open_first_ = no_seq;
    std::uint64_t synced_ = 0; ///< bytes of the open segment that are durable
    bool broken_ = false;      ///< the system refused something: nothing here becomes durable any more
    byte_buffer pending_;      ///< commits that are not written yet
    log::body_unpacker unpacker_;
    std::vector<log::epoch_record> epochs_;
};

} // namespace link
} // namespace v1
} // namespace evbus
