#include "disk_seam.hpp"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>

namespace {

bool is_segment(int fd) {
    char path[512];
    const ssize_t n = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof path);
    return n > 0 && std::string(path, static_cast<std::size_t>(n)).ends_with(".evseg");
}

} // namespace

extern "C" {

int fdatasync(int fd) {
    using namespace disk_seam;
    struct stat s {};
    (void)::fstat(fd, &s);
    const int e = sync_error.load(); // of the moment when the sync began
    ++syncing;
    if (const int ms = sync_delay_ms.load(); ms != 0) ::usleep(static_cast<unsigned>(ms) * 1000);
    if (e != 0) {
        errno = e;
        return -1;
    }
    const long r = ::syscall(SYS_fdatasync, fd);
    synced_bytes = static_cast<std::uint64_t>(s.st_size);
    ++syncs;
    return static_cast<int>(r);
}

ssize_t pwrite(int fd, const void* from, size_t bytes, off_t at) {
    using namespace disk_seam;
    ++writes;
    if (const int e = write_error.load(); e != 0 && is_segment(fd)) {
        errno = e;
        return -1;
    }
    return ::syscall(SYS_pwrite64, fd, from, bytes, at);
}

} // extern "C"
