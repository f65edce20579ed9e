// A small file system of its own that can be filled to the brim: a tmpfs in a mount namespace that only this
// process and its children see, so that nothing of it outlives them.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace support {

class small_disk {
public:
    /// Made by the thread that starts all others: who was there before does not see it.
    explicit small_disk(unsigned mebibytes) {
        static const int refused =
            ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 ? 0 : errno;
        std::string name = (std::filesystem::temp_directory_path() / "evbus-disk-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) std::abort();
        dir_ = name;
        errno = refused;
        mounted_ = refused == 0 && ::mount("tmpfs", dir_.c_str(), "tmpfs", 0, ("size=" + std::to_string(mebibytes) + "m").c_str()) == 0;
        if (!mounted_) why_not_ = std::string("no file system can be mounted here (") + std::strerror(errno) + ")";
    }
    ~small_disk() {
        if (mounted_) ::umount2(dir_.c_str(), MNT_DETACH);
        ::rmdir(dir_.c_str());
    }
    small_disk(const small_disk&) = delete;
    small_disk& operator=(const small_disk&) = delete;

    [[nodiscard]] bool is_there() const { return mounted_; }
    [[nodiscard]] const std::string& why_not() const { return why_not_; }
    [[nodiscard]] const std::string& dir() const { return dir_; }
    [[nodiscard]] std::uint64_t free_bytes() const {
        struct ::statvfs s {};
        if (::statvfs(dir_.c_str(), &s) != 0) std::abort();
        return std::uint64_t{s.f_bavail} * s.f_frsize;
    }
    /// Somebody else's file that takes so much; free() gives it back.
    void take(std::uint64_t bytes) const {
        const int fd = ::open(ballast().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || ::posix_fallocate(fd, 0, static_cast<off_t>(bytes)) != 0) std::abort();
        ::close(fd);
    }
    void free() const { std::filesystem::remove(ballast()); }

private:
    [[nodiscard]] std::string ballast() const { return dir_ + "/ballast"; }
    std::string dir_;
    std::string why_not_;
    bool mounted_ = false;
};

} // namespace support
