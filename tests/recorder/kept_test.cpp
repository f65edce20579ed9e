// What is published is in the log, once and in order, with everything that belongs to it.
#include "recorder_fixture.hpp"

#include <evbus/headers.hpp>

#include <thread>

using namespace recorder_test;

TEST_CASE("recorder: everything published by several at once is in the log once, in order, payload for payload") {
    const std::uint64_t each = rounds<std::uint64_t>(20'000, 2'000);
    world w({.slots = 256});
    const bus on = w.bus();
    recorder_thread recorder(on);
    std::vector<std::thread> authors;
    for (std::uint32_t who = 1; who <= 3; ++who)
        authors.emplace_back([&, who] { author(on, who, 300).publish(each); });
    for (std::thread& t : authors) t.join();
    const seq_t head = on.head();
    const recorder::outcome end = recorder.stop();
    CHECK(end.state == recorder_state::ended);
    CHECK(end.lost == 0);
    CHECK(end.recorded.last == head - 1);
    const ledger l = w.whole_log(300);
    INFO(l.text());
    CHECK(l.all_of({{1, each}, {2, each}, {3, each}}));
    CHECK(l.events == 3 * each);
}

TEST_CASE("recorder: headers, topic, time and author come back from the log as they were published") {
    world w;
    const bus on = w.bus();
    recorder_thread recorder(on);
    publisher pen(on, {.name = "origin"});
    headers h;
    h.add("correlation-id", "abc");
    const std::int64_t before = detail::wall_ns();
    const published p = pen.publish(topic("a.b.c"), std::string_view("hello"), {.headers = h.view()});
    REQUIRE(p);
    (void)recorder.stop();
    log_walk walk(log::posix(), w.log_dir(), {});
    filter_set all = filter_set::everything();
    delivery deliver;
    seq_t next = 1;
    int events = 0;
    const auto on_event = [&](const event& e) {
        ++events;
        CHECK(e.seq() == p.seq);
        CHECK(e.topic() == "a.b.c");
        CHECK(e.text() == "hello");
        CHECK(e.publisher().number == pen.number());
        CHECK(e.headers().find("correlation-id") == std::string_view("abc"));
        CHECK(e.published() >= before - 50'000'000);
        CHECK(e.published() <= detail::wall_ns() + 50'000'000);
    };
    const auto on_gap = [](const gap&) {};
    (void)walk.poll(next, max_seq, all, deliver, on_event, on_gap, [](const auto&) {}, {});
    CHECK(events == 1);
}

TEST_CASE("recorder: a dead claim is a void in the log, and its neighbours stand beside it") {
    world w;
    const bus on = w.bus();
    author pen(on, 1);
    pen.publish(2);
    {
        const auto at = on.attach(ring::access::read_write);
        ring::membership place(at, ring::member_kind::publisher, "clumsy");
        ring::claimer claims(*at, place.number());
        REQUIRE(claims.claim() == ring::claim_status::claimed);
    } // gone without a commit
    pen.publish(2);
    CHECK(record_all(on).state == recorder_state::ended);
    const lines log = w.records();
    CHECK(has(log, "3-3 void"));
    CHECK(w.whole_log().all_of({{1, 4}}));
}

TEST_CASE("recorder: the log says who joined, by name, who left, and when it ran itself") {
    world w;
    const bus on = w.bus();
    recorder_thread recorder(on);
    {
        author first(on, 1);
        first.publish(1);
        REQUIRE(on.wait_written(first.last(), ages));
    }
    author second(on, 2);
    second.publish(1);
    REQUIRE(on.wait_written(second.last(), ages));
    (void)recorder.stop();
    const lines log = w.records();
    REQUIRE(log.size() >= 6);
    CHECK(log.front() == "run start");
    CHECK(log[1] == "joined 1 author-1");
    CHECK(has(log, "left 1"));
    CHECK(has(log, "joined 1 author-2")); // the number again, another life
    CHECK(log.back() == "run end");
    CHECK(std::count(log.begin(), log.end(), "run start") == 1);
}

TEST_CASE("recorder: clean stop seals the segment and ends the manifest; the next run goes on behind it") {
    world w;
    const bus on = w.bus();
    author pen(on, 1);
    pen.publish(10);
    CHECK(record_all(on).recorded.last == 10);
    pen.publish(10);
    CHECK(record_all(on).recorded.last == 20);
    const auto runs = w.runs();
    REQUIRE(runs.size() == 2);
    CHECK(runs[0].status == recorder::run_status::ended);
    CHECK(runs[1].status == recorder::run_status::ended);
    CHECK(runs[1].parent == runs[0].run);
    CHECK(runs[0].first_seq == 1);
    CHECK(runs[0].last_seq == 10);
    CHECK(runs[1].first_seq == 11);
    CHECK(runs[1].last_seq == 20);
    CHECK(on.frontier().state == recorder_state::ended);
    CHECK(on.frontier().durable == 20);
    CHECK(w.whole_log().all_of({{1, 20}}));
}

TEST_CASE("recorder: who comes late says what is gone, exactly, and takes all the rest") {
    world w({.slots = 64});
    const bus on = w.bus();
    author pen(on, 1);
    pen.publish(64 + 10);
    const recorder::outcome end = record_all(on);
    CHECK(end.lost == 10);
    const ledger l = w.whole_log();
    INFO(l.text());
    CHECK(l.gaps == lines{"1-10 recorder lost"});
    CHECK(l.events == 64);
    CHECK(l.last_of.at(1) == 74);
}

TEST_CASE("recorder: no batch holds more events than it was told") {
    world w({.slots = 1024});
    const bus on = w.bus();
    author pen(on, 1);
    pen.publish(300);
    recorder::options how;
    how.batch_events = 7;
    how.batch_deadline = std::chrono::hours(1);
    (void)record_all(on, how);
    // Every batch begins commits of its own.
    log::log_reader reader(log::posix(), w.log_dir());
    log::entry e;
    std::uint64_t events = 0;
    while (reader.next(e) == log::step::entry) events += e.kind == log::entry_kind::frame ? 1 : 0;
    CHECK(events == 300);
    CHECK(reader.stats().commits >= 300 / 7);
}

TEST_CASE("recorder: batches are closed by bytes; nothing of what they held is left out") {
    world w({.slots = 4096, .slot_bytes = 4096});
    const bus on = w.bus();
    author pen(on, 1, 3900);
    pen.publish(2000); // about 4 MB, four batches
    recorder::options how;
    how.batch_deadline = std::chrono::hours(1);
    (void)record_all(on, how);
    const ledger l = w.whole_log(3900);
    INFO(l.text());
    CHECK(l.all_of({{1, 2000}}));
}

TEST_CASE("recorder: the deadline closes a batch although input never pauses") {
    world w({.slots = 4096});
    const bus on = w.bus();
    recorder_thread recorder(on);
    std::atomic<bool> enough{false};
    std::thread busy([&] {
        author pen(on, 1);
        while (!enough.load()) pen.publish(64);
    });
    // A batch takes many thousand such events; here `written` has to move far more often than that.
    std::uint64_t moves = 0;
    seq_t seen = 0;
    wait_until([&] {
        const seq_t now = on.frontier().written;
        moves += now != seen;
        seen = now;
        return moves >= 200;
    });
    enough.store(true);
    busy.join();
    const seq_t head = on.head();
    (void)recorder.stop();
    CHECK(head / moves < 20'000);
}

TEST_CASE("recorder: fragments of several events at once come back whole, and one left unfinished not at all") {
    world w({.slots = 256});
    const bus on = w.bus();
    recorder_thread recorder(on);
    std::vector<std::thread> authors;
    for (std::uint32_t who = 1; who <= 4; ++who) authors.emplace_back([&, who] { author(on, who, 2000).publish(200); });
    for (std::thread& t : authors) t.join();
    (void)recorder.stop();
    const ledger l = w.whole_log(2000);
    INFO(l.text());
    CHECK(l.all_of({{1, 200}, {2, 200}, {3, 200}, {4, 200}}));
}

TEST_CASE("recorder: it stops when told to although somebody sits on the newest claim") {
    world w;
    const bus on = w.bus();
    author pen(on, 1);
    pen.publish(3);
    const auto at = on.attach(ring::access::read_write);
    ring::membership place(at, ring::member_kind::publisher, "sitter");
    ring::claimer claims(*at, place.number());
    REQUIRE(claims.claim() == ring::claim_status::claimed);
    CHECK(record_all(on).state == recorder_state::ended); // hangs when it waits for the sitter
    CHECK(w.whole_log().all_of({{1, 3}}));
    // Whoever sat there wakes up and publishes again.
    CHECK_FALSE(claims.commit());
    pen.publish(1);
    (void)record_all(on);
    CHECK(w.whole_log().all_of({{1, 4}}));
}
