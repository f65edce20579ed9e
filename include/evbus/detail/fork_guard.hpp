// Knows in one load whether this process is a forked child of the one that made a handle: a page
// that the kernel wipes at fork. No getpid per event.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <new>

namespace evbus {
inline namespace v1 {
namespace detail {

/// Taken by a handle when it is made, in the process that may use it. Threads may make their first
/// handles at once.
class fork_guard {
public:
    fork_guard() : mark_(page()), mine_(mark_ != nullptr ? mark_->load(std::memory_order_acquire) : 0) {}

    /// True in a child that inherited the handle, also after the child made handles of its own.
    [[nodiscard]] bool in_child() const noexcept {
        return mark_ != nullptr && mark_->load(std::memory_order_relaxed) != mine_;
    }

private:
    using word = std::atomic<std::uint64_t>;

    static const word* page() {
        static word* const mark = [] {
            void* at = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (at == MAP_FAILED || ::madvise(at, 4096, MADV_WIPEONFORK) != 0) return static_cast<word*>(nullptr);
            return ::new (at) word(0);
        }();
        static word lives{0}; // inherited by a child, which therefore counts on
        std::uint64_t wiped = 0;
        if (mark != nullptr && mark->load(std::memory_order_acquire) == 0) // one thread's life is everybody's
            mark->compare_exchange_strong(wiped, lives.fetch_add(1, std::memory_order_relaxed) + 1, std::memory_order_acq_rel);
        return mark;
    }

    const word* mark_;
    std::uint64_t mine_;
};

} // namespace detail
} // namespace v1
} // namespace evbus
