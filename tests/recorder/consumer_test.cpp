// Ring and log as one stream: whoever falls behind gets everything back, once and in order.
#include "recorder_fixture.hpp"

#include "tests/support/random.hpp"

using namespace recorder_test;

TEST_CASE("consumer: a million events through a strict ring of 1,024 slots, ten times slower for a while: all, once, in order") {
    const std::uint64_t count = rounds<std::uint64_t>(1'000'000, 100'000);
    world w({.slots = 1024, .pacing = pacing::strict});
    const bus on = w.bus();
    recorder_thread recorder(on);
    consumer c(on, {.from = from::seq(1)});
    std::atomic<seq_t> last{max_seq};
    std::thread writes([&] {
        author pen(on, 1);
        pen.publish(count);
        last.store(pen.last());
    });
    ledger l;
    std::uint64_t slow = 0;
    wait_until([&] {
        const auto on_event = [&](const event& e) {
            l.event(e);
            // For the first third it works on each event.
            if (l.events < count / 3)
                for (int i = 0; i < 200; ++i) detail::cpu_pause();
            ++slow;
        };
        const consume_status s = c.poll(on_event, [&](const gap& g) { l.gap(g); });
        if (s != consume_status::delivered && c.next() <= last.load()) (void)c.wait(std::chrono::milliseconds(20));
        return c.next() > last.load();
    });
    writes.join();
    INFO(l.text());
    CHECK(l.all_of({{1, count}}));
    CHECK(l.events == count);
    CHECK(c.turns() > 0);
    CHECK(c.from_log() > 0);
    CHECK(c.from_log() <= count);
    CHECK(adds_up(c, 1));
    // And live again: the next event comes from the ring.
    const std::uint64_t from_log = c.from_log();
    author pen(on, 2);
    pen.publish(1);
    CHECK(read_to(c, l, pen.last()) == consume_status::delivered);
    CHECK(c.mode() == consumer_mode::live);
    CHECK(c.from_log() == from_log);
    const ring::member_info entry = ring::read_member(*on.attach(ring::access::read_only), c.number());
    CHECK(entry.turns == c.turns());
    CHECK(entry.from_log == c.from_log());
}

TEST_CASE("consumer: several at once, each with its own filter, get what is theirs and count the rest as filtered") {
    const std::uint64_t each = rounds<std::uint64_t>(20'000, 3'000);
    world w({.slots = 256, .pacing = pacing::strict});
    const bus on = w.bus();
    recorder_thread recorder(on);
    std::atomic<int> begun{0};
    std::atomic<bool> all_out{false};
    std::atomic<seq_t> head{0};
    ledger ledgers[3] = {ledger(200), ledger(200), ledger(200)};
    std::uint64_t walked[3] = {}, filtered[3] = {};
    const std::vector<std::vector<std::string>> filters = {{"who.1"}, {"who.*"}, {"who.2", "nobody.>"}};
    std::vector<std::thread> readers;
    for (std::size_t r = 0; r < 3; ++r)
        readers.emplace_back([&, r] {
            consumer c(on, {.filters = filters[r], .from = from::seq(1)});
            ++begun;
            wait_until([&] {
                const bool over = all_out.load();
                const auto s = c.poll([&](const event& e) { ledgers[r].event(e); }, [&](const gap& g) { ledgers[r].gap(g); });
                if (r == 1) ::usleep(200);
                if (s != consume_status::delivered && !over) (void)c.wait(std::chrono::milliseconds(5));
                return over && c.next() >= head.load();
            });
            walked[r] = c.account().walked();
            filtered[r] = c.account().filtered;
            CHECK(adds_up(c, 1));
        });
    wait_until([&] { return begun.load() == 3; });
    std::vector<std::thread> authors;
    for (std::uint32_t who = 1; who <= 2; ++who) authors.emplace_back([&, who] { author(on, who, 200).publish(each); });
    for (std::thread& t : authors) t.join();
    head.store(on.head());
    all_out.store(true);
    for (std::thread& t : readers) t.join();
    INFO(ledgers[0].text(), " / ", ledgers[1].text(), " / ", ledgers[2].text());
    CHECK(ledgers[0].all_of({{1, each}}));
    CHECK(ledgers[1].all_of({{1, each}, {2, each}}));
    CHECK(ledgers[2].all_of({{2, each}}));
    CHECK(ledgers[0].events == each);
    for (const std::uint64_t n : walked) CHECK(n == head.load() - 1);
    CHECK(filtered[1] == 0);
    CHECK(filtered[0] >= each);
}

TEST_CASE("consumer: large events whose fragments lie partly in the log and partly in the ring come whole") {
    world w({.slots = 64});
    const bus on = w.bus();
    recorder_thread recorder(on);
    consumer c(on, {.from = from::seq(1)});
    author pen(on, 1, 1000); // up to 16 fragments
    ledger l(1000);
    const std::uint64_t count = rounds<std::uint64_t>(3'000, 500);
    for (std::uint64_t n = 1; n <= count; ++n) {
        pen.publish(1);
        // Polls a little now and then, so that it crosses the border at every possible place.
        if (n % 7 == 0) (void)c.poll([&](const event& e) { l.event(e); }, [&](const gap& g) { l.gap(g); }, {.max_events = n % 5 + 1});
    }
    read_to(c, l, pen.last());
    INFO(l.text());
    CHECK(l.all_of({{1, count}}));
    CHECK(c.turns() > 0);
    CHECK(adds_up(c, 1));
}

TEST_CASE("consumer: on a bus without a log it names what was overwritten and goes on") {
    world w({.slots = 64, .with_log = false});
    const bus on = w.bus();
    consumer c(on, {.from = from::seq(1)});
    author pen(on, 1);
    ledger l;
    pen.publish(3);
    read_to(c, l, 3);
    CHECK(l.events == 3);
    pen.publish(200);
    read_to(c, l, 203); // hangs when it waits for a log that cannot come
    INFO(l.text());
    CHECK(l.gaps.size() == 1);
    CHECK(l.faults.empty());
    CHECK(l.last_of.at(1) == 203);
    CHECK(c.account().in_gaps(gap_cause::overwritten) == l.in_gaps);
    CHECK(c.from_log() == 0);
    CHECK(adds_up(c, 1));
}

TEST_CASE("consumer: a log that comes into being after it started is read all the same") {
    world w({.slots = 64, .pacing = pacing::strict});
    const bus on = w.bus();
    consumer c(on, {.from = from::seq(1)});
    std::filesystem::remove_all(w.log_dir() + "/segments");
    recorder_thread recorder(on);
    author pen(on, 1);
    pen.publish(1000);
    ledger l;
    read_to(c, l, 1000);
    INFO(l.text());
    CHECK(l.all_of({{1, 1000}}));
    CHECK(c.from_log() > 0);
}

TEST_CASE("consumer: a filter that lets nothing pass does not keep a poll in the log for ever") {
    world w({.slots = 64, .pacing = pacing::strict});
    const bus on = w.bus();
    const std::uint64_t count = 300'000;
    recorder_thread recorder(on); // its segment stays open: without a footer there is nothing to pass over by
    author(on, 1).publish(count);
    consumer c(on, {.filters = {"nobody.at.all"}, .from = from::seq(1)});
    std::uint64_t longest = 0, polls = 0;
    while (c.next() <= count) {
        const seq_t before = c.next();
        (void)c.poll([](const event&) {});
        longest = std::max(longest, c.next() - before);
        ++polls;
    }
    CHECK(longest < count / 2);
    CHECK(c.account().filtered == count);
    CHECK(adds_up(c, 1));
}

TEST_CASE("consumer: bounds of a poll are kept, also those that let nothing through") {
    world w({.slots = 64, .pacing = pacing::overwrite});
    const bus on = w.bus();
    author pen(on, 1);
    {
        recorder_thread recorder(on);
        for (int i = 0; i < 300; ++i) {
            pen.publish(1);
            REQUIRE(on.wait_written(pen.last(), ages));
        }
    }
    ledger l;
    consumer c(on, {.from = from::seq(1)});
    const auto on_event = [&](const event& e) { l.event(e); };
    const auto on_gap = [&](const gap& g) { l.gap(g); };
    for (int i = 0; i < 5; ++i) (void)c.poll(on_event, on_gap, {.max_events = 0});
    for (int i = 0; i < 5; ++i) (void)c.poll(on_event, on_gap, {.max_bytes = 0});
    for (int i = 0; i < 5; ++i) (void)c.poll(on_event, on_gap, {.last = 0});
    CHECK(l.gaps.empty()); // what was not looked at is not gone
    for (std::uint64_t seen = 0; seen < 300;) {
        (void)c.poll(on_event, on_gap, {.max_events = 3});
        CHECK(l.events - seen <= 3);
        seen = l.events;
    }
    INFO(l.text());
    CHECK(l.all_of({{1, 300}}));
    CHECK(adds_up(c, 1));
}

TEST_CASE("consumer: a retired ring is read to its end, the part in the log as well, and said to be retired") {
    world w({.slots = 64, .pacing = pacing::strict});
    const bus on = w.bus();
    consumer c(on, {.from = from::seq(1)});
    recorder_thread recorder(on);
    author pen(on, 1);
    pen.publish(500);
    REQUIRE(on.wait_written(500, ages));
    const auto at = on.attach(ring::access::read_write);
    const seq_t closed = ring::retire(*at, ages);
    CHECK(closed == 501);
    CHECK(recorder.join().retired);
    ledger l;
    CHECK(read_to(c, l, max_seq - 1) == consume_status::retired);
    INFO(l.text());
    CHECK(l.all_of({{1, 500}}));
    CHECK(c.next() == closed);
    CHECK(adds_up(c, 1));
    CHECK(pen.attempt() == publish_status::retired);
}

TEST_CASE("consumer: in a forked child it says so and gives nothing; the parent's goes on") {
    world w({.slots = 64});
    const bus on = w.bus();
    author pen(on, 1);
    pen.publish(10);
    consumer c(on, {.from = from::seq(1)});
    const pid_t pid = ::fork();
    if (pid == 0) {
        bool fine = c.poll([](const event&) {}) == consume_status::forked;
        fine = fine && !c.wait(std::chrono::milliseconds(1));
        ::_exit(fine ? 0 : 1);
    }
    int status = -1;
    ::waitpid(pid, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    ledger l;
    read_to(c, l, 10);
    CHECK(l.all_of({{1, 10}}));
}

TEST_CASE("consumer: the sum law holds for random rings, filters, bounds and speeds") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    for (int run = 0; run < rounds(30, 5); ++run) {
        const pacing pace = std::array{pacing::overwrite, pacing::paced, pacing::strict}[random.below(3)];
        world w({.slots = std::uint64_t{64} << random.below(3), .pacing = pace});
        const bus on = w.bus();
        recorder_thread recorder(on);
        const bool picky = random.one_in(2);
        const seq_t start = random.below(50) + 1;
        consumer c(on, {.filters = picky ? std::vector<std::string>{"who.2"} : std::vector<std::string>{}, .from = from::seq(start)});
        std::vector<std::thread> authors;
        const std::uint64_t each = 500 + random.below(1500);
        for (std::uint32_t who = 1; who <= 3; ++who) authors.emplace_back([&, who] { author(on, who, 400).publish(each); });
        ledger l(400);
        const std::size_t bound = 1 + random.below(300);
        const bool sleepy = random.one_in(2);
        bool sums = true;
        const auto poll = [&] {
            const auto s = c.poll([&](const event& e) { l.event(e); }, [&](const gap& g) { l.gap(g); }, {.max_events = bound});
            sums = sums && adds_up(c, start);
            if (s != consume_status::delivered) (void)c.wait(std::chrono::milliseconds(2));
            if (sleepy) ::usleep(300);
        };
        for (int i = 0; i < 50; ++i) poll();
        for (std::thread& t : authors) t.join();
        const seq_t head = on.head();
        while (c.next() < head) poll();
        INFO("run ", run, ": ", l.text());
        CHECK(sums);
        CHECK(l.faults.empty());
        CHECK(adds_up(c, start));
        CHECK(c.account().open == 0);
        if (pace == pacing::strict) {
            CHECK(l.gaps.empty());
            CHECK(l.last_of.at(2) == each);
        }
    }
}
