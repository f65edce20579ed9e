// A consumer's descriptor: readable whenever ring or log have something for it, however often it turns.
#include "recorder_fixture.hpp"

#include "tests/support/event_loop.hpp"

#include <evbus/ring/retire.hpp>

#include <atomic>
#include <chrono>
#include <thread>

using namespace recorder_test;
using support::event_loop;
using support::is_readable;
using support::until_readable;

namespace {

/// A recorder that holds its lock and does nothing, as one in recovery or stopped; its frontier is moved by hand.
class still_recorder {
public:
    explicit still_recorder(const bus& on) : at_(on.attach(ring::access::read_only)) {
        lock_ = ring::held_byte::try_take(at_->ctl_name(), ring::recorder_lock_byte);
        REQUIRE(lock_);
    }
    void says_written(seq_t last) {
        at_->ctl().frontier.written.store(last, std::memory_order_release);
        ring::doorbell(at_->ctl().frontier_bell).ring(static_cast<member_no>(8000));
    }
    void die() { lock_ = ring::held_byte(); }

private:
    std::shared_ptr<ring::attachment> at_;
    ring::held_byte lock_;
};

consume_status poll_once(consumer& c, ledger& l, const poll_limits& limits = {}) {
    return c.poll([&](const event& e) { l.event(e); }, [&](const gap& g) { l.gap(g); }, limits);
}
/// Polls until its descriptor is unreadable; the status of the last poll.
consume_status poll_all(consumer& c, ledger& l) {
    consume_status s;
    do s = poll_once(c, l);
    while (is_readable(c.fd()));
    return s;
}

} // namespace

TEST_CASE("consumer fd: who polls only when told gets everything once and in order, over many turns between ring and log") {
    const std::uint64_t count = rounds<std::uint64_t>(60'000, 10'000);
    world w({.slots = 64, .pacing = pacing::strict});
    const bus on = w.bus();
    recorder_thread recorder(on);
    consumer c(on, {.from = from::seq(1)});
    std::atomic<bool> written = false;
    std::thread writes([&] {
        author pen(on, 1);
        std::uint64_t dice = 88172645463325252u;
        while (pen.count() < count) { // single events, bursts, and rests in which the reader catches up
            dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
            pen.publish(std::min(dice % 4 == 0 ? dice % 300 : 1, count - pen.count()));
            if (dice % 8 == 0) std::this_thread::sleep_for(std::chrono::microseconds(dice % 500));
        }
        written = true;
    });
    const event_loop loop({c.fd()});
    ledger l;
    std::uint64_t polls = 0;
    while (l.events < count) {
        REQUIRE(loop.wait() == c.fd());
        // Now and then it rests until it is lapped, however fast this machine reads.
        while (polls % 50 == 7 && !written && c.lag().events <= 64) std::this_thread::yield();
        const consume_status s = poll_once(c, l, {.max_events = ++polls % 5 == 0 ? 1u : 256u});
        REQUIRE(s != consume_status::log_failed);
    }
    writes.join();
    INFO(l.text());
    CHECK(l.all_of({{1, count}}));
    CHECK(l.events == count);
    CHECK(c.turns() > 0);
    CHECK(adds_up(c, 1));
    poll_all(c, l);
    CHECK(poll_once(c, l) == consume_status::caught_up);
    author pen(on, 2); // and live again
    pen.publish(1);
    REQUIRE(loop.wait() == c.fd());
    CHECK(poll_all(c, l) == consume_status::delivered);
    CHECK(l.events == count + 1);
    CHECK_FALSE(is_readable(c.fd()));
}

TEST_CASE("consumer fd: behind a recorder that stands still it is unreadable, until that one moves or dies") {
    world w({.slots = 64, .pacing = pacing::overwrite});
    const bus on = w.bus();
    author pen(on, 1);
    still_recorder recorder(on);
    pen.publish(200);
    consumer c(on, {.from = from::seq(1)});
    ledger l;
    const int fd = c.fd();
    CHECK(is_readable(fd)); // there is the log to be asked
    CHECK(poll_once(c, l) == consume_status::recorder_behind);
    CHECK_FALSE(is_readable(fd));
    SUBCASE("it dies") {}
    SUBCASE("it says that it has written what is not to be found in the log: asked again, with pauses, without an end") {
        recorder.says_written(50);
        for (int i = 0; i < 3; ++i) {
            until_readable(fd);
            const auto asked = std::chrono::steady_clock::now();
            CHECK(poll_once(c, l) == consume_status::recorder_behind);
            until_readable(fd); // by then the pause is over, however long this thread did not run
            CHECK(std::chrono::steady_clock::now() - asked >= std::chrono::milliseconds(19));
        }
    }
    CHECK(l.gaps.empty());
    recorder.die();
    while (c.next() <= 200) {
        until_readable(fd);
        (void)poll_once(c, l);
    }
    INFO(l.text());
    CHECK(l.gaps == lines{"1-136 overwritten"});
    CHECK(l.events == 64);
    CHECK(adds_up(c, 1));
    poll_all(c, l);
    CHECK(poll_once(c, l) == consume_status::caught_up);
    CHECK_FALSE(is_readable(fd));
    pen.publish(1); // what it waits for now is the ring again
    until_readable(fd);
    CHECK(poll_all(c, l) == consume_status::delivered);
}

TEST_CASE("consumer fd: a recorder that comes back and writes what was waited for is noticed") {
    world w({.slots = 64, .pacing = pacing::strict});
    const bus on = w.bus();
    consumer c(on, {.from = from::seq(1)});
    const int fd = c.fd();
    ledger l;
    CHECK_FALSE(is_readable(fd));
    author pen(on, 1);
    {
        recorder_thread recorder(on);
        pen.publish(300);
    }
    while (l.events < 300) {
        until_readable(fd);
        (void)poll_once(c, l);
    }
    INFO(l.text());
    CHECK(l.all_of({{1, 300}}));
    CHECK(c.from_log() > 0);
    poll_all(c, l);
    CHECK_FALSE(is_readable(fd));
}

TEST_CASE("consumer fd: the ring's end makes it readable, for good") {
    world w({.slots = 64});
    const bus on = w.bus();
    consumer c(on, {.from = from::seq(1)});
    const int fd = c.fd();
    author pen(on, 1);
    pen.publish(3);
    ledger l;
    until_readable(fd);
    poll_all(c, l);
    CHECK_FALSE(is_readable(fd));
    REQUIRE(ring::retire(*on.attach(ring::access::read_write), std::chrono::seconds(1)) != no_seq);
    until_readable(fd);
    CHECK(poll_once(c, l) == consume_status::retired);
    CHECK(is_readable(fd));
    CHECK(l.all_of({{1, 3}}));
}

TEST_CASE("consumer fd: on a bus without a log it is told of laps too") {
    world w({.slots = 64, .with_log = false});
    const bus on = w.bus();
    consumer c(on, {.from = from::seq(1)});
    const int fd = c.fd();
    author pen(on, 1);
    pen.publish(200);
    until_readable(fd);
    ledger l;
    poll_all(c, l);
    CHECK(l.gaps.size() == 1);
    CHECK(l.last_of.at(1) == 200);
    CHECK_FALSE(is_readable(fd));
    CHECK(adds_up(c, 1));
}

TEST_CASE("consumer fd: a forked child is refused") {
    world w;
    const bus on = w.bus();
    consumer c(on);
    const int fd = c.fd();
    const pid_t child = ::fork();
    if (child == 0) {
        try {
            (void)c.fd();
        } catch (const error& e) {
            ledger l;
            ::_exit(e.kind() == errc::forked && poll_once(c, l) == consume_status::forked ? 0 : 2);
        }
        ::_exit(1);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    CHECK_FALSE(is_readable(fd));
}
