// An exclusive bus: its publisher is killed and stopped at each probe, nobody steps over it, a second life
// takes over; and it is closed under a publisher that is at any step, by a closer that is at any step.
#include "tests/sweep/world.hpp"

#include <evbus/ring/retire.hpp>

using namespace sweep_test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t author_first = author_victim, author_second = author_heir;

/// The bus and its readers; there is no second publisher to go on.
struct lonely_world {
    lonely_world() : member(t.bus(), "witness", book, wrong), looker(bus::observe(t.name()), "observer", book, wrong) {
        book.of(author_first).page = &*page;
        book.of(author_second).page = &*second_page;
    }
    void look() {
        member.look();
        looker.look();
    }
    void read_all() {
        const seq_t head = ring::find_head(t.at());
        while ((member.sub.next() < head || looker.sub.next() < head) &&
               !(member.sub.retired() && looker.sub.retired()))
            look();
    }
    /// A second life publishes more than a lap. Every slot comes back.
    void take_over() {
        {
            publisher heir(t.bus(), {.name = "second life"});
            wrong.same(to_u16(heir.number()), 1U, "the number of the second life");
            for (int i = 0; i < 10; ++i) {
                publish_on_page(heir, second_page, author_second, 8, small_size);
                read_all();
            }
        }
        wrong.same(second_page->told.load(), 80U, "events of the second life");
        for (seq_t i = 0; i < 64; ++i)
            wrong.expect(t.word(i).phase() == phase::committed, "slot " + std::to_string(i) + " did not come back");
        wrong.same(t.at().ctl().notices[static_cast<std::size_t>(notice_kind::stalled)].load(), 0U,
                   "slots that were stepped over");
        for (witness_reader* r : {&member, &looker}) r->close_account();
    }
    test_bus t{bus_shape{.exclusive = true}};
    shared_page page, second_page;
    ledger book;
    complaints wrong;
    witness_reader member, looker;
};

int publish_alone(const lonely_world& w, std::uint32_t count) {
    publisher pen(bus::open(w.t.name()), {.name = "victim"});
    publish_on_page(pen, w.page, author_first, count,
                    [](std::uint32_t n) { return n % 3 == 2 ? large_size(n) : small_size(n); });
    if (pen.given_back() != 0) return 2;
    return 0;
}

case_result strike_publisher(const std::optional<strike>& at, std::array<std::uint64_t, probe_count>* hits = nullptr) {
    case_result out;
    lonely_world w;
    victim v(w.page, at, [&] { return publish_alone(w, 6); });
    while (v.runs()) w.look();
    out.struck = v.was_struck();
    if (v.now() == victim::state::stopped) {
        // As long as others would bear it on a shared bus, and longer: its slot stays its own.
        const slot_word before = w.t.word(ring::find_head(w.t.at()) - 1);
        const std::int64_t until = evbus::detail::steady_ns() + 3 * ring::stall_wait_ns;
        while (evbus::detail::steady_ns() < until) w.look();
        w.wrong.expect(w.t.word(ring::find_head(w.t.at()) - 1) == before, "somebody touched a living publisher's slot");
        const bool holds_number = !(at->at < probe::join_locked || at->at == probe::left ||
                                    at->at == probe::attach_opened || at->at == probe::attach_mapped);
        if (holds_number)
            w.wrong.expect(refusal([&] { const publisher second(w.t.bus()); }) == errc::busy,
                           "a second publisher was let in beside a stopped one");
        if (at->what == fault::for_ever)
            v.kill();
        else
            v.go_on();
        while (v.runs()) w.look();
    }
    if (v.now() == victim::state::ended) {
        w.wrong.same(v.code(), 0, "the exit code of who was let live");
        w.wrong.same(w.page->told.load(), 6U, "events that it was told are published");
    }
    w.take_over();
    sweep_table::instance().reached(*w.page);
    if (hits != nullptr)
        for (std::size_t p = 0; p < probe_count; ++p) (*hits)[p] = w.page->hits[p].load();
    out.wrong = w.wrong;
    return out;
}

/// The ring is closed in the end, at one seq for everybody, and what was told lies below it.
void check_closed(lonely_world& w) {
    const seq_t closed = ring::retire(w.t.at(), 100s);
    w.wrong.expect(closed != no_seq, "the ring cannot be closed");
    for (witness_reader* r : {&w.member, &w.looker}) {
        while (!r->sub.retired()) r->look();
        w.wrong.same(r->sub.next(), closed, "where a reader came to rest");
        r->close_account();
    }
    w.book.each_told([&](seq_t seq, std::uint32_t, std::uint32_t) {
        w.wrong.expect(seq < closed, "an event was told beyond the end");
    });
    if (!ring::byte_is_held(w.t.at().test_fd(), 1)) {
        publisher late(w.t.bus());
        w.wrong.expect(late.publish(topic("x"), "y").status == publish_status::retired,
                       "somebody published behind the end");
    }
}

/// Publishes until it is told that the bus is closed.
int publish_to_the_end(const lonely_world& w) {
    publisher pen(bus::open(w.t.name()), {.name = "victim"});
    for (int i = 0; i < 1000; ++i) {
        publish_on_page(pen, w.page, author_first, 1, small_size);
        if (w.page->refused.load() != 0) return 0;
    }
    return 3;
}
int close_it(const lonely_world& w) {
    const auto at = ring::attachment::open(w.t.name(), ring::access::read_write);
    return ring::retire(*at, 100s) == no_seq ? 2 : 0;
}

/// The publisher is struck at `at`, while a closer of a process of its own closes the bus. After its
/// going on it may be struck once more.
complaints close_under(const strike& at, const std::optional<strike>& then = std::nullopt) {
    lonely_world w;
    victim v(
        w.page, then ? then : std::optional(at), [&] { return publish_to_the_end(w); },
        then ? std::optional(at) : std::nullopt);
    while (v.runs()) w.look();
    victim closer(w.second_page, std::nullopt, [&] { return close_it(w); });
    wait_until([&] { return w.t.at().ctl().verdict.closing.load() != 0; });
    while (closer.runs()) w.look(); // it needs nobody's help
    if (at.what == fault::for_ever) v.kill();
    if (v.now() == victim::state::stopped) {
        v.go_on();
        while (v.runs()) w.look();
        if (v.now() == victim::state::stopped) v.kill();
        if (v.now() == victim::state::ended) w.wrong.same(v.code(), 0, "the publisher's exit code");
    }
    w.wrong.same(closer.code(), 0, "the closer's exit code");
    check_closed(w);
    sweep_table::instance().reached(*w.page);
    sweep_table::instance().reached(*w.second_page);
    return w.wrong;
}

/// The closer is struck at `at`; the publisher goes on, and a second closer does what is left to do.
complaints strike_closer(const strike& at) {
    lonely_world w;
    victim closer(w.second_page, at, [&] { return close_it(w); });
    while (closer.runs()) w.look();
    w.wrong.expect(closer.was_struck(), "the closer was not struck");
    victim v(w.page, std::nullopt, [&] { return publish_to_the_end(w); });
    while (v.runs()) w.look();
    w.wrong.same(v.code(), 0, "the exit code of the publisher, which has to be told of the end");
    if (closer.now() == victim::state::stopped) closer.go_on();
    while (closer.runs()) w.look();
    check_closed(w);
    sweep_table::instance().reached(*w.second_page);
    return w.wrong;
}

} // namespace

TEST_CASE("sweep: the publisher of an exclusive bus, killed and stopped at each probe; nobody steps over it, and a "
          "second life takes over") {
    std::array<std::uint64_t, probe_count> hits{};
    const case_result counted = strike_publisher(std::nullopt, &hits);
    CHECK_MESSAGE(counted.wrong.none(), counted.wrong.text());
    for (std::size_t p = 0; p < probe_count; ++p)
        for (const std::uint64_t before : places_among(hits[p]))
            for (const fault f : {fault::killed, fault::stopped, fault::for_ever}) {
                const strike at{static_cast<probe>(p), f, before};
                const case_result seen = strike_publisher(at);
                CHECK_MESSAGE(seen.struck, text_of(at));
                CHECK_MESSAGE(seen.wrong.none(), text_of(at), ":", seen.wrong.text());
                sweep_table::instance().count("exclusive publisher", at.at, to_string(f), seen.wrong.none());
            }
}

TEST_CASE("sweep: an exclusive bus is closed under a publisher that was killed or stopped at any step") {
    for (const probe p : {probe::claim_chosen, probe::claim_done, probe::topic_stored, probe::frame_stored,
                          probe::commit_done, probe::position_stored})
        for (const fault f : {fault::killed, fault::stopped, fault::for_ever}) {
            const strike at{p, f, 3};
            const complaints wrong = close_under(at);
            CHECK_MESSAGE(wrong.none(), text_of(at), ":", wrong.text());
            sweep_table::instance().count("exclusive publisher, while the bus is closed", p, to_string(f),
                                          wrong.none());
        }
}

TEST_CASE("sweep: an exclusive publisher that comes back into a closed bus is struck once more, while it says so") {
    for (const probe p : {probe::close_chosen, probe::close_done})
        for (const fault f : {fault::killed, fault::for_ever}) {
            const strike at{p, f, 0};
            const complaints wrong = close_under({probe::claim_chosen, fault::stopped, 3}, at);
            CHECK_MESSAGE(wrong.none(), text_of(at), ":", wrong.text());
            sweep_table::instance().count("exclusive publisher that comes back into a closed bus", p, to_string(f),
                                          wrong.none());
        }
}

TEST_CASE("sweep: who closes an exclusive bus is killed and stopped at each step") {
    for (const probe p : {probe::close_asked, probe::close_chosen, probe::close_done})
        for (const fault f : {fault::killed, fault::stopped}) {
            const strike at{p, f, 0};
            const complaints wrong = strike_closer(at);
            CHECK_MESSAGE(wrong.none(), text_of(at), ":", wrong.text());
            sweep_table::instance().count("closer of an exclusive bus", p, to_string(f), wrong.none());
        }
}

TEST_CASE("sweep: reached all that the document says") {
    CHECK(promised_but_not_reached("sweep_exclusive") == std::vector<std::string>{});
}
