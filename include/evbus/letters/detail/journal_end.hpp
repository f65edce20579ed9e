// journal: who appends to which file. Called with the LOCK held.
//
// A writer appends to files alone that it has made itself. What it finds unsealed at the journal's end, left by a
// writer that was killed, that lives, or whose sync failed, is copied: what is whole into SEQ.evseg.fresh, which is
// synced and takes the name SEQ.evseg; an unfinished write behind it into quarantine/, synced before that. So bytes that
// the page cache calls clean and the disk never got are written again before anybody builds on them, and nothing has
// to be cut. Killed at any point: the old file has its name, or the copy has.
#pragma once

#include <evbus/letters/journal.hpp>

#include <vector>

namespace evbus {
inline namespace v1 {
namespace letters {

/// True when nobody has appended since we did, or looked.
inline bool journal::is_end_ours() const noexcept {
    log::file_info info;
    try {
        const bool next_is_there = place_.segment != place_.state.next && fs_->stat(segment_path(dir_, place_.state.next), info) == 0;
        if (next_is_there) return false;
        if (place_.segment == no_seq) return true;
        const std::string path = segment_path(dir_, place_.segment);
        if (writer_.is_open())
            return writer_.shared()->is_at(path) && writer_.shared()->size() == static_cast<std::int64_t>(writer_.offset());
        if (!place_.sealed && !options_.read_only) return false;
        return fs_->stat(path, info) == 0 && (place_.sealed || info.bytes == place_.bytes);
    } catch (const std::bad_alloc&) {
        return false;
    }
}

/// Makes the end one that we may append to. Everything that was read is durable then.
inline void journal::take_end() {
    writer_.close();
    std::vector<std::string> names;
    if (const int r = fs_->list(dir_.segments(), names); r < 0) evbus::detail::throw_errno(-r, operation(), dir_.segments());
    for (const std::string& n : names)
        if (n.ends_with(".fresh")) fs_->unlink(dir_.segments() + "/" + n);
    if (place_.headless != no_seq) move_headless_away();
    if (place_.segment != no_seq && !place_.sealed) write_end_afresh();
    if (const int r = fs_->sync_dir(dir_.segments()); r < 0) evbus::detail::throw_errno(-r, operation(), dir_.segments());
    synced_ = place_.last();
}

/// The newest segment was killed in its making: the next one needs its name.
inline void journal::move_headless_away() {
    const std::string path = segment_path(dir_, place_.headless);
    const std::string name = log::seq_digits(place_.headless) + ".0." + log::seq_digits(place_.headless - 1) + ".torn";
    if (const int r = fs_->rename(path, dir_.quarantine() + "/" + name); r < 0) evbus::detail::throw_errno(-r, operation(), path);
    for (const std::string& d : {dir_.quarantine(), dir_.segments()})
        if (const int r = fs_->sync_dir(d); r < 0) evbus::detail::throw_errno(-r, operation(), d);
    if (options_.on_notice)
        options_.on_notice({notice_kind::repaired, "letters " + dir_.root + ": segment " + log::segment_name(place_.headless) +
                                                       " was never begun: moved to quarantine/" + name});
    place_.headless = no_seq;
}

inline void journal::write_end_afresh() {
    const std::string path = segment_path(dir_, place_.segment);
    const int fd = fs_->open(path, O_RDONLY, 0);
    if (fd < 0) evbus::detail::throw_errno(-fd, operation(), path);
    const log::file old(*fs_, fd);
    if (place_.bytes > place_.offset) keep_torn(old);
    copy_bytes(old, 0, place_.offset, path + ".fresh");
    if (const int r = fs_->rename(path + ".fresh", path); r < 0) evbus::detail::throw_errno(-r, operation(), path);
    reading_ = no_seq;
    if (const int r = fs_->sync_dir(dir_.segments()); r < 0) evbus::detail::throw_errno(-r, operation(), dir_.segments());
    place_.bytes = place_.offset;
    resume_segment();
}

inline void journal::keep_torn(const log::file& from) {
    const std::string name = log::seq_digits(place_.segment) + "." + std::to_string(place_.offset) + "." +
                             log::seq_digits(std::max(place_.torn_last, place_.last())) + ".torn";
    copy_bytes(from, place_.offset, place_.bytes, dir_.quarantine() + "/" + name);
    if (const int r = fs_->sync_dir(dir_.quarantine()); r < 0) evbus::detail::throw_errno(-r, operation(), dir_.quarantine());
    if (options_.on_notice)
        options_.on_notice({notice_kind::repaired,
                            "letters " + dir_.root + ": segment " + log::segment_name(place_.segment) + " ended in " +
                                std::to_string(place_.bytes - place_.offset) + " bytes of an unfinished write at offset " +
                                std::to_string(place_.offset) + ": moved to quarantine/" + name});
}

/// The LOCK's owner is the worker's user. What an operator makes here in its place, as root, the worker has to read.
inline void journal::give_to_owner(const log::file& made) const noexcept {
    const int fd = fs_->open(dir_.lock(), O_RDONLY, 0);
    if (fd < 0) return;
    const log::file lock(*fs_, fd);
    static_cast<void>(lock.copy_attributes_to(made)); // only root may give away
}

inline void journal::copy_bytes(const log::file& from, std::uint64_t begin, std::uint64_t end, const std::string& path) const {
    const int fd = fs_->open(path, O_RDWR | O_CREAT | O_TRUNC, file_mode_);
    if (fd < 0) evbus::detail::throw_errno(-fd, operation(), path);
    const log::file to(*fs_, fd);
    std::vector<std::byte> piece(std::size_t{256} << 10);
    int fault = 0;
    for (std::uint64_t at = begin; at < end && fault == 0;) {
        const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), end - at));
        const std::int64_t got = from.read_at(piece.data(), n, at);
        if (got < 0) fault = static_cast<int>(got);
        else if (static_cast<std::size_t>(got) != n) fault = -EIO;
        else fault = to.write_at(piece.data(), n, at - begin);
        at += n;
    }
    if (fault == 0) give_to_owner(to);
    if (fault == 0) fault = to.datasync();
    if (fault == 0) return;
    fs_->unlink(path);
    evbus::detail::throw_errno(-fault, operation(), path);
}

/// The writer on the newest segment, which is a copy of ours, with an index of what stands there.
inline void journal::resume_segment() {
    const std::string path = segment_path(dir_, place_.segment);
    log::segment_reader in;
    if (const int r = in.open(*fs_, path, options_.bus.seed()); r < 0) evbus::detail::throw_errno(-r, operation(), path);
    log::segment_index index(place_.segment);
    const log::chain_state start{options_.bus.seed(), place_.header.previous_chain, 0, place_.segment};
    const log::segment_walk w = walk_segment(
        in, start, [&](const log::commit_view& c) { index.note(c.header, c.body, c.offset, options_.bus.seed()); });
    if (w.os_error != 0) evbus::detail::throw_errno(w.os_error, operation(), path);
    if (w.valid_end != place_.offset || w.end.chain != place_.state.chain)
        throw error(errc::io, {operation(), path, "a copy of it does not read back as it was written", "check the disk"});
    if (const int r = writer_.resume(*fs_, dir_, place_.header, place_.offset, std::move(index)); r < 0)
        evbus::detail::throw_errno(-r, operation(), path);
}

} // namespace letters
} // namespace v1
} // namespace evbus
