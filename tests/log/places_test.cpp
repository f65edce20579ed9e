// What stands beside the commits: LOCK, epochs, the first free seq, footers.
#include "tests/log/log_fixture.hpp"

#include <evbus/log/log_lock.hpp>
#include <evbus/log/seq_floor.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

using namespace log_test;

TEST_CASE("lock: a second holder is refused and told who has it; death frees it") {
    test_log t;
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const log::log_lock held = log::log_lock::acquire(log::posix(), t.dir, "evrecord");
        static_cast<void>(!::write(ready[1], "x", 1));
        ::pause();
        ::_exit(0);
    }
    char c;
    REQUIRE(::read(ready[0], &c, 1) == 1);
    CHECK(!log::log_lock::try_acquire(log::posix(), t.dir, "test"));
    try {
        const log::log_lock l = log::log_lock::acquire(log::posix(), t.dir, "test", std::chrono::milliseconds(30));
        FAIL("a held lock was taken");
    } catch (const evbus::error& e) {
        CHECK(e.kind() == errc::busy);
        CHECK(std::string(e.what()).find("process " + std::to_string(child) + " (evrecord)") != std::string::npos);
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(ready[0]);
    ::close(ready[1]);
    const log::log_lock mine = log::log_lock::acquire(log::posix(), t.dir, "test");
    CHECK(!log::log_lock::try_acquire(log::posix(), t.dir, "test")); // not even twice in one process
}

TEST_CASE("lock: who waited while the log was removed holds the new log's lock, not that of a file without a name") {
    test_log t;
    std::optional<log::log_lock> removing = log::log_lock::acquire(log::posix(), t.dir, "remover");
    std::optional<log::log_lock> got;
    std::thread waits([&] { got = log::log_lock::try_acquire(log::posix(), t.dir, "waiter", std::chrono::hours(1)); });
    ::usleep(50'000); // it has the file open by now, most likely; what follows holds in any case
    REQUIRE(::unlink(log::log_dir{t.dir}.lock().c_str()) == 0);
    removing.reset();
    waits.join();
    REQUIRE(got);
    CHECK(!log::log_lock::try_acquire(log::posix(), t.dir, "test"));
}

TEST_CASE("epochs: lines are read back, and one cut off by a crash is left out") {
    test_log t;
    const log::log_dir dir{t.dir};
    CHECK(log::read_epochs(log::posix(), dir).empty());
    log::append_epoch(log::posix(), dir, {epoch_t{0xabc}, 1, 100, "boot-1"});
    log::append_epoch(log::posix(), dir, {epoch_t{0xdef}, 500, 200, ""});
    std::string text = test_log::slurp(dir.epochs());
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        test_log::spit(dir.epochs(), text.substr(0, cut));
        const auto some = log::read_epochs(log::posix(), dir);
        CHECK(some.size() <= 2);
        for (const auto& e : some) CHECK((e.first_seq == 1 || e.first_seq == 500));
        log::append_epoch(log::posix(), dir, {epoch_t{7}, 900, 300, "boot-2"});
        const auto all = log::read_epochs(log::posix(), dir);
        REQUIRE(!all.empty());
        CHECK(all.back().first_seq == 900);
        CHECK(all.back().boot_id == "boot-2");
    }
}

TEST_CASE("seq floor: every place that remembers a seq is heard") {
    test_log t;
    const log::log_dir dir{t.dir};
    const auto floor = [&] { return log::seq_floor(log::posix(), t.dir).next; };
    CHECK(floor() == 1);
    t.event("a", "1", 77).event("a", "2", 55).write();
    t.crash();
    CHECK(floor() == 3);
    CHECK(log::seq_floor(log::posix(), t.dir).last_time_ns == 77);
    CHECK(log::seq_floor(log::posix(), t.dir).bus == test_bus);
    log::append_epoch(log::posix(), dir, {epoch_t{1}, 10, 100, "b"});
    CHECK(floor() == 11);
    test_log::spit(dir.quarantine() + "/" + log::seq_digits(3) + ".128." + log::seq_digits(20) + ".torn", "x");
    CHECK(floor() == 21);
    test_log::spit(dir.cursors() + "/billing." + log::seq_digits(30) + ".cursor", "x");
    test_log::spit(dir.cursors() + "/plain.cursor", "x");
    CHECK(floor() == 31);
    const log::cursor_paths audit(dir, "audit");
    test_log::spit(audit.before(), log::encode_cursor({test_bus, {41, 35}, 1, 0, ">"})); // has handled 40
    CHECK(floor() == 41);
    test_log::spit(log::segment_path(dir, 51), "not a segment");
    CHECK(floor() == 51);
}

TEST_CASE("seq floor: a log that is not there begins at 1") {
    CHECK(log::seq_floor(log::posix(), "/dev/shm/evbus-no-such-log").next == 1);
}

TEST_CASE("footer: it names topics, header-free counts, times and the blocks a topic stands in") {
    test_log t;
    for (int i = 0; i < 3000; ++i) t.event(i % 1000 == 0 ? "rare" : "common", "some payload of some length", i + 1).write();
    t.voids(4).lost(2).write();
    t.close();
    t.crash();
    log::segment_reader in;
    REQUIRE(in.open(log::posix(), t.path(0), test_bus.seed()) == 0);
    log::segment_footer footer;
    REQUIRE(footer.open(in.source(), 1, test_bus.seed()));
    const auto sum = footer.summary();
    REQUIRE(sum);
    CHECK(sum->events == 3000);
    CHECK(sum->voids == 4);
    CHECK(sum->lost == 2);
    CHECK(sum->last_seq == 3006);
    CHECK(sum->min_time_ns == 1);
    CHECK(sum->max_time_ns == 3000);
    const auto blocks = footer.blocks();
    CHECK(blocks.size() > 5);
    const auto topics = footer.read(log::section_kind::topics);
    REQUIRE(topics);
    log::name_table table;
    std::memcpy(&table, topics->body.data(), sizeof table);
    REQUIRE(table.entries == 2);
    log::name_entry rare;
    std::size_t at = sizeof table;
    for (std::uint32_t i = 0; i < table.entries; ++i, at += sizeof rare) {
        std::memcpy(&rare, topics->body.data() + at, sizeof rare);
        if (rare.hash == topic_hash("rare")) break;
    }
    REQUIRE(rare.hash == topic_hash("rare"));
    CHECK(rare.count == 3);
    CHECK(rare.last_seq == 2001);
    CHECK(rare.places == 3);
    std::vector<log::block_place> places(table.places);
    std::memcpy(places.data(), topics->body.data() + sizeof table + table.entries * sizeof rare, places.size() * 4);
    const auto holds = [&](log::block_place place, seq_t seq) {
        for (const log::block_entry& b : blocks)
            if (b.offset == std::uint64_t{place} * 8) return b.first_seq <= seq && seq <= b.last_seq;
        return false;
    };
    CHECK(holds(places.at(rare.places_at), 1));
    CHECK(holds(places.at(rare.places_at + 1), 1001));
    CHECK(holds(places.at(rare.places_at + 2), 2001));
    const auto exceptions = footer.read(log::section_kind::exceptions);
    REQUIRE(exceptions);
    REQUIRE(exceptions->body.size() == 4);
    log::block_place exception = 0;
    std::memcpy(&exception, exceptions->body.data(), sizeof exception);
    CHECK(holds(exception, 3006)); // the voids and what was lost
    CHECK(!footer.read(static_cast<log::section_kind>(77)));
}

TEST_CASE("footer: an empty section and the one behind it are two, although both begin at one place") {
    const std::vector<std::byte> body(24, std::byte{7});
    log::footer_builder builder(0, 1, test_bus.seed());
    builder.add(log::section_kind::summary, 0, {});
    builder.add(log::section_kind::blocks, 0, body);
    const std::vector<std::byte> bytes = builder.finish();
    const test_log t;
    const std::string path = t.dir + "/footer";
    test_log::spit(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    const log::file source(log::posix(), log::posix().open(path, O_RDONLY, 0));
    log::segment_footer footer;
    REQUIRE(footer.open(source, 1, test_bus.seed()));
    const auto empty = footer.read(log::section_kind::summary);
    REQUIRE(empty);
    CHECK(empty->body.empty());
    const auto blocks = footer.read(log::section_kind::blocks);
    REQUIRE(blocks);
    CHECK(blocks->body == body);
}
