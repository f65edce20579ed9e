#include "bench/harness/process.hpp"
#include "experiments.hpp"
#include "files.hpp"
#include "logged_bus.hpp"

#include <stdexcept>

namespace bench {
namespace {

struct file_figures {
    double rate = 0; ///< MB/s
    double sync_p50_us = 0;
    double sync_p99_us = 0;
    double write_max_us = 0; ///< the longest that the writer was held up
};

sample run(const std::string& parent, const file_plan& plan) {
    const scratch_dir dir(parent);
    const shared<file_figures> f;
    const quiet ran = run_together({{place::anywhere, [&] {
                                         const file_outcome o = write_file(dir.path(), plan);
                                         *f = {static_cast<double>(plan.bytes) * 1e3 / o.ns, percentile(o.sync_ns, 0.5) / 1e3,
                                               percentile(o.sync_ns, 0.99) / 1e3, percentile(o.write_ns, 1) / 1e3};
                                     }}});
    return {{f->rate, f->sync_p50_us, f->sync_p99_us, f->write_max_us}, 0, ran};
}

experiment files_side_by_side(const options& how, const char* name, const char* what,
                              const std::vector<std::pair<const char*, file_plan>>& plans) {
    experiment e{name, what, {{"rate", "MB/s", true}, {"sync p50", "us"}, {"sync p99", "us"}, {"longest write", "us"}}, {}};
    for (const auto& [label, plan] : plans)
        e.candidates.push_back({label, [dir = how.dir, plan = plan] { return run(dir, plan); }});
    e.spins = false;
    return e;
}

} // namespace

experiment sync_small(const options& how) {
    const std::uint64_t bytes = how.quick ? 1U << 18 : 1U << 23;
    const auto plan = [=](space_from s) { return file_plan{s, sync_by::writer, bytes, 4096, 0, 0}; };
    return files_side_by_side(how, "sync_small", "a write of 4 KiB and a sync, in turn, 8 MiB in all",
                              {{"growing", plan(space_from::growing)},
                               {"allocated", plan(space_from::allocated)},
                               {"allocated, size kept", plan(space_from::kept_size)},
                               {"recycled", plan(space_from::recycled)}});
}

experiment sync_space(const options& how) {
    const std::uint64_t bytes = how.quick ? 1U << 24 : 1U << 28;
    const auto plan = [=](space_from s) { return file_plan{s, sync_by::thread, bytes, 1U << 20, 10'000'000, 0}; };
    return files_side_by_side(how, "sync_space", "256 MiB in writes of 1 MiB, as fast as they go; a thread syncs every 10 ms",
                              {{"growing", plan(space_from::growing)},
                               {"allocated", plan(space_from::allocated)},
                               {"allocated, size kept", plan(space_from::kept_size)},
                               {"recycled", plan(space_from::recycled)}});
}

experiment sync_who(const options& how) {
    const std::uint64_t bytes = how.quick ? 1U << 24 : 1U << 28;
    const auto plan = [=](sync_by by, std::int64_t interval_ns) {
        return file_plan{space_from::growing, by, bytes, 1U << 20, interval_ns, 0};
    };
    return files_side_by_side(how, "sync_who", "a growing file of 256 MiB in writes of 1 MiB, as fast as they go",
                              {{"writer, every 10 ms", plan(sync_by::writer, 10'000'000)},
                               {"thread, every 10 ms", plan(sync_by::thread, 10'000'000)},
                               {"thread, and begin every 8 MiB", plan(sync_by::thread_started, 10'000'000)},
                               {"thread, every 100 ms", plan(sync_by::thread, 100'000'000)},
                               {"thread, 100 ms, begin every 8 MiB", plan(sync_by::thread_started, 100'000'000)}});
}

} // namespace bench
