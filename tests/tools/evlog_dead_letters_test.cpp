// evlog dead-letters: what is listed and shown, and what becomes of a letter.
#include "tests/tools/letters_fixture.hpp"

#include <algorithm>
#include <filesystem>

using namespace tools_test;

namespace {

/// Two workers: billing has two dead letters and one that waits, audit one dead letter.
struct two_workers : letters_fixture {
    two_workers() {
        add("billing", {{.seq = 17, .headers = {{"correlation-id", "order-17"}}},
                        {.seq = 19, .topic = "orders.old", .payload = std::string("\x00\xff", 2), .error = "timed out"},
                        {.seq = 23, .state = letter_state::waiting, .attempts = 2}});
        add("audit", {{.seq = 18, .error = ""}});
    }
};

} // namespace

TEST_CASE("evlog dead-letters: lists each worker's, with topic, size, tries, times and error") {
    const two_workers t;
    const finished f = t.dead_letters();
    CHECK(f.code == 0);
    REQUIRE(f.out_lines().size() == 4);
    CHECK(f.out_lines()[0] == "WORKER   SEQ  TOPIC       BYTES  TRIES  FIRST FAILED         LAST FAILED          ERROR");
    CHECK(f.out_lines()[1] == "audit     18  orders.new      6      5  2026-11-20T09:30:01  2026-11-20T09:30:31  -");
    CHECK(f.out_lines()[2] == "billing   17  orders.new      6      5  2026-11-20T09:30:01  2026-11-20T09:30:31  no route");
    CHECK(f.out_lines()[3] == "billing   19  orders.old      2      5  2026-11-20T09:30:01  2026-11-20T09:30:31  timed out");
    CHECK(has(f.err, "evlog: audit: 1 dead letter ("));
    CHECK(has(f.err, "evlog: billing: 2 dead letters ("));
    CHECK(has(f.err, ", 1 waits for another try (--waiting shows them)"));
    CHECK(t.evlog_of(t.log(), {}).out == f.out);
}

TEST_CASE("evlog dead-letters: one worker's, the newest, those of a topic, those with an error, and those that wait") {
    const two_workers t;
    const auto seqs = [&](words more) {
        std::string all;
        for (const nlohmann::json& j : t.json(std::move(more))) all += j["seq"].get<std::string>() + " ";
        return all;
    };
    CHECK(seqs({}) == "18 17 19 ");
    CHECK(seqs({"billing"}) == "17 19 ");
    CHECK(seqs({"list", "billing"}) == "17 19 ");
    CHECK(seqs({"billing", "-n", "1"}) == "19 ");
    CHECK(seqs({"-n", "1"}) == "18 19 ");
    CHECK(seqs({"--topic", "*.new"}) == "18 17 ");
    CHECK(seqs({"--error", "^timed|route$"}) == "17 19 ");
    CHECK(seqs({"--waiting"}) == "18 17 19 23 ");
    CHECK(seqs({"--waiting", "--topic", "orders.new", "-n", "1"}) == "18 23 ");
    const finished waiting = t.dead_letters({"billing", "--waiting"});
    CHECK(has(waiting.out, "waits until 2026-11-20T09:31:01"));
    CHECK(!has(waiting.err, "(--waiting shows them)"));
    const finished none = t.dead_letters({"--error", "nowhere"});
    CHECK(none.code == 1);
    CHECK(none.out.empty());
}

TEST_CASE("evlog dead-letters: JSON says all of a letter, one line each") {
    const two_workers t;
    const nlohmann::json j = t.json({"billing", "--waiting"}).at(2);
    CHECK(j == nlohmann::json::parse(R"({"worker":"billing","seq":"23","state":"waiting","tries":2,
        "first_failed":"2026-11-20T09:30:01.000000000Z","first_failed_ns":"1795167001000000000",
        "last_failed":"2026-11-20T09:30:31.000000000Z","last_failed_ns":"1795167031000000000",
        "due":"2026-11-20T09:31:01.000000000Z","due_ns":"1795167061000000000",
        "requeued":false,"error":"no route","topic":"orders.new","bytes":6})"));
}

TEST_CASE("evlog dead-letters: nothing there ends with 1, and says where it looked") {
    const letters_fixture t;
    const finished f = t.dead_letters();
    CHECK(f.code == 1);
    CHECK(f.out.empty());
    CHECK(f.err == "evlog: there is no dead letter: no worker has any in " + t.log() + "/dead-letters\n");
    t.add("billing", {{.seq = 3, .state = letter_state::waiting}});
    CHECK(t.dead_letters().code == 1);
    CHECK(t.dead_letters().err == "evlog: billing: no dead letter, 1 waits for another try (--waiting shows them)\n");
    CHECK(t.dead_letters({"--waiting"}).code == 0);
}

TEST_CASE("evlog dead-letters show: error, headers and payload, in the forms of evtail") {
    const two_workers t;
    const finished f = t.dead_letters({"show", "billing", "17"});
    CHECK(f.code == 0);
    CHECK(f.out == "seq 17\n"
                   "  letter      dead, of worker billing\n"
                   "  tries       5\n"
                   "  failed      first 2026-11-20T09:30:01.000000000+00:00, last 2026-11-20T09:30:31.000000000+00:00\n"
                   "  error       no route\n"
                   "  topic       orders.new\n"
                   "  time        2026-11-20T09:30:00.000000000+00:00\n"
                   "  publisher   5.1\n"
                   "  header      correlation-id=order-17\n"
                   "  length      6\n"
                   "  payload     coffee\n");
    const finished hex = t.dead_letters({"show", "billing", "17", "--hex"});
    CHECK(has(hex.out, "  header      correlation-id=order-17\n"));
    CHECK(has(hex.out, "63 6f 66 66 65 65"));
    CHECK(has(hex.out, "  error       no route\n"));
    CHECK(t.dead_letters({"show", "billing", "17", "--raw"}).out == "coffee");
    CHECK(t.dead_letters({"show", "billing", "--all", "--raw"}).out == std::string("coffee\x00\xff", 8));
    const nlohmann::json j = t.json({"show", "billing", "19"}).at(0);
    CHECK(j["error"] == "timed out");
    CHECK(j["event"]["topic"] == "orders.old");
    CHECK(j["event"]["payload_b64"] == "AP8=");
}

TEST_CASE("evlog dead-letters show: what is no dead letter is named, and why") {
    const two_workers t;
    const finished f = t.dead_letters({"show", "billing", "17", "18", "23", "--raw"});
    CHECK(f.code == 1);
    CHECK(f.out == "coffee");
    CHECK(f.err == "evlog: billing: seq 18 is no dead letter\n"
                   "evlog: billing: seq 23 is no dead letter yet: it waits for another try\n");
    const finished waiting = t.dead_letters({"show", "billing", "23", "--waiting"});
    CHECK(waiting.code == 0);
    CHECK(has(waiting.out, "letter      waits until 2026-11-20T09:31:01, of worker billing"));
}

TEST_CASE("evlog dead-letters requeue: a letter waits again, due at once, as if it had never been tried") {
    const two_workers t;
    const std::int64_t before = evbus::detail::wall_ns();
    const finished f = t.dead_letters({"requeue", "billing", "17"});
    CHECK(f.code == 0);
    CHECK(f.out.empty());
    CHECK(f.err == "evlog: billing: 1 dead letter goes back to it; tried when it starts: nobody works under that name now\n");
    CHECK(t.open_letters("billing") == "17 waiting, 19 dead, 23 waiting");
    const letters::story s = t.story("billing", 17);
    CHECK(s.attempts == 0);
    CHECK(s.requeued);
    CHECK(s.due_ns >= before);
    CHECK(s.due_ns <= evbus::detail::wall_ns());
    CHECK(s.since_ns == half_past_nine + 1'000'000'000);
    CHECK(s.error == "no route");
    CHECK(has(t.dead_letters({"--waiting"}).out, ", put back by hand"));
}

TEST_CASE("evlog dead-letters requeue: all that match, or all or nothing of those named") {
    const two_workers t;
    CHECK(t.dead_letters({"requeue", "billing", "--all", "--error", "timed"}).code == 0);
    CHECK(t.open_letters("billing") == "17 dead, 19 waiting, 23 waiting");
    const finished none = t.dead_letters({"requeue", "billing", "--all", "--topic", "orders.old"});
    CHECK(none.code == 1);
    CHECK(none.err == "evlog: billing: no dead letter matches\n");
    const finished half = t.dead_letters({"requeue", "billing", "17", "18"});
    CHECK(half.code == 1);
    CHECK(half.err == "evlog: billing: seq 18 is no dead letter\nevlog: nothing was changed\n");
    CHECK(t.open_letters("billing") == "17 dead, 19 waiting, 23 waiting");
    CHECK(t.dead_letters({"requeue", "billing", "--all"}).code == 0);
    CHECK(t.open_letters("billing") == "17 waiting, 19 waiting, 23 waiting");
}

TEST_CASE("evlog dead-letters drop: for good, and only when that is sure") {
    const two_workers t;
    const finished asked = t.dead_letters({"drop", "billing", "17"});
    CHECK(asked.code == 2);
    CHECK(has(asked.err, "give --yes"));
    CHECK(t.open_letters("billing") == "17 dead, 19 dead, 23 waiting");
    const finished f = t.dead_letters({"drop", "billing", "17", "17", "--yes"});
    CHECK(f.code == 0);
    CHECK(f.err == "evlog: billing: dropped 1 dead letter\n");
    CHECK(t.open_letters("billing") == "19 dead, 23 waiting");
    CHECK(has(t.dead_letters({"show", "billing", "17"}).err, "seq 17 is no dead letter any more"));
    CHECK(t.dead_letters({"drop", "billing", "--all", "--yes"}).code == 0);
    CHECK(t.open_letters("billing") == "23 waiting");
    CHECK(t.open_letters("audit") == "18 dead");
}
