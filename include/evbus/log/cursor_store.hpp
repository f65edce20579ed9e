// Saving one cursor, by its one user.
//
// At every moment, whatever fails or crashes, one of two names leads to the newest place whose save
// returned 0 (or to a newer one): the old file is moved aside only when it is that place, and the new one,
// written and synced under a third name, is moved in after it. What is damaged is never moved over what is
// whole. One thread at a time; every file-system call through the seam.
#pragma once

#include <evbus/detail/probe.hpp>
#include <evbus/error.hpp>
#include <evbus/log/cursor_file.hpp>
#include <evbus/log/lock_file.hpp>

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace log {

class cursor_store {
public:
    /// Locks cursor `name` of the log `dir` for as long as this lives; `program` is what others read about
    /// us. Makes cursors/ when it is not there. Throws bad_name, busy naming the user, or what the system
    /// reports.
    [[nodiscard]] static cursor_store open(file_system& fs, const log_dir& dir, const std::string& name, std::string_view program) {
        if (!valid_cursor_name(name))
            throw error(errc::bad_name, {"use cursor", "'" + name + "'", "not a name for a cursor",
                                         "use 1-63 of a-z 0-9 . _ - and begin with a letter or digit"});
        const std::string operation = "open cursor " + name;
        file_info root;
        if (const int r = fs.stat(dir.root, root); r < 0) evbus::detail::throw_errno(-r, operation, dir.root);
        if (const int r = make_dirs(fs, dir.cursors(), root.mode & 0777); r < 0) evbus::detail::throw_errno(-r, operation, dir.cursors());
        const cursor_paths at(dir, name);
        // What a group may do in the log's directory it may do with its cursors.
        const unsigned mode = root.mode & 0666;
        std::optional<lock_file> held = lock_file::try_acquire(fs, at.lock(), operation, program, mode);
        if (!held)
            throw error(errc::busy, {operation, at.lock(), "in use by " + lock_file::holder(fs, at.lock()),
                                     "end that process, or use a cursor of another name"});
        return cursor_store(fs, dir, at, mode, std::move(*held));
    }

    /// The file that its place stands in.
    [[nodiscard]] const std::string& path() const noexcept { return at_.current; }
    /// What was found when it was opened.
    [[nodiscard]] const cursor_copies& found() const noexcept { return found_; }

    /// Replaces what is saved; its `saves` becomes one more than was ever seen here. 0 or -errno: then the
    /// place before stands, or this one. After a directory sync that failed nothing more is saved (-EIO):
    /// what the disk has is not known, and asking again would not tell.
    [[nodiscard]] int save(saved_cursor c) {
        if (sync_failed_) return -EIO;
        c.saves = ++saves_;
        if (const int r = write_fresh(encode_cursor(c)); r < 0) return give_up(r);
        mark(probe::cursor_written);
        if (newest_is_current_) {
            if (const int r = fs_->rename(at_.current, at_.before()); r < 0 && r != -ENOENT) return give_up(r);
            newest_is_current_ = false;
            mark(probe::cursor_put_aside);
        }
        if (const int r = fs_->rename(at_.fresh(), at_.current); r < 0) return give_up(r);
        newest_is_current_ = true;
        const int r = fs_->sync_dir(dir_.cursors());
        sync_failed_ = r < 0;
        mark(probe::cursor_saved);
        return r;
    }
    /// False after a directory sync that failed.
    [[nodiscard]] bool can_save() const noexcept { return !sync_failed_; }
    /// Removes all its files, the lock's as well: of no use afterwards but to be destroyed. 0 or -errno.
    [[nodiscard]] int remove() noexcept {
        newest_is_current_ = false;
        // The newest last: until it goes, it is the place.
        for (const std::string& path : {at_.fresh(), at_.before(), at_.current, at_.lock()})
            if (const int r = fs_->unlink(path); r < 0 && r != -ENOENT) return r;
        return fs_->sync_dir(dir_.cursors());
    }

private:
    cursor_store(file_system& fs, log_dir dir, cursor_paths at, unsigned mode, lock_file held)
        : fs_(&fs), dir_(std::move(dir)), at_(std::move(at)), mode_(mode), held_(std::move(held)), found_(read_cursor(fs, at_)) {
        const saved_cursor* best = found_.best();
        newest_is_current_ = best != nullptr && best == &found_.current.saved;
        if (best != nullptr) saves_ = best->saves;
        else if (found_.before.is_whole()) saves_ = found_.before.saved.saves; // beside one of a newer version
    }

    /// A file of its own each time: one whose sync failed is never synced again.
    [[nodiscard]] int write_fresh(const std::string& bytes) const {
        constexpr int flags = O_WRONLY | O_CREAT | O_EXCL;
        int fd = fs_->open(at_.fresh(), flags, mode_);
        if (fd == -EEXIST) {
            if (const int r = fs_->unlink(at_.fresh()); r < 0) return r;
            fd = fs_->open(at_.fresh(), flags, mode_);
        }
        if (fd < 0) return fd;
        const file out(*fs_, fd);
        const int r = out.write_at(bytes.data(), bytes.size(), 0);
        return r < 0 ? r : out.datasync();
    }
    [[nodiscard]] int give_up(int r) const noexcept {
        fs_->unlink(at_.fresh()); // it may stay: the next save takes it away
        return r;
    }

    file_system* fs_;
    log_dir dir_;
    cursor_paths at_;
    unsigned mode_;
    lock_file held_;
    cursor_copies found_;
    bool newest_is_current_ = false; ///< the newest saved place stands in the file of that name
    bool sync_failed_ = false;
    std::uint64_t saves_ = 0;
};

} // namespace log
} // namespace v1
} // namespace evbus
