// The records of one whole commit, judged one by one: what a checksum cannot tell. A commit may be whole
// and its contents wrong all the same: written by a faulty program, or changed by hand with its sums.
#pragma once

#include <evbus/log/commit_check.hpp>
#include <evbus/log/record.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace evbus {
inline namespace v1 {
namespace log {

/// A record, or what the commit lacks or contradicts (`is_record` is false then).
struct judged_record {
    raw_record raw{};
    bool is_record = false;
    std::size_t offset = 0;            ///< in the commit's body
    seq_range range{1, 0};             ///< the seqs it stands for, or that are missing; empty for none
    gap_cause cause = gap_cause::damage; ///< of LOST and DAMAGE
    frame_view frame{};                ///< of EVENT and FRAGMENT
    const char* fault = nullptr;       ///< what is wrong; null when it is fine

    [[nodiscard]] bool is_gap() const noexcept {
        return is_record && range.last >= range.first && (raw.kind == record_kind::lost || raw.kind == record_kind::damage);
    }
};

/// Goes through a commit's records in order; then come the faults of the commit itself. Every seq of the
/// header comes once: in a record or as missing.
class record_check {
public:
    record_check(const commit_header& h, std::span<const std::byte> body) noexcept
        : header_(h), rest_(body), size_(body.size()), next_(h.first_seq) {}

    /// False when there is nothing more.
    [[nodiscard]] bool next(judged_record& out) noexcept;

private:
    enum class stage : std::uint8_t { records, missing, count, times, reserved, over };

    void judge(judged_record& out) noexcept;
    void judge_frame(judged_record& out) noexcept;
    void judge_range(judged_record& out) noexcept;
    void place(judged_record& out, seq_range range) noexcept;
    [[nodiscard]] bool judge_end(judged_record& out) noexcept;

    commit_header header_;
    std::span<const std::byte> rest_;
    std::size_t size_;
    seq_t next_;             ///< the seq that comes next
    std::uint32_t count_ = 0;
    std::int64_t min_ns_ = 0;
    std::int64_t max_ns_ = 0;
    stage stage_ = stage::records;
    const char* broken_ = nullptr; ///< why no further record can be found
};

} // namespace log
} // namespace v1
} // namespace evbus
