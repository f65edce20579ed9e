// Readers that are killed and stopped at each probe: asleep and awake, and one that may not write.
#include "tests/sweep/world.hpp"

using namespace sweep_test;
using namespace std::chrono_literals;

namespace {

/// Reads until it has seen `events`; says with its exit code what it did not like.
int read_some(const bus& on, const shared_page& page, std::uint64_t events) {
    test_reader r(on, {.from = from::oldest(), .spin = 0ns, .name = "victim"});
    bool whole = true;
    seq_t last = no_seq;
    while (r.sub.losses().events < events) {
        (void)r.sub.wait(1s);
        r.sub.poll([&](const event& e) {
            std::uint32_t who = 0, n = 0;
            whole = whole && self_checking::read(e.text(), who, n) && e.seq() > last;
            last = e.seq();
        });
        page->note[0].store(r.sub.losses().events);
    }
    return !whole ? 2 : !r.law_holds() ? 3 : 0;
}

const role sleeper{
    .name = "reader that sleeps",
    .life = [](const std::string& name, const shared_page& page) { return read_some(bus::open(name), page, 12); },
    .publishes = false,
    .meanwhile =
        [](world& w, const victim& v) {
            const bool flagged = w.t.at().ctl().data_bell.sleepers.load() != 0;
            if (flagged && v.sleeps())
                w.step(); // one event of each for each sleep
            else
                ::sched_yield();
        }};

/// A publisher that dies in mid-write is the other process of the scene.
void leave_a_dead_claim(world& w) {
    w.go_on(4);
    w.other.emplace(w.other_page, strike{probe::claim_done, fault::killed}, [&] {
        publisher pen(bus::open(w.t.name()), {.name = "dead"});
        publish_on_page(pen, w.other_page, author_other, 1, small_size);
        return 1;
    });
    while (w.other->runs()) ::sched_yield();
    ++w.deaths;
    w.a.publish(true); // later seqs, which nobody of this process looks at
    w.b.publish(true);
}

const role observer{
    .name = "reader that may not write, at a dead owner's slot",
    .life = [](const std::string& name, const shared_page& page) { return read_some(bus::observe(name), page, 6); },
    .publishes = false,
    .before = leave_a_dead_claim,
    .meanwhile = [](world&, const victim&) { ::sched_yield(); }};

} // namespace

TEST_CASE("sweep: a reader that sleeps, killed and stopped at each probe") { sweep(sleeper); }

TEST_CASE("sweep: a reader without write permission proves a void, killed and stopped at each probe") {
    sweep(observer);
}

TEST_CASE("sweep: reached all that the document says") {
    CHECK(promised_but_not_reached("sweep_read") == std::vector<std::string>{});
}
