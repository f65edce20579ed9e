// Lives that end by SIGKILL: what the next one is given again is what was announced, and all that was announced is
// what may have been handled. Handlers here write to a pipe, which outlives them.
#include "tests/worker/worker_fixture.hpp"

#include <csignal>
#include <fstream>

#include <sys/wait.h>

using namespace worker_test;

namespace {

/// A life of the worker in a process of its own. The handler is told each text and says what comes of it; it kills the
/// process by life::die().
struct life {
    [[noreturn]] static void die() {
        ::kill(::getpid(), SIGKILL);
        while (true) ::pause();
    }
    /// Runs one; returns when its process is dead.
    static void run(const stage& s, const stage::answers& answer) {
        const pid_t child = start(s, answer);
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        REQUIRE(WIFSIGNALED(status));
        REQUIRE(WTERMSIG(status) == SIGKILL);
    }
    static pid_t start(const stage& s, const stage::answers& answer) {
        const pid_t child = ::fork();
        if (child != 0) return child;
        try {
            worker w(bus::open(s.on.name()), s.how, [&](const event& e, const attempt& a) { return answer(e, a); });
            w.join();
        } catch (...) {
        }
        ::_exit(1);
    }
};

} // namespace

TEST_CASE("worker: killed within a handler, the next life announces what may have been handled, and not more than that") {
    stage s;
    s.how.save = {.events = 4, .every = 1h, .ahead = 0};
    s.publish_numbers(1, 12);
    life::run(s, [](const event& e, const attempt&) {
        if (e.text() == "7") life::die();
        return next;
    });
    CHECK(s.saved().place.next == 5);
    CHECK(s.saved().notes.may_repeat == 4);
    worker w = s.start();
    s.until(8);
    CHECK(end_of(w) == "");
    CHECK(s.given() == lines{"5 repeat?", "6 repeat?", "7 repeat?", "8 repeat?", "9", "10", "11", "12"});
    CHECK(w.stats().repeats == 4);
    CHECK(s.saved().notes.may_repeat == 0);
}

TEST_CASE("worker: killed before anything was saved, and killed again among the repeats, it announces them again") {
    stage s;
    s.how.save = {.events = 5, .every = 1h, .ahead = 0};
    s.publish_numbers(1, 8);
    life::run(s, [](const event& e, const attempt&) {
        if (e.text() == "5") life::die();
        return next;
    });
    s.how.save.events = 2; // fewer from now on; what was announced before stays so
    life::run(s, [](const event& e, const attempt& a) {
        if (a.may_repeat != (e.seq() <= 5)) return stop;
        if (e.text() == "3") life::die();
        return next;
    });
    CHECK(s.saved().place.next == 3);
    CHECK(s.saved().notes.may_repeat == 3);
    worker w = s.start();
    s.until(6);
    CHECK(end_of(w) == "");
    CHECK(s.given() == lines{"3 repeat?", "4 repeat?", "5 repeat?", "6", "7", "8"});
}

TEST_CASE("worker: a handler that never returns is ended from outside; the next life announces its event") {
    stage s;
    s.how.save = {.events = 1, .every = 1h, .ahead = 0};
    s.publish_numbers(1, 3);
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const pid_t child = life::start(s, [&](const event& e, const attempt&) {
        if (e.text() == "2") {
            (void)!::write(ready[1], "!", 1);
            while (true) ::pause();
        }
        return next;
    });
    char c = 0;
    REQUIRE(::read(ready[0], &c, 1) == 1);
    ::kill(child, SIGKILL);
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    ::close(ready[0]);
    ::close(ready[1]);
    worker w = s.start();
    s.until(2);
    CHECK(end_of(w) == "");
    CHECK(s.given() == lines{"2 repeat?", "3"});
}

TEST_CASE("worker: letters that waited in a life that was killed are announced until they are handled, also behind a clean end") {
    stage s;
    s.how.save = {.events = 1, .every = 1h, .ahead = 0};
    s.how.retry.first_delay = s.how.retry.max_delay = 0ns;
    s.publish_numbers(1, 2);
    life::run(s, [](const event& e, const attempt& a) {
        if (e.text() == "1" && a.number == 2) life::die(); // it may have been done
        return e.text() == "1" ? retry : next;
    });
    s.how.retry = {.attempts = 5, .first_delay = 1h, .max_delay = 1h};
    {
        // It fails before it has found out whether it was done.
        worker w = s.start([](const event& e, const attempt&) { return e.text() == "1" ? retry : next; });
        s.until(1);
        wait_until([&] { return s.letters() == lines{"1 waiting 2: the handler gave no reason"}; });
        wait_until([&] { return s.saved().place.next == 3; }); // "2" may have been given in the first life, and may not
        CHECK(end_of(w) == "");
    }
    CHECK(s.given().front() == "1 #2 repeat?");
    CHECK(s.saved().notes.unsure_letters);
    CHECK(s.saved().notes.may_repeat == 0);
    s.forget();
    s.requeue_all();
    {
        worker w = s.start();
        s.until(1);
        CHECK(end_of(w) == "");
    }
    CHECK(s.given().front() == "1 repeat? requeued");
    CHECK(!s.saved().notes.unsure_letters);
    CHECK(s.letters().empty());
}

TEST_CASE("worker: letters that waited in a life that was killed are announced although its cursor was reset") {
    stage s;
    s.how.save = {.events = 1, .every = 1h, .ahead = 0};
    s.how.retry.first_delay = s.how.retry.max_delay = 0ns;
    s.publish_numbers(1, 2);
    life::run(s, [](const event& e, const attempt& a) {
        if (e.text() == "1" && a.number == 2) life::die();
        return e.text() == "1" ? retry : next;
    });
    cursor(s.on, "billing").reset({2, 2});
    worker w = s.start();
    wait_until([&] { return w.stats().handled == 2; });
    CHECK(end_of(w) == "");
    CHECK(s.given().front() == "1 #2 repeat?");
}

TEST_CASE("worker: what may have been handled and fails now is announced at its next try, too") {
    for (const bool in_batches : {false, true}) {
        stage s;
        s.how.save = {.events = 1, .every = 1h, .ahead = 0};
        s.publish_numbers(1, 2);
        life::run(s, [](const event& e, const attempt&) {
            if (e.text() == "1") life::die();
            return next;
        });
        const auto answer = [](const event& e, const attempt& a) { return e.text() == "1" && a.number < 3 ? retry : next; };
        const auto batches = [&s, answer](event_batch& b) {
            for (std::size_t i = 0; i < b.size(); ++i) {
                s.note(b[i], b.attempt(i));
                if (answer(b[i], b.attempt(i)).what() == outcome::kind::retry) b.fail(i, retry);
            }
        };
        worker w = in_batches ? worker(s.on, s.how, batches) : s.start(answer);
        s.until(4);
        CHECK(end_of(w) == "");
        lines given = s.given();
        given.erase(std::remove(given.begin(), given.end(), "2"), given.end());
        CHECK(given == lines{"1 repeat?", "1 #2 repeat?", "1 #3 repeat?"});
    }
}

TEST_CASE("worker: what may have been handled is announced also when it waits behind an earlier event of its topic first") {
    stage s;
    s.how.order = order::by_topic;
    s.how.save = {.events = 4, .every = 1h, .ahead = 0};
    s.publish_numbers(1, 5);
    life::run(s, [](const event& e, const attempt&) {
        if (e.text() == "3") life::die();
        return next;
    });
    worker w = s.start([](const event& e, const attempt& a) { return e.text() == "1" && a.number == 1 ? retry : next; });
    s.until(6);
    CHECK(end_of(w) == "");
    CHECK(s.given() == lines{"1 repeat?", "1 #2 repeat?", "2 repeat?", "3 repeat?", "4 repeat?", "5"});
}

TEST_CASE("worker: with the newest cursor file damaged, it announces twice as much from the one before") {
    stage s;
    s.how.save = {.events = 3, .every = 1h, .ahead = 0};
    s.publish_numbers(1, 9);
    life::run(s, [](const event& e, const attempt&) {
        if (e.text() == "6") life::die();
        return next;
    });
    const log::cursor_paths at({s.log_dir()}, "billing");
    std::ofstream(at.current) << "damage";
    worker w = s.start();
    s.until(9);
    CHECK(end_of(w) == "");
    CHECK(s.given() == lines{"1 repeat?", "2 repeat?", "3 repeat?", "4 repeat?", "5 repeat?", "6 repeat?", "7", "8", "9"});
}

TEST_CASE("worker: begun with the newest event of each topic and killed, it announces what it was given of them, though it is given all now") {
    stage s;
    s.how.save = {.events = 1, .every = 1h, .ahead = 0};
    s.how.from = from::newest_of_each_topic();
    s.publish("a", {"1"});
    s.publish_numbers(2, 9);
    life::run(s, [](const event& e, const attempt&) {
        if (e.text() == "9") life::die();
        return next;
    });
    const seq_t begin = s.saved().place.next;
    CHECK(begin > 1);
    worker w = s.start([](const event& e, const attempt&) { return e.text() == "9" ? evbus::stop : next; });
    CHECK(join(w) == "");
    CHECK(s.given().back() == "9 repeat?");
    CHECK(s.saved().notes.may_repeat <= 1);
}

TEST_CASE("worker: begun at a time and killed within its first event, it announces that one, though earlier ones come before it now") {
    stage s;
    s.how.save = {.events = 1, .every = 1h, .ahead = 0};
    s.publish_numbers(1, 5);
    std::int64_t first_wanted = 0;
    {
        consumer all(s.on, {.from = from::oldest()});
        s.publish_numbers(6, 9);
        wait_until([&] { return all.poll([&](const event& e) { first_wanted = e.text() == "6" ? e.published() : first_wanted; }), first_wanted != 0; });
    }
    s.how.from = from::time_ns(first_wanted);
    life::run(s, [](const event& e, const attempt&) {
        if (e.text() == "6") life::die();
        return next;
    });
    CHECK(s.saved().place.next < 6);
    worker w = s.start([](const event& e, const attempt&) { return e.text() == "9" ? evbus::stop : next; });
    CHECK(join(w) == "");
    const lines given = s.given();
    CHECK(std::count(given.begin(), given.end(), "6 repeat?") == 1);
    CHECK(s.saved().place.next == 10);
}

TEST_CASE("worker: however fast its promise grows, twice what the file before promises is enough") {
    stage s;
    s.how.save = {.events = 10, .every = 1h, .ahead = 10'000};
    work::place_keeper place(s.on, s.how, 1, log::posix());
    place.begin({1, 1}, {});
    seq_t coming = 1;
    std::uint64_t most = 0;
    for (int i = 0; i < 6; ++i) {
        const seq_t first = coming;
        for (; place.room() != 0; ++coming) place.done();
        most = std::max(most, coming - first);
        const log::cursor_copies files = log::read_cursor(log::posix(), {{s.log_dir()}, "billing"});
        REQUIRE((files.current.is_whole() && files.before.is_whole()));
        CHECK(coming - files.current.saved.place.next <= files.current.saved.notes.may_repeat);
        CHECK(coming - files.before.saved.place.next <= 2 * files.before.saved.notes.may_repeat);
        place.grow();
        place.save({coming, coming}, {});
    }
    CHECK(most > 1000); // it grows all the same
}

TEST_CASE("worker: a forked child has no part in it") {
    stage s;
    s.publish_numbers(1, 1);
    worker w = s.start();
    s.until(1);
    const pid_t child = ::fork();
    if (child == 0) {
        int said = 0;
        try {
            w.join();
        } catch (const error& e) {
            said |= e.kind() == errc::forked ? 1 : 0;
        }
        try {
            const worker other(s.on, s.how, [](const event&) {});
        } catch (const error& e) {
            said |= e.kind() == errc::forked || e.kind() == errc::busy ? 2 : 0;
        }
        { const worker gone = std::move(w); }
        ::_exit(said);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 3);
    s.publish_numbers(2, 2);
    s.until(2);
    CHECK(end_of(w) == "");
}
