// Loaded into a real program (LD_PRELOAD): its disk fails for the segments of a log, while the file that
// EVBUS_FAILING_DISK names is there. That file says which call and with which errno: "sync 5", "write 28"; or that
// writes stand still until it is gone: "stall 1".
#undef _FILE_OFFSET_BITS // both names of pwrite are to be had here
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

namespace {

/// The errno to fail `call` on `fd` with; 0 = none.
int fault_of(const char* call, int fd) {
    const char* const told = std::getenv("EVBUS_FAILING_DISK");
    std::FILE* const in = told == nullptr ? nullptr : std::fopen(told, "re");
    if (in == nullptr) return 0;
    char which[16] = "";
    int error = 0;
    const bool read = std::fscanf(in, "%15s %d", which, &error) == 2;
    std::fclose(in);
    char link[64];
    char path[4096];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t n = ::readlink(link, path, sizeof path);
    if (!read || std::strcmp(which, call) != 0 || n < 6 || std::memcmp(path + n - 6, ".evseg", 6) != 0) return 0;
    return error;
}

ssize_t write_at(int fd, const void* from, size_t bytes, off_t at) {
    while (fault_of("stall", fd) != 0) ::usleep(1000);
    if (const int error = fault_of("write", fd); error != 0) {
        errno = error;
        return -1;
    }
    return ::syscall(SYS_pwrite64, fd, from, bytes, at);
}

} // namespace

extern "C" {

int fdatasync(int fd) {
    if (const int error = fault_of("sync", fd); error != 0) {
        errno = error;
        return -1;
    }
    return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

ssize_t pwrite(int fd, const void* from, size_t bytes, off_t at) { return write_at(fd, from, bytes, at); }
ssize_t pwrite64(int fd, const void* from, size_t bytes, off_t at) { return write_at(fd, from, bytes, at); }

} // extern "C"
