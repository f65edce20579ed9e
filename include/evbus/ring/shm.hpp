// Shared memory objects and their mappings: Boost.Interprocess maps, opens and removes; making an
// object that nobody can see half-made (O_TMPFILE, then linkat) is Linux's own and stands here.
#pragma once

#include <evbus/error.hpp>
#include <evbus/ring/names.hpp>

#include <boost/interprocess/detail/os_file_functions.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <boost/interprocess/shared_memory_object.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace ring {

namespace bip = boost::interprocess;

/// How a process may touch an object.
enum class access : bool { read_only, read_write };

/// An open descriptor of a shared memory object; closes it at the end.
class shm_file {
public:
    shm_file() = default;
    explicit shm_file(int fd) noexcept : fd_(fd) {}
    shm_file(shm_file&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    shm_file& operator=(shm_file&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~shm_file() {
        if (fd_ >= 0) ::close(fd_);
    }

    /// Opens an object by name. Returns an empty one and sets errno when it cannot be had.
    [[nodiscard]] static shm_file try_open(const std::string& object, access how) noexcept {
        const int flags = (how == access::read_write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
        return shm_file(::open(shm_path(object).c_str(), flags));
    }
    /// A new object without a name yet, of `bytes`, all of it reserved: memory that runs out does so
    /// now, as an error, and not later as SIGBUS.
    [[nodiscard]] static shm_file make_unnamed(const std::string& for_object, std::uint64_t bytes, unsigned mode) {
        const std::string operation = "create " + shm_path(for_object);
        shm_file made(::open(shm_directory, O_TMPFILE | O_RDWR | O_CLOEXEC, mode));
        if (made.fd_ < 0)
            detail::throw_errno(errno, operation, shm_directory, "evbus needs a tmpfs that can be written there");
        if (::fchmod(made.fd_, mode) != 0) detail::throw_errno(errno, operation, "set its mode");
        if (const int e = ::posix_fallocate(made.fd_, 0, static_cast<off_t>(bytes)); e != 0)
            detail::throw_errno(e, operation, std::to_string(bytes) + " bytes of shared memory",
                                "ask for fewer or smaller slots, or enlarge it (mount -o remount,size=1G /dev/shm; "
                                "in a container --shm-size)");
        return made;
    }

    /// Gives the object its name: the moment it begins to exist for others. False when the name
    /// is taken.
    [[nodiscard]] bool link_as(const std::string& object) const {
        const std::string self = "/proc/self/fd/" + std::to_string(fd_);
        if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, shm_path(object).c_str(), AT_SYMLINK_FOLLOW) == 0) return true;
        if (errno == EEXIST) return false;
        if (errno == ENOENT && ::access("/proc/self/fd", F_OK) != 0)
            throw error(errc::io, {"create", shm_path(object), "/proc is not there, and giving a shared memory object its name needs it",
                                   "mount it (mount -t proc proc /proc)"});
        detail::throw_errno(errno, "create", shm_path(object));
    }

    [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] struct stat status() const {
        struct stat s {};
        if (::fstat(fd_, &s) != 0) detail::throw_errno(errno, "look at", "shared memory object");
        return s;
    }
    /// What Boost.Interprocess asks of anything that can be mapped.
    [[nodiscard]] bip::mapping_handle_t get_mapping_handle() const noexcept {
        return bip::ipcdetail::mapping_handle_from_file_handle(fd_);
    }

private:
    int fd_ = -1;
};

/// Maps the first `bytes` of an object.
[[nodiscard]] inline bip::mapped_region map(const shm_file& file, access how, std::uint64_t bytes) {
    try {
        return {file, how == access::read_write ? bip::read_write : bip::read_only, 0, bytes};
    } catch (const bip::interprocess_exception& e) {
        detail::throw_errno(e.get_native_error() != 0 ? e.get_native_error() : ENOMEM, "map",
                            std::to_string(bytes) + " bytes of shared memory");
    }
}

/// Brings every page into this process's page table, reading only: the first touch costs 1-2 us a
/// page and would be the tail of the first events. Best effort.
inline void touch_pages(const bip::mapped_region& region, access how) noexcept {
    void* at = region.get_address();
    const std::size_t bytes = region.get_size();
#ifdef MADV_POPULATE_READ
    // Populating for write maps the pages writable at once and writes nothing.
    if (::madvise(at, bytes, how == access::read_write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ) == 0) return;
#else
    (void)how;
#endif
    const auto* bytes_at = static_cast<const volatile std::byte*>(at);
    for (std::size_t i = 0; i < bytes; i += 4096) (void)bytes_at[i];
}

/// Removes a name. False when there is none, or it may not be removed.
inline bool unlink_object(const std::string& object) noexcept {
    return bip::shared_memory_object::remove(object.c_str());
}

} // namespace ring
} // namespace v1
} // namespace evbus
