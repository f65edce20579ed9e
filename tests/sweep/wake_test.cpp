// Publishers that wake and that wait: the doorbell with a reader asleep, and the recorder's pace.
#include "tests/sweep/world.hpp"

using namespace sweep_test;
using namespace std::chrono_literals;

namespace {

/// A real sleeper beside the witnesses, who must get everything, whoever dies while waking it.
void put_a_reader_to_sleep(world& w) {
    w.other.emplace(w.page, std::nullopt, [&] {
        probe_test::mine.hits = nullptr; // not the victim's
        test_reader r(bus::open(w.t.name()), {.from = from::oldest(), .spin = 0ns, .name = "sleeper"});
        while (w.page->note[1].load() == 0) {
            (void)r.sub.wait(10s);
            r.sub.poll([](const event&) {});
            w.page->note[0].store(r.sub.next());
        }
        return r.law_holds() ? 0 : 3;
    });
}
void wait_for_sleep(const ring::attachment& at) {
    wait_until([&] { return at.ctl().data_bell.sleepers.load() >= first_reader_no; });
}
void wake_it_for_good(world& w) {
    w.go_on(4);
    const seq_t head = ring::find_head(w.t.at());
    wait_until([&] { return w.page->note[0].load() >= head; }); // the sleeper has all, without another event
    w.page->note[1].store(1);
    while (w.other->runs()) w.step();
    w.wrong.same(w.other->code(), 0, "the exit code of the sleeper");
    w.go_on(2);
}

const role waker{.name = "publisher that wakes a reader",
                 .life =
                     [](const std::string& name, const shared_page& page) {
                         const auto at = ring::attachment::open(name, ring::access::read_only);
                         publisher pen(bus::open(name), {.name = "victim"});
                         publish_on_page(pen, page, author_victim, 4, small_size, [&] { wait_for_sleep(*at); });
                         return 0;
                     },
                 .before = put_a_reader_to_sleep,
                 .meanwhile =
                     [](world& w, const victim&) {
                         w.look();
                         ::sched_yield();
                     },
                 .struck =
                     [](world& w, const strike& at) {
                         // Cleared before somebody was woken it would cost the sleeper its wake-up.
                         if (at.at == probe::bell_answered || at.at == probe::bell_counted)
                             w.wrong.expect(w.t.at().ctl().data_bell.sleepers.load() != 0,
                                            "nobody can see that a reader sleeps");
                     },
                 .after = wake_it_for_good};
bool is_of_the_bell(probe p) { return p >= probe::bell_answered && p <= probe::bell_done; }

int publish_ten(const std::string& name, const shared_page& page) {
    publisher pen(bus::open(name), {.name = "victim"});
    publish_on_page(pen, page, author_victim, 10, small_size);
    return 0;
}

/// A ring that is full but for four slots, and a recorder that moves when the victim sleeps for it.
role waits_for_pace(ring::pacing_mode mode) {
    return {.name = mode == ring::pacing_mode::paced ? "paced publisher that waits" : "strict publisher that waits",
            .life = publish_ten,
            .shape = {.pacing = mode, .stall_limit_ns = 3'600'000'000'000},
            .before =
                [](world& w) {
                    w.recorder.emplace(w.t);
                    w.go_round(30);
                    for (int i = 0; i < 30; ++i) w.a.publish(false);
                },
            .meanwhile =
                [](world& w, const victim& v) {
                    const bool flagged = w.t.at().ctl().frontier_bell.sleepers.load() != 0;
                    if (w.page->told.load() == 10 || (flagged && v.sleeps()))
                        w.look();
                    else
                        ::sched_yield();
                }};
}

/// The recorder died with the ring full: the victim is the first who must wait, and gives the verdict.
const role gives_verdict{.name = "paced publisher that gives the verdict",
                         .life = publish_ten,
                         .shape = {.pacing = ring::pacing_mode::paced, .stall_limit_ns = 3'600'000'000'000},
                         .before =
                             [](world& w) {
                                 fake_recorder dying(w.t);
                                 for (int i = 0; i < 64; ++i) w.a.publish(false);
                                 while (w.member.look() + w.looker.look() != 0) {
                                 }
                             },
                         .meanwhile =
                             [](world& w, const victim&) {
                                 w.look();
                                 ::sched_yield();
                             }};

} // namespace

TEST_CASE("sweep: a publisher that wakes a sleeping reader, killed and stopped at each step of the bell") {
    sweep(waker, all_faults, is_of_the_bell);
}

TEST_CASE("sweep: a publisher that waits for the recorder's pace, killed and stopped at each probe") {
    sweep(waits_for_pace(ring::pacing_mode::paced));
    if (!is_short()) sweep(waits_for_pace(ring::pacing_mode::strict));
}

TEST_CASE("sweep: a publisher that gives the verdict on a dead recorder, killed and stopped at each step of it") {
    sweep(gives_verdict, all_faults,
          [](probe p) { return p == probe::verdict_chosen || p == probe::verdict_given || p == probe::claim_done; });
}

TEST_CASE("sweep: reached all that the document says") {
    CHECK(promised_but_not_reached("sweep_wake") == std::vector<std::string>{});
}
