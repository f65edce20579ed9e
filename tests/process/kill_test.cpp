// Processes killed and stopped at random: the log has every event once, and the account of everybody who
// is left adds up.
#include "process_fixture.hpp"

using namespace process_test;

TEST_CASE("kill: the recorder killed again and again at random moments; the log has every event once, in order") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    // A lap lasts seconds: 16,384 slots, a few thousand events a second.
    world w({.slots = 16'384, .slot_bytes = 256, .pacing = pacing::overwrite});
    const bus on = w.bus();
    const board b;
    std::vector<child> authors;
    for (std::size_t who = 1; who <= 2; ++who) authors.push_back(publishing(w, b, who, 600, 400));
    const int kills = rounds(25, 8);
    for (int i = 0; i < kills; ++i) {
        evrecord recorder(w, {"--segment-bytes", "1MiB", "--keep-free", "0"});
        ::usleep(static_cast<useconds_t>(random.below(120'000)));
        recorder.kill();
    }
    evrecord last(w);
    const std::uint64_t more = b[1].load() + 200;
    b.wait_for(1, more);
    b[0] = 1;
    for (child& c : authors) CHECK(c.wait() == 0);
    const seq_t head = on.head();
    const support::finished end = last.end();
    INFO(end.err);
    CHECK(end.code == 0);
    const ledger l = w.whole_log(600);
    INFO(l.text());
    CHECK(l.all_of({{1, b[1].load()}, {2, b[2].load()}}));
    CHECK(l.events == b[1].load() + b[2].load());
    CHECK(w.runs().size() == static_cast<std::size_t>(kills) + 1);
    seq_t next = 1;
    ledger again(600);
    CHECK(walk_log(w.log_dir(), again, next).walked() == head - 1);
    for (const auto& run : w.runs()) CHECK(run.status != recorder::run_status::running);
}

TEST_CASE("kill: publishers and readers killed and stopped at random; who is left has all, and the sums hold") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    constexpr std::size_t authors_at = 1, most_authors = 200, reader_fields = 300;
    world w({.slots = 512, .pacing = pacing::strict});
    const bus on = w.bus();
    const board b;
    evrecord recorder(w);
    // Field 290: the head at the end, for readers; 300 + 8 r: a reader's report.
    const auto reading = [&](std::size_t r) {
        return child([&, r] {
            const bus there = bus::open(w.name());
            const std::size_t at = reader_fields + 8 * r;
            consumer c(there, {.filters = r % 2 == 0 ? std::vector<std::string>{} : std::vector<std::string>{"who.*"}, .from = from::seq(1)});
            ledger l(500);
            b[at] = 1;
            while (b[290].load() == 0 || c.next() < b[290].load()) {
                const auto s = c.poll([&](const event& e) { l.event(e); }, [&](const gap& g) { l.gap(g); });
                if (s != consume_status::delivered) (void)c.wait(std::chrono::milliseconds(10));
                if (r == 1) ::usleep(500);
            }
            b[at + 1] = c.account().events;
            b[at + 2] = c.account().walked();
            b[at + 3] = l.faults.size() + l.gaps.size() + l.missing;
            if (b[at + 3].load() != 0) std::fprintf(stderr, "reader %zu: %s\n", r, l.text().c_str());
            return adds_up(c, 1) ? 0 : 1;
        });
    };
    std::vector<child> readers;
    for (std::size_t r = 0; r < 4; ++r) readers.push_back(reading(r));
    for (std::size_t r = 0; r < 4; ++r) b.wait_for(reader_fields + 8 * r, 1);

    std::size_t who = authors_at;
    std::map<std::size_t, child> authors;
    const auto begin_author = [&] {
        authors.emplace(who, publishing(w, b, who, 500, 20));
        ++who;
    };
    for (int i = 0; i < 3; ++i) begin_author();
    for (int turn = 0; turn < rounds(60, 15) && who < most_authors; ++turn) {
        ::usleep(static_cast<useconds_t>(random.below(20'000)));
        const auto victim = std::next(authors.begin(), static_cast<std::ptrdiff_t>(random.below(authors.size())));
        switch (random.below(3)) {
        case 0:
            victim->second.kill();
            authors.erase(victim);
            begin_author();
            break;
        case 1:
            victim->second.stop();
            ::usleep(static_cast<useconds_t>(random.below(30'000)));
            victim->second.go_on();
            break;
        default:
            readers[2].stop();
            ::usleep(static_cast<useconds_t>(random.below(10'000)));
            readers[2].go_on();
            break;
        }
    }
    readers[3].kill();
    b[0] = 1;
    for (auto& [n, a] : authors) CHECK(a.wait() == 0);
    const seq_t head = on.head();
    b[290] = head;
    std::uint64_t events[3];
    for (std::size_t r = 0; r < 3; ++r) {
        CHECK(readers[r].wait() == 0);
        const std::size_t at = reader_fields + 8 * r;
        events[r] = b[at + 1];
        CHECK(b[at + 2] == head - 1);
        CHECK(b[at + 3] == 0);
    }
    CHECK(events[0] == events[1]);
    CHECK(events[0] == events[2]);
    const support::finished end = recorder.end();
    CHECK(end.code == 0);
    const ledger l = w.whole_log(500);
    INFO(l.text());
    CHECK(l.faults.empty());
    CHECK(l.gaps.empty());
    CHECK(l.missing == 0);
    CHECK(l.events == events[0]);
    // A killed one may have published one more than it could say.
    for (std::size_t a = authors_at; a < who; ++a) {
        const auto had = l.last_of.find(static_cast<std::uint32_t>(a));
        const std::uint64_t n = had == l.last_of.end() ? 0 : had->second;
        CHECK(n >= b[a].load());
        CHECK(n <= b[a].load() + 1);
    }
}
