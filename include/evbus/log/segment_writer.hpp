// Appends sealed batches to one segment and closes it with a footer. After any failed call the file
// is what it was before: partial bytes are cut back; when even that fails the writer is poisoned and
// refuses everything, because the next byte would land behind garbage. One thread; others may sync
// the file through shared().
#pragma once

#include <evbus/log/batch.hpp>
#include <evbus/log/log_dir.hpp>
#include <evbus/log/segment_index.hpp>

#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

/// So much is written before the disk is asked to begin with it.
inline constexpr std::uint64_t writeback_bytes = std::uint64_t{8} << 20;

class segment_writer {
public:
    [[nodiscard]] bool is_open() const noexcept { return file_ != nullptr; }
    /// Where the next commit goes.
    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
    [[nodiscard]] bool covers_seqs() const noexcept {
        return index_.summary().last_seq >= index_.summary().first_seq;
    }
    [[nodiscard]] const segment_summary& summary() const noexcept { return index_.summary(); }
    /// The file, for a thread that syncs it meanwhile.
    [[nodiscard]] const std::shared_ptr<const file>& shared() const noexcept { return file_; }
    [[nodiscard]] bool poisoned() const noexcept { return poisoned_; }
    /// Somebody else asks the disk to begin (start_writeback), so that no append waits for its queue.
    void leave_writeback() noexcept { starts_writeback_ = false; }

    /// Creates the segment that `h` describes (its checksum is filled in here) and makes its name
    /// durable. 0 or -errno; nothing is left behind after an error.
    [[nodiscard]] int create(file_system& fs, const log_dir& dir, segment_header h, unsigned mode) {
        const std::string path = segment_path(dir, h.first_seq);
        const int fd = fs.open(path, O_RDWR | O_CREAT | O_EXCL, mode);
        if (fd < 0) return fd;
        auto made = std::make_shared<file>(fs, fd);
        int r = write_header(*made, h);
        if (r == 0) r = fs.sync_dir(dir.segments());
        if (r < 0) {
            made.reset();
            fs.unlink(path);
            return r;
        }
        take(std::move(made), h, sizeof h, segment_index(h.first_seq));
        return 0;
    }

    /// Goes on at `offset` of a segment that recovery has made clean; `index` tells what stands there.
    [[nodiscard]] int resume(file_system& fs, const log_dir& dir, const segment_header& h, std::uint64_t offset,
                             segment_index index) {
        const int fd = fs.open(segment_path(dir, h.first_seq), O_RDWR, 0);
        if (fd < 0) return fd;
        take(std::make_shared<file>(fs, fd), h, offset, std::move(index));
        return 0;
    }

    /// Gives a segment that covers no seq yet to another epoch. 0 or -errno.
    [[nodiscard]] int change_epoch(epoch_t epoch) noexcept {
        segment_header h = header_;
        h.epoch = static_cast<std::uint64_t>(epoch);
        const int r = write_header(*file_, h);
        if (r == 0) header_ = h;
        return r;
    }
    [[nodiscard]] epoch_t epoch() const noexcept { return static_cast<epoch_t>(header_.epoch); }

    /// Seals and writes the batch with one call; `state` moves only when it stands in the file.
    [[nodiscard]] int append(batch& b, chain_state& state) noexcept {
        if (poisoned_) return -EIO;
        const chain_state after = b.seal(state, offset_);
        if (const int r = write(b.bytes()); r < 0) return r;
        std::uint64_t at = offset_ - b.bytes().size();
        b.for_each_commit([&](const commit_header& h, std::span<const std::byte> body) {
            index_.note(h, body, at, state.seed);
            at += sizeof h + body.size();
        });
        state = after;
        keep_disk_busy();
        return 0;
    }

    /// Writes whole commits of another file, with headers made for their place here, `offset()` and on.
    [[nodiscard]] int append_copied(std::span<const std::byte> commits) noexcept {
        if (poisoned_) return -EIO;
        const int r = write(commits);
        if (r == 0) keep_disk_busy();
        return r;
    }
    /// What the footer has to know of such a commit: told once for each, in order, before or after it is written.
    void note(const commit_header& h, std::span<const std::byte> records, std::uint64_t at, std::uint64_t seed) noexcept {
        index_.note(h, records, at, seed);
    }

    /// Writes the footer. The file is not synced here.
    [[nodiscard]] int seal(std::uint64_t seed) noexcept {
        if (poisoned_) return -EIO;
        try {
            const std::vector<std::byte> footer = index_.encode(offset_, seed);
            return write(footer);
        } catch (const std::bad_alloc&) {
            return -ENOMEM;
        }
    }
    void close() noexcept { file_.reset(); }

private:
    [[nodiscard]] static int write_header(const file& to, segment_header& h) noexcept {
        h.checksum = checksum_of(h, bus_of(h).seed());
        return to.write_at(&h, sizeof h, 0);
    }
    void take(std::shared_ptr<const file> f, const segment_header& h, std::uint64_t offset, segment_index index) {
        file_ = std::move(f);
        header_ = h;
        offset_ = started_ = offset;
        index_ = std::move(index);
        poisoned_ = false;
    }
    /// The sync at the segment's end would otherwise find all of it still to write, and hold the
    /// writer up for that long.
    void keep_disk_busy() noexcept {
        if (!starts_writeback_ || offset_ - started_ < writeback_bytes) return;
        started_ = offset_;
        file_->start_writeback();
    }
    [[nodiscard]] int write(std::span<const std::byte> bytes) noexcept {
        const int r = file_->write_at(bytes.data(), bytes.size(), offset_);
        if (r == 0) offset_ += bytes.size();
        else if (file_->truncate(offset_) < 0)
            poisoned_ = true;
        return r;
    }

    std::shared_ptr<const file> file_;
    segment_header header_{};
    std::uint64_t offset_ = 0;
    std::uint64_t started_ = 0; ///< up to here the disk was asked to begin
    segment_index index_;
    bool poisoned_ = false;
    bool starts_writeback_ = true;
};

} // namespace log
} // namespace v1
} // namespace evbus
