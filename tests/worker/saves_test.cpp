// When the place is saved, what happens before it is, and what becomes of a worker whose saves fail.
#include "tests/support/failing_fs.hpp"
#include "tests/worker/worker_fixture.hpp"

#include <stdexcept>

using namespace worker_test;
using evbus_test::failing_file_system;
namespace calls = evbus_test::calls;

TEST_CASE("worker: the place is saved after so many events") {
    stage s;
    s.how.save = {.events = 10, .every = 1h, .ahead = 0};
    s.publish_numbers(1, 25);
    lines saved;
    worker w = s.start([&](const event& e, const attempt&) {
        saved.push_back(std::to_string(s.saved().place.next) + "+" + std::to_string(s.saved().notes.may_repeat));
        return e.text() == "25" ? evbus::stop : next;
    });
    CHECK(join(w) == "");
    REQUIRE(saved.size() == 25);
    CHECK(saved[0] == "1+10");
    CHECK(saved[9] == "1+10");
    CHECK(saved[10] == "11+10");
    CHECK(saved[24] == "21+10");
    CHECK(s.saved().place.next == 26);
    CHECK(s.saved().notes.may_repeat == 0);
    CHECK(w.stats().saves == 3);
}

TEST_CASE("worker: after each event, if it is told so") {
    stage s;
    s.how.save = {.events = 1, .every = 1h, .ahead = 0};
    s.publish_numbers(1, 5);
    worker w = s.start([&](const event& e, const attempt&) {
        CHECK(s.saved().place.next == e.seq());
        return e.text() == "5" ? evbus::stop : next;
    });
    CHECK(join(w) == "");
    CHECK(s.saved().place.next == 6);
}

TEST_CASE("worker: what was handled is saved in time although nothing else comes, and so is a place behind what nobody wants") {
    stage s;
    s.how.filters = {"n"};
    s.publish_numbers(1, 5);
    worker w = s.start();
    wait_until([&] { return s.saved().place.next == 6; });
    CHECK(s.saved().notes.may_repeat == 1000);
    s.publish("other", {"a", "b", "c"});
    wait_until([&] { return s.saved().place.next == 9; });
    CHECK(end_of(w) == "");
}

TEST_CASE("worker: who holds things back writes them out before the place is saved") {
    stage s;
    s.how.save = {.events = 3, .every = 1h, .ahead = 0};
    s.publish_numbers(1, 7);
    lines held, written;
    std::string where;
    s.how.before_save = [&] {
        where += std::to_string(s.saved().place.next) + " ";
        written.insert(written.end(), held.begin(), held.end());
        held.clear();
    };
    worker w = s.start([&](const event& e, const attempt&) {
        held.emplace_back(e.text());
        return e.text() == "7" ? evbus::stop : next;
    });
    CHECK(join(w) == "");
    CHECK(written == lines{"1", "2", "3", "4", "5", "6", "7"});
    CHECK(where == "1 4 7 ");
}

TEST_CASE("worker: what before_save throws is a save that failed") {
    stage s;
    s.how.save = {.events = 3, .every = 1h, .ahead = 0};
    s.publish_numbers(1, 7);
    s.how.before_save = [] { throw std::runtime_error("no database"); };
    worker w = s.start();
    CHECK(join(w) == "handler failed: save cursor billing: before_save: no database");
    CHECK(s.given() == lines{"1", "2", "3"});
    CHECK(s.saved().place.next == 1);
}

TEST_CASE("worker: a failed save ends it, and the next life is told what may be a repeat") {
    stage s;
    s.how.save = {.events = 4, .every = 1h, .ahead = 0};
    s.publish_numbers(1, 10);
    failing_file_system files(0, evbus_test::fault::once, ENOSPC, calls::renames);
    s.files = &files;
    {
        worker w = s.start([&](const event& e, const attempt&) {
            if (e.text() == "6") files.fail_next();
            return next;
        });
        const std::string end = join(w);
        CHECK(has(end, "out of space: save cursor billing: "));
        CHECK(has(end, "no space left; free space there"));
        CHECK(w.stats().failed_saves == 1);
    }
    CHECK(s.given() == lines{"1", "2", "3", "4", "5", "6", "7", "8"});
    s.forget();
    worker w = s.start();
    s.until(6);
    CHECK(end_of(w) == "");
    CHECK(s.given() == lines{"5 repeat?", "6 repeat?", "7 repeat?", "8 repeat?", "9", "10"});
}

TEST_CASE("worker: told to go on, it saves again, and handles no more than was announced until that succeeds") {
    stage s;
    s.how.save = {.events = 4, .every = 1h, .ahead = 0};
    s.publish_numbers(1, 10);
    failing_file_system files(0, evbus_test::fault::for_good, ENOSPC, calls::changes);
    s.files = &files;
    std::atomic<int> failures{0};
    std::size_t seen = 0;
    s.how.on_failed_save = [&](const error& e) {
        CHECK(e.kind() == errc::no_space);
        seen = s.given().size();
        if (++failures == 5) files.heal();
        return true;
    };
    worker w = s.start([&](const event& e, const attempt&) {
        if (e.text() == "2") files.fail_from_now_on();
        return next;
    });
    s.until(10);
    CHECK(end_of(w) == "");
    CHECK(failures == 5);
    CHECK(seen == 4);
    CHECK(s.given() == lines{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"});
    CHECK(s.saved().place.next == 11);
}

TEST_CASE("worker: after a sync that failed, and told to go on, it begins anew at what the disk has") {
    for (const unsigned which : {calls::dir_syncs, calls::datasyncs}) {
        stage s;
        CAPTURE(which);
        s.how.save = {.events = 4, .every = 1h, .ahead = 0};
        s.publish_numbers(1, 10);
        failing_file_system files(0, evbus_test::fault::once, EIO, which);
        s.files = &files;
        std::atomic<int> failures{0};
        s.how.on_failed_save = [&](const error&) { return ++failures, true; };
        worker w = s.start([&](const event& e, const attempt&) -> outcome {
            if (e.text() == "2") {
                files.fail_next();
                return dead("bad");
            }
            return next;
        });
        wait_until([&] { return s.saved().place.next == 9 && w.stats().next == 11; });
        CHECK(end_of(w) == "");
        CHECK(failures == 1);
        CHECK(s.letters() == lines{"2 dead 1: bad"});
        // Each once unannounced; what comes again, comes as a repeat.
        lines plain, repeats;
        for (const std::string& g : s.given()) (has(g, " repeat?") ? repeats : plain).push_back(g);
        CHECK(plain == lines{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"});
        CHECK(repeats.size() <= 4);
    }
}

TEST_CASE("worker: while the disk is slower than the events it goes on, as far ahead as it has announced") {
    /// Lets a save begin, and not come to its end before it is told so.
    class slow_disk final : public evbus_test::passing_file_system {
    public:
        using passing_file_system::passing_file_system;
        int sync_dir(const std::string& p) noexcept override {
            wait_until([&] { return free.load(); });
            return passing_file_system::sync_dir(p);
        }
        std::atomic<bool> free{true};
    } files{log::posix()};
    stage s(4096);
    s.files = &files;
    s.how.save = {.events = 10, .every = 1h, .ahead = 200};
    worker w = s.start();
    // Saves at full speed: what is promised grows, for handling waits for them.
    int coming = 1;
    wait_until([&] {
        s.publish_numbers(coming, coming + 99);
        coming += 100;
        s.until(static_cast<std::size_t>(coming - 1));
        return s.saved().notes.may_repeat >= 40 || coming > 3000;
    });
    files.free = false;
    s.publish_numbers(coming, coming + 999);
    // It comes to rest somewhere, no further ahead of the place on disk than the file says.
    std::size_t before = 0;
    wait_until([&] {
        ::usleep(20'000);
        return s.given().size() == std::exchange(before, s.given().size());
    });
    const log::saved_cursor on_disk = s.saved();
    CHECK(s.given().size() <= on_disk.place.next - 1 + on_disk.notes.may_repeat);
    CHECK(on_disk.notes.may_repeat <= 200);
    files.free = true;
    s.until(static_cast<std::size_t>(coming + 999));
    CHECK(end_of(w) == "");
    CHECK(s.given().size() == static_cast<std::size_t>(coming + 999));
    CHECK(s.saved().notes.may_repeat == 0);
}

TEST_CASE("worker: letters that a sync failed for while old ones were cleaned away keep the place from passing their events") {
    stage s;
    failing_file_system files(0, evbus_test::fault::once, EIO, calls::datasyncs);
    work::letter_desk desk(s.on, s.how, {}, 1, files);
    const owned_event first({1, 1}, 1, {member_no{7}, 1}, "a", {}, {}), second({2, 2}, 2, {member_no{7}, 1}, "a", {}, {});
    static_cast<void>(desk.fail(first.view(), true, "bad"));
    desk.keep();
    CHECK(!desk.has_news());
    static_cast<void>(desk.fail(second.view(), true, "bad"));
    files.fail_next();
    desk.clean(no_seq);
    CHECK(desk.has_news()); // nothing is staged any more, and the disk has not got it
    CHECK(desk.is_broken());
    CHECK_THROWS_AS(desk.keep(), error);
}

TEST_CASE("worker: a disk that is full when an operator has changed letters is a failed save, and can be gone on from") {
    stage s;
    s.publish_numbers(1, 1);
    failing_file_system files(0, evbus_test::fault::for_good, ENOSPC, calls::changes);
    s.files = &files;
    std::atomic<int> failures{0};
    s.how.on_failed_save = [&](const error& e) {
        CHECK(e.kind() == errc::no_space);
        if (++failures == 2) files.heal();
        return true;
    };
    worker w = s.start([&](const event&, const attempt& a) { return a.requeued ? evbus::stop : dead("bad"); });
    wait_until([&] { return w.stats().dead == 1 && s.saved().place.next == 2; });
    files.fail_from_now_on();
    s.requeue_all();
    CHECK(join(w) == "");
    CHECK(failures == 2);
    CHECK(s.given() == lines{"1", "1 requeued"});
    CHECK(s.letters().empty());
}
