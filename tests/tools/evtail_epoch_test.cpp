// evtail --from epoch: what came since the bus was last created, on every kind of source.
#include "tests/tools/evtail_fixture.hpp"

using namespace tools_test;

TEST_CASE_FIXTURE(evtail_fixture, "evtail --from epoch: on a live bus, its ring or log alone, and on the log it leaves behind") {
    create_logged(256);
    publish_numbers(20);
    record_all();
    remove_ring_files();
    create_logged(256);
    publish_numbers(15, 21);
    const std::string first = std::to_string(bus->first_seq());
    CHECK(payloads({"--from", "epoch"}) == numbers(21, 35));
    record_all();
    CHECK(payloads({"--from", "begin"}) == numbers(1, 35));
    CHECK(payloads({"--from", "epoch"}) == numbers(21, 35));
    CHECK(payloads({"--from", "epoch", "--source", "ring"}) == numbers(21, 35));
    CHECK(payloads({"--from", "epoch", "--source", "log"}) == numbers(21, 35));
    CHECK(payloads({"--from", "epoch", "-n", "3"}) == numbers(33, 35));
    CHECK(payloads({"--from", "epoch", "-r"}) == numbers(35, 21));
    CHECK(payloads({"--from", "begin", "--from", "epoch"}) == numbers(21, 35)); // the last one counts
    CHECK(payloads({"--from", "epoch", "--from", "begin"}) == numbers(1, 35));
    process p = start({"-f", "-o", "cat", "--from", "epoch", "-c", "16"});
    p.wait_for_out("35\n");
    publish_numbers(1, 36);
    CHECK(p.wait().out_lines() == numbers(21, 36));

    const std::string copy = dir() + "/copy.ring";
    std::filesystem::copy_file(ring_path(), copy);
    const finished dead = tail_of({"--ring", copy, "-o", "cat", "--from", "epoch"});
    CHECK(dead.code == 0);
    CHECK(dead.out_lines() == numbers(21, 36));
    remove_ring_files();
    const finished alone = tail_of({"--log", log(), "-F", "%s %p", "--from", "epoch"});
    CHECK(alone.code == 0);
    REQUIRE(alone.out_lines().size() == 15); // the sixteenth was never recorded
    CHECK(alone.out_lines().front() == first + " 21");
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail --from epoch: what is gone of it is told; a removed ring's end is no creation") {
    create_ring();
    publish_numbers(100);
    const finished f = tail({"-o", "cat", "--from", "epoch"});
    CHECK(f.code == 3);
    CHECK(has(f.err, "gap: seqs 1.."));
    CHECK(has(f.err, "overwritten"));
    remove_ring_files();

    create_logged();
    publish_numbers(5);
    record_all();
    pub.reset();
    bus.reset();
    REQUIRE(run({support::tool("evctl"), "remove", name()}).code == 0);
    CHECK(tail_of({"--log", log(), "-o", "cat", "--from", "epoch"}).out_lines() == numbers(1, 5));
    std::filesystem::remove(log() + "/epochs");
    const finished lost = tail_of({"--log", log(), "--from", "epoch"});
    CHECK(lost.code == 2);
    CHECK(has(lost.err, "no creation of the bus is noted there; start elsewhere: --from begin, or a seq"));
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail --from epoch: is a beginning, of which there is one") {
    const finished f = tail_of({"some-bus", "--from", "epoch", "-S", "-5m"});
    CHECK(f.code == 2);
    CHECK(has(f.err, "another beginning"));
    CHECK(has(tail_of({"--help"}).out, "begin|epoch|anchor|end|SEQ"));
}
