// Compressing sealed segments in place: the new file is written beside the old one, synced, read back
// and compared commit by commit, and takes its name in one step. Who dies or fails on the way leaves
// the segment as it was, and at most a file of another name that the next run removes.
//
// Who reads the old file meanwhile goes on with it; places in a segment are worth nothing without the
// file they were found in. Nothing is changed that a recorder may write to: the newest segment is
// replaced only under the log's lock, and only when it is sealed and holds seqs, so that no recorder
// will go on with it. A segment that is deleted meanwhile stays deleted.
#pragma once

#include <evbus/log/log_dir.hpp>

#include <atomic>
#include <cstdint>
#include <string>

namespace evbus {
inline namespace v1 {
namespace log {

struct compress_options {
    int level = 3;      ///< of zstd: 1 (fast) to 19 (small, slow)
    bool again = false; ///< also what went through a codec before
    double worth = 0.95; ///< keep the old file unless the new one has at most this part of its bytes
    /// When it turns true, the segment at hand stays as it was. May be null.
    const std::atomic<bool>* stop = nullptr;
    /// Grows by the bytes read of the old file. May be null.
    std::atomic<std::uint64_t>* progress = nullptr;
};

enum class compress_outcome : std::uint8_t {
    compressed,
    compressed_before, ///< left as it is
    not_worth_it,      ///< left as it is: it would not become smaller, or hardly
    unsealed,          ///< still written, or left by a crash: only sealed segments are compressed
    in_use,            ///< by another run, or it is the newest one and a recorder has the log
    changed,           ///< deleted or replaced meanwhile
    damaged,           ///< left as it is: see `at`
    stopped,
};

[[nodiscard]] const char* to_string(compress_outcome o) noexcept;

struct compress_result {
    compress_outcome outcome = compress_outcome::compressed;
    std::uint64_t before_bytes = 0; ///< of the old file
    std::uint64_t after_bytes = 0;  ///< of the file that stands there now; of the one not kept for not_worth_it
    std::uint64_t at = 0;           ///< damaged: where in the file
};

/// Removes what runs left that died: files beside segments that nobody compresses now. Throws what the
/// system reports.
void remove_leftovers(file_system& fs, const log_dir& dir);

/// Compresses the segment that begins at `first`. Any thread, and any process: a second one that comes
/// to the same segment finds it in_use. Throws what the system reports (a full disk: errc::no_space)
/// and std::bad_alloc; the segment is then as it was.
[[nodiscard]] compress_result compress_segment(file_system& fs, const log_dir& dir, seq_t first,
                                               const compress_options& options = {});

} // namespace log
} // namespace v1
} // namespace evbus
