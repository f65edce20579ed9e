#include "consume.hpp"
#include "experiments.hpp"

#include <fcntl.h>

#include <chrono>
#include <thread>
#include <vector>

namespace bench {
namespace {

using evbus::recorder::sync_policy;

constexpr std::size_t batch_bytes = std::size_t{1} << 20;

std::vector<metric> rate_metric() { return {{"bytes of events", "MB/s", true}}; }
double rate(std::uint64_t events, double ns) { return static_cast<double>(events * event_bytes) * 1e3 / ns; }

/// Writes and hashes batch after batch; with `synced` another thread syncs each 10 ms meanwhile.
double write_batches(const std::string& path, std::uint64_t bytes, bool synced) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) throw std::system_error(errno, std::generic_category(), path);
    std::vector<std::uint64_t> batch(batch_bytes / 8);
    for (std::size_t i = 0; i < batch.size(); ++i) batch[i] = i * 0x9e3779b97f4a7c15U;
    std::atomic<bool> stop{false};
    std::thread syncing;
    const std::int64_t start = now_ns();
    if (synced)
        syncing = std::thread([&] {
            while (!stop) {
                std::this_thread::sleep_for(std::chrono::milliseconds(10));
                (void)::fdatasync(fd);
            }
        });
    for (std::uint64_t done = 0; done < bytes; done += batch_bytes) {
        batch[0] = plain_hash(batch.data(), batch_bytes);
        if (::write(fd, batch.data(), batch_bytes) != static_cast<ssize_t>(batch_bytes))
            throw std::system_error(errno, std::generic_category(), path);
    }
    if (synced) {
        (void)::fdatasync(fd);
        stop = true;
    }
    const double ns = static_cast<double>(now_ns() - start);
    if (syncing.joinable()) syncing.join();
    ::close(fd);
    return ns;
}

sample written_plainly(const std::string& parent, std::uint64_t events, bool synced) {
    const scratch_dir dir(parent);
    const shared<double> ns;
    const quiet ran = run_together(
        {{place::second, [&] { *ns = write_batches(dir.path() + "/plain", events * event_bytes, synced); }}});
    return {{rate(events, *ns)}, 0, ran};
}

sample through_recorder(const std::string& parent, std::uint64_t events, sync_policy sync) {
    const logged_bus on(parent);
    quiet ran;
    const recorded r = publish_and_record(on, events, sync, ran);
    return {{rate(events, r.ns)}, r.lost, ran};
}

experiment recording(const options& how, const char* name, const char* what, sync_policy sync,
                     std::optional<double> least) {
    const std::uint64_t events = how.quick ? 16'384 : 1'048'576;
    const std::string dir = how.dir;
    experiment e{
        name,
        what,
        rate_metric(),
        {{"write() of 1 MiB with XXH3", [=] { return written_plainly(dir, events, sync != sync_policy::none); }},
         {"recorder", [=] { return through_recorder(dir, events, sync); }}},
        {{"recorder", "bytes of events", judged::ratio, least}}};
    e.spins = false;
    return e;
}

} // namespace

experiment recording_unsynced(const options& how) {
    return recording(how, "recording_unsynced", "1 Mi events of 256 B into the page cache", sync_policy::none, 0.7);
}
experiment recording_synced(const options& how) {
    return recording(how, "recording_synced", "the same, synced every 10 ms, until all is durable",
                     sync_policy::interval, std::nullopt);
}

experiment memory(const options& how) {
    const std::uint64_t events = how.quick ? 4'096 : 262'144;
    const std::string dir = how.dir;
    const auto run = [=](std::uint64_t count) -> sample {
        const logged_bus on(dir);
        quiet ran;
        const recorded r = publish_and_record(on, count, sync_policy::none, ran);
        const shared<double> consumer;
        run_together({{place::second, [&] { *consumer = consume_all(on, count).memory_mib; }}});
        return {{r.recorder_mib, *consumer}, r.lost, ran};
    };
    experiment e{
        "memory",
        "the most that each had besides the ring",
        {{"recorder", "MiB"}, {"consumer", "MiB"}},
        {{"log of 64 MiB", [=] { return run(events); }}, {"log of 512 MiB", [=] { return run(8 * events); }}},
        {{"log of 512 MiB", "recorder", judged::value, 64}, {"log of 512 MiB", "consumer", judged::value, 64}}};
    e.spins = false;
    return e;
}

} // namespace bench
