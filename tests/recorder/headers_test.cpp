// Readers that want events with certain headers: from the ring, from the log, and from one to the other
// in the middle; large events too, whose headers stand in their first frame alone.
#include "recorder_fixture.hpp"

#include <evbus/subscriber.hpp>

using namespace recorder_test;

namespace {

/// Event n belongs to order n % 50; every seventh is larger than a slot.
void publish_orders(publisher& pen, int first, int last) {
    const topic to("orders.changed");
    for (int n = first; n <= last; ++n) {
        const headers h{{header_key::correlation_id, "order-" + std::to_string(n % 50)}};
        const std::string payload = std::to_string(n) + (n % 7 == 0 ? std::string(700, '.') : "");
        REQUIRE(pen.publish(to, payload, {.headers = h}).status == publish_status::published);
    }
}

std::vector<int> numbers_of_order(int order, int first, int last) {
    std::vector<int> out;
    for (int n = first; n <= last; ++n)
        if (n % 50 == order) out.push_back(n);
    return out;
}

} // namespace

TEST_CASE("headers: a consumer gets one order's events from the log and then from the ring, and counts the rest as filtered") {
    world w({.slots = 256});
    const bus on = w.bus();
    recorder_thread recorder(on);
    publisher pen(on);
    int last = 0;
    for (const int order : {7, 33, 49}) {
        CAPTURE(order);
        publish_orders(pen, last + 1, last + 1000);
        last += 1000;
        REQUIRE(on.wait_written(on.head() - 1, ages));
        consumer c(on, {.headers = header_filter().add("correlation-id", "order-" + std::to_string(order)), .from = from::seq(1)});
        std::vector<int> got;
        const auto read_to_head = [&] {
            wait_until([&] {
                static_cast<void>(c.poll([&](const event& e) { got.push_back(std::atoi(std::string(e.text()).c_str())); }));
                return c.next() >= on.head();
            });
        };
        read_to_head();
        CHECK(c.from_log() > 0);
        const std::uint64_t from_log = c.from_log();
        while (c.mode() != consumer_mode::live) static_cast<void>(c.poll([](const event&) {}));
        publish_orders(pen, last + 1, last + 100);
        last += 100;
        read_to_head();
        CHECK(got == numbers_of_order(order, 1, last));
        CHECK(c.from_log() == from_log);
        CHECK(c.account().events == got.size());
        CHECK(c.account().walked() == on.head() - 1);
        CHECK(c.account().lost() == 0);
    }
}

TEST_CASE("headers: a subscriber that begins among a large event's frames misses nothing that it could have") {
    world w({.slots = 256});
    const bus on = w.bus();
    publisher pen(on, {});
    publish_orders(pen, 1, 40);
    for (seq_t start = 1; start < on.head(); ++start) {
        CAPTURE(start);
        subscriber all(on, {.from = from::seq(start)});
        subscriber some(on, {.headers = header_filter().add("correlation-id", "order-14"), .from = from::seq(start)});
        bool there = false;
        while (all.poll([&](const event& e) { there = there || e.text().starts_with("14."); }) != 0) {}
        std::uint64_t found = 0;
        while (some.poll([&](const event& e) { found += e.text().starts_with("14.") ? 1U : 100U; }) != 0) {}
        CHECK(found == (there ? 1U : 0U));
        CHECK(some.losses().walked() == on.head() - start);
        CHECK(some.losses().lost() == 0);
    }
}

TEST_CASE("headers: a key that cannot be is refused") {
    CHECK_THROWS_AS(header_filter().add("", "x"), error);
    CHECK_THROWS_AS(header_filter().add(std::string(256, 'k'), "x"), error);
    CHECK(header_filter().empty());
    CHECK(header_filter().matches(headers_view()));
    const headers twice{{"tag", "a"}, {"tag", "b"}};
    CHECK(header_filter().add("tag", "b").matches(twice));
    CHECK(header_filter().add("tag", "b").add("tag", "a").matches(twice));
    CHECK_FALSE(header_filter().add("tag", "c").matches(twice));
    CHECK_FALSE(header_filter().add("tag", "").matches(twice));
}
