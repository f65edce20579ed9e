// evtail -f: going on with what comes, time limits, signals, pipes, and a bus that is created again.
#include "tests/tools/evtail_fixture.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

using namespace tools_test;
using namespace std::chrono_literals;

namespace {

struct follow_fixture : evtail_fixture {
    // Closed first, so that everybody hears of it, and its end noted, so that the next one begins there.
    void remove_bus() {
        pub.reset();
        bus.reset();
        const finished f = run({support::tool("evctl"), "remove", name()});
        REQUIRE_MESSAGE(f.code == 0, f.err);
    }
    static std::uint64_t switches(pid_t pid) {
        const std::string status = support::read_file("/proc/" + std::to_string(pid) + "/status");
        const std::size_t at = status.find("voluntary_ctxt_switches:");
        REQUIRE(at != std::string::npos);
        return std::stoull(status.substr(at + 24));
    }
};

} // namespace

TEST_CASE_FIXTURE(follow_fixture, "evtail -f: the last 10, then what comes; SIGINT and SIGTERM end it with 0") {
    for (const int number : {SIGINT, SIGTERM}) {
        remove_ring_files();
        create_ring();
        publish_numbers(12);
        process p = start({"-f", "-o", "cat"});
        p.wait_for_out("12\n");
        publish_numbers(3, 13);
        p.wait_for_out("15\n");
        p.signal(number);
        const finished f = p.wait();
        CHECK(f.code == 0);
        CHECK(f.out_lines() == numbers(3, 15));
        CHECK(f.err.empty());
    }
}

TEST_CASE_FIXTURE(follow_fixture, "evtail -f -n: none of what was, some, or all") {
    create_ring();
    publish_numbers(12);
    process none = start({"-f", "-o", "cat", "-n", "0", "-c", "1"});
    process some = start({"-f", "-o", "cat", "-n", "2", "-c", "3"});
    process all = start({"-f", "-o", "cat", "--from", "begin", "-c", "13"});
    process since = start({"-f", "-o", "cat", "-S", "-1h", "-c", "13"});
    some.wait_for_out("12\n");
    all.wait_for_out("12\n");
    since.wait_for_out("12\n");
    // The first shows nothing yet by which it could be waited for.
    while (none.is_running()) {
        publish_numbers(1, 13);
        std::this_thread::sleep_for(20ms);
    }
    const finished first = none.wait();
    CHECK(first.code == 0);
    CHECK(first.out_lines() == numbers(13, 13));
    CHECK(some.wait().out_lines() == numbers(11, 13));
    CHECK(all.wait().out_lines() == numbers(1, 13));
    CHECK(since.wait().out_lines() == numbers(1, 13));
}

TEST_CASE_FIXTURE(follow_fixture, "evtail -f -e, --to and -U end by themselves") {
    create_ring();
    publish_numbers(12);
    CHECK(payloads({"-f", "-e"}) == numbers(3, 12));
    CHECK(payloads({"-f", "-e", "--from", "begin"}) == numbers(1, 12));
    CHECK(payloads({"-f", "--from", "begin", "--to", "5"}) == numbers(1, 5));
    CHECK(payloads({"-f", "--from", "begin", "-U", "now"}) == numbers(1, 12));
    process p = start({"-f", "-o", "cat", "--to", "14"});
    p.wait_for_out("12\n");
    publish_numbers(3, 13);
    const finished f = p.wait();
    CHECK(f.code == 0);
    CHECK(f.out_lines() == numbers(3, 14));
}

TEST_CASE_FIXTURE(follow_fixture, "evtail --for and --idle: 124 only when -c was not reached") {
    create_ring();
    publish_numbers(3);
    CHECK(tail({"-f", "--for", "100ms"}).code == 0);
    CHECK(tail({"-f", "--idle", "100ms"}).code == 0);
    CHECK(tail({"-f", "--idle", "100ms", "-c", "3"}).code == 0);
    CHECK(tail({"-f", "--idle", "100ms", "-c", "4"}).code == 124);
    CHECK(tail({"-f", "--for", "100ms", "-c", "4"}).code == 124);
    CHECK(tail({"-f", "--for", "100ms", "-n", "0"}).code == 1);
    CHECK(tail({"-c", "4"}).code == 0); // nothing was waited for
    const finished topics = tail({"-f", "--topics", "--from", "begin", "--for", "100ms"});
    CHECK(topics.code == 0);
    CHECK(topics.out_lines().size() == 2);
}

TEST_CASE_FIXTURE(follow_fixture, "evtail -f: an idle one sleeps") {
    create_ring();
    publish_numbers(3);
    process p = start({"-f"});
    p.wait_for_out("3 a.b 3");
    std::this_thread::sleep_for(2s); // its naps grow while nothing comes
    const std::uint64_t before = switches(p.pid());
    std::this_thread::sleep_for(3s);
    CHECK(switches(p.pid()) - before < 15); // fewer than 5 a second
}

TEST_CASE_FIXTURE(follow_fixture, "evtail -f: a bus removed and created anew is followed, told once, nothing twice or left out") {
    create_logged(4096);
    publish_numbers(5);
    record_all();
    process p = start({"-f", "-o", "cat", "--from", "begin"});
    p.wait_for_out("5\n");
    remove_bus();
    p.wait_for_err("was removed");
    create_logged(4096);
    publish_numbers(5, 6);
    p.wait_for_out("10\n");
    p.signal(SIGINT);
    const finished f = p.wait();
    CHECK(f.code == 0);
    CHECK(f.out_lines() == numbers(1, 10));
    CHECK(std::count(f.err.begin(), f.err.end(), '\n') == 1);
}

TEST_CASE_FIXTURE(follow_fixture, "evtail -f: created anew before it looks, it says so and goes on with the next seq") {
    create_logged(4096);
    publish_numbers(5);
    record_all();
    process p = start({"-f", "-o", "cat", "--from", "begin"});
    p.wait_for_out("5\n");
    p.signal(SIGSTOP);
    remove_bus();
    create_logged(4096);
    publish_numbers(5, 6);
    p.signal(SIGCONT);
    p.wait_for_out("10\n");
    p.signal(SIGINT);
    const finished f = p.wait();
    CHECK(f.out_lines() == numbers(1, 10));
    CHECK(f.err == "evtail: bus " + name() + " was created anew: going on with seq 6\n");
}

TEST_CASE_FIXTURE(follow_fixture, "evtail -f: a bus without a log begins its seqs again, and is followed too") {
    create_ring();
    publish_numbers(5);
    process p = start({"-f", "-o", "cat"});
    p.wait_for_out("5\n");
    remove_ring_files();
    p.wait_for_err("was removed: waiting for it to be created anew");
    create_ring();
    publish_numbers(2, 101);
    p.wait_for_out("102\n");
    p.signal(SIGINT);
    CHECK(p.wait().out_lines() == lines{"1", "2", "3", "4", "5", "101", "102"});
}

TEST_CASE_FIXTURE(follow_fixture, "evtail -f: a lost ring's seqs are a gap in the stream that goes on behind it") {
    create_logged(4096);
    publish_numbers(5);
    record_all();
    process p = start({"-f", "-o", "json", "--from", "begin"});
    p.wait_for_out("\"payload\":\"5\"");
    remove_ring_files(); // nobody closed it: what else was in it, nobody knows
    create_logged(4096);
    process recorder = record();
    publish("a.b", "after");
    p.wait_for_out("after");
    p.signal(SIGINT);
    const finished f = p.wait();
    CHECK(f.out_lines().size() == 7);
    CHECK(f.out_lines()[5] == "{\"gap\":{\"from\":\"6\",\"to\":\"" + std::to_string(bus->first_seq() - 1) + "\",\"cause\":\"ring lost\"}}");
    CHECK(end(recorder) == 0);
}

TEST_CASE_FIXTURE(follow_fixture, "evtail -f: a bus of which only the log is there is waited for") {
    create_logged(4096);
    publish_numbers(5);
    record_all();
    remove_bus();
    std::filesystem::create_directories(dir() + "/state/evbus");
    std::filesystem::rename(log(), dir() + "/state/evbus/" + name());
    process p(command({"-f", "-o", "cat"}), {.environment = {"XDG_STATE_HOME=" + dir() + "/state"}});
    p.wait_for_out("5\n");
    p.wait_for_err("has no ring at present");
    create({.slots = 64, .pacing = evbus::pacing::overwrite, .log_dir = dir() + "/state/evbus/" + name()});
    publish_numbers(2, 6);
    p.wait_for_out("7\n");
    p.signal(SIGINT);
    CHECK(p.wait().out_lines() == numbers(1, 7));
}

TEST_CASE_FIXTURE(follow_fixture, "evtail -f --log: a growing log is followed without its bus") {
    create_logged(4096);
    publish_numbers(5);
    process recorder = record();
    wait_written(5);
    process p({support::tool("evtail"), "--log", log(), "-f", "-o", "cat"});
    p.wait_for_out("5\n");
    publish_numbers(3, 6);
    p.wait_for_out("8\n");
    p.signal(SIGINT);
    const finished f = p.wait();
    CHECK(f.code == 0);
    CHECK(f.out_lines() == numbers(1, 8));
    CHECK(end(recorder) == 0);
}

TEST_CASE_FIXTURE(follow_fixture, "evtail: a recorder that is behind is waited for: 2 s without -f, and as long as it takes with it") {
    create_logged();
    process recorder = record();
    publish_numbers(10);
    wait_written(10);
    recorder.signal(SIGSTOP);
    publish_numbers(200, 11); // three laps of a ring that does not wait: only the recorder could know
    const finished f = tail({"--from", "begin", "-o", "cat"});
    CHECK(f.code == 3);
    CHECK(f.out_lines() == numbers(1, 10));
    CHECK(has(f.err, "seq 11 is gone from the ring, and the recorder has not written it"));
    process p = start({"-f", "--from", "begin", "-o", "cat"});
    p.wait_for_out("10\n");
    recorder.signal(SIGCONT);
    p.wait_for_out("210\n");
    p.signal(SIGINT);
    CHECK(p.wait().code == 0);
    CHECK(end(recorder) == 0);
}

TEST_CASE_FIXTURE(follow_fixture, "evtail: a reader that goes away ends it quietly") {
    create_ring(4096);
    publish_numbers(3000);
    const auto through_head = [&](const std::string& flags) {
        const std::string tail_text = "TZ=UTC " + support::tool("evtail") + " " + name() + " " + flags;
        return run({"bash", "-c", "set -o pipefail; " + tail_text + " | head -1"});
    };
    for (const char* flags : {"-n all -o cat", "-f -n all -o cat", "-f -n 1 -o cat"}) {
        const finished f = through_head(flags);
        INFO(flags);
        CHECK(f.code == 0);
        CHECK(f.out_lines().size() == 1);
        CHECK(f.err.empty());
    }
}

TEST_CASE_FIXTURE(follow_fixture, "evtail: an output that cannot be written is an error") {
    create_ring();
    publish_numbers(3);
    const finished f = run({"bash", "-c", support::tool("evtail") + " " + name() + " > /dev/full"});
    CHECK(f.code == 2);
    CHECK(has(f.err, "standard output"));
}
