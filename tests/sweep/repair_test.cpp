// Two faults at once: an owner is stopped or killed in mid-write, and who repairs its slot is killed or
// stopped in mid-repair. A third goes on all the same.
#include "tests/sweep/world.hpp"

#include <evbus/ring/retire.hpp>

using namespace sweep_test;
using namespace std::chrono_literals;

namespace {

bool is_repair(probe p) {
    return p == probe::repair_proven || p == probe::reap_done || p == probe::stall_chosen || p == probe::stall_done ||
           p == probe::step_over_chosen || p == probe::step_over_done;
}

/// How the owner of the unfinished slot ends.
enum class owner { dead, killed_at_the_end, goes_on };
const char* to_string(owner o) {
    return o == owner::dead      ? "of a dead owner"
           : o == owner::goes_on ? "of an owner that goes on later"
                                 : "of an owner stopped for ever";
}

void leave_an_owner_in_mid_write(world& w, owner how) {
    w.other.emplace(w.other_page, strike{probe::topic_stored, how == owner::dead ? fault::killed : fault::stopped},
                    [&] {
                        publisher pen(bus::open(w.t.name()), {.name = "owner"});
                        publish_on_page(pen, w.other_page, author_other, 3, small_size);
                        return 0;
                    });
    while (w.other->runs()) ::sched_yield();
    if (how == owner::dead) ++w.deaths;
}
/// The victim is a member already when the owner comes, and starts when the owner is struck.
const auto is_ready = [](const shared_page& page) {
    page->note[0].store(1);
    wait_until([&] { return page->note[1].load() != 0; });
};
std::function<void(world&, const victim&)> owner_comes(owner how, std::uint64_t later_events) {
    return [how, later_events](world& w, const victim&) {
        if (w.page->note[0].load() == 1 && !w.other) {
            leave_an_owner_in_mid_write(w, how);
            for (std::uint64_t i = 0; i < later_events; ++i) w.a.publish(false);
            w.page->note[1].store(1);
        }
        ::sched_yield();
    };
}
std::function<void(world&)> owner_ends(owner how) {
    return [how](world& w) { w.end_other(how != owner::goes_on); };
}

role claimer_a_lap_later(owner how) {
    return {.name = std::string("claimer a lap later, ") + to_string(how),
            .life =
                [](const std::string& name, const shared_page& page) {
                    publisher pen(bus::open(name), {.name = "victim"});
                    is_ready(page);
                    publish_on_page(pen, page, author_victim, 200, small_size);
                    return 0;
                },
            .frames = 5, // its own and, in each lap, the owner's
            .before = [](world& w) { w.go_on(4); },
            .meanwhile = owner_comes(how, 2),
            .after = owner_ends(how)};
}
role waiting_reader(owner how) {
    return {.name = std::string("waiting reader, ") + to_string(how),
            .life =
                [](const std::string& name, const shared_page& page) {
                    test_reader r(bus::open(name), {.from = from::oldest(), .name = "victim"});
                    is_ready(page);
                    while (r.sub.losses().events < 6) {
                        (void)r.sub.wait(1s);
                        r.sub.poll([](const event&) {});
                    }
                    return r.law_holds() ? 0 : 3;
                },
            .publishes = false,
            .frames = 3,
            .before = [](world& w) { w.go_on(4); },
            .meanwhile = owner_comes(how, 2),
            .after = owner_ends(how)};
}
/// The owner's slot is the one that the recorder waits for, and the ring is full.
role paced_publisher(owner how) {
    return {.name = std::string("paced publisher, ") + to_string(how),
            .life =
                [](const std::string& name, const shared_page& page) {
                    publisher pen(bus::open(name), {.name = "victim"});
                    is_ready(page);
                    publish_on_page(pen, page, author_victim, 3, small_size);
                    return 0;
                },
            .shape = {.pacing = ring::pacing_mode::strict},
            .frames = 5,
            .before =
                [](world& w) {
                    w.recorder.emplace(w.t);
                    w.go_round(4);
                    w.page->note[4].store(ring::find_head(w.t.at())); // the owner's seq to be
                },
            .meanwhile =
                [how](world& w, const victim&) {
                    if (w.page->note[0].load() == 1 && !w.other) {
                        leave_an_owner_in_mid_write(w, how);
                        while (w.a.publish(false)) {
                        } // a whole lap, as far as the frontier lets it
                        w.page->note[1].store(1);
                    }
                    const bool repaired = w.other && w.t.word(w.page->note[4].load()).phase() != phase::writing;
                    if (repaired || w.page->told.load() != 0) w.look(); // only now the recorder can move
                    ::sched_yield();
                },
            .after = owner_ends(how)};
}

void sweep_repair(role (*who)(owner)) {
    for (const owner how : {owner::dead, owner::killed_at_the_end, owner::goes_on})
        sweep(who(how), all_faults, is_repair);
}

/// A retirer at the owner's slot. Afterwards the ring is closed for everybody, or lives on and can be closed.
void retire_past(owner how, const std::optional<strike>& at, std::array<std::uint64_t, probe_count>* hits = nullptr) {
    world w;
    leave_an_owner_in_mid_write(w, how);
    while (ring::find_head(w.t.at()) < 65) w.a.publish(true); // the head is the owner's slot, a lap later
    victim v(w.page, at, [&] {
        const auto mine = ring::attachment::open(w.t.name(), ring::access::read_write);
        const seq_t closed = ring::retire(*mine, 100s);
        w.page->note[0].store(closed);
        return closed == no_seq ? 4 : 0;
    });
    while (v.runs()) ::sched_yield();
    std::uint64_t more = 0; // of those who go on: until they are told that the ring is closed
    while (more < 200 && w.b.publish(true)) ++more;
    const bool closed_by_it = w.b.status == publish_status::retired;
    w.wrong.expect(closed_by_it || more == 200, std::string("a witness was told: ") + to_string(w.b.status));
    if (v.now() == victim::state::stopped) {
        if (at && at->what == fault::for_ever)
            v.kill();
        else
            v.go_on();
        while (v.runs()) w.b.publish(true);
    }
    if (v.now() == victim::state::ended) w.wrong.same(v.code(), 0, "the retirer's exit code");
    w.end_other(how != owner::goes_on || w.other->now() == victim::state::killed);
    const seq_t closed = ring::retire(w.t.at(), 100s); // a second retirer finishes what the first began
    w.wrong.expect(closed != no_seq, "the ring cannot be closed");
    if (v.now() == victim::state::ended) w.wrong.same(closed, w.page->note[0].load(), "the closed seq");
    w.wrong.expect(!w.a.publish(true) && w.a.status == publish_status::retired, "a publisher passed the end");
    for (witness_reader* r : {&w.member, &w.looker}) {
        while (!r->sub.retired()) r->look();
        w.wrong.same(r->sub.next(), closed, "where a reader came to rest");
        r->close_account();
    }
    sweep_table::instance().reached(*w.page);
    if (hits != nullptr)
        for (std::size_t p = 0; p < probe_count; ++p) (*hits)[p] = w.page->hits[p].load();
    const std::string name = std::string("retirer, ") + to_string(how);
    CHECK_MESSAGE(w.wrong.none(), name, " ", at ? text_of(*at) : "let alone", ":", w.wrong.text());
    if (!at) return;
    if (at->before == 0) CHECK_MESSAGE(v.now() != victim::state::runs, name);
    sweep_table::instance().count(name, at->at, to_string(at->what), w.wrong.none());
}

} // namespace

TEST_CASE("sweep: a claimer a lap later is killed and stopped while it repairs") { sweep_repair(claimer_a_lap_later); }

TEST_CASE("sweep: a waiting reader is killed and stopped while it repairs") { sweep_repair(waiting_reader); }

TEST_CASE("sweep: a paced publisher is killed and stopped while it repairs") { sweep_repair(paced_publisher); }

TEST_CASE("sweep: a retirer is killed and stopped while it repairs and closes") {
    for (const owner how : {owner::dead, owner::killed_at_the_end, owner::goes_on}) {
        std::array<std::uint64_t, probe_count> hits{};
        retire_past(how, std::nullopt, &hits);
        for (std::size_t p = 0; p < probe_count; ++p)
            for (const std::uint64_t before : places_among(hits[p]))
                for (const fault f : {fault::killed, fault::stopped, fault::for_ever})
                    retire_past(how, strike{static_cast<probe>(p), f, before});
    }
}

TEST_CASE("sweep: reached all that the document says") {
    CHECK(promised_but_not_reached("sweep_repair") == std::vector<std::string>{});
}
