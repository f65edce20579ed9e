// The ring is closed again and again in mid-stream: by evctl, by the library, and by somebody who deletes its
// files. Who publishes is told and opens anew, who reads is told and opens anew, the recorder and evtail -f
// go on with the next ring, and every event that was told published is there, once, in order.
#include "process_fixture.hpp"

#include <evbus/ring/retire.hpp>
#include <evbus/subscriber.hpp>

#include <sstream>
#include <thread>

using namespace process_test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t stop_field = 0, retired_field = 20; ///< beside those of the authors
constexpr std::uint64_t slots = 256;

bus_options shape() { return {.slots = slots, .pacing = pacing::strict}; }

/// Publishes 1, 2, 3, ... over as many rings as it takes. What was refused is published again on the next.
child publishing_over_rings(const world& w, const board& b, std::size_t who, std::size_t longest, unsigned rest_us = 0) {
    return child([&w, &b, who, longest, rest_us] {
        const topic to("who." + std::to_string(who));
        std::uint64_t n = 0;
        while (b[stop_field].load() == 0) {
            try {
                publisher pen(w.bus(), {.name = "author-" + std::to_string(who)});
                published p{publish_status::published};
                while (b[stop_field].load() == 0) {
                    // Timed, so that it ends with the test, although no recorder may come any more.
                    p = pen.publish_for(100ms, to, payload_of(static_cast<std::uint32_t>(who), n + 1, longest));
                    if (p) b[who].store(++n);
                    else if (p.status != publish_status::timed_out) break;
                    if (rest_us != 0) ::usleep(rest_us);
                }
                if (p.status == publish_status::retired) b[retired_field + who].fetch_add(1);
                else if (!p && p.status != publish_status::timed_out) return 1;
            } catch (const error& e) {
                // Retired between opening and joining it; or its creator waits for the recorder to let go.
                if (e.kind() != errc::retired && e.kind() != errc::not_found && e.kind() != errc::busy) throw;
            }
        }
        return 0;
    });
}

/// Reads on from ring to ring, each time from where it was told that the ring ends.
template <class Reader, class Poll>
void read_over_rings(const world& w, const std::atomic<bool>& stop, std::uint64_t& told, Poll&& poll) {
    seq_t next = 1;
    while (!stop.load()) {
        try {
            const bus on = bus::open(w.name());
            if (on.is_retired()) {
                ::usleep(500);
                continue;
            }
            Reader r(on, {.from = from::seq(next)});
            while (!poll(r) && !stop.load()) (void)r.wait(50ms);
            next = r.next();
            if (poll(r)) ++told;
        } catch (const error& e) {
            if (e.kind() != errc::not_found && e.kind() != errc::retired) throw;
            ::usleep(500);
        }
    }
}

enum class way : std::uint8_t { evctl, library, by_hand };

void end_ring(const world& w, way how) {
    switch (how) {
    case way::evctl: {
        const support::finished f = support::run({support::tool("evctl"), "remove", w.name(), "--force"});
        INFO(f.err);
        CHECK(f.code == 0);
        break;
    }
    case way::library: {
        const auto at = ring::attachment::open(w.name(), ring::access::read_write);
        CHECK(ring::retire(*at, 60s) != no_seq);
        CHECK(ring::unlink_closed(w.name(), at->description().epoch()));
        break;
    }
    case way::by_hand: w.unlink_ring(); break;
    }
}

/// Ends `rings` rings of a world in use; after each, everybody goes on by `progress` events.
void end_rings(const world& w, const board& b, std::size_t authors, int rings, std::uint64_t progress) {
    const auto all_go_on = [&] {
        for (std::size_t who = 1; who <= authors; ++who) b.wait_for(who, b[who].load() + progress);
    };
    all_go_on();
    for (int i = 0; i < rings; ++i) {
        const epoch_t before = bus::open(w.name()).epoch();
        end_ring(w, static_cast<way>(i % 3));
        wait_until([&] {
            try {
                return bus::open(w.name()).epoch() != before;
            } catch (const error&) {
                return false;
            }
        });
        all_go_on();
    }
}

bool only_lost_rings(const ledger& l) {
    return std::all_of(l.gaps.begin(), l.gaps.end(), [](const std::string& g) { return g.ends_with("ring lost"); });
}

} // namespace

TEST_CASE("retire: rings are closed under full load, again and again; all that was told published is there, once, in order") {
    constexpr std::size_t authors = 3;
    const int rings = rounds(12, 4);
    world w(shape());
    (void)w.bus();
    evrecord recorder(w);
    const board b;
    std::vector<child> pens;
    for (std::size_t who = 1; who <= authors; ++who) pens.push_back(publishing_over_rings(w, b, who, 40));

    std::atomic<bool> stop{false};
    ledger consumed[2]{ledger(40), ledger(40)}, seen[2]{ledger(40), ledger(40)};
    std::uint64_t told[4]{};
    std::vector<std::thread> readers;
    for (int i = 0; i < 2; ++i) {
        readers.emplace_back([&, i] {
            read_over_rings<consumer>(w, stop, told[i], [&](consumer& c) {
                consume_status s = consume_status::delivered;
                while (s == consume_status::delivered)
                    s = c.poll([&](const event& e) { consumed[i].event(e); }, [&](const gap& g) { consumed[i].gap(g); });
                CHECK(s != consume_status::log_failed);
                return s == consume_status::retired;
            });
        });
        readers.emplace_back([&, i] {
            read_over_rings<subscriber>(w, stop, told[2 + i], [&](subscriber& s) {
                while (s.poll([&](const event& e) { seen[i].event(e); }) != 0 && !stop.load()) {}
                return s.retired();
            });
        });
    }
    end_rings(w, b, authors, rings, 500);
    b[stop_field].store(1);
    for (child& c : pens) CHECK(c.wait() == 0);
    const bus last = bus::open(w.name());
    CHECK(last.wait_written(last.head() - 1, ages));
    const std::map<std::uint32_t, std::uint64_t> all{{1, b[1].load()}, {2, b[2].load()}, {3, b[3].load()}};
    const auto has_all = [&](const ledger& l) { return l.last_of == all; };
    wait_until([&] { return consumed[0].events >= b[1] + b[2] + b[3] && consumed[1].events >= b[1] + b[2] + b[3]; });
    stop.store(true);
    for (std::thread& t : readers) t.join();
    CHECK(recorder.end().code == 0);

    for (const ledger* l : {&consumed[0], &consumed[1]}) {
        INFO(l->text());
        CHECK(l->faults.empty());
        CHECK(l->missing == 0);
        CHECK(has_all(*l));
        CHECK(only_lost_rings(*l));
    }
    for (const ledger* l : {&seen[0], &seen[1]}) {
        INFO(l->text());
        CHECK(l->faults.empty()); // whatever it missed it was lapped
        CHECK(l->events > 0);
    }
    const ledger kept = w.whole_log(40);
    INFO(kept.text());
    CHECK(kept.faults.empty());
    CHECK(kept.missing == 0);
    CHECK(has_all(kept));
    CHECK(only_lost_rings(kept));
    for (std::size_t who = 1; who <= authors; ++who) CHECK(b[retired_field + who].load() >= 1);
    for (const std::uint64_t n : told) CHECK(n >= 1);
}

TEST_CASE("retire: evtail -f follows over every end of a ring, and shows each event once, in order") {
    const int rings = rounds(6, 3);
    world w(shape());
    (void)w.bus();
    evrecord recorder(w);
    const board b;
    support::process tail({support::tool("evtail"), w.name(), "-f", "--from", "begin", "-F", "%p\\n"});
    child pen = publishing_over_rings(w, b, 1, 0, 200);
    end_rings(w, b, 1, rings, 100);
    b[stop_field].store(1);
    CHECK(pen.wait() == 0);
    const std::uint64_t count = b[1].load();
    tail.wait_for_out(payload_of(1, count, 0) + "\n");
    tail.signal(SIGINT);
    const support::finished f = tail.wait();
    CHECK(recorder.end().code == 0);
    std::istringstream text(f.out);
    std::uint64_t n = 0, wrong = 0;
    for (std::string line; std::getline(text, line);) {
        if (line != payload_of(1, ++n, 0)) ++wrong;
    }
    CHECK(wrong == 0);
    CHECK(n == count);
    INFO(f.err);
    CHECK(f.err.find("created anew") != std::string::npos);
}

TEST_CASE("retire: evrecord refuses a ring that is behind its log, says what to do, and that helps") {
    world w({.slots = 64, .pacing = pacing::paced});
    const bus before = w.bus();
    author(before, 1).publish(50);
    CHECK(record_all(before).state == recorder_state::ended);
    w.unlink_ring();
    // A ring that a restored copy of the log, or somebody's hand, has put in the place of the right one.
    ring::creation c;
    c.name = w.name();
    c.slots = 64;
    c.slot_bytes = 128;
    c.id = before.id();
    c.epoch = before.epoch();
    c.first_seq = 1;
    c.log_dir = w.log_dir();
    c.pacing = pacing::paced;
    REQUIRE(ring::create_ring(c));
    author(bus::open(w.name()), 2).publish(5);
    const support::finished f = support::run({support::tool("evrecord"), w.name()});
    CHECK(f.code == 2);
    CHECK(f.err.find("the log goes up to seq 50, but the ring's head is only 6") != std::string::npos);
    const std::string way_out = "evctl remove " + w.name() + " --force";
    CHECK(f.err.find(way_out) != std::string::npos);
    CHECK(w.whole_log().all_of({{1, 50}})); // nothing was written over it
    CHECK(support::run({support::tool("evctl"), "remove", w.name(), "--force"}).code == 0);
    const bus after = w.bus();
    CHECK(after.first_seq() > 50);
    evrecord recorder(w);
    author pen(after, 3);
    pen.publish(5);
    CHECK(after.wait_written(pen.last(), ages));
    CHECK(recorder.end().code == 0);
}
