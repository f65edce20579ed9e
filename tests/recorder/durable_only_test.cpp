// A consumer that gives only what is durable: nothing above the frontier, whatever becomes of the recorder and its
// disk, and in the end everything, once and in order.
#include "disk_seam.hpp"
#include "durable_fixture.hpp"
#include "recorder_process.hpp"

#include "tests/log/power_fixture.hpp"
#include "tests/support/event_loop.hpp"

#include <evbus/ring/retire.hpp>
#include <evbus/subscriber.hpp>

#include <cerrno>
#include <map>

using namespace recorder_test;
using evbus_test::crash_file_system;
using evbus_test::random_choice;
using evbus_test::random_source;
using support::is_readable;
using support::until_readable;

TEST_CASE("durable only: what is written and not synced is not given, and what is published behind it is not told of") {
    for (const pacing p : {pacing::paced, pacing::overwrite}) {
        world w({.slots = 64, .pacing = p});
        const bus on = w.bus();
        author pen(on, 1);
        reluctant_disk disk;
        careful_reader r(on);
        CHECK(r.poll() == consume_status::caught_up);
        pen.publish(5);
        CHECK(r.poll() == consume_status::recorder_behind); // nobody records
        CHECK_FALSE(r.c.wait(std::chrono::nanoseconds(1)));
        recorder_thread recorder(on, on_disk(disk));
        r.read_to(5);
        disk.held = true;
        pen.publish(1); // a sync begins, and does not end
        for (int i = 0; i < 200; ++i) { // round the ring, which still has the end of it
            pen.publish(1);
            REQUIRE(on.wait_written(pen.last(), ages));
        }
        CHECK(r.poll_all() == consume_status::recorder_behind);
        CHECK(r.l.events == on.frontier().durable);
        CHECK(r.l.events < 206);
        CHECK(r.c.place().next == r.l.events + 1);
        std::thread release([&] {
            ::usleep(2000);
            disk.held = false;
        });
        CHECK(r.c.wait(ages)); // without an end, were it not for the bell
        release.join();
        r.read_to(206);
        CHECK(r.poll_all() == consume_status::caught_up);
        INFO(r.l.text());
        CHECK(r.l.all_of({{1, 206}}));
        CHECK(r.too_early == 0);
        CHECK(adds_up(r.c, 1));
        CHECK(r.c.mode() == consumer_mode::catch_up);
        CHECK(r.c.from_log() == 206);
    }
}

TEST_CASE("durable only: the descriptor is unreadable until the frontier has moved") {
    world w({.slots = 64});
    const bus on = w.bus();
    author pen(on, 1);
    reluctant_disk disk;
    careful_reader r(on);
    const int fd = r.c.fd();
    CHECK(r.poll_all() == consume_status::caught_up);
    CHECK_FALSE(is_readable(fd));
    pen.publish(3);
    recorder_thread recorder(on, on_disk(disk));
    while (r.l.events < 3) {
        until_readable(fd);
        (void)r.poll();
    }
    disk.held = true;
    pen.publish(3);
    REQUIRE(on.wait_written(6, ages));
    while (r.poll() == consume_status::delivered) {}
    CHECK_FALSE(is_readable(fd));
    disk.held = false;
    while (r.l.events < 6) {
        until_readable(fd);
        (void)r.poll();
    }
    CHECK(r.too_early == 0);
    CHECK(r.poll_all() == consume_status::caught_up);
    CHECK_FALSE(is_readable(fd));
}

TEST_CASE("durable only: after a failed sync nothing more comes, until a recorder has written that afresh; what was given stays") {
    random_source random;
    SHOW_SEED(random);
    world w({.slots = 256});
    const bus on = w.bus();
    author pen(on, 1);
    reluctant_disk disk;
    careful_reader r(on);
    {
        recorder_thread recorder(on, on_disk(disk));
        pen.publish(20);
        REQUIRE(on.wait_durable(20, ages));
        disk.fails = true;
        pen.publish(1 + random.below(30));
        wait_until([&] { return recorder.is_over(); });
        CHECK(recorder.join().state == recorder_state::sync_failed);
    }
    CHECK(r.poll_all() == consume_status::recorder_behind);
    CHECK(r.l.events == 20);
    pen.publish(10);
    CHECK(r.poll_all() == consume_status::recorder_behind);
    CHECK(r.l.events == 20);
    CHECK(r.c.next() == 21);
    disk.fails = false;
    recorder_thread recorder(on, on_disk(disk));
    pen.publish(10);
    r.read_to(pen.last());
    INFO(r.l.text());
    CHECK(r.l.all_of({{1, pen.count()}}));
    CHECK(r.too_early == 0);
    careful_reader again(on);
    again.read_to(pen.last());
    CHECK(again.l.all_of({{1, pen.count()}}));
}

TEST_CASE("durable only: a recorder that is killed leaves what it had not synced to the next one") {
    random_source random;
    SHOW_SEED(random);
    world w({.slots = 128, .pacing = pacing::paced});
    const bus on = w.bus();
    author pen(on, 1);
    careful_reader r(on);
    recorder::options how;
    how.sync = recorder::sync_policy::none; // only a start and an end move the frontier
    how.segment_bytes = 20'000;
    for (int life = 0; life < rounds(12, 5); ++life) {
        recorder_process recorder(w, how);
        REQUIRE(recorder.is_recording());
        const std::uint64_t count = 1 + random.below(400);
        for (std::uint64_t i = 0; i < count; ++i) {
            pen.publish(1);
            if (random.one_in(20)) (void)r.poll();
        }
        REQUIRE(on.wait_written(pen.last(), ages));
        recorder.kill();
        (void)recorder.wait();
        CHECK(r.poll_all() == consume_status::recorder_behind);
        CHECK(r.l.last_seq == on.frontier().durable);
    }
    CHECK(record_all(on).state == recorder_state::ended);
    r.read_to(pen.last());
    INFO(r.l.text());
    CHECK(r.l.all_of({{1, pen.count()}}));
    CHECK(r.too_early == 0);
    CHECK(adds_up(r.c, 1));
}

TEST_CASE("durable only: what the recorder lost on a full disk is a gap, also while the ring still has it") {
    world w({.slots = 256, .pacing = pacing::overwrite});
    const bus on = w.bus();
    author pen(on, 1);
    careful_reader r(on);
    recorder::options how;
    how.full = recorder::on_full::lose;
    how.sync = recorder::sync_policy::commit;
    recorder_thread recorder(on, how);
    pen.publish(20);
    REQUIRE(on.wait_durable(20, ages));
    disk_seam::write_error = ENOSPC;
    pen.publish(100);
    wait_until([&] { return on.frontier().state == recorder_state::waiting_space; });
    disk_seam::write_error = 0;
    wait_until([&] { return on.frontier().state == recorder_state::recording; });
    pen.publish(5);
    r.read_to(125);
    CHECK(recorder.stop().state == recorder_state::ended);
    const ledger logged = w.whole_log();
    INFO(r.l.text(), " and the log ", logged.text());
    CHECK(logged.in_gaps != 0);
    CHECK(r.l.in_gaps == logged.in_gaps);
    CHECK(r.l.events == logged.events);
    CHECK(r.l.faults == lines{});
    CHECK(r.too_early == 0);
}

TEST_CASE("durable only: power lost at any call: what was given is on the disk") {
    constexpr std::size_t payload_bytes = 200;
    random_source random;
    SHOW_SEED(random);
    world w({.slots = 256, .slot_bytes = 512, .pacing = pacing::paced});
    const bus on = w.bus();
    author pen(on, 1, payload_bytes);
    crash_file_system files(w.log_dir());
    std::atomic<seq_t> given{0};
    std::string wrong;
    int losses = 0;
    files.before_change = [&](int) {
        if (!wrong.empty() || !random.one_in(3)) return;
        const seq_t had = given; // before the image is taken
        const log_test::scratch_dir place;
        random_choice choose(random);
        files.image().lose_power(place.path(), choose);
        ++losses;
        if (had == 0) return;
        try {
            log::log_reader reader(log::posix(), place.path(), {on.id()});
            reader.seek(1);
            log::entry e;
            seq_t next = 1;
            while (reader.next(e) == log::step::entry && e.kind != log::entry_kind::gap) next = e.range.last + 1;
            if (next <= had) wrong = "seq " + std::to_string(had) + " was given, and the log ends before " + std::to_string(next);
        } catch (const error& e) {
            wrong = e.what();
        }
    };
    std::atomic<bool> stop{false};
    careful_reader r(on, payload_bytes);
    std::thread reads([&] {
        while (!stop) {
            (void)r.poll();
            given = r.l.last_seq;
            (void)r.c.wait(std::chrono::milliseconds(1));
        }
    });
    recorder::options how = on_disk(files);
    how.segment_bytes = 6000;
    for (int run = 0; run < 2; ++run) {
        recorder_thread recorder(on, how);
        for (int i = 0; i < 15; ++i) {
            pen.publish(1 + random.below(4));
            if (random.one_in(2)) REQUIRE(on.wait_durable(pen.last(), ages));
            if (random.one_in(2)) wait_until([&] { return given >= on.frontier().durable; });
        }
        CHECK(recorder.stop().state == recorder_state::ended);
    }
    stop = true;
    reads.join();
    CHECK(wrong == "");
    CHECK(losses > 0);
    INFO(r.l.text());
    CHECK(r.l.all_of({{1, given}}));
    CHECK(r.too_early == 0);
}

TEST_CASE("durable only: a ring that ends is read to its end; without a recorder the rest is left to the next handle") {
    world w({.slots = 64});
    const bus on = w.bus();
    author pen(on, 1);
    careful_reader r(on);
    SUBCASE("recorded") {
        recorder_thread recorder(on);
        pen.publish(30);
        REQUIRE(ring::retire(*on.attach(ring::access::read_write), ages) != no_seq);
        CHECK(recorder.join().retired);
        consume_status s;
        wait_until([&] { return (s = r.poll()) == consume_status::retired; });
        CHECK(r.l.events == 30);
    }
    SUBCASE("not recorded") {
        pen.publish(30);
        REQUIRE(ring::retire(*on.attach(ring::access::read_write), ages) != no_seq);
        CHECK(r.c.wait(ages));
        CHECK(r.poll() == consume_status::retired);
        CHECK(r.l.events == 0);
        CHECK(r.c.place().next == 1);
    }
}

TEST_CASE("durable only: the newest of each topic, as of what is durable") {
    world w({.slots = 64});
    const bus on = w.bus();
    author one(on, 1), two(on, 2);
    reluctant_disk disk;
    recorder_thread recorder(on, on_disk(disk));
    one.publish(10);
    two.publish(10);
    one.publish(3); // seqs 21 to 23
    REQUIRE(on.wait_durable(23, ages));
    disk.held = true;
    one.publish(2);
    REQUIRE(on.wait_written(25, ages));
    consumer c(on, {.from = from::newest_of_each_topic(), .durable_only = true});
    std::vector<seq_t> given;
    const auto take = [&](const event& e) { given.push_back(e.seq()); };
    while (c.poll(take) == consume_status::delivered) {}
    CHECK(given == std::vector<seq_t>{20, 23});
    disk.held = false;
    wait_until([&] {
        (void)c.poll(take);
        return c.next() == 26;
    });
    CHECK(given == std::vector<seq_t>{20, 23, 24, 25});
}

TEST_CASE("durable only: refused by a subscriber, and on a bus without a log, with a way out") {
    world w({.slots = 64, .with_log = false});
    const bus on = w.bus();
    const auto refusal = [](auto&& make) -> std::string {
        try {
            make();
        } catch (const error& e) {
            CHECK(e.kind() == errc::bad_option);
            return e.what();
        }
        return "";
    };
    CHECK(refusal([&] { consumer c(on, {.durable_only = true}); }).find("with a log") != std::string::npos);
    CHECK(refusal([&] { subscriber s(on, {.durable_only = true}); }).find("use a consumer") != std::string::npos);
}
