// Who may not write the ring: reads all the same, takes no place, repairs nothing.
#include "process_fixture.hpp"
#include "ring_fixture.hpp"

#include <grp.h>

using namespace ring_test;
using namespace std::chrono_literals;

namespace {

constexpr unsigned nobody_id = 65534;

bool become_stranger() {
    return ::setgroups(0, nullptr) == 0 && ::setresgid(nobody_id, nobody_id, nobody_id) == 0 && ::setresuid(nobody_id, nobody_id, nobody_id) == 0;
}
bool can_change_user() {
    if (::geteuid() == 0) return true;
    MESSAGE("not root: what another user may do is left out");
    return false;
}
/// The bus's files given to the stranger's group.
void give_group(const test_bus& t) {
    for (const std::string& object : {ring::ring_object(t.name()), t.at().ctl_name()})
        REQUIRE(::chown(ring::shm_path(object).c_str(), 0, nobody_id) == 0);
}

} // namespace

TEST_CASE("observe: an onlooker reads, takes no number and sets no flag, even where he might") {
    test_bus t;
    t.publish("x", "one");
    const std::size_t members = ring::living_members(t.at()).size();
    test_reader r(bus::observe(t.name()), {.from = from::oldest()});
    CHECK(r.sub.number() == member_no::nobody);
    CHECK(ring::living_members(t.at()).size() == members);
    CHECK(r.drain() == lines{"1 x one"});
    CHECK_FALSE(r.sub.wait(20ms));
    CHECK(t.at().ctl().data_bell.sleepers.load() == 0);
    t.publish("x", "two");
    CHECK(r.sub.wait(1h));
    CHECK(r.drain() == lines{"2 x two"});
}

TEST_CASE("observe: a dead owner's word is a void for an onlooker, who leaves it as it is") {
    test_bus t;
    test_reader r(bus::observe(t.name()), {.from = from::oldest()});
    t.publish("x", "1");
    t.set_phase(2, phase::writing, 77);
    t.at().ring().tail.store(3);
    publisher pub(t.bus());
    REQUIRE(pub.publish(topic("x"), "3").seq == 3);
    lines got;
    wait_until([&] {
        (void)r.sub.wait(5ms);
        for (const std::string& line : r.drain()) got.push_back(line);
        return got.size() == 2;
    });
    CHECK(got == lines{"1 x 1", "3 x 3"});
    CHECK(r.sub.losses().voids == 1);
    CHECK(t.word(2).phase() == phase::writing);
    CHECK(r.law_holds());
}

TEST_CASE("observe: a living owner is waited for by an onlooker, who cannot step over him") {
    test_bus t;
    const ring::held_byte living = t.alive(77);
    test_reader r(bus::observe(t.name()), {.from = from::oldest()});
    t.set_phase(1, phase::writing, 77);
    t.at().ring().tail.store(2);
    publisher pub(t.bus());
    REQUIRE(pub.publish(topic("x"), "2"));
    CHECK_FALSE(r.sub.wait(60ms));
    CHECK(r.drain().empty());
    t.set_phase(1, phase::dead); // somebody who may write has done it
    CHECK(r.sub.wait(1h));
    CHECK(r.drain() == lines{"2 x 2"});
}

TEST_CASE("permission: another user has no access to a bus of mode 600") {
    if (!can_change_user()) return;
    test_bus t;
    child other([&] {
        if (!become_stranger()) return 9;
        return refusal([&] { (void)bus::open(t.name()); }) == errc::permission ? 0 : 1;
    });
    CHECK(other.wait() == 0);
}

TEST_CASE("permission: a group that may read subscribes without a place, and cannot publish") {
    if (!can_change_user()) return;
    test_bus t({.mode = 0640});
    give_group(t);
    t.publish("x", "one");
    const board b;
    child other([&] {
        if (!become_stranger()) return 9;
        const bus on = bus::open(t.name());
        std::string said;
        test_reader r(on, {.from = from::oldest(), .on_notice = [&](const notice& n) { said = to_string(n.kind); }});
        if (said != "degraded" || r.sub.number() != member_no::nobody) return 1;
        if (r.drain() != lines{"1 x one"}) return 2;
        if (refusal([&] { publisher p(on); }) != errc::permission) return 3;
        b[0].store(1);
        if (!r.sub.wait(1h)) return 4; // by timer
        return r.drain() == lines{"2 x two"} ? 0 : 5;
    });
    wait_until([&] { return b[0].load() == 1 || ::waitpid(other.pid(), nullptr, WNOHANG) != 0; });
    t.publish("x", "two");
    CHECK(other.wait() == 0);
}

TEST_CASE("permission: a group that may write takes part in full") {
    if (!can_change_user()) return;
    test_bus t({.mode = 0660});
    give_group(t);
    child other([&] {
        if (!become_stranger()) return 9;
        const bus on = bus::open(t.name());
        publisher p(on);
        test_reader r(on, {.from = from::oldest()});
        return p.publish(topic("x"), "y") && r.sub.number() != member_no::nobody && r.drain() == lines{"1 x y"} ? 0 : 1;
    });
    CHECK(other.wait() == 0);
}

TEST_CASE("permission: a subscriber that may write maps the ring read-only, and repairs all the same") {
    test_bus t;
    test_reader r = t.reader();
    t.set_phase(1, phase::writing, 77);
    t.at().ring().tail.store(2);
    wait_until([&] {
        (void)r.sub.wait(5ms);
        (void)r.drain();
        return t.word(1).phase() == phase::dead;
    });
    CHECK(r.drain().empty());
    CHECK(r.sub.losses().voids == 1);
}
