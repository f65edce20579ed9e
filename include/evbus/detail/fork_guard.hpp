// Knows in one load whether this process is a forked child of the one that made a handle: a page
// that the kernel wipes at fork. No getpid per event.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace evbus {
inline namespace v1 {
namespace detail {

/// Taken by a handle when it is made, in the process that may use it.
class fork_guard {
public:
    fork_guard() : mark_(page()), mine_(mark_ != nullptr ? *mark_ : 0) {}

    /// True in a child that inherited the handle, also after the child made handles of its own.
    [[nodiscard]] bool in_child() const noexcept { return mark_ != nullptr && *mark_ != mine_; }

private:
    static const volatile std::uint64_t* page() {
        static std::uint64_t* const mark = [] {
            void* at = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (at == MAP_FAILED || ::madvise(at, 4096, MADV_WIPEONFORK) != 0)
                return static_cast<std::uint64_t*>(nullptr);
            return static_cast<std::uint64_t*>(at);
        }();
        static std::uint64_t lives = 0; // inherited by a child, which therefore counts on
        if (mark != nullptr && *mark == 0) *mark = ++lives;
        return mark;
    }

    const volatile std::uint64_t* mark_;
    std::uint64_t mine_;
};

} // namespace detail
} // namespace v1
} // namespace evbus
