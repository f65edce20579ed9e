#include "bench/harness/payload.hpp"
#include "experiments.hpp"
#include "files.hpp"
#include "logged_bus.hpp"

#include "lib/recorder/recording.hpp"

#include <evbus/publisher.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

namespace bench {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t interval_ns = 10'000'000;
constexpr std::int64_t burst_ns = 1'000'000; ///< the load comes in a burst each millisecond
constexpr std::size_t most_bursts = 4096;

/// Of a file written as fast as it goes, with a sync each 10 ms. MB/s.
double disk_rate(const std::string& dir, std::uint64_t bytes) {
    const file_outcome o = write_file(dir, {space_from::growing, sync_by::thread, bytes, 1U << 20, interval_ns, 0});
    return static_cast<double>(bytes) * 1e3 / o.ns;
}

struct delays {
    std::atomic<bool> stop{false};
    std::uint64_t lost = 0;
    std::uint64_t bursts = 0;
    double ns[most_bursts]{};
};

void record(const logged_bus& on, delays& d) {
    evbus::recorder::options how;
    how.sync_interval = std::chrono::nanoseconds(interval_ns);
    evbus::recorder::recording recording(on.bus().open(), how);
    const evbus::recorder::outcome o = recording.run(d.stop);
    d.lost += o.lost;
    if (!o.reason.empty()) throw std::runtime_error("the recorder halted: " + o.reason);
}

/// Publishes `events` each millisecond; another thread waits until the first of each burst is durable.
void publish(const logged_bus& on, std::uint64_t events, std::uint64_t bursts, delays& d) {
    struct sent {
        std::atomic<evbus::seq_t> seq{0};
        std::int64_t ns = 0;
    };
    const evbus::bus bus = on.bus().open();
    while (bus.frontier().state != evbus::ring::recorder_state::recording) std::this_thread::sleep_for(1ms);
    evbus::publisher pen(bus);
    const evbus::topic to(trade_topic);
    std::vector<sent> first(bursts);
    std::thread watching([&] {
        for (std::uint64_t i = 0; i < bursts; ++i) {
            first[i].seq.wait(0);
            if (!bus.wait_durable(first[i].seq, 60s)) ++d.lost;
            d.ns[i] = static_cast<double>(now_ns() - first[i].ns);
        }
    });
    numbered<logged_payload> out;
    const std::int64_t start = now_ns();
    for (std::uint64_t i = 0; i < bursts; ++i) {
        while (now_ns() < start + static_cast<std::int64_t>(i) * burst_ns) std::this_thread::sleep_for(50us);
        first[i].ns = now_ns();
        for (std::uint64_t k = 0; k < events; ++k) {
            out.set(i * events + k + 1);
            const evbus::published p = pen.publish(to, out);
            if (!p) ++d.lost;
            if (k != 0) continue;
            first[i].seq = p.seq;
            first[i].seq.notify_one();
        }
    }
    watching.join();
    d.bursts = bursts;
    d.stop = true;
}

sample run(const std::string& parent, std::uint64_t bursts, double rate) {
    const auto bytes_a_burst = static_cast<std::uint64_t>(rate / 1e3 * static_cast<double>(burst_ns));
    const shared<double> bare_p99, bare_p50;
    (void)run_together({{place::anywhere, [&] {
                             const scratch_dir dir(parent);
                             const std::uint64_t piece = bytes_a_burst / 4096 * 4096;
                             const file_outcome o = write_file(
                                 dir.path(), {space_from::growing, sync_by::thread, piece * bursts, piece, interval_ns, burst_ns});
                             *bare_p50 = percentile(o.sync_ns, 0.5);
                             *bare_p99 = percentile(o.sync_ns, 0.99);
                         }}});
    const logged_bus on(parent);
    const shared<delays> d;
    const quiet ran = run_together({{place::anywhere, [&] { record(on, *d); }},
                                    {place::anywhere, [&] { publish(on, bytes_a_burst / event_bytes, bursts, *d); }}});
    const std::vector<double> all(d->ns, d->ns + d->bursts);
    const auto us = [&](double share) { return percentile(all, share) / 1e3; };
    const double allowed = (static_cast<double>(interval_ns) + 2 * *bare_p99) / 1e3;
    return {{rate, *bare_p50 / 1e3, *bare_p99 / 1e3, us(0.5), us(0.9), us(0.99), us(1), us(0.99) / allowed}, d->lost, ran};
}

} // namespace

experiment durable_delay(const options& how) {
    const std::uint64_t bursts = how.quick ? 100 : 2000;
    const std::string dir = how.dir;
    const auto measure = [=]() -> sample {
        // In the same window: what the disk takes may change from minute to minute.
        const shared<double> most;
        (void)run_together({{place::anywhere, [&] {
                                 const scratch_dir place(dir);
                                 *most = disk_rate(place.path(), how.quick ? 1U << 24 : 1U << 30);
                             }}});
        return run(dir, bursts, std::min(*most / 2, 1000.0));
    };
    experiment e{"durable_delay",
                 "events of 256 B at half the disk's speed, a sync each 10 ms; beside it fdatasync() of a plain file with the same load",
                 {{"load", "MB/s", true},
                  {"bare fdatasync p50", "us"},
                  {"bare fdatasync p99", "us"},
                  {"publish to durable p50", "us"},
                  {"publish to durable p90", "us"},
                  {"publish to durable p99", "us"},
                  {"publish to durable, most", "us"},
                  {"p99 : (10 ms + 2 bare p99)", "x"}},
                 {{"evbus", measure}},
                 {{"evbus", "p99 : (10 ms + 2 bare p99)", judged::value, 1}}};
    e.spins = false;
    return e;
}

} // namespace bench
