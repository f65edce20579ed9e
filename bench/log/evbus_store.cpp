#include "evbus_store.hpp"

#include "bench/harness/scratch_bus.hpp"
#include "lib/recorder/recording.hpp"

#include <evbus/consumer.hpp>
#include <evbus/publisher.hpp>

#include <sys/prctl.h>
#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace bench::stores {
namespace {

using namespace std::chrono_literals;
using evbus::recorder::sync_policy;

evbus::bus_options with_log(const std::string& dir) {
    evbus::bus_options o;
    o.log_dir = dir + "/log";
    return o;
}

sync_policy policy(durability how) {
    return how == durability::written ? sync_policy::none : how == durability::soon ? sync_policy::interval : sync_policy::commit;
}

/// A recorder in a process of its own, for as long as this lives.
class recorder_process {
public:
    recorder_process(const scratch_bus& bus, durability how) : pid_(::fork()) {
        if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
        if (pid_ != 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        try {
            evbus::recorder::options o;
            o.sync = policy(how);
            const std::atomic<bool> never{false};
            (void)evbus::recorder::recording(bus.open(), o).run(never);
        } catch (const std::exception& e) {
            std::fprintf(stderr, "benchmark recorder: %s\n", e.what());
        }
        ::_exit(1);
    }
    ~recorder_process() {
        ::kill(pid_, SIGKILL); // the log goes too
        ::waitpid(pid_, nullptr, 0);
    }
    recorder_process(const recorder_process&) = delete;
    recorder_process& operator=(const recorder_process&) = delete;

private:
    pid_t pid_;
};

class evbus_store final : public event_store {
public:
    evbus_store(const std::string& dir, durability how) : how_(how), bus_("store", with_log(dir)), recorder_(bus_, how), pen_(bus_.handle()) {
        for (int i = 0; i < topic_count; ++i) topics_.emplace_back(topic_name(static_cast<std::size_t>(i)));
        for (int i = 0; i < 10'000; ++i) {
            if (bus_.handle().frontier().state == evbus::ring::recorder_state::recording) return;
            std::this_thread::sleep_for(1ms);
        }
        throw std::runtime_error("evbus: no recorder after 10 s");
    }

    void append(event_maker& from, std::uint64_t first, std::uint64_t count) override {
        for (std::uint64_t seq = first; seq < first + count; ++seq) {
            const evbus::published p = pen_.publish(topics_[seq % topics_.size()], from.make(seq).payload);
            if (!p) throw std::runtime_error("evbus: an event was refused");
            last_ = p.seq;
        }
        if (how_ == durability::always) finish();
    }
    void finish() override {
        const evbus::bus& bus = bus_.handle();
        if (!(how_ == durability::written ? bus.wait_written(last_, 60s) : bus.wait_durable(last_, 60s)))
            throw std::runtime_error("evbus: not recorded within a minute");
    }
    void read_all(const std::function<void(const store_event&)>& look) override {
        evbus::consumer::options o;
        o.from = evbus::from::oldest();
        evbus::consumer reader(bus_.handle(), o);
        while (reader.next() <= last_) {
            const auto s = reader.poll([&](const evbus::event& e) { look({e.seq(), e.published(), e.topic(), e.payload()}); });
            if (s != evbus::consume_status::delivered) break; // the caller misses what is missing
        }
    }

private:
    durability how_;
    scratch_bus bus_;
    recorder_process recorder_;
    evbus::publisher pen_;
    std::vector<evbus::topic> topics_;
    evbus::seq_t last_ = 0;
};

} // namespace

store_kind evbus_itself() {
    return {"evbus",
            {"no sync", "a sync each 10 ms", "sync at once"},
            2'000'000,
            [](const std::string& dir, durability how) { return std::make_unique<evbus_store>(dir, how); }};
}

} // namespace bench::stores
