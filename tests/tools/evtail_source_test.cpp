// evtail on a bus with its log, on a log alone, and on what is left of a ring.
#include "tests/tools/evtail_fixture.hpp"

#include <evbus/log/log_dir.hpp>
#include <evbus/ring/layout.hpp>

#include "tests/support/random.hpp"

#include <algorithm>
#include <cstddef>

using namespace tools_test;
namespace fs = std::filesystem;

namespace {

std::string only_segment(const std::string& log, bool last = false) {
    std::vector<std::string> all;
    for (const auto& e : fs::directory_iterator(log + "/segments"))
        if (e.path().extension() == ".evseg") all.push_back(e.path());
    std::sort(all.begin(), all.end());
    REQUIRE(!all.empty());
    return last ? all.back() : all.front();
}

void overwrite(const std::string& path, std::uint64_t at, const std::string& bytes) {
    std::fstream f(path, std::ios::in | std::ios::out | std::ios::binary);
    f.seekp(static_cast<std::streamoff>(at));
    f.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

} // namespace

TEST_CASE_FIXTURE(evtail_fixture, "evtail: ring and log are one stream") {
    create_logged();
    process recorder = record();
    for (int i = 1; i <= 1000; i += 50) {
        publish_numbers(50, i);
        wait_written(static_cast<evbus::seq_t>(i) + 49);
    }
    CHECK(payloads({"--from", "begin"}) == numbers(1, 1000));
    CHECK(payloads({}) == numbers(991, 1000));
    CHECK(payloads({"-n", "500"}) == numbers(501, 1000));
    CHECK(payloads({"-r", "-n", "500"}) == numbers(1000, 501));
    CHECK(payloads({"-n", "20000"}) == numbers(1, 1000));
    CHECK(payloads({"--from", "930", "--to", "940"}) == numbers(930, 940));
    CHECK(payloads({"-g", "^7$"}) == lines{"7"});
    CHECK(payloads({"-S", "-1h"}) == numbers(1, 1000));
    const finished f = tail({"--from", "begin", "--stats", "-o", "cat"});
    CHECK(f.code == 0);
    CHECK(has(f.err, "evtail: shown 1000; read "));
    CHECK(!has(f.err, " 0 from the log"));

    CHECK(payloads({"--source", "log", "--from", "begin"}) == numbers(1, 1000));
    CHECK(payloads({"--source", "ring", "-n", "all"}) == numbers(937, 1000));
    CHECK(tail({"--source", "ring", "--from", "1"}).code == 3);
    CHECK(end(recorder) == 0);
    CHECK(payloads({"--from", "begin"}) == numbers(1, 1000));
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail: a log alone, by its directory and by its bus, sealed and still open") {
    create({.slots = 256, .slot_bytes = 2048, .pacing = evbus::pacing::overwrite, .log_dir = log()});
    process recorder = record({"--segment-bytes", "1M", "--keep-free", "0"});
    const std::string filler(1500, 'x');
    for (int i = 1; i <= 1500; ++i) {
        publish("a.b", std::to_string(i) + " " + filler);
        if (i % 50 == 0) wait_written(static_cast<evbus::seq_t>(i));
    }
    const auto first_words = [](const lines& all) {
        lines out;
        for (const std::string& l : all) out.push_back(l.substr(0, l.find(' ')));
        return out;
    };
    // Open: its recorder is at work, and has begun several segments.
    CHECK(only_segment(log()) != only_segment(log(), true));
    CHECK(first_words(tail_of({"--log", log(), "-o", "cat", "--from", "begin"}).out_lines()) == numbers(1, 1500));
    CHECK(first_words(tail_of({"--log", log(), "-o", "cat"}).out_lines()) == numbers(1491, 1500));
    CHECK(end(recorder) == 0);
    remove_ring_files();
    CHECK(first_words(tail_of({"--log", log(), "a.>", "-o", "cat", "-n", "1200"}).out_lines()) == numbers(301, 1500));
    CHECK(tail_of({"--log", log(), "b.>"}).code == 1);
    CHECK(tail_of({"--log", log(), "-F", "%P", "-n", "1"}).out == "gateway\n");
    CHECK(tail_of({"--log", log(), "-F", "%P", "-S", "-1h", "-c", "1"}).out == "gateway\n");
    CHECK(tail_of({"--log", dir() + "/none"}).code == 2);
    CHECK(has(tail_of({"--log", dir() + "/none"}).err, dir() + "/none"));

    // By its bus's name: looked for where a bus without --log has it.
    fs::create_directories(dir() + "/state/evbus");
    fs::rename(log(), dir() + "/state/evbus/" + name());
    const finished by_name = run(command({"-o", "cat", "-n", "2"}), {}, {.environment = {"XDG_STATE_HOME=" + dir() + "/state"}});
    CHECK(first_words(by_name.out_lines()) == numbers(1499, 1500));
    CHECK(by_name.code == 0);
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail: damage in a log is told in its place; exit 4") {
    create_logged(4096);
    publish_numbers(2000);
    record_all();
    remove_ring_files();
    const std::string segment = only_segment(log());
    overwrite(segment, 30'000, std::string(16, '\x5a'));
    const finished f = tail_of({"--log", log(), "--from", "begin", "-o", "cat"});
    CHECK(f.code == 4);
    CHECK(has(f.err, "cannot be had: damage"));
    CHECK(f.out_lines().size() < 2000);
    CHECK(f.out_lines().size() > 100);
    CHECK(f.out_lines().back() == "2000");
    CHECK(tail_of({"--log", log(), "-n", "3"}).code == 0);
    CHECK(tail_of({"--log", log(), "--from", "begin", "--on-gap", "ignore"}).code == 0);
    const finished stopped = tail_of({"--log", log(), "--from", "begin", "--on-gap", "error", "-o", "cat"});
    CHECK(stopped.code == 4);
    CHECK(stopped.out_lines().size() < f.out_lines().size());
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail: what retention took is a gap to who asks for it by seq only") {
    create({.slots = 256, .slot_bytes = 2048, .pacing = evbus::pacing::overwrite, .log_dir = log()});
    process recorder = record({"--segment-bytes", "1M", "--keep-free", "0"});
    for (int i = 1; i <= 1500; ++i) {
        publish("a.b", std::to_string(i) + std::string(1500, '.'));
        if (i % 50 == 0) wait_written(static_cast<evbus::seq_t>(i));
    }
    CHECK(end(recorder) == 0);
    fs::remove(only_segment(log()));
    CHECK(tail({"-n", "all"}).code == 0);
    CHECK(tail({"-n", "5000"}).code == 0);
    const finished f = tail({"--from", "1", "-o", "cat"});
    CHECK(f.code == 3);
    CHECK(f.err.starts_with("evtail: gap: seqs 1.."));
    CHECK(has(f.err, "cannot be had: retention"));
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail: a jump of 2^44 seqs after a lost ring is walked in no time, forwards and back") {
    create_logged(4096);
    publish_numbers(5);
    record_all();
    publish_numbers(5, 6); // nobody records these
    remove_ring_files();
    create_logged(4096);
    CHECK(bus->first_seq() > (evbus::seq_t{1} << 44));
    publish_numbers(3, 11);
    record_all();
    const std::string gap = "-- gap 6.." + std::to_string(bus->first_seq() - 1);
    for (const bool alone : {false, true}) {
        if (alone) remove_ring_files();
        const words where = alone ? words{"--log", log()} : words{name()};
        const auto seen = [&](words w) {
            w.insert(w.begin(), where.begin(), where.end());
            return tail_of(w);
        };
        const finished f = seen({"--from", "begin"});
        CHECK(f.code == 3);
        CHECK(f.out_lines().size() == 9);
        CHECK(f.out_lines()[5].starts_with(gap));
        CHECK(has(f.out, "ring lost"));
        CHECK(seen({"-n", "3", "-o", "cat"}).out_lines() == numbers(11, 13));
        CHECK(seen({"-n", "3"}).code == 0);
        CHECK(seen({"-n", "7", "-o", "cat"}).out_lines() == lines{"2", "3", "4", "5", "11", "12", "13"});
        CHECK(seen({"-n", "7"}).code == 3);
        CHECK(seen({"-r", "-n", "4"}).out_lines()[3].starts_with(gap));
    }
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail --ring: what a ring's file still holds, without its control object") {
    create_ring();
    publish_numbers(100);
    publish("big", std::string(1000, 'B'));
    pub->publish(evbus::topic("h"), std::as_bytes(std::span("x", 1)), {.headers = evbus::headers{{"type", "t"}}});
    const std::string copy = file("copied.ring");
    fs::copy_file(ring_path(), copy);
    const std::int64_t stamp = std::stoll(tail({"-F", "%n", "-n", "1"}).out);
    remove_ring_files();
    const auto dead = [&](words w) {
        w.insert(w.begin(), {"--ring", copy});
        return tail_of(w);
    };
    CHECK(dead({"-o", "cat", "-n", "3", "a.>"}).out_lines() == numbers(98, 100));
    CHECK(dead({"-o", "cat", "a.>", "--from", "begin"}).out_lines().back() == "100");
    CHECK(dead({"-o", "cat", "-r", "-n", "2", "a.>"}).out_lines() == numbers(100, 99));
    CHECK(dead({"-o", "cat", "big"}).out_lines() == lines{std::string(1000, 'B')});
    CHECK(dead({"-F", "%h %P %n", "h"}).out == "type=t 1.1 " + std::to_string(stamp) + "\n");
    CHECK(dead({"-S", "-1h"}).code == 0);
    CHECK(dead({"-S", "+1h"}).code == 1);
    CHECK(dead({"-g", "^100$", "-o", "cat"}).out == "100\n");
    const finished f = dead({"--from", "10", "--to", "60"});
    CHECK(f.code == 3);
    CHECK(f.out.starts_with("-- gap 10.."));
    CHECK(has(f.out, "overwritten"));
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail --ring: cut, noisy and foreign files are errors with a name, whatever is in them") {
    create_ring();
    publish_numbers(100);
    const std::string whole = support::read_file(ring_path());
    const auto refused = [&](const std::string& bytes, const std::string& named) {
        const finished f = tail_of({"--ring", write("x.ring", bytes)});
        INFO(bytes.size(), " bytes: ", f.err);
        CHECK(f.code == 2);
        CHECK(f.signal == 0);
        CHECK(has(f.err, named));
        CHECK(has(f.err, "x.ring"));
    };
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{512}, std::size_t{1536}, std::size_t{8191}})
        refused(whole.substr(0, size), "less than a ring's header");
    for (const std::size_t size : {std::size_t{8192}, std::size_t{8193}, whole.size() / 2, whole.size() - 1})
        refused(whole.substr(0, size), "cut short");
    refused(whole + "x", "cut short");
    refused(std::string(whole.size(), 'n'), "not an evbus object");
    const auto changed = [&](std::size_t at) {
        std::string bytes = whole;
        bytes[at] = static_cast<char>(bytes[at] + 1);
        return bytes;
    };
    refused(changed(offsetof(evbus::ring::ring_description, byte_order)), "other byte order");
    refused(changed(offsetof(evbus::ring::ring_description, version)), "unsupported format version");
    refused(changed(offsetof(evbus::ring::ring_description, incompatible) + 1), "unknown feature"); // bit 0 is known
    refused(changed(offsetof(evbus::ring::ring_description, slots)), "damaged");
    CHECK(tail_of({"--ring", dir()}).code == 2);
    CHECK(tail_of({"--ring", file("none")}).code == 2);
    CHECK(tail_of({"--ring", "/dev/null"}).code == 2);
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail --ring: noise in slots and tail is named as gaps, and never believed") {
    create_ring();
    publish_numbers(100);
    const std::string whole = support::read_file(ring_path());
    remove_ring_files();
    evbus_test::random_source random;
    SHOW_SEED(random);
    for (int i = 0; i < 40; ++i) {
        std::string bytes = whole;
        const std::size_t from = i % 4 == 0 ? 1536 : 8192; // the tail and the clock too, or slots alone
        for (std::size_t k = 0; k < 1 + random.below(200); ++k)
            bytes[from + random.below(bytes.size() - from)] = static_cast<char>(random.below(256));
        if (i % 5 == 0)
            for (std::size_t at = 8192; at < bytes.size(); ++at) bytes[at] = static_cast<char>(random.below(256));
        const finished f = tail_of({"--ring", write("x.ring", bytes), "-n", "all", "-o", "json"});
        INFO(f.err);
        CHECK(f.signal == 0);
        CHECK((f.code == 0 || f.code == 1 || f.code == 3));
    }
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail: who may not read the bus is told so; who may read looks on without a place") {
    if (::geteuid() != 0) {
        MESSAGE("skipped: only root can become another user here");
        return;
    }
    create_ring();
    publish_numbers(3);
    const auto as_nobody = [&](words w) {
        words all{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"};
        const words tail_command = command(std::move(w));
        all.insert(all.end(), tail_command.begin(), tail_command.end());
        return run(all, {}, environment());
    };
    const finished f = as_nobody({});
    CHECK(f.code == 2);
    CHECK(has(f.err, "ermission denied"));
    CHECK(has(f.err, ring_path()));

    remove_ring_files();
    create({.slots = 64, .group = evbus::group_access::read, .with_log = false});
    publish_numbers(3);
    for (const auto& e : fs::directory_iterator("/dev/shm"))
        if (e.path().filename().string().starts_with("evbus." + name() + ".")) REQUIRE(::chown(e.path().c_str(), 0, 65534) == 0);
    const finished reads = as_nobody({"-o", "cat"});
    CHECK(reads.out_lines() == numbers(1, 3));
    CHECK(reads.code == 0);
}

TEST_CASE_FIXTURE(evtail_fixture, "evtail: names from before the ring was created anew are not taken from the new one") {
    create_logged(4096);
    publish("a", "old");
    record_all();
    remove_ring_files();
    bus = evbus::bus::create(name(), {.slots = 4096, .pacing = evbus::pacing::overwrite, .log_dir = log()});
    pub = std::make_unique<evbus::publisher>(*bus, evbus::publisher_options{.name = "second"});
    publish("a", "new");
    record_all();
    CHECK(tail({"-F", "%P %p", "--from", "begin"}).out == "gateway old\nsecond new\n");
    CHECK(tail({"--source", "log", "-F", "%P %p", "-n", "2"}).out == "gateway old\nsecond new\n");
}
