// Where readers may start, and what is refused because it would never come.
#include "tests/ring/ring_fixture.hpp"

using namespace ring_test;

namespace {

std::string refusal(const test_bus& t, const from& where) {
    try {
        const subscriber s(t.bus(), {.from = where});
    } catch (const error& e) {
        CHECK(e.kind() == errc::bad_option);
        return e.what();
    }
    return "accepted";
}

} // namespace

TEST_CASE("start: a time on a bus without stamps is refused, with the way out") {
    const test_bus t({.slots = 64, .stamps = ring::stamp_mode::none});
    CHECK(refusal(t, from::time_ns(1)).find("no publish time; start at a seq") != std::string::npos);
    CHECK(refusal(t, from::oldest()) == "accepted");
}

TEST_CASE("start: a seq that cannot come in a lifetime is refused, one that can is waited for") {
    const test_bus t({.slots = 64});
    CHECK(refusal(t, from::seq(max_seq)).find("far above the head at seq 1") != std::string::npos);
    CHECK(refusal(t, from::seq((seq_t{1} << 50) + 2)).find("far above the head") != std::string::npos);
    CHECK(refusal(t, from::seq((seq_t{1} << 50) + 1)) == "accepted");
    CHECK(refusal(t, from::seq(5)) == "accepted");
}

TEST_CASE("start: this epoch is all since the ring was created; what went round since is named") {
    const test_bus fresh({.first_seq = 1000});
    CHECK(fresh.reader(from::this_epoch()).sub.next() == 1000);
    test_bus t({.first_seq = 1000});
    t.publish_many(3);
    test_reader all = t.reader(from::this_epoch());
    CHECK(all.drain() == lines{"1000 x 1000", "1001 x 1001", "1002 x 1002"});
    CHECK(all.law_holds());
    t.publish_many(71);
    test_reader late = t.reader(from::this_epoch());
    const lines got = late.drain();
    REQUIRE(got.size() > 1);
    CHECK(got.front().starts_with("gap 1000-"));
    CHECK(got.front().ends_with(" overwritten"));
    CHECK(got.back() == "1073 x 1073");
    CHECK(late.law_holds());
}
