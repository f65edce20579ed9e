// Publishers that are killed and stopped at each probe of their way: with small events, with large ones,
// while a reader sleeps, and after others have stepped over them.
#include "tests/sweep/world.hpp"

using namespace sweep_test;

namespace {

int publish_some(const std::string& bus_name, const shared_page& page, std::size_t (*size)(std::uint32_t)) {
    publisher pen(bus::open(bus_name), {.name = "victim"});
    publish_on_page(pen, page, author_victim, 8, size);
    return 0;
}

const role small_events{.name = "publisher", .life = [](const std::string& bus_name, const shared_page& page) {
                            return publish_some(bus_name, page, small_size);
                        }};
const role large_events{.name = "publisher of large events",
                        .life = [](const std::string& bus_name,
                                   const shared_page& page) { return publish_some(bus_name, page, large_size); },
                        .frames = 8};
/// Stopped in mid-write and lapped: at its going on it gives the slot back and publishes again.
const role stepped_over{.name = "publisher that was stepped over",
                        .life = [](const std::string& bus_name,
                                   const shared_page& page) { return publish_some(bus_name, page, small_size); },
                        .pause = strike{probe::topic_stored, fault::stopped, 1}};

} // namespace

TEST_CASE("sweep: a publisher of small events, killed and stopped at each probe") {
    sweep(small_events, all_faults, is_publishing);
}

TEST_CASE("sweep: a publisher on a paced bus without a recorder, killed and stopped at each probe") {
    role paced = small_events; // the verdict stands: nobody waits
    paced.name = "publisher, paced, without a recorder";
    paced.shape.pacing = ring::pacing_mode::paced;
    sweep(paced, all_faults, is_publishing);
}

TEST_CASE("sweep: a publisher of large events, killed and stopped at each probe") {
    sweep(large_events, all_faults, is_publishing);
}

TEST_CASE("sweep: a publisher that gives back what others stepped over, killed and stopped at each probe") {
    sweep(stepped_over, all_faults, [](probe p) {
        return p == probe::give_back_chosen || p == probe::give_back_done || p == probe::frame_stored;
    });
}

TEST_CASE("sweep: reached all that the document says") {
    CHECK(promised_but_not_reached("sweep_publish") == std::vector<std::string>{});
}
