#include "machine.hpp"

#include <cerrno>
#include <fstream>
#include <system_error>
#include <vector>

namespace bench {
namespace {

const std::vector<int>& usable_cores() {
    static const std::vector<int> cores = [] {
        std::vector<int> found;
        cpu_set_t set;
        CPU_ZERO(&set);
        if (::sched_getaffinity(0, sizeof set, &set) == 0)
            for (int i = 0; i < CPU_SETSIZE; ++i)
                if (CPU_ISSET(static_cast<unsigned>(i), &set)) found.push_back(i);
        return found;
    }();
    return cores;
}

bool polite = false;

double measure_tick() {
    const std::int64_t ns = now_ns();
    const std::uint64_t start = ticks();
    while (now_ns() - ns < 20'000'000) {}
    return static_cast<double>(now_ns() - ns) / static_cast<double>(ticks() - start);
}

} // namespace

bool has_two_cores() { return usable_cores().size() >= 2; }
void be_polite() { polite = true; }
bool is_polite() { return polite || !has_two_cores(); }

bool take_precedence() {
    sched_param p{};
    p.sched_priority = 1;
    return ::sched_setscheduler(0, SCHED_FIFO, &p) == 0;
}

void take_turns() {
    sched_param p{};
    if (::sched_getscheduler(0) != SCHED_FIFO || ::sched_getparam(0, &p) != 0) return;
    (void)::sched_setscheduler(0, SCHED_RR, &p);
}

void pin(place where) {
    if (where == place::anywhere || !has_two_cores()) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<unsigned>(usable_cores()[where == place::first ? 0 : 1]), &set);
    if (::sched_setaffinity(0, sizeof set, &set) != 0)
        throw std::system_error(errno, std::generic_category(), "pin to a core");
}

double ns_per_tick() {
    static const double length = measure_tick();
    return length;
}

std::string processor() {
    std::ifstream in("/proc/cpuinfo");
    for (std::string line; std::getline(in, line);)
        if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
    return "unknown processor";
}

} // namespace bench
