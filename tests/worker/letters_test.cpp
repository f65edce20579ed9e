// A worker and its letters: what an operator does meanwhile, limits, and letters that were lost.
#include "tests/worker/worker_fixture.hpp"

using namespace worker_test;

namespace {

worker_options small_rooms(worker_options how) {
    how.max_dead_bytes = 500;
    return how;
}
/// Payloads of 80 bytes that begin with a number.
lines wide(int first, int last) {
    lines out;
    for (int i = first; i <= last; ++i) out.push_back(std::to_string(i) + std::string(79, '.'));
    return out;
}

} // namespace

TEST_CASE("letters: what an operator requeues is handled by the worker that runs, and known as such") {
    stage s;
    s.publish_numbers(1, 3);
    std::atomic<bool> mended{false};
    worker w = s.start([&](const event& e, const attempt&) { return e.text() == "2" && !mended ? dead("broken") : outcome(next); });
    wait_until([&] { return w.stats().dead == 1 && s.saved().place.next == 4; });
    mended = true;
    s.requeue_all();
    s.until(4);
    CHECK(end_of(w) == "");
    CHECK(s.given() == lines{"1", "2", "3", "2 requeued"});
    CHECK(s.letters().empty());
    CHECK(w.stats().handled == 3);
}

TEST_CASE("letters: a requeued one has all its tries again") {
    stage s;
    s.how.retry.attempts = 2;
    s.publish_numbers(1, 1);
    worker w = s.start([](const event&, const attempt&) { return retry; });
    wait_until([&] { return w.stats().dead == 1 && s.letters().size() == 1 && has(s.letters()[0], "dead 2"); });
    s.requeue_all();
    wait_until([&] { return w.stats().dead == 2; });
    CHECK(end_of(w) == "");
    CHECK(s.given() == lines{"1", "1 #2", "1 requeued", "1 #2 requeued"});
    CHECK(has(s.letters().at(0), "1 dead 2"));
}

TEST_CASE("letters: what an operator drops while it waits is not tried again") {
    stage s;
    s.how.retry.first_delay = s.how.retry.max_delay = 1h;
    s.publish_numbers(1, 1);
    worker w = s.start([](const event&, const attempt&) { return retry; });
    wait_until([&] { return w.stats().waiting == 1 && !s.letters().empty(); });
    {
        letters::journal j = letters::journal::open(log::posix(), {s.log_dir()}, "billing", {.bus = s.on.id()});
        letters::story gone = j.open_letters().begin()->second;
        gone.state = letters::letter_state::dropped;
        REQUIRE(j.change(gone) == 0);
        REQUIRE(j.write() == 0);
        REQUIRE(j.sync() == 0);
    }
    wait_until([&] { return w.stats().waiting == 0; });
    CHECK(end_of(w) == "");
    CHECK(s.given() == lines{"1"});
}

TEST_CASE("letters: no room for another dead one ends the worker, its cursor before the event; nothing is lost") {
    stage s;
    s.publish("n", wide(1, 6));
    {
        worker w(s.on, small_rooms(s.how), s.handler([](const event&, const attempt&) { return dead("broken"); }));
        const std::string end = join(w);
        CHECK(has(end, "no room for dead letters: keep letters of billing: "));
        CHECK(has(end, "bytes of 500 that they may; look at them with `evlog dead-letters`, requeue or drop some, or allow more"));
    }
    const std::size_t kept = s.letters().size();
    CHECK(kept >= 1);
    CHECK(kept < 6);
    CHECK(s.saved().place.next == kept + 1);
    CHECK(s.saved().notes.may_repeat == 1); // it was given to the handler
    s.forget();
    {
        worker w(s.on, small_rooms(s.how), s.handler([](const event&, const attempt&) { return dead("broken"); }));
        CHECK(has(join(w), "no room for dead letters"));
    }
    CHECK(s.given().size() == 1);
    CHECK(has(s.given()[0], " repeat?"));
    s.forget();
    worker w = s.start();
    s.until(6 - kept);
    CHECK(end_of(w) == "");
    CHECK(s.letters().size() == kept);
}

TEST_CASE("letters: no room for a dead one that waited so far ends it too, and it waits on") {
    stage s;
    s.how.retry.attempts = 2;
    s.publish("n", wide(1, 6));
    {
        worker w(s.on, small_rooms(s.how), s.handler([](const event&, const attempt&) { return retry("broken"); }));
        CHECK(has(join(w), "no room for dead letters"));
    }
    const lines all = s.letters();
    const auto waiting = std::count_if(all.begin(), all.end(), [](const std::string& l) { return has(l, " waiting "); });
    CHECK(waiting >= 1);
    CHECK(all.size() + (6 - (s.saved().place.next - 1)) == 6);
    CHECK(!s.saved().notes.unsure_letters); // its handler said that it did not do it
}

TEST_CASE("letters: while those that wait take all the room they may, it reads no further") {
    stage s;
    s.how.max_waiting_bytes = 500;
    s.how.retry.attempts = 1000;
    s.publish("n", wide(1, 20));
    std::atomic<pressure> pressed{pressure::normal};
    s.how.on_pressure = [&](const pressure_change& c) { pressed = c.state; };
    std::atomic<bool> mended{false};
    worker w = s.start([&](const event& e, const attempt& a) { return mended || (e.seq() > 1 && a.number == 1000) ? next : retry; });
    wait_until([&] { return w.stats().retries > 50; });
    const std::uint64_t waiting = w.stats().waiting;
    CHECK(waiting >= 1);
    CHECK(waiting < 6);
    CHECK(w.stats().next == waiting + 1);
    wait_until([&] { return pressed == pressure::suspended; });
    mended = true;
    wait_until([&] { return w.stats().handled == 20 && pressed == pressure::normal; });
    CHECK(end_of(w) == "");
    CHECK(s.letters().empty());
}

TEST_CASE("letters: a journal that ends before what the cursor remembers is refused") {
    stage s;
    s.publish_numbers(1, 1);
    {
        worker w = s.start([](const event&, const attempt&) { return dead; });
        wait_until([&] { return w.stats().dead == 1; });
        CHECK(end_of(w) == "");
    }
    CHECK(s.saved().notes.letters != no_seq);
    fs::remove_all(log::log_dir{s.log_dir()}.dead_letters());
    try {
        worker w = s.start();
        FAIL("it started");
    } catch (const error& e) {
        CHECK(has(words_of(e), "damaged: start worker billing: " + s.log_dir() + "/dead-letters/billing: it ends at 0, and the cursor remembers letters up to"));
        CHECK(has(words_of(e), "put the directory back"));
        CHECK(!fs::exists(log::log_dir{s.log_dir()}.dead_letters())); // nothing stands in its way
    }
}

TEST_CASE("letters: of another bus, they are refused") {
    stage s, other;
    other.publish_numbers(1, 1);
    {
        worker w = other.start([](const event&, const attempt&) { return dead; });
        wait_until([&] { return w.stats().dead == 1; });
        CHECK(end_of(w) == "");
    }
    fs::create_directories(log::log_dir{s.log_dir()}.dead_letters());
    fs::copy(log::log_dir{other.log_dir()}.dead_letters(), log::log_dir{s.log_dir()}.dead_letters(), fs::copy_options::recursive);
    CHECK_THROWS_AS((void)s.start(), error);
}

TEST_CASE("letters: a cursor that is reset has everything behind its place handled once more, also what was a letter; open ones are not doubled") {
    stage s;
    s.how.retry.attempts = 2;
    s.how.retry.first_delay = 1ms;
    s.publish_numbers(1, 4);
    {
        worker w = s.start([](const event& e, const attempt& a) {
            return e.text() == "2" && a.number == 1 ? retry("not now") : e.text() == "3" ? dead("broken") : outcome(next);
        });
        wait_until([&] { return w.stats().handled == 3 && w.stats().dead == 1; });
        CHECK(end_of(w) == "");
    }
    CHECK(s.given().size() == 5);
    s.send_back_to(1);
    worker w = s.start([](const event&, const attempt&) { return outcome(next); });
    s.until(8);
    CHECK(end_of(w) == "");
    const lines all = s.given();
    CHECK(lines(all.begin() + 5, all.end()) == lines{"1", "2", "4"}); // 3 is a dead letter still
    CHECK(s.letters().size() == 1);
}

TEST_CASE("letters: a clock that was set back makes none wait longer than the longest delay") {
    stage s;
    s.how.retry.attempts = 1000;
    s.publish_numbers(1, 1);
    {
        worker w = s.start([](const event&, const attempt&) { return retry; });
        s.until(1);
        CHECK(end_of(w) == "");
    }
    {
        letters::journal j = letters::journal::open(log::posix(), {s.log_dir()}, "billing", {.bus = s.on.id()});
        letters::story late = j.open_letters().at(1);
        late.due_ns = INT64_MAX;
        REQUIRE(j.change(late) == 0);
        REQUIRE(j.write() == 0);
        REQUIRE(j.sync() == 0);
    }
    s.forget();
    worker w = s.start();
    s.until(1);
    CHECK(end_of(w) == "");
    CHECK(s.letters().empty());
}
