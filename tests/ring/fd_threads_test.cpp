// The descriptor's thread beside the one that polls: what they share, under the thread sanitizer.
#include "ring_fixture.hpp"

#include "tests/support/event_loop.hpp"

#include <thread>

using namespace ring_test;
using support::event_loop;

namespace {

/// Publishes `count` events one by one, with pauses of every length.
void publish_now_and_then(const bus& on, std::uint64_t count, std::uint64_t dice) {
    publisher pub(on);
    for (std::uint64_t i = 0; i < count; ++i) {
        dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
        for (std::uint64_t spin = dice % 8192; spin > 0; --spin) evbus::detail::cpu_pause();
        if (dice % 16 == 0) std::this_thread::sleep_for(std::chrono::microseconds(dice % 300));
        (void)pub.publish(topic("x"), "y");
    }
}

} // namespace

TEST_CASE("fd_threads: readers that poll when told, with bounds, and in between, get everything of two publishers") {
    test_bus t({.slots = 16384});
    const bus on = t.bus();
    const std::uint64_t each = rounds<std::uint64_t>(3000, 1000);
    {
        std::vector<std::jthread> all;
        for (std::uint64_t style = 0; style < 3; ++style)
            all.emplace_back([&, style] {
                test_reader r(on, {.from = from::oldest()});
                const event_loop loop({r.sub.fd()});
                std::uint64_t turn = 0;
                while (r.sub.losses().events < 2 * each) {
                    // Only when told; one by one; now and then without having been asked.
                    if (style != 2 || ++turn % 3 != 0) (void)loop.wait();
                    r.sub.poll([](const event&) {}, {.max_events = style == 1 ? 1u : 256u});
                }
                CHECK(r.law_holds());
                CHECK(r.sub.losses().lost() == 0);
            });
        for (const std::uint64_t dice : {88172645463325252u, 1181783497276652981u})
            all.emplace_back([&, dice] { publish_now_and_then(on, each, dice); });
    }
    CHECK(ring::find_head(t.at()) == 2 * each + 1);
}

TEST_CASE("fd_threads: handles come and go while their bell rings, and none leaves its thread behind") {
    test_bus t;
    const bus on = t.bus();
    std::atomic<bool> over{false};
    std::jthread rings([&] {
        while (!over.load()) publish_now_and_then(on, 50, 88172645463325252u);
    });
    for (int i = 0; i < rounds(400, 100); ++i) {
        subscriber sub(on);
        const event_loop loop({sub.fd()});
        if (i % 4 == 0) continue;
        (void)loop.wait();
        if (i % 4 == 1) continue;
        sub.poll([](const event&) {});
        CHECK(sub.losses().walked() > 0);
    }
    over.store(true);
}

TEST_CASE("fd_threads: repairs of its thread are handed over whole") {
    test_bus t;
    std::uint64_t heard = 0;
    subscriber sub(t.bus(), {.from = from::oldest(), .on_notice = [&](const notice& n) { heard += n.text.empty() ? 0u : 1u; }});
    const event_loop loop({sub.fd()});
    const seq_t last = rounds<seq_t>(200, 50);
    for (seq_t seq = 1; seq <= last; ++seq) {
        t.set_phase(seq, phase::writing, 77);
        t.at().ring().tail.store(seq + 1);
        ring::doorbell(t.at().ctl().data_bell).ring(t.pen().number());
        while (sub.next() == seq) {
            (void)loop.wait();
            sub.poll([](const event&) {});
        }
    }
    CHECK(sub.losses().voids == last);
    CHECK(heard == last);
}
