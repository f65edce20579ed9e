// Whoever repairs a slot says so, by the hook it was given, and ctl counts it.
#include "tests/ring/ring_fixture.hpp"

using namespace ring_test;

namespace {

constexpr std::uint16_t stranger = 77;

struct heard {
    std::vector<notice> all;
    [[nodiscard]] notice_hook hook() {
        return [this](const notice& n) { all.push_back(n); };
    }
};

std::uint64_t counted(const test_bus& t, notice_kind kind) {
    return t.at().ctl().notices[static_cast<std::size_t>(kind)].load();
}

void check_one(const test_bus& t, const heard& h, notice_kind kind, seq_t seq) {
    REQUIRE(h.all.size() == 1);
    CHECK(h.all[0].kind == kind);
    CHECK(h.all[0].seq == seq);
    CHECK(to_u16(h.all[0].member) == stranger);
    CHECK(h.all[0].text.find("publisher 77") != std::string::npos);
    CHECK(counted(t, kind) == 1);
}

/// Polls until something was heard.
void poll_until_heard(const test_bus& t, heard& h) {
    subscriber s(t.bus(), {.from = from::seq(1), .on_notice = h.hook()});
    while (h.all.empty()) s.poll([](const event&) {});
    CHECK(s.losses().walked() == s.next() - 1);
}

} // namespace

TEST_CASE("notice: a reader that reaps a dead publisher's slot says so") {
    test_bus t({.slots = 64});
    t.set_phase(1, phase::writing, stranger);
    heard h;
    poll_until_heard(t, h);
    check_one(t, h, notice_kind::reaped, 1);
}

TEST_CASE("notice: a reader that steps over a living publisher's slot says so") {
    test_bus t({.slots = 64});
    const ring::held_byte alive = t.alive(stranger);
    t.set_phase(1, phase::writing, stranger);
    REQUIRE(t.publish("a", "later").seq == 2);
    heard h;
    poll_until_heard(t, h);
    check_one(t, h, notice_kind::stalled, 1);
}

TEST_CASE("notice: a publisher that needs the slot says what it did about it, dead owner or living") {
    for (const bool lives : {false, true}) {
        test_bus t({.slots = 64});
        ring::held_byte alive;
        if (lives) alive = t.alive(stranger);
        t.set_phase(1, phase::writing, stranger);
        heard h;
        publisher pen(t.bus(), {.on_notice = h.hook()});
        const topic on_x("x");
        while (h.all.empty()) REQUIRE(pen.publish(on_x, "y"));
        check_one(t, h, lives ? notice_kind::stalled : notice_kind::reaped, 1);
    }
}

TEST_CASE("notice: a hook that throws does no harm") {
    test_bus t({.slots = 64});
    t.set_phase(1, phase::writing, stranger);
    bool called = false;
    subscriber s(t.bus(), {.from = from::seq(1), .on_notice = [&](const notice&) {
                               called = true;
                               throw 1;
                           }});
    while (s.next() == 1) s.poll([](const event&) {});
    CHECK(called);
    CHECK(s.losses().voids == 1);
}
