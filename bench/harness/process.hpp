// Real processes, started together, with a piece of memory in common.
#pragma once

#include "machine.hpp"

#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <functional>
#include <new>
#include <system_error>
#include <vector>

namespace bench {

/// A T that processes forked from here on share.
template <class T>
class shared {
public:
    shared() : at_(::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0)) {
        if (at_ == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "map shared memory");
        ::new (at_) T();
    }
    ~shared() { ::munmap(at_, sizeof(T)); }
    shared(const shared&) = delete;
    shared& operator=(const shared&) = delete;

    T* operator->() const noexcept { return static_cast<T*>(at_); }
    T& operator*() const noexcept { return *static_cast<T*>(at_); }

private:
    void* at_;
};

/// Where processes wait for each other. `meet` returns when all have come; may be used again.
class meeting {
public:
    explicit meeting(unsigned processes) : all_(processes) {}
    /// Waits for the others. What follows the last meeting counts as the process's measured work.
    void meet();

private:
    struct words {
        std::atomic<unsigned> come{0};
    };
    shared<words> words_;
    unsigned all_;
    unsigned turn_ = 0; // each process has its own
};

struct job {
    place where;
    std::function<void()> work;
};

/// How undisturbed the processes ran.
struct quiet {
    /// Least part of the time since its last meeting that a process had its core: 1 when nobody else wanted it.
    double core_share = 1;
};

/// Runs each job in a process of its own and waits for all. Throws when one of them fails or hangs.
quiet run_together(const std::vector<job>& jobs);

} // namespace bench
