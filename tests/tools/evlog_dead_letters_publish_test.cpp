// evlog dead-letters requeue --publish: on the bus again, and closed only when the recorder has it.
#include "tests/tools/letters_fixture.hpp"

#include <filesystem>

using namespace tools_test;

namespace {

struct recorded_letters : letters_fixture {
    /// Letters of events 1 to 3, which the log has.
    recorded_letters() {
        for (int i = 1; i <= 3; ++i) publish("orders.new", "coffee");
        add("billing", {{.seq = 1, .headers = {{"correlation-id", "order-1"}, {"dead-letter-of", "audit/1"}}}, {.seq = 2, .topic = "orders.old"}, {.seq = 3}});
    }
    [[nodiscard]] finished publish_again(words more) const {
        more.insert(more.begin(), {"requeue", "billing", "--publish"});
        return dead_letters(std::move(more));
    }
    /// Topic, payload and headers of what was published from seq 4 on.
    [[nodiscard]] lines published() const { return tail({"--from", "4", "-F", "%t %p %h"}).out_lines(); }
};

} // namespace

TEST_CASE("evlog dead-letters --publish: the same event at the bus's end, with where it comes from, and the letter is closed") {
    recorded_letters t;
    process recorder = t.record();
    const finished f = t.publish_again({"1", "2"});
    CHECK(f.code == 0);
    CHECK(f.out.empty());
    CHECK(f.err == "evlog: billing: published 2 dead letters again on bus " + t.name() + "\n");
    CHECK(t.open_letters("billing") == "3 dead");
    CHECK(has(t.dead_letters({"show", "billing", "1"}).err, "no dead letter any more"));
    CHECK(t.bus->frontier().durable >= 5);
    CHECK(t.published() == lines{"orders.new coffee correlation-id=order-1,dead-letter-of=billing/1", "orders.old coffee dead-letter-of=billing/2"});
    CHECK(t.publish_again({"--all", "--wait", "written", "--topic", "orders.new"}).code == 0);
    CHECK(t.open_letters("billing").empty());
    CHECK(t.publish_again({"--all"}).code == 1);
    CHECK(t.published().size() == 3);
    CHECK(evtail_fixture::end(recorder) == 0);
}

TEST_CASE("evlog dead-letters --publish: more than may stand open at once, each exactly once") {
    letters_fixture t;
    process recorder = t.record();
    std::vector<letters_fixture::letter> all;
    for (evbus::seq_t seq = 1; seq <= 150; ++seq) all.push_back({.seq = seq, .payload = std::to_string(seq)});
    t.add("billing", all);
    CHECK(t.dead_letters({"requeue", "billing", "--publish", "--all", "--wait", "written"}).code == 0);
    CHECK(t.open_letters("billing").empty());
    CHECK(t.payloads({"--from", "1"}) == numbers(1, 150));
    CHECK(evtail_fixture::end(recorder) == 0);
}

TEST_CASE("evlog dead-letters --publish: without a recorder nothing is published and no letter closed") {
    recorded_letters t;
    const finished f = t.publish_again({"--all"});
    CHECK(f.code == 2);
    CHECK(has(f.err, "no recorder lives"));
    CHECK(has(f.err, "start evrecord " + t.name()));
    CHECK(t.open_letters("billing") == "1 dead, 2 dead, 3 dead");
    CHECK(t.bus->head() == 4);
    const finished no_ring = t.evlog_of(t.log(), {"requeue", "billing", "1", "--publish"});
    CHECK(no_ring.code == 2);
    CHECK(has(no_ring.err, "name the bus"));
}

TEST_CASE("evlog dead-letters --publish: stopped while the recorder hangs, letters stay dead and it says what is open") {
    recorded_letters t;
    process recorder = t.record();
    t.wait_written(3);
    recorder.signal(SIGSTOP);
    process p({support::tool("evlog"), "dead-letters", t.name(), "requeue", "billing", "--publish", "1", "2"});
    p.wait_until([&](const std::string&, const std::string&) { return t.bus->head() == 6; });
    p.signal(SIGINT);
    const finished f = p.wait();
    CHECK(f.code == 130);
    CHECK(has(f.err, "published 0 dead letters again"));
    CHECK(has(f.err, "seqs 1 to 2 were published too, up to seq 5, but are dead letters still"));
    CHECK(t.open_letters("billing") == "1 dead, 2 dead, 3 dead");
    recorder.signal(SIGCONT);
    CHECK(t.publish_again({"1"}).code == 0); // the second time, as was said
    CHECK(t.published().size() == 3);
    CHECK(evtail_fixture::end(recorder) == 0);
}

TEST_CASE("evlog dead-letters --publish: headers that leave no room are told, and what was published before is closed") {
    letters_fixture t;
    process recorder = t.record();
    t.add("billing", {{.seq = 1}, {.seq = 2, .headers = {{"k", std::string(4075, 'h')}}}, {.seq = 3}});
    const finished f = t.dead_letters({"requeue", "billing", "--publish", "--all"});
    CHECK(f.code == 2);
    CHECK(has(f.err, "4,096 bytes"));
    CHECK(t.open_letters("billing") == "2 dead, 3 dead");
    CHECK(t.bus->head() == 2);
    CHECK(evtail_fixture::end(recorder) == 0);
}
