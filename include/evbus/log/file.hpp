// The seam between the log and the system: every file-system call of log and recorder goes through
// a file_system, so that a test can make the k-th one fail. Calls return a count or -errno and never
// throw; EINTR never comes out. `file` owns one descriptor and finishes short reads and writes.
// A file_system is used by any thread; a file's pread, write and sync too, its closing by one.
#pragma once

#include <evbus/error.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace evbus {
inline namespace v1 {
namespace log {

struct file_info {
    std::uint64_t bytes = 0;
    std::int64_t modified_ns = 0;
    std::uint64_t inode = 0; ///< tells a file from another one of the same name
    bool is_directory = false;
    unsigned mode = 0; ///< permission bits
};

struct space_info {
    std::uint64_t total_bytes = 0;
    std::uint64_t free_bytes = 0; ///< to this user
};

class file_system {
public:
    virtual ~file_system() = default;

    /// A descriptor (always close-on-exec), or -errno. `flags` as in open(2); a file that is made gets
    /// exactly `mode`, whatever the umask: a log for a group must be one under every umask. So does mkdir.
    virtual int open(const std::string& path, int flags, unsigned mode) noexcept = 0;
    virtual int close(int fd) noexcept = 0;
    /// Bytes, possibly fewer than asked for; 0 at the end; or -errno.
    virtual std::int64_t pread(int fd, void* to, std::size_t bytes, std::uint64_t offset) noexcept = 0;
    virtual std::int64_t write(int fd, const void* from, std::size_t bytes, std::uint64_t offset) noexcept = 0;
    /// Where data comes next: `offset` itself, or behind a hole (which reads as zeros) that begins there;
    /// the file's size when nothing does. Who does not know says `offset`. Or -errno.
    virtual std::int64_t next_data(int fd, std::uint64_t offset) noexcept {
        static_cast<void>(fd);
        return static_cast<std::int64_t>(offset);
    }
    virtual int truncate(int fd, std::uint64_t bytes) noexcept = 0;
    virtual int datasync(int fd) noexcept = 0;
    /// Asks that writing to the disk begin, without waiting for it; says nothing about durability.
    virtual void start_writeback(int fd) noexcept { static_cast<void>(fd); }
    /// Makes a directory's entries durable.
    virtual int sync_dir(const std::string& path) noexcept = 0;
    virtual int rename(const std::string& from, const std::string& to) noexcept = 0;
    /// Swaps what two names stand for, in one step; -ENOENT when either is gone, -EINVAL where the file
    /// system cannot.
    virtual int exchange(const std::string&, const std::string&) noexcept { return -EINVAL; }
    /// Gives one open file the owner, mode and times of another, whose place it is to take.
    virtual int copy_attributes(int, int) noexcept { return 0; }
    virtual int unlink(const std::string& path) noexcept = 0;
    virtual int mkdir(const std::string& path, unsigned mode) noexcept = 0;
    /// Names in a directory without "." and "..", unsorted.
    virtual int list(const std::string& path, std::vector<std::string>& names) = 0;
    virtual int stat(const std::string& path, file_info& out) noexcept = 0;
    virtual int fstat(int fd, file_info& out) noexcept = 0;
    virtual int space(const std::string& path, space_info& out) noexcept = 0;
    /// Takes an exclusive open-file-description lock on the whole file, or -EAGAIN when it is held.
    virtual int try_lock(int fd) noexcept = 0;
    /// True while any description but `fd`'s own holds such a lock on its file; takes none itself.
    virtual bool is_locked(int fd) noexcept {
        struct ::flock lock {};
        lock.l_type = F_WRLCK;
        lock.l_whence = SEEK_SET;
        return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    }
};

namespace detail {

template <class Call>
auto without_eintr(Call call) noexcept {
    auto r = call();
    while (r < 0 && errno == EINTR) r = call();
    return r;
}

inline std::int64_t ns_of(const timespec& t) noexcept { return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec; }

inline void copy_stat(const struct ::stat& s, file_info& out) noexcept {
    out = {static_cast<std::uint64_t>(s.st_size), ns_of(s.st_mtim), s.st_ino, S_ISDIR(s.st_mode), s.st_mode & 07777u};
}

class posix_file_system : public file_system {
public:
    int open(const std::string& path, int flags, unsigned mode) noexcept override {
        if ((flags & O_CREAT) == 0) return open_as(path, flags, 0);
        while (true) {
            const int made = open_as(path, flags | O_EXCL, mode);
            if (made >= 0 && ::fchmod(made, mode) != 0) {
                const int fault = -errno;
                close(made);
                return fault;
            }
            if (made != -EEXIST || (flags & O_EXCL) != 0) return made;
            const int there = open_as(path, flags & ~O_CREAT, 0);
            if (there != -ENOENT) return there; // else it was removed in between
        }
    }
    /// Not repeated after EINTR: Linux has closed the descriptor by then.
    int close(int fd) noexcept override { return ::close(fd) == 0 || errno == EINTR ? 0 : -errno; }
    std::int64_t pread(int fd, void* to, std::size_t bytes, std::uint64_t offset) noexcept override {
        return code(without_eintr([&] { return ::pread(fd, to, bytes, static_cast<off_t>(offset)); }));
    }
    std::int64_t write(int fd, const void* from, std::size_t bytes, std::uint64_t offset) noexcept override {
        return code(without_eintr([&] { return ::pwrite(fd, from, bytes, static_cast<off_t>(offset)); }));
    }
    std::int64_t next_data(int fd, std::uint64_t offset) noexcept override {
        const off_t at = ::lseek(fd, static_cast<off_t>(offset), SEEK_DATA);
        if (at >= 0) return at;
        if (errno != ENXIO) return errno == EINVAL ? static_cast<std::int64_t>(offset) : -errno;
        file_info info;
        const int r = fstat(fd, info);
        return r < 0 ? r : static_cast<std::int64_t>(std::max(info.bytes, offset));
    }
    int truncate(int fd, std::uint64_t bytes) noexcept override {
        return code(without_eintr([&] { return ::ftruncate(fd, static_cast<off_t>(bytes)); }));
    }
    int datasync(int fd) noexcept override {
        return code(without_eintr([&] { return ::fdatasync(fd); }));
    }
    void start_writeback(int fd) noexcept override { ::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE); }
    int sync_dir(const std::string& path) noexcept override {
        const int fd = open(path, O_RDONLY | O_DIRECTORY, 0);
        if (fd < 0) return fd;
        const int r = code(without_eintr([&] { return ::fsync(fd); }));
        close(fd);
        return r == -EINVAL ? 0 : r; // a file system that cannot sync directories keeps them itself
    }
    int rename(const std::string& from, const std::string& to) noexcept override {
        return code(std::rename(from.c_str(), to.c_str()));
    }
    int exchange(const std::string& one, const std::string& other) noexcept override {
        const int r = code(::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE));
        return r == -ENOSYS ? -EINVAL : r;
    }
    int copy_attributes(int from, int to) noexcept override {
        struct ::stat s {};
        if (::fstat(from, &s) != 0 || ::fchown(to, s.st_uid, s.st_gid) != 0 || ::fchmod(to, s.st_mode & 07777) != 0)
            return -errno;
        const timespec times[2] = {s.st_atim, s.st_mtim};
        return code(::futimens(to, times));
    }
    int unlink(const std::string& path) noexcept override { return code(::unlink(path.c_str())); }
    int mkdir(const std::string& path, unsigned mode) noexcept override {
        const int r = code(::mkdir(path.c_str(), mode));
        return r < 0 ? r : code(::chmod(path.c_str(), mode));
    }
    int list(const std::string& path, std::vector<std::string>& names) override {
        names.clear();
        DIR* dir = ::opendir(path.c_str());
        if (dir == nullptr) return -errno;
        errno = 0;
        while (const dirent* entry = ::readdir(dir)) {
            const std::string name = entry->d_name;
            if (name != "." && name != "..") names.push_back(name);
            errno = 0;
        }
        const int fault = errno;
        ::closedir(dir);
        return -fault;
    }
    int stat(const std::string& path, file_info& out) noexcept override {
        struct ::stat s {};
        if (::stat(path.c_str(), &s) != 0) return -errno;
        copy_stat(s, out);
        return 0;
    }
    int fstat(int fd, file_info& out) noexcept override {
        struct ::stat s {};
        if (::fstat(fd, &s) != 0) return -errno;
        copy_stat(s, out);
        return 0;
    }
    int space(const std::string& path, space_info& out) noexcept override {
        struct ::statvfs s {};
        if (without_eintr([&] { return ::statvfs(path.c_str(), &s); }) != 0) return -errno;
        out = {std::uint64_t{s.f_blocks} * s.f_frsize, std::uint64_t{s.f_bavail} * s.f_frsize};
        return 0;
    }
    int try_lock(int fd) noexcept override {
        struct ::flock lock {};
        lock.l_type = F_WRLCK;
        lock.l_whence = SEEK_SET;
        const int r = code(without_eintr([&] { return ::fcntl(fd, F_OFD_SETLK, &lock); }));
        return r == -EACCES ? -EAGAIN : r;
    }

private:
    /// O_NONBLOCK: a FIFO in a file's place is an error of the first read, and nobody waits for its writer. A device
    /// (a link to /dev/zero) is one of the open: it may have no end.
    static int open_as(const std::string& path, int flags, unsigned mode) noexcept {
        const int fd = code(without_eintr([&] { return ::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK, mode); }));
        struct ::stat s {};
        if (fd < 0 || ::fstat(fd, &s) != 0 || (!S_ISCHR(s.st_mode) && !S_ISBLK(s.st_mode))) return fd;
        ::close(fd);
        return -ENODEV;
    }
    template <class T>
    static T code(T r) noexcept {
        return r < 0 ? static_cast<T>(-errno) : r;
    }
};

} // namespace detail

/// The real file system.
[[nodiscard]] inline file_system& posix() noexcept {
    static detail::posix_file_system instance;
    return instance;
}

/// One open file. The destructor closes; it neither syncs nor reports.
class file {
public:
    file() = default;
    file(file_system& fs, int fd) noexcept : fs_(&fs), fd_(fd) {}
    file(file&& other) noexcept : fs_(other.fs_), fd_(std::exchange(other.fd_, -1)) {}
    file& operator=(file&& other) noexcept {
        if (this != &other) {
            close();
            fs_ = other.fs_;
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    ~file() { close(); }

    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
    void close() noexcept {
        if (fd_ >= 0) fs_->close(std::exchange(fd_, -1));
    }
    /// All bytes asked for, fewer only at the end of the file; or -errno.
    [[nodiscard]] std::int64_t read_at(void* to, std::size_t bytes, std::uint64_t offset) const noexcept {
        std::size_t done = 0;
        while (done < bytes) {
            const std::int64_t n = fs_->pread(fd_, static_cast<std::byte*>(to) + done, bytes - done, offset + done);
            if (n < 0) return n;
            if (n == 0) break;
            done += static_cast<std::size_t>(n);
        }
        return static_cast<std::int64_t>(done);
    }
    /// 0 when all is written, else -errno: then some of it may stand in the file.
    [[nodiscard]] int write_at(const void* from, std::size_t bytes, std::uint64_t offset) const noexcept {
        for (std::size_t done = 0; done < bytes;) {
            const std::int64_t n =
                fs_->write(fd_, static_cast<const std::byte*>(from) + done, bytes - done, offset + done);
            if (n < 0) return static_cast<int>(n);
            if (n == 0) return -EIO;
            done += static_cast<std::size_t>(n);
        }
        return 0;
    }
    /// Where data comes next at or behind `offset`; `offset` when that cannot be told.
    [[nodiscard]] std::uint64_t next_data(std::uint64_t offset) const noexcept {
        const std::int64_t at = fs_->next_data(fd_, offset);
        return at < 0 ? offset : std::max(offset, static_cast<std::uint64_t>(at));
    }
    [[nodiscard]] int truncate(std::uint64_t bytes) const noexcept { return fs_->truncate(fd_, bytes); }
    [[nodiscard]] int datasync() const noexcept { return fs_->datasync(fd_); }
    [[nodiscard]] int copy_attributes_to(const file& other) const noexcept {
        return fs_->copy_attributes(fd_, other.fd_);
    }
    [[nodiscard]] int info(file_info& out) const noexcept { return fs_->fstat(fd_, out); }
    void start_writeback() const noexcept { fs_->start_writeback(fd_); }
    [[nodiscard]] int try_lock() const noexcept { return fs_->try_lock(fd_); }
    [[nodiscard]] bool is_locked() const noexcept { return fs_->is_locked(fd_); }
    /// True when `path` still names this file.
    [[nodiscard]] bool is_at(const std::string& path) const noexcept {
        file_info mine;
        file_info named;
        return fs_->fstat(fd_, mine) == 0 && fs_->stat(path, named) == 0 && mine.inode == named.inode;
    }
    /// Its size in bytes, or -errno.
    [[nodiscard]] std::int64_t size() const noexcept {
        file_info info;
        const int r = fs_->fstat(fd_, info);
        return r < 0 ? r : static_cast<std::int64_t>(info.bytes);
    }

private:
    file_system* fs_ = nullptr;
    int fd_ = -1;
};

} // namespace log
} // namespace v1
} // namespace evbus
