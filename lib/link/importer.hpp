// What an importer makes of the parts of a stream: what the log here has already is compared, what is new and
// goes on where the log ends is appended, and everything else is refused with words, before it is written. One
// thread. After an error it is to be dropped; what was durable stays, and another one goes on behind it.
#pragma once

#include "lib/link/commit_walk.hpp"
#include "lib/link/log_copy.hpp"
#include "lib/link/stream_format.hpp"

#include <evbus/log/format.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace evbus {
inline namespace v1 {
namespace link {

struct import_counts {
    seq_range added{};           ///< seqs that this import appended
    std::uint64_t commits = 0;   ///< appended
    std::uint64_t compared = 0;  ///< commits that were here already, and are the same
    std::uint64_t missing = 0;   ///< seqs that the other side could not give either
};

class importer {
public:
    /// Throws what log_copy throws.
    importer(log::file_system& fs, const std::string& dir, copy_options how = {});

    /// What to ask an exporter for: where the log here ends. Without its checksum.
    [[nodiscard]] stream_header request() const noexcept;
    /// The seq that the log here goes on with.
    [[nodiscard]] seq_t next_seq() const noexcept { return copy_.end().next; }
    [[nodiscard]] seq_t durable() const noexcept { return copy_.durable(); }
    [[nodiscard]] const log_copy& log() const noexcept { return copy_; }
    [[nodiscard]] const import_counts& counts() const noexcept { return counts_; }
    /// True once the stream said that it is whole.
    [[nodiscard]] bool is_whole() const noexcept { return whole_; }
    /// True when something was appended that is not durable yet.
    [[nodiscard]] bool is_dirty() const noexcept { return copy_.end().next - 1 != copy_.durable(); }

    // The parts of one stream after the other, as stream_reader has checked them. Each throws evbus::error:
    // foreign_log, damaged (what the stream says contradicts itself), mismatch (it forks from the log here, or
    // leaves a gap), and what the system reports.
    void take(const stream_header& h);
    void take(const log::segment_header& h);
    void take(const log::commit_header& h, std::span<const std::byte> stored);
    void take(const stream_mark& m, std::string_view text);
    void sync() { copy_.sync(); }

private:
    [[nodiscard]] bool is_held(const log::commit_header& h);
    [[nodiscard]] bool advance_held();
    void append(const log::commit_header& h, std::span<const std::byte> stored);
    void open_segment_for(const log::commit_header& h);
    void begin_segment(const log::commit_header& h);
    [[nodiscard]] log::segment_header header_for(seq_t first) const;
    void take_hole(seq_range range);
    void take_epoch(std::string_view line);
    void take_end(const stream_mark& m);
    [[noreturn]] void refuse(errc kind, const std::string& what, std::string_view way_out) const;
    [[noreturn]] void refuse_fork(const log::commit_header& h) const;

    log_copy copy_;
    import_counts counts_;
    std::optional<stream_header> stream_;
    std::optional<log::segment_header> segment_; ///< that the next commit stands in at the other side
    seq_t expect_ = no_seq;                      ///< what the stream goes on with
    std::uint64_t chain_ = 0;
    bool chain_known_ = false;
    seq_t behind_hole_ = no_seq;                 ///< the log here goes on there, in a segment of its own
    seq_t hole_end_ = no_seq;                    ///< where the last hole of the stream ended
    std::unique_ptr<commit_walk> held_;          ///< the log here, beside the stream, while both have the same seqs
    bool held_commit_ = false;                   ///< held_ stands on a commit that was not compared yet
    bool aligned_ = false;                       ///< one was compared and is the same
    bool whole_ = false;
};

} // namespace link
} // namespace v1
} // namespace evbus
