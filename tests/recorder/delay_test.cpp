// How long events take into the page cache and onto the disk, as the recorder counts it. Wall clocks of this program stand still
// but when a test lets time pass.
#include "tests/recorder/recorder_fixture.hpp"

#include "lib/recorder/delay_watch.hpp"

#include <evbus/ring/create.hpp>

#include <sys/syscall.h>

using namespace recorder_test;
using recorder::delay_watch;

namespace {

bool stands_still = false;
std::int64_t wall_now = 1'800'000'000'000'000'000;

constexpr std::int64_t us = 1000, ms = 1000 * us;

/// A ring that stamps by the wall clock, and a watch that has begun, at a time that stands.
struct watched {
    watched() : name("delay-" + std::to_string(::getpid())) {
        stands_still = true;
        ring::creation c;
        c.name = name;
        c.slots = 64;
        c.slot_bytes = 128;
        c.id = detail::random_bus_id();
        c.epoch = static_cast<epoch_t>(detail::random_u64());
        REQUIRE(ring::create_ring(c));
        at = ring::attachment::open(name, ring::access::read_write);
        watch.emplace(*at);
        watch->begin(at->latencies(), 3);
    }
    ~watched() {
        ring::unlink_ring(name, at->description().epoch());
        stands_still = false;
    }
    watched(const watched&) = delete;
    watched& operator=(const watched&) = delete;

    /// A write whose first event was published `before` ns ago.
    void write(seq_t last, std::int64_t before) { watch->wrote(last, wall_now - before); }
    [[nodiscard]] ring::latency_view written() const { return *ring::read_latency(at->latencies().written, 3); }
    [[nodiscard]] ring::latency_view durable() const { return *ring::read_latency(at->latencies().durable, 3); }

    std::string name;
    std::shared_ptr<ring::attachment> at;
    std::optional<delay_watch> watch;
};

} // namespace

extern "C" int clock_gettime(clockid_t which, timespec* now) noexcept {
    if (which != CLOCK_REALTIME || !stands_still) return static_cast<int>(::syscall(SYS_clock_gettime, which, now));
    *now = {static_cast<time_t>(wall_now / 1'000'000'000), static_cast<long>(wall_now % 1'000'000'000)};
    return 0;
}

TEST_CASE_FIXTURE(watched, "delays: each write is counted when it is written, and again when a sync has it") {
    wall_now += 10 * ms;
    write(10, 200 * us);
    wall_now += 1 * ms;
    write(20, 300 * us);
    CHECK(written().count() == 2);
    CHECK(written().sum_ns == 500 * us);
    CHECK(written().max_ns == 300 * us);
    CHECK(durable().count() == 0);

    wall_now += 5 * ms;
    watch->synced(9);
    CHECK(durable().count() == 0);
    watch->synced(19);
    CHECK(durable().count() == 1);
    CHECK(durable().max_ns == 6 * ms + 200 * us);
    wall_now += 1 * ms;
    watch->synced(20);
    watch->synced(20);
    CHECK(durable().count() == 2);
    CHECK(durable().sum_ns == 6 * ms + 200 * us + 6 * ms + 300 * us);
    CHECK(written().count() == 2);
}

TEST_CASE_FIXTURE(watched, "delays: what was published before the recorder came, or has no time, is left out") {
    wall_now += 1 * ms;
    write(1, 2 * ms);
    watch->wrote(2, 0);
    write(3, 1 * ms);
    CHECK(written().count() == 1);
    watch->synced(3);
    CHECK(durable().count() == 1);
    CHECK(durable().max_ns == 1 * ms);
}

TEST_CASE_FIXTURE(watched, "delays: of more writes than are remembered for one sync the first ones are counted") {
    wall_now += 1 * ms;
    constexpr seq_t many = delay_watch::most_waiting + 10;
    for (seq_t last = 1; last <= many; ++last) write(last, 100);
    CHECK(written().count() == many);
    watch->synced(many);
    CHECK(durable().count() == delay_watch::most_waiting);
    write(many + 1, 100);
    watch->synced(many + 1);
    CHECK(durable().count() == delay_watch::most_waiting + 1);
}

TEST_CASE_FIXTURE(watched, "delays: times that wrap are arithmetic") {
    watch->wrote(1, std::numeric_limits<std::int64_t>::max());
    watch->synced(1);
    CHECK(written().negative == 1);
    CHECK(durable().negative == 1);
}

TEST_CASE("delays: a recorder keeps both, for its own life, and what it keeps stays behind it") {
    world w({.slots = 256});
    const auto at = w.bus().attach(ring::access::read_only);
    const auto life = [&] { return at->ctl().frontier.generation.load(); };
    recorder_thread recorder(w.bus());
    author pen(w.bus(), 1);
    for (int i = 0; i < 5; ++i) {
        pen.publish(10);
        REQUIRE(w.bus().wait_written(w.bus().head() - 1, ages));
    }
    CHECK(recorder.stop().state == recorder_state::ended);
    const std::uint64_t first = life();
    const std::optional<ring::latency_view> written = ring::read_latency(at->latencies().written, first);
    const std::optional<ring::latency_view> durable = ring::read_latency(at->latencies().durable, first);
    REQUIRE(written);
    REQUIRE(durable);
    CHECK(written->count() >= 5);
    CHECK(durable->count() == written->count()); // a recorder that ends in good order has all on the disk
    CHECK(durable->max_ns >= durable->percentile(0.5));

    recorder_thread next(w.bus());
    CHECK(next.stop().state == recorder_state::ended);
    CHECK(life() != first);
    CHECK(!ring::read_latency(at->latencies().written, first));
    CHECK(ring::read_latency(at->latencies().written, life())->count() == 0);
}
