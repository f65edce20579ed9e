#include "process.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <stdexcept>
#include <string>

namespace bench {
namespace {

constexpr unsigned longest_run_s = 120;

std::int64_t core_time_ns() {
    timespec t{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

std::int64_t work_began_ns = 0;
std::int64_t core_time_then_ns = 0;

void work_begins() {
    work_began_ns = now_ns();
    core_time_then_ns = core_time_ns();
}

double share_since_then() {
    const auto used = static_cast<double>(core_time_ns() - core_time_then_ns);
    return std::min(1.0, used / static_cast<double>(std::max<std::int64_t>(now_ns() - work_began_ns, 1)));
}

[[noreturn]] void be_child(const job& work, std::atomic<double>& share) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::alarm(longest_run_s);
    try {
        pin(work.where);
        work_begins();
        work.work();
        share.store(share_since_then());
    } catch (const std::exception& e) {
        std::fprintf(stderr, "benchmark process: %s\n", e.what());
        ::_exit(1);
    }
    std::quick_exit(0); // a peer's library may have to say goodbye (at_quick_exit)
}

} // namespace

void meeting::meet() {
    const unsigned wanted = ++turn_ * all_;
    words_->come.fetch_add(1);
    for (unsigned looks = 0; words_->come.load() < wanted; ++looks)
        if (looks % 1024 == 1023) ::sched_yield();
    work_begins();
}

quiet run_together(const std::vector<job>& jobs) {
    struct shares {
        std::atomic<double> of[16];
    };
    const shared<shares> all;
    std::vector<pid_t> children;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const pid_t child = ::fork();
        if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
        if (child == 0) be_child(jobs[i], all->of[i]);
        children.push_back(child);
    }
    bool failed = false;
    while (!children.empty()) {
        int status = 0;
        const pid_t ended = ::wait(&status);
        if (ended < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "wait");
        if (std::erase(children, ended) == 0) continue; // a helper of the experiment, such as a peer's daemon
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
        if (!failed)
            for (const pid_t other : children) ::kill(other, SIGKILL); // they would wait for it
        failed = true;
    }
    if (failed) throw std::runtime_error("a process of the benchmark failed or hung");
    quiet how;
    for (std::size_t i = 0; i < jobs.size(); ++i) how.core_share = std::min(how.core_share, all->of[i].load());
    return how;
}

} // namespace bench
