// The sum law: whatever a reader meets, delivered + filtered + void + gaps + open = walked. Over random
// frames, voids and gaps fed by hand, and over real publishers that are killed and stopped at random.
#include "process_fixture.hpp"
#include "ring_fixture.hpp"

#include "tests/support/random.hpp"

using namespace ring_test;

TEST_CASE("law: it holds over random sequences of frames, fragments, voids, rejections and gaps") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    for (int round = 0; round < rounds(300, 60); ++round) {
        delivery d(random.one_in(4) ? 200 : std::size_t{1} << 20);
        std::uint64_t walked = 0, events = 0, told = 0;
        const auto on_event = [&](const event& e) {
            ++events;
            CHECK(e.payload().size() <= 64);
        };
        const auto on_gap = [&](const gap& g) { told += g.seqs; };
        std::array<std::uint32_t, 5> at{}, total{};
        for (seq_t seq = 1; seq <= 500;) {
            const std::size_t who = random.below(5);
            const publisher_id author{static_cast<member_no>(who + 1), static_cast<std::uint16_t>(random.one_in(50) ? 2 : 1)};
            const std::size_t what = random.below(20);
            const std::uint64_t count = what == 0 || what == 1 ? 1 + random.below(9) : 1;
            if (what == 0) d.gap({seq, seq + count - 1}, random.one_in(2) ? gap_cause::overwritten : gap_cause::malformed, on_gap);
            else if (what == 1) d.voided(count);
            else if (what == 2) d.rejected(author, on_gap);
            else if (what == 3) d.filtered();
            else {
                const std::string text(8, static_cast<char>('a' + who));
                frame_view f;
                f.header.publisher = to_u16(author.number);
                f.header.incarnation = author.incarnation;
                f.topic = "t";
                f.payload = std::as_bytes(std::span(text));
                f.header.payload_len = 8;
                f.total = 8;
                if (what > 8) {
                    if (total[who] == 0 || at[who] >= total[who] || random.one_in(20)) {
                        total[who] = 16 + 8 * static_cast<std::uint32_t>(random.below(6));
                        at[who] = 0;
                    }
                    f.header.flags = frame_flags::fragment;
                    f.total = total[who];
                    f.offset = at[who];
                    at[who] += random.one_in(30) ? 16U : 8U;
                    if (f.offset + 8 > f.total) f.offset = f.total - 8;
                }
                d.frame(seq, f, 0, on_event, on_gap);
            }
            if (random.one_in(40)) d.publisher_ended(author, on_gap);
            seq += count;
            walked += count;
            REQUIRE(d.account().walked() == walked);
        }
        CHECK(d.account().events == events);
        CHECK(d.account().lost() == told); // every lost seq was told, in place
    }
}

TEST_CASE("law: it holds, and nothing torn is delivered, while publishers are killed and stopped at random") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    test_bus t({.slots = 256, .slot_bytes = 128});
    const board b;
    const auto publish_for_ever = [&](std::uint64_t seed) {
        return [&, seed] {
            publisher pub(bus::open(t.name()));
            std::mt19937_64 engine(seed);
            const topic to("x");
            while (b[0].load() == 0) {
                // The payload says of itself whether it is whole: one byte, over and over.
                const std::string text(engine() % 300, static_cast<char>(engine() % 26 + 'a'));
                if (!pub.publish(to, text)) return 1;
                if (engine() % 64 == 0) ::usleep(200);
            }
            return 0;
        };
    };
    std::vector<std::unique_ptr<child>> all;
    for (int i = 0; i < 3; ++i) all.push_back(std::make_unique<child>(publish_for_ever(random.word())));
    test_reader r = t.reader();
    test_reader filtered = t.reader(from::oldest(), {"other"});
    std::uint64_t torn = 0, last = 0;
    const auto look = [&](const event& e) {
        const std::string_view text = e.text();
        if (!text.empty() && text.find_first_not_of(text[0]) != std::string_view::npos) ++torn;
        if (e.seq() <= last) ++torn;
        last = e.seq();
    };
    for (int round = 0; round < rounds(60, 15); ++round) {
        std::unique_ptr<child>& victim = all[random.below(all.size())];
        const std::uint64_t before = r.sub.losses().events;
        if (random.one_in(2)) {
            victim->kill();
            victim = std::make_unique<child>(publish_for_ever(random.word()));
        } else {
            victim->stop();
        }
        wait_until([&] { // the others go on, whatever became of this one
            (void)r.sub.wait(std::chrono::milliseconds(20));
            r.sub.poll(look);
            filtered.sub.poll([](const event&) {});
            return r.sub.losses().events >= before + 200;
        });
        if (victim->pid() > 0) victim->go_on();
        REQUIRE(r.law_holds());
        REQUIRE(filtered.law_holds());
    }
    b[0].store(1);
    for (auto& c : all) c->go_on();
    for (auto& c : all) CHECK(c->wait() == 0);
    CHECK(torn == 0);
    CHECK(filtered.sub.losses().events == 0);
}
