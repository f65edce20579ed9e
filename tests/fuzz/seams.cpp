#include "tests/fuzz/seams.hpp"
#include "tests/fuzz/target.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <set>
#include <string_view>
#include <utility>

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace fuzz {
namespace {

constexpr std::int64_t look_ns = 50'000;
std::int64_t steady = 1'000'000'000'000;
std::uint64_t looks = 0;

std::int64_t ns_of(const timespec& t) { return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec; }

constexpr std::size_t page = 4096;
std::set<void*>& guarded() {
    static auto* all = new std::set<void*>; // mappings outlive every destructor
    return *all;
}

} // namespace

void pass_time(std::int64_t ns) { steady += ns; }
std::uint64_t take_clock_looks() { return std::exchange(looks, 0); }

void require(bool holds, const char* law) {
    if (holds) return;
    std::fprintf(stderr, "fuzz: this does not hold: %s\n", law);
    std::abort();
}

std::string name_prefix() {
    const char* given = std::getenv("EVBUS_FUZZ_NAME");
    return given != nullptr ? given : "fuzz-" + std::to_string(::getpid()) + "-";
}

} // namespace fuzz

extern "C" {

int __real_clock_gettime(clockid_t which, timespec* now);
int __wrap_clock_gettime(clockid_t which, timespec* now) {
    if (which != CLOCK_MONOTONIC) return __real_clock_gettime(which, now);
    ++fuzz::looks;
    fuzz::steady += fuzz::look_ns;
    *now = {static_cast<time_t>(fuzz::steady / 1'000'000'000), static_cast<long>(fuzz::steady % 1'000'000'000)};
    return 0;
}

int __wrap_nanosleep(const timespec* length, timespec*) {
    fuzz::steady += fuzz::ns_of(*length);
    return 0;
}

// Six numbers, as the kernel takes them: what a caller did not give is not looked at.
long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f) {
    if (number == SYS_futex && b == FUTEX_WAIT) {
        if (d != 0) fuzz::steady += fuzz::ns_of(*reinterpret_cast<const timespec*>(d));
        errno = ETIMEDOUT;
        return -1;
    }
    if (number == SYS_membarrier) return 0; // one thread
    return __real_syscall(number, a, b, c, d, e, f);
}

void* __real_mmap(void* at, std::size_t bytes, int protection, int flags, int fd, off_t from);
void* __wrap_mmap(void* at, std::size_t bytes, int protection, int flags, int fd, off_t from) {
    using fuzz::page;
    if (at != nullptr || (flags & MAP_SHARED) == 0 || fd < 0)
        return __real_mmap(at, bytes, protection, flags, fd, from);
    const std::size_t whole = (bytes + page - 1) / page * page;
    void* area = __real_mmap(nullptr, whole + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (area == MAP_FAILED) return area;
    void* made = __real_mmap(static_cast<char*>(area) + page, bytes, protection, flags | MAP_FIXED, fd, from);
    if (made == MAP_FAILED) {
        const int e = errno;
        ::munmap(area, whole + 2 * page);
        errno = e;
    } else {
        fuzz::guarded().insert(made);
    }
    return made;
}
void* __wrap_mmap64(void* at, std::size_t bytes, int protection, int flags, int fd, off_t from) {
    return __wrap_mmap(at, bytes, protection, flags, fd, from);
}
int __real_munmap(void* at, std::size_t bytes);
int __wrap_munmap(void* at, std::size_t bytes) {
    using fuzz::page;
    if (fuzz::guarded().erase(at) == 0) return __real_munmap(at, bytes);
    const std::size_t whole = (bytes + page - 1) / page * page;
    return __real_munmap(static_cast<char*>(at) - page, whole + 2 * page);
}

/// cli::say, in which tools tell people what they met: here it would be a line an input.
void __wrap__ZN3cli3sayESt17basic_string_viewIcSt11char_traitsIcEES3_(std::string_view, std::string_view) {}

} // extern "C"
