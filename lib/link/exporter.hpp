// Sends a log: whole commits as they are stored, in the order of their seqs, with the segments they stand in,
// the creations of the ring, and the holes that the log has; then, asked to follow, what is recorded from now
// on. Changes nothing in the log and takes no lock.
#pragma once

#include "lib/link/channel.hpp"
#include "lib/link/commit_walk.hpp"
#include "lib/link/stream_writer.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace evbus {
inline namespace v1 {
namespace link {

struct export_counts {
    seq_range seqs{};
    std::uint64_t commits = 0;
    std::uint64_t holes = 0;
    std::uint64_t missing = 0; ///< seqs in holes; one that broke the chain alone has none
    std::uint64_t bytes = 0;   ///< gone out
    std::uint64_t bytes_expected = 0; ///< of the whole stream, about; 0 while following
};

struct export_options {
    seq_t from = no_seq;   ///< no_seq: the log's first
    seq_t to = max_seq;    ///< ends with the commit that holds it
    bool follow = false;
    std::optional<double> bytes_a_second{};
    /// The last seq that may be given at present; max_seq: whatever the log has.
    std::function<seq_t()> limit = [] { return max_seq; };
    /// Waits until there may be something new, `ms` at most; true when it shall stop.
    std::function<bool(int ms)> wait{};
    std::function<void(const export_counts&)> progress{};
};

/// One stream. One thread.
class exporter {
public:
    /// Throws errc::not_found when retention has deleted `from` already, mismatch when the log ends before it,
    /// and what reading the log throws.
    exporter(log::file_system& fs, const std::string& dir, const bus_id& bus, export_options how);

    /// Sends all of it. True when the stream is whole and its end mark is out; false when it was stopped,
    /// save for one that follows, which ends well by being stopped. Throws what `to` and reading the log throw;
    /// the other side is told of the latter.
    [[nodiscard]] bool run(byte_sink& to);
    [[nodiscard]] const export_counts& counts() const noexcept { return counts_; }

private:
    [[nodiscard]] bool send(byte_sink& to);
    void begin();
    void add_epochs();
    void add(found what);
    [[nodiscard]] bool flush(byte_sink& to);
    [[nodiscard]] bool keep_rate();
    [[nodiscard]] bool wait_for_more(byte_sink& to);
    void end(byte_sink& to);

    log::file_system* fs_;
    log::log_dir dir_;
    bus_id bus_;
    export_options how_;
    commit_walk walk_;
    export_counts counts_;
    bool whole_log_ = false; ///< no end was asked for
    byte_buffer out_;
    std::size_t epochs_told_ = 0;
    std::int64_t begun_ns_ = 0;
    std::int64_t said_ns_ = 0; ///< when something was sent last
};

} // namespace link
} // namespace v1
} // namespace evbus
