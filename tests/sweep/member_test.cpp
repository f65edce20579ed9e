// Members that come and go: publishers that join and leave, and the heir of a dead publisher's number.
#include "tests/sweep/world.hpp"

using namespace sweep_test;

namespace {

const role comes_and_goes{.name = "publisher that joins and leaves",
                          .life = [](const std::string& name, const shared_page& page) {
                              for (int life = 0; life < 3; ++life) {
                                  publisher pen(bus::open(name), {.name = "victim"});
                                  publish_on_page(pen, page, author_victim, 2, small_size);
                              }
                              return 0;
                          }};
bool is_membership(probe p) {
    return (p >= probe::join_locked && p <= probe::left) || p == probe::attach_opened || p == probe::attach_mapped;
}

/// Dies with an event half sent and a second claim unfinished, while nobody looks.
void leave_dead_claims(world& w) {
    w.go_on(4);
    w.other.emplace(w.other_page, strike{probe::fragment_sent, fault::killed}, [&] {
        publisher pen(bus::open(w.t.name()), {.name = "dead"});
        const auto at = ring::attachment::open(w.t.name(), ring::access::read_write);
        ring::claimer second(*at, pen.number()); // a second pen under the same number
        if (second.claim() != ring::claim_status::claimed) return 2;
        publish_on_page(pen, w.other_page, author_other, 1, large_size);
        return 1;
    });
    while (w.other->runs()) ::sched_yield();
    ++w.deaths;
    w.a.publish(true);
    w.b.publish(true);
}

const role heir{.name = "heir of a dead publisher's number",
                .life =
                    [](const std::string& name, const shared_page& page) {
                        publisher pen(bus::open(name), {.name = "victim"});
                        publish_on_page(pen, page, author_victim, 2, small_size);
                        return 0;
                    },
                .frames = 3,
                .before = leave_dead_claims,
                .meanwhile = [](world&, const victim&) { ::sched_yield(); }};

} // namespace

TEST_CASE("sweep: a publisher that joins and leaves, killed and stopped at each step of it") {
    sweep(comes_and_goes, all_faults, is_membership);
}

TEST_CASE("sweep: the heir of a dead publisher's number, killed and stopped while it clears the dead one's slots") {
    sweep(heir, all_faults, is_membership);
}

TEST_CASE("sweep: reached all that the document says") {
    CHECK(promised_but_not_reached("sweep_member") == std::vector<std::string>{});
}
