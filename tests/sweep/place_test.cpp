// Publishers of batches, and of events that are written in place: killed and stopped at each probe, and
// given back while the place is open.
#include "tests/sweep/world.hpp"

using namespace sweep_test;

namespace {

/// Five batches of three events, one of which is larger than a slot.
int publish_batches(const std::string& name, const shared_page& page) {
    publisher pen(bus::open(name), {.name = "victim"});
    const topic to("w." + std::to_string(author_victim));
    for (std::uint32_t n = 0; n < 15; n += 3) {
        std::vector<std::string> texts;
        for (std::uint32_t k = n; k < n + 3; ++k)
            texts.push_back(self_checking::make(author_victim, k, k == 7 ? large_size(k) : small_size(k)));
        std::vector<outgoing> events;
        for (const std::string& text : texts) events.emplace_back(to, std::string_view(text));
        page->started.store(n + 3);
        const published_batch r = pen.publish_batch(events);
        page->given_back.store(pen.given_back());
        if (!r || r.count != 3) return 2;
        page->seq[n + 2].store(r.last);
        page->told.fetch_add(3);
    }
    return 0;
}
/// Of a batch only the last seq is told: what came before it must have been given all the same.
void all_told_was_given(world& w) {
    w.go_on(2);
    if (!w.member.gaps().empty()) return;
    const auto told = static_cast<std::uint32_t>(w.page->told.load());
    for (std::uint32_t n = 0; n < told; ++n)
        w.wrong.expect(w.member.was_given(author_victim, n),
                       "event " + std::to_string(n) + " of a batch was told and did not come");
}

/// Commits, abandons and drops what it opened, in turn.
int write_in_place(const std::string& name, const shared_page& page) {
    publisher pen(bus::open(name), {.name = "victim"});
    const topic to("w." + std::to_string(author_victim));
    for (std::uint32_t n = 0; n < 6; ++n) {
        const std::string text = self_checking::make(author_victim, n, small_size(n));
        {
            slot_writer in = pen.claim(to, text.size());
            if (!in.put(std::string_view(text).substr(0, 5)) || !in.put(std::string_view(text).substr(5))) return 2;
            page->started.store(n + 1);
            const published r = in.commit();
            page->given_back.store(pen.given_back());
            if (!r) return 3;
            page->seq[n].store(r.seq);
            page->told.fetch_add(1);
        }
        slot_writer out = pen.claim(to, 8);
        if (!out.put("nothing")) return 4;
        if (n % 2 == 0) out.abandon();
        // else it is dropped here
    }
    return 0;
}

const role batches{.name = "publisher of batches", .life = publish_batches, .frames = 6, .after = all_told_was_given};
const role in_place{
    .name = "publisher that writes in place", .life = write_in_place, .frames = 8, .after = [](world& w) {
        w.deaths += 2;
    }}; // what is abandoned after others stepped over it, ctl alone counts
/// Others need the slot while it is open.
const role given_back_open{.name = "publisher that was stepped over while its place was open",
                           .life = write_in_place,
                           .frames = 8,
                           .pause = strike{probe::place_opened, fault::stopped, 2},
                           .after = [](world& w) { w.deaths += 2; }};

} // namespace

TEST_CASE("sweep: a publisher of batches, killed and stopped at each probe") {
    sweep(batches, all_faults, is_publishing);
}

TEST_CASE("sweep: a publisher that writes in place, killed and stopped at each probe") {
    sweep(in_place, all_faults, is_publishing);
}

TEST_CASE("sweep: a place that was stepped over while it was open is given back and published again, killed and "
          "stopped at each probe") {
    sweep(given_back_open, all_faults, [](probe p) {
        return p == probe::give_back_chosen || p == probe::give_back_done || p == probe::frame_stored ||
               p == probe::claim_done;
    });
}

TEST_CASE("sweep: reached all that the document says") {
    CHECK(promised_but_not_reached("sweep_place") == std::vector<std::string>{});
}
