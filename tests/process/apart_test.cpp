// Members that cannot see each other: in PID namespaces of their own, in children that outlive them,
// under another user. What they share is the kernel's locks, and that is enough.
#include "tests/ring/process_fixture.hpp"
#include "tests/ring/ring_fixture.hpp"
#include "tests/support/process.hpp"
#include "tests/support/scratch_bus.hpp"
#include "tests/support/text.hpp"

#include <evbus/ring/claimer.hpp>

#include <grp.h>
#include <sched.h>
#include <spawn.h>

using namespace ring_test;
using support::run;

namespace {

constexpr std::uint64_t impossible = ~std::uint64_t{0};
enum field : std::size_t { ready, go, number, other_pid };

/// A process that runs `work` as the first one of a PID namespace of its own, and dies with this object.
/// Field `ready` of the board is `impossible` where there is none to be had.
template <class Work>
child in_own_namespace(const board& b, Work work) {
    return child([&b, work] {
        if (::unshare(CLONE_NEWPID) != 0) {
            b[ready].store(impossible);
            return 0;
        }
        child inner(work);
        b[other_pid].store(static_cast<std::uint64_t>(inner.pid()));
        return inner.wait();
    });
}
bool came_up(const board& b) {
    b.wait_for(ready, 1);
    if (b[ready].load() != impossible) return true;
    MESSAGE("no PID namespace to be had: not tested");
    return false;
}
/// Ends what a board's `other_pid` names, and waits until it is no more.
void kill_other(const board& b, child& parent) {
    wait_until([&] { return b[other_pid].load() != 0; });
    ::kill(static_cast<pid_t>(b[other_pid].load()), SIGKILL);
    (void)parent.wait();
}

/// Joins as a publisher, claims a seq, and goes no further.
int claim_and_stay(const std::string& name, const board& b) {
    const auto at = ring::attachment::open(name, ring::access::read_write);
    const ring::membership place(at, ring::member_kind::publisher, "far");
    ring::claimer pen(*at, place.number());
    if (pen.claim() != ring::claim_status::claimed) return 1;
    b[number].store(to_u16(place.number()));
    b[ready].store(1);
    while (true) ::pause();
}

std::string info(const std::string& bus) { return run({support::tool("evctl"), "info", bus}).out; }
using support::has;

} // namespace

TEST_CASE("apart: a publisher killed in another PID namespace is noticed by everybody outside") {
    test_bus t;
    t.publish("x", "1");
    const board b;
    child outer = in_own_namespace(b, [&] { return claim_and_stay(t.name(), b); });
    if (!came_up(b)) return;
    const auto far = static_cast<member_no>(b[number].load());
    CHECK(t.word(2).phase() == phase::writing);
    t.publish("x", "3");
    const auto entry = ring::read_member(t.at(), far);
    CHECK(entry.pid == 1); // as it is called in there
    CHECK(has(info(t.name()), "far"));
    CHECK_FALSE(has(info(t.name()), "died"));

    kill_other(b, outer);
    CHECK_FALSE(ring::is_alive(t.at(), far));
    CHECK(has(info(t.name()), "died"));
    test_reader r = t.reader();
    lines got;
    wait_until([&] {
        (void)r.sub.wait(std::chrono::milliseconds(5));
        for (const std::string& line : r.drain()) got.push_back(line);
        return got.size() == 2;
    });
    CHECK(got == lines{"1 x 1", "3 x 3"});
    CHECK(r.sub.losses().voids == 1);
    CHECK(t.word(2).phase() == phase::dead);
    const publisher heir(t.bus());
    CHECK(heir.number() == far);
    CHECK(ring::read_member(t.at(), far).incarnation == entry.incarnation + 1);
}

TEST_CASE("apart: a publisher killed outside is noticed by a reader in another PID namespace") {
    test_bus t;
    const board outside;
    child victim([&] { return claim_and_stay(t.name(), outside); });
    outside.wait_for(ready, 1);
    t.publish("x", "2");
    const board b;
    child outer = in_own_namespace(b, [&] {
        const auto at = ring::attachment::open(t.name(), ring::access::read_only);
        const auto far = static_cast<member_no>(outside[number].load());
        if (!ring::is_alive(*at, far)) return 1;
        b[ready].store(1);
        wait_until([&] { return !ring::is_alive(*at, far); });
        test_reader r = t.reader();
        lines got;
        wait_until([&] {
            (void)r.sub.wait(std::chrono::milliseconds(5));
            got = r.drain();
            return !got.empty();
        });
        return got == lines{"2 x 2"} && r.sub.losses().voids == 1 ? 0 : 2;
    });
    if (!came_up(b)) return;
    victim.kill();
    CHECK(outer.wait() == 0);
}

TEST_CASE("apart: removal is refused while a member lives in another PID namespace, naming it; by force it is told") {
    test_bus t;
    const board b;
    child outer = in_own_namespace(b, [&] {
        publisher pub(bus::open(t.name()), {.name = "far"});
        if (!pub.publish(topic("x"), "1")) return 1;
        b[ready].store(1);
        b.wait_for(go, 1);
        return pub.publish(topic("x"), "2").status == publish_status::retired ? 0 : 2;
    });
    if (!came_up(b)) return;
    const auto remove = [&](support::words more = {}) {
        support::words w{support::tool("evctl"), "remove", t.name()};
        w.insert(w.end(), more.begin(), more.end());
        return run(w);
    };
    const support::finished refused = remove();
    CHECK(refused.code == 2);
    CHECK(has(refused.err, "publisher far (pid 1)"));
    CHECK_FALSE(t.bus().is_retired());
    CHECK(remove({"--force"}).code == 0);
    b[go].store(1);
    CHECK(outer.wait() == 0);
}

TEST_CASE("apart: a recorder killed in another PID namespace holds no publisher up") {
    const support::scratch_bus s;
    const bus on = bus::create(s.name(), {.slots = 64, .slot_bytes = 128, .pacing = pacing::paced, .log_dir = s.log()});
    support::process recorder({"unshare", "-pf", "--kill-child", support::tool("evrecord"), s.name()});
    recorder.wait_until([](const std::string&, const std::string& err) { return has(err, "recording bus") || has(err, "unshare:"); });
    if (has(recorder.err(), "unshare:")) {
        MESSAGE("no PID namespace to be had: not tested");
        return;
    }
    CHECK(on.has_recorder());
    CHECK(has(info(s.name()), "recording, pid 1, alive"));
    recorder.kill();
    wait_until([&] { return !on.has_recorder(); });
    CHECK(has(info(s.name()), "recording (dead), pid 1, gone"));
    publisher pub(on);
    for (int i = 0; i < 640; ++i) REQUIRE(pub.publish(topic("x"), "y"));
}

TEST_CASE("apart: a child that exec'd, or was spawned, does not keep its dead parent's place") {
    test_bus t;
    for (const bool spawned : {false, true}) {
        CAPTURE(spawned);
        const board b;
        child parent([&] {
            const publisher pub(bus::open(t.name()));
            const subscriber sub(bus::open(t.name()));
            b[number].store(to_u16(pub.number()));
            char* const words[] = {const_cast<char*>("sleep"), const_cast<char*>("3600"), nullptr};
            pid_t pid = 0;
            if (spawned) {
                if (::posix_spawnp(&pid, "sleep", nullptr, nullptr, words, nullptr) != 0) return 1; // by vfork: no handler runs
            } else if (pid = ::fork(); pid == 0) {
                ::execvp("sleep", words);
                ::_exit(1);
            }
            b[other_pid].store(static_cast<std::uint64_t>(pid));
            b[ready].store(1);
            while (true) ::pause();
            return 0;
        });
        b.wait_for(ready, 1);
        const auto grandchild = static_cast<pid_t>(b[other_pid].load());
        const std::string its_name = "/proc/" + std::to_string(grandchild) + "/comm";
        wait_until([&] { return support::read_file(its_name) == "sleep\n"; });
        CHECK(ring::living_members(t.at()).size() == 2);
        parent.kill();
        CHECK(ring::living_members(t.at()).empty());
        CHECK(support::read_file(its_name) == "sleep\n"); // it lives on
        ::kill(grandchild, SIGKILL);
    }
}

TEST_CASE("apart: a child that did not exec tells of every inherited handle, and outlives its parent without holding it") {
    test_bus t;
    t.publish("x", "1");
    const board b;
    enum more : std::size_t { verdict = 10 };
    child parent([&] {
        const bus on = bus::open(t.name());
        auto pub = std::make_unique<publisher>(on);
        auto sub = std::make_unique<subscriber>(on, read_options{.from = from::oldest()});
        child grandchild([&] {
            b[other_pid].store(static_cast<std::uint64_t>(::getpid()));
            const bool told = pub->publish(topic("x"), "no").status == publish_status::forked && sub->poll([](const event&) {}) == 0 &&
                              refusal([&] { publisher p(on); }) == errc::forked;
            pub.reset();
            sub.reset();
            b[verdict].store(told ? 1 : 2);
            while (true) ::pause();
            return 0;
        });
        b.wait_for(verdict, 1);
        b[ready].store(1);
        while (true) ::pause();
        return 0;
    });
    b.wait_for(ready, 1);
    CHECK(b[verdict].load() == 1);
    CHECK(ring::living_members(t.at()).size() == 3); // the pen's, and both of the parent
    parent.kill();
    CHECK(ring::living_members(t.at()).size() == 1);
    const auto grandchild = static_cast<pid_t>(b[other_pid].load());
    CHECK(::kill(grandchild, 0) == 0);
    ::kill(grandchild, SIGKILL);
    CHECK(t.publish("x", "2").seq == 2);
}

TEST_CASE("apart: a reader that may not write gets past a killed publisher's slot, and takes no number") {
    if (::geteuid() != 0) {
        MESSAGE("not root: what another user may do is left out");
        return;
    }
    constexpr unsigned stranger = 65534;
    test_bus t({.mode = 0640});
    for (const std::string& object : {ring::ring_object(t.name()), t.at().ctl_name()})
        REQUIRE(::chown(ring::shm_path(object).c_str(), 0, stranger) == 0);
    const board b;
    child victim([&] { return claim_and_stay(t.name(), b); });
    b.wait_for(ready, 1);
    t.publish("x", "2");
    victim.kill();
    const std::size_t members = ring::living_members(t.at()).size();
    child reader([&] {
        if (::setgroups(0, nullptr) != 0 || ::setresgid(stranger, stranger, stranger) != 0 || ::setresuid(stranger, stranger, stranger) != 0) return 9;
        test_reader r(bus::open(t.name()), {.from = from::oldest()});
        if (r.sub.number() != member_no::nobody) return 1;
        lines got;
        wait_until([&] {
            (void)r.sub.wait(std::chrono::milliseconds(5));
            got = r.drain();
            return !got.empty();
        });
        b[go].store(1);
        b.wait_for(go, 2);
        return got == lines{"2 x 2"} && r.sub.losses().voids == 1 && r.law_holds() ? 0 : 2;
    });
    b.wait_for(go, 1);
    CHECK(ring::living_members(t.at()).size() == members);
    CHECK(t.word(1).phase() == phase::writing); // it repairs nothing
    b[go].store(2);
    CHECK(reader.wait() == 0);
}
