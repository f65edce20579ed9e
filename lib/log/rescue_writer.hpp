// The writing half of rescue: commits in, segments out.
#pragma once

#include "lib/log/rescue.hpp"

#include <evbus/log/batch.hpp>
#include <evbus/log/segment_reader.hpp>
#include <evbus/log/segment_writer.hpp>

#include <cstdint>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

/// Seqs follow each other without hole, whatever comes in. Throws what the system reports.
class rescue_writer {
public:
    rescue_writer(file_system& fs, const log_dir& to, const rescue_options& how, rescue_report& report)
        : fs_(fs), dir_(to), how_(how), report_(report) {
        state_ = {how.bus.seed(), 0, 0, no_seq};
    }

    /// What comes now stood in a segment of `epoch` that begins at `first`. `before` is the chain hash
    /// before it, for the log's first.
    void begin_segment(seq_t first, epoch_t epoch, std::uint64_t before);
    /// A whole commit. What it holds of seqs that are there already is left out.
    void take(const commit_view& c);
    /// Writes DAMAGE for everything below `next`.
    void own_up_to(seq_t next);
    /// Footer, sync.
    void finish();

    /// The seq that comes next; no_seq before the first segment.
    [[nodiscard]] seq_t next() const noexcept { return state_.next; }

private:
    void open();
    void copy(const commit_view& c);
    void mend(const commit_view& c);
    void flush();
    void write_batch();
    void seal();
    [[noreturn]] void failed(int negative_errno) const;

    file_system& fs_;
    log_dir dir_;
    const rescue_options& how_;
    rescue_report& report_;
    segment_writer out_;
    chain_state state_;
    epoch_t epoch_ = epoch_t::none;
    std::vector<std::byte> copied_; ///< commits to be written with one call
    batch batch_{batch::least_capacity};
};

} // namespace log
} // namespace v1
} // namespace evbus
