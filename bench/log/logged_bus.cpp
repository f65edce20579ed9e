#include "logged_bus.hpp"

#include "bench/harness/payload.hpp"
#include "lib/recorder/recording.hpp"

#include <evbus/publisher.hpp>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace bench {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

struct line {
    recorded result{};
    std::atomic<bool> stop{false};
};

evbus::bus_options with_log(const std::string& dir, std::uint64_t slots) {
    evbus::bus_options o;
    o.slots = slots;
    o.slot_bytes = event_bytes;
    o.log_dir = dir + "/log";
    return o;
}

void record(const logged_bus& on, evbus::recorder::sync_policy sync, line& l) {
    evbus::recorder::options how;
    how.sync = sync;
    evbus::recorder::recording recording(on.bus().open(), how);
    const evbus::recorder::outcome o = recording.run(l.stop);
    l.result.lost += o.lost;
    l.result.recorder_mib = peak_memory_mib();
    if (!o.reason.empty()) throw std::runtime_error("the recorder halted: " + o.reason);
}

void publish(const logged_bus& on, std::uint64_t events, evbus::recorder::sync_policy sync, line& l) {
    const evbus::bus bus = on.bus().open();
    while (bus.frontier().state != evbus::ring::recorder_state::recording) std::this_thread::sleep_for(1ms);
    evbus::publisher pen(bus);
    const evbus::topic to(trade_topic);
    numbered<logged_payload> out;
    const std::int64_t start = now_ns();
    evbus::seq_t last = 0;
    for (std::uint64_t i = 1; i <= events; ++i) {
        out.number = out.again = i;
        const evbus::published p = pen.publish(to, out);
        if (!p) ++l.result.lost;
        last = p.seq;
    }
    const bool done =
        sync == evbus::recorder::sync_policy::none ? bus.wait_written(last, 60s) : bus.wait_durable(last, 60s);
    l.result.ns = static_cast<double>(now_ns() - start);
    if (!done) ++l.result.lost;
    l.stop = true;
}

} // namespace

scratch_dir::scratch_dir(const std::string& parent) : maker_(::getpid()) {
    static int count = 0;
    path_ = parent + "/evbus-bench-" + std::to_string(maker_) + "-" + std::to_string(++count);
    fs::create_directories(path_);
}
scratch_dir::~scratch_dir() {
    std::error_code ignored;
    if (::getpid() == maker_) fs::remove_all(path_, ignored);
}

logged_bus::logged_bus(const std::string& parent, std::uint64_t slots)
    : dir_(fs::absolute(parent)), bus_("log", with_log(dir_.path(), slots)) {}

std::vector<std::string> logged_bus::segments() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(dir_.path() + "/log/segments"))
        if (entry.path().extension() == ".evseg") found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
}

recorded publish_and_record(const logged_bus& on, std::uint64_t events, evbus::recorder::sync_policy sync, quiet& ran) {
    const shared<line> l;
    ran = run_together(
        {{place::anywhere, [&] { record(on, sync, *l); }}, {place::first, [&] { publish(on, events, sync, *l); }}});
    return l->result;
}

std::uint64_t plain_hash(const void* data, std::size_t bytes) noexcept { return XXH3_64bits(data, bytes); }

double peak_memory_mib() {
    std::ifstream status("/proc/self/status");
    double most_kib = 0;
    double shared_kib = 0;
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmHWM:")) most_kib = std::stod(line.substr(6));
        if (line.starts_with("RssShmem:")) shared_kib = std::stod(line.substr(9));
    }
    return (most_kib - shared_kib) / 1024;
}

} // namespace bench
