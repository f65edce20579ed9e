// A log as its commits stand in it, one after the other, with what lies between them: segments that begin and
// end, and holes. It believes what readers of the log believe, and gives each commit as it is stored, so that
// it can stand elsewhere. Growing logs are followed. One thread.
#pragma once

#include <evbus/log/segment_list.hpp>
#include <evbus/log/segment_reader.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace link {

enum class found : std::uint8_t {
    segment, ///< segment() begins, or goes on with another header
    commit,  ///< commit() and stored()
    hole,    ///< hole(): seqs that the log should have; an empty one: what follows does not build on what came before
    sealed,  ///< the segment ends here for good
    end,     ///< nothing further at present
};

class commit_walk {
public:
    /// Stands at the log's first seq. Throws what the system reports.
    commit_walk(log::file_system& fs, std::string dir, const bus_id& bus);

    /// The first seq that the log has; 1 while it has no segment.
    [[nodiscard]] seq_t first_seq() const noexcept { return segments_.empty() ? 1 : segments_.firsts().front(); }
    /// Goes to the commit that holds `from`, or to the first one behind the commit that holds the seq before.
    /// A seq below first_seq() means that one. Throws what the system reports.
    void seek(seq_t from);
    /// The seq that the next commit begins with, and the chain hash before it; 0 when it is not known.
    [[nodiscard]] seq_t position() const noexcept { return expect_; }
    [[nodiscard]] std::uint64_t chain() const noexcept { return chain_known_ ? chain_ : 0; }
    [[nodiscard]] bool chain_known() const noexcept { return chain_known_; }

    /// What comes next, no commit beyond `limit`. Throws evbus::error: not_found (retention took what comes next),
    /// wrong_version, foreign_log, and what the system reports.
    [[nodiscard]] found next(seq_t limit = max_seq);

    [[nodiscard]] const log::segment_header& segment() const noexcept { return header_; }
    [[nodiscard]] const log::commit_header& commit() const noexcept { return commit_.header; }
    [[nodiscard]] std::span<const std::byte> stored();
    [[nodiscard]] seq_range hole() const noexcept { return hole_; }
    /// Bytes of the segments from here on, as they are now.
    [[nodiscard]] std::uint64_t bytes_ahead();

private:
    void list();
    void open(seq_t first);
    void close() noexcept;
    [[nodiscard]] bool reopen();
    void check_kept() const;
    void pass_what_was_given();
    void skip_to(seq_t from, seq_t held_before);
    [[nodiscard]] bool epoch_changed();
    [[nodiscard]] found give_hole(seq_t first_behind);
    [[nodiscard]] found take_commit() noexcept;
    [[nodiscard]] bool find_behind_break(std::uint64_t from);
    [[nodiscard]] bool sealed_rest_is_missing();
    [[nodiscard]] found leave_segment(bool broken, bool& again);
    void check_readable(log::walk w) const;
    [[noreturn]] void fail(int os_error) const;
    [[nodiscard]] std::string path() const;

    log::file_system* fs_;
    bus_id bus_;
    log::segment_list segments_;
    log::segment_reader in_;
    log::segment_header header_{};
    log::commit_view commit_{};
    std::vector<std::byte> stored_;
    seq_t segment_ = no_seq;    ///< the one that in_ is open on
    bool half_made_ = false;    ///< it is shorter than a header: somebody may be making it now
    bool told_segment_ = false;
    bool told_sealed_ = false;
    bool covers_seqs_ = false;  ///< a commit with seqs was given of this segment
    bool looked_again_ = false; ///< its end was read once more after its successor was seen
    std::uint64_t at_ = 0;
    seq_t expect_ = 1;
    std::uint64_t chain_ = 0;
    bool chain_known_ = false;
    seq_range hole_{};
};

} // namespace link
} // namespace v1
} // namespace evbus
