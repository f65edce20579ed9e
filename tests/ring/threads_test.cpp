// Publishers and readers as threads over one mapping: what the thread sanitizer can see. It knows no
// fences, so payload words are atomics, and it must find nothing.
#include "ring_fixture.hpp"

#include <barrier>
#include <thread>

using namespace ring_test;

TEST_CASE("threads: publishers lap each other and readers on one mapping; nothing torn is delivered") {
    test_bus t({.slots = 64, .slot_bytes = 128});
    const bus on = t.bus();
    constexpr int writers = 2, readers = 2;
    const int events = rounds(30000, 6000);
    std::atomic<int> running{writers};
    std::barrier start(writers + readers);
    std::array<std::uint64_t, readers> torn{}, unlawful{};
    {
        std::vector<std::jthread> all;
        for (int w = 0; w < writers; ++w)
            all.emplace_back([&, w] {
                ring::membership place(t.attachment(), ring::member_kind::publisher, "w");
                ring::claimer pen(t.at(), place.number()); // t.at() is one mapping for all
                ring::doorbell bell(t.at().ctl().data_bell);
                const topic to("x");
                start.arrive_and_wait();
                for (int i = 0; i < events; ++i) {
                    if (pen.claim() != ring::claim_status::claimed) break;
                    ring::shared_word* words = pen.words();
                    const std::uint64_t author = std::uint64_t{place.incarnation()} << 16 | std::uint64_t{to_u16(place.number())} << 48;
                    words[1].store(to.hash(), std::memory_order_relaxed);
                    words[2].store(0, std::memory_order_relaxed);
                    words[3].store(author | 64 | std::uint64_t{1} << 32, std::memory_order_relaxed);
                    ring::store_words(words + 4, to.words());
                    for (int k = 0; k < 8; ++k) words[5 + k].store(pen.seq(), std::memory_order_relaxed);
                    (void)pen.commit();
                    bell.ring(place.number());
                    if (i % 512 == w) std::this_thread::yield();
                }
                running.fetch_sub(1);
            });
        for (int k = 0; k < readers; ++k)
            all.emplace_back([&, k] {
                filter_set wanted;
                ring::slot_reader slots(t.at(), wanted);
                ring::waiter waits(t.at(), static_cast<member_no>(5000 + k), wait_strategy::block, 0);
                seq_t next = 1;
                start.arrive_and_wait();
                while (running.load() > 0 || waits.is_ready(next)) {
                    switch (slots.read(next)) {
                    case ring::slot_state::frame:
                        for (std::size_t i = 0; i < 8; ++i) {
                            std::uint64_t word;
                            std::memcpy(&word, slots.frame().payload.data() + i * 8, 8);
                            torn[static_cast<std::size_t>(k)] += word != next;
                        }
                        ++next;
                        break;
                    case ring::slot_state::lapped: next = slots.resume_after_lap(next); break;
                    case ring::slot_state::malformed: ++unlawful[static_cast<std::size_t>(k)]; ++next; break;
                    case ring::slot_state::nothing:
                    case ring::slot_state::unfinished: (void)waits.wait(next, 1'000'000, [] { return std::int64_t{100'000}; }); break;
                    default: ++next; break;
                    }
                }
            });
    }
    for (std::size_t k = 0; k < readers; ++k) {
        CHECK(torn[k] == 0);
        CHECK(unlawful[k] == 0);
    }
}

TEST_CASE("threads: whole publishers and subscribers, each with a mapping of its own") {
    test_bus t({.slots = 256, .slot_bytes = 128});
    const bus on = t.bus();
    const int events = rounds(20000, 4000);
    std::atomic<int> running{2};
    {
        std::vector<std::jthread> all;
        for (int w = 0; w < 2; ++w)
            all.emplace_back([&] {
                publisher pub(on);
                for (int i = 0; i < events; ++i) (void)pub.publish(topic("x"), std::string(static_cast<std::size_t>(i % 200), 'p'));
                running.fetch_sub(1);
            });
        for (int k = 0; k < 2; ++k)
            all.emplace_back([&] {
                test_reader r(on, {.from = from::oldest()});
                while (running.load() > 0) {
                    (void)r.sub.wait(std::chrono::milliseconds(1));
                    (void)r.drain();
                }
                CHECK(r.law_holds());
            });
    }
    CHECK(ring::find_head(t.at()) > 2 * static_cast<seq_t>(events));
}

TEST_CASE("threads: the clock's table is read while pieces are appended") {
    const auto table = std::make_unique<ring::clock_table>();
    ring::clock_keeper::begin(*table);
    std::atomic<bool> stop{false};
    std::jthread reader([&] {
        ring::clock_view view(*table, ring::stamp_mode::counter);
        while (!stop.load()) (void)view.to_ns(static_cast<std::int64_t>(evbus::detail::read_counter()));
    });
    for (int i = 0; i < 1000; ++i) {
        ring::clock_keeper::maintain(*table, 1);
        if (i % 10 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    stop.store(true);
}
