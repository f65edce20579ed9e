// The log beside other places for events on disk, at the same durability: docs/benchmarks.md. Each peer is
// built in where its library is found (meson option `peers`).
#include "bench/harness/report.hpp"
#include "bench/log/evbus_store.hpp"
#include "bench/log/logged_bus.hpp"

#include <algorithm>
#include <filesystem>

namespace bench {
namespace {

using stores::durability;

std::vector<stores::store_kind> all_of_them() {
    std::vector<stores::store_kind> all{stores::evbus_itself()};
#ifdef BENCH_SQLITE
    all.push_back(stores::sqlite());
#endif
#ifdef BENCH_ROCKSDB
    all.push_back(stores::rocksdb());
#endif
#ifdef BENCH_REDIS
    all.push_back(stores::redis());
#endif
#ifdef BENCH_NATS
    all.push_back(stores::nats());
#endif
    return all;
}

struct measured {
    double append_ns = 0;
    double read_ns = 0;
    std::uint64_t lost = 0;
};

void append_and_read(const stores::store_kind& kind, const std::string& dir, durability how, std::size_t payload_bytes,
                     std::uint64_t events, measured& out) {
    const std::unique_ptr<stores::event_store> store = kind.open(dir, how);
    stores::event_maker maker(payload_bytes);
    const std::int64_t start = now_ns();
    for (std::uint64_t seq = 1; seq <= events; seq += stores::batch_events)
        store->append(maker, seq, std::min(stores::batch_events, events + 1 - seq));
    store->finish();
    out.append_ns = static_cast<double>(now_ns() - start);

    std::uint64_t good = 0;
    const std::int64_t begun = now_ns();
    store->read_all([&](const stores::store_event& e) { good += maker.is_event(e, good + 1) ? 1U : 0U; });
    out.read_ns = static_cast<double>(now_ns() - begun);
    out.lost = events - good;
}

sample run(const stores::store_kind& kind, const std::string& parent, durability how, std::size_t payload_bytes,
           std::uint64_t events) {
    const scratch_dir dir(parent);
    const shared<measured> m;
    // Stores have threads and servers of their own, as evbus has its recorder: nobody is tied to a core.
    const quiet ran = run_together(
        {{place::anywhere, [&] { append_and_read(kind, std::filesystem::absolute(dir.path()), how, payload_bytes, events, *m); }}});
    const double all = static_cast<double>(events) * 1e3;
    return {{all / m->append_ns, all / m->read_ns}, m->lost, ran};
}

experiment stores_side_by_side(const options& how, const std::string& name, durability d, std::size_t payload_bytes,
                               const std::string& what) {
    experiment e{name,
                 std::to_string(payload_bytes) + " B with topic and time, in batches of " +
                     std::to_string(stores::batch_events) + "; " + what,
                 {{"append", "M/s", true}, {"read back", "M/s", true}},
                 {}};
    for (const stores::store_kind& kind : all_of_them()) {
        if (kind.settings(d).empty()) continue;
        const std::string label = kind.name + ", " + kind.settings(d);
        const std::uint64_t events = how.quick ? 2 * stores::batch_events : kind.events;
        e.candidates.push_back({label, [=, dir = how.dir] { return run(kind, dir, d, payload_bytes, events); }});
        if (!kind.name.starts_with("SQLite") && !kind.name.starts_with("RocksDB")) continue;
        e.goals.push_back({e.candidates.front().name, "append", judged::ratio, 4, label});
        if (kind.name.starts_with("SQLite"))
            e.goals.push_back({e.candidates.front().name, "read back", judged::ratio, 3, label});
    }
    e.spins = false;
    return e;
}

} // namespace
} // namespace bench

int main(int argc, char** argv) {
    using namespace bench;
    const options how = parse_options(argc, argv);
    std::vector<experiment> all;
    for (const std::size_t bytes : {std::size_t{64}, std::size_t{192}}) {
        const std::string size = "_" + std::to_string(bytes);
        all.push_back(stores_side_by_side(how, "stores_written" + size, durability::written, bytes, "survives its process"));
        all.push_back(stores_side_by_side(how, "stores_soon" + size, durability::soon, bytes, "survives a loss of power but for the last 10 ms"));
        all.push_back(stores_side_by_side(how, "stores_always" + size, durability::always, bytes, "each batch is durable before the next"));
    }
    return run_program("log_peers_bench", all, how);
}
