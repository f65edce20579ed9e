// evctl doctor on real buses: what crashes, strangers and clumsy hands leave behind is found, explained,
// and cleaned only where nobody lives.
#include "tests/ring/process_fixture.hpp"
#include "tests/support/random.hpp"
#include "tests/tools/doctor_fixture.hpp"

#include <evbus/log/log_lock.hpp>
#include <evbus/ring/claimer.hpp>
#include <evbus/ring/retire.hpp>
#include <evbus/subscriber.hpp>

#include <fstream>

#include <fcntl.h>
#include <sys/stat.h>

using namespace doctor_test;
using ring_test::board;
using ring_test::child;

namespace {

// Somebody who has claimed a seq and goes no further; board field 1 says so.
child claims_and_stays(const std::string& name, const board& b) {
    return child([&name, &b] {
        const auto at = ring::attachment::open(name, ring::access::read_write);
        ring::membership place(at, ring::member_kind::publisher, "clumsy");
        ring::claimer pen(*at, place.number());
        if (pen.claim() != ring::claim_status::claimed) return 1;
        b[1].store(1);
        while (true) ::pause();
        return 0;
    });
}

} // namespace

TEST_CASE_FIXTURE(fixture, "doctor: a bus in use has nothing worse than fine, and --fix leaves it alone") {
    create_with_log();
    const evbus::publisher pub(bus());
    process recorder({support::tool("evrecord"), name()});
    recorder.wait_for_err("recording bus");
    const diagnosis d = doctor({"--fix", "--stale-after", "0s"});
    for (const json& f : d.whole["findings"])
        if (f["object"] == "bus " + name()) CHECK_MESSAGE(f["severity"] == "fine", f.dump());
    CHECK(d.text("members") == "2 member(s), head at seq 1");
    CHECK(d.severity("recorder") == "fine");
    CHECK(objects() == 2);
    CHECK(bus().is_current());
}

TEST_CASE_FIXTURE(fixture, "doctor: an orphaned control object is found, and removed by --fix") {
    create();
    fs::remove(ring_path());
    CHECK(doctor().severity("ctl-orphaned") == "warning");
    CHECK(objects() == 1);
    const diagnosis d = doctor({"--fix"});
    CHECK(has(d.text("ctl-orphaned", "fixed"), "removed /dev/shm/evbus." + name() + ".ctl-"));
    CHECK(objects() == 0);
    CHECK(run(command()).code == 2); // nothing is left to look at
}

TEST_CASE_FIXTURE(fixture, "doctor: an orphan beside a living ring goes, the ring's own control object stays") {
    create();
    const std::string own = ctl_path();
    fs::copy_file(own, "/dev/shm/evbus." + name() + ".ctl-00000000000000ab");
    CHECK(doctor({"--fix"}).fixed("ctl-orphaned"));
    CHECK(fs::exists(own));
    CHECK(objects() == 2);
}

TEST_CASE_FIXTURE(fixture, "doctor: what a creator or a member holds is no orphan to it") {
    create();
    const evbus::bus open = bus();
    const std::string ctl = fs::path(ctl_path()).filename();
    SUBCASE("a creator at work") {
        const ring::held_byte creating = ring::held_byte::try_take(ctl, ring::creation_lock_byte);
        REQUIRE(creating);
        fs::remove(ring_path());
        CHECK(doctor({"--fix"}).severity("in-making") == "fine");
    }
    SUBCASE("members of a ring whose name is gone") {
        const evbus::publisher pub(open, {.name = "lonely"});
        fs::remove(ring_path());
        const diagnosis d = doctor({"--fix"});
        CHECK(has(d.text("ring-lost"), "lonely (pid " + std::to_string(::getpid()) + ")"));
        CHECK(d.severity("ring-lost") == "warning");
    }
    CHECK(objects() == 1);
}

TEST_CASE_FIXTURE(fixture, "doctor: a closed ring that kept its name is finished by --fix, and the next one goes on at its end") {
    create_with_log();
    publish(7);
    const auto at = bus().attach(ring::access::read_write);
    SUBCASE("by itself") {}
    SUBCASE("with somebody still in it, who was told already") {
        const evbus::subscriber sub(bus());
        REQUIRE(ring::retire(*at, std::chrono::seconds(20)) == 8);
        CHECK(doctor({"--fix"}).fixed("ring-closed"));
        CHECK(objects() == 0);
        return;
    }
    REQUIRE(ring::retire(*at, std::chrono::seconds(20)) == 8); // a remover that died here
    const diagnosis before = doctor();
    CHECK(before.severity("ring-closed") == "warning");
    CHECK(before.of("ring-closed")["fixable"] == true);
    CHECK(objects() == 2);
    CHECK(has(doctor({"--fix"}).text("ring-closed", "fixed"), "goes on at seq 8"));
    CHECK(objects() == 0);
    create_with_log();
    CHECK(bus().first_seq() == 8);
}

TEST_CASE_FIXTURE(fixture, "doctor: a dead publisher's slot is found, and a void after --fix") {
    create();
    const board b;
    child victim = claims_and_stays(name(), b);
    b.wait_for(1, 1);
    victim.kill();
    const diagnosis before = doctor();
    CHECK(has(before.text("slot-of-the-dead"), "1 slot(s)"));
    CHECK(has(before.text("slot-of-the-dead"), "seq 1"));
    CHECK(before.text("died") == "1 member(s) died without leaving");
    const auto at = bus().attach(ring::access::read_only);
    CHECK(ring::load_word(*at, 1).phase() == ring::phase::writing);
    CHECK(has(doctor({"--fix"}).text("slot-of-the-dead", "fixed"), "1 slot(s) are voids now"));
    CHECK(ring::load_word(*at, 1).phase() == ring::phase::dead);
    CHECK(doctor().of("slot-of-the-dead").is_null());
}

TEST_CASE_FIXTURE(fixture, "doctor: a stopped publisher's slot is told with its name, and stays his") {
    create();
    const board b;
    child stopped = claims_and_stays(name(), b);
    b.wait_for(1, 1);
    stopped.stop();
    const diagnosis d = doctor({"--fix"});
    CHECK(has(d.text("slot-unfinished"), "clumsy (pid " + std::to_string(stopped.pid()) + ") has claimed seq 1"));
    CHECK(has(d.text("slot-unfinished"), "the process is stopped"));
    CHECK(d.severity("slot-unfinished") == "warning");
    CHECK(ring::load_word(*bus().attach(ring::access::read_only), 1).phase() == ring::phase::writing);
}

TEST_CASE_FIXTURE(fixture, "doctor: each thing that can be wrong with a bus's objects has its own name, and is a problem") {
    create();
    const std::string ctl = ctl_path();
    const std::string whole = support::read_file(ring_path());
    const auto with_ring = [&](const std::string& bytes) { std::ofstream(ring_path(), std::ios::binary | std::ios::trunc) << bytes; };
    std::string expected;
    SUBCASE("cut") {
        fs::resize_file(ring_path(), whole.size() - 4096);
        expected = "ring-cut";
    }
    SUBCASE("noise") {
        with_ring(std::string(20000, '#'));
        expected = "foreign-file";
    }
    SUBCASE("another version") {
        std::string other = whole;
        other[12] = 99;
        with_ring(other);
        expected = "other-version";
    }
    SUBCASE("damaged") {
        std::string other = whole;
        other[300] = 1;
        with_ring(other);
        expected = "ring-damaged";
    }
    SUBCASE("its control object is gone") {
        fs::remove(ctl);
        expected = "ctl-gone";
    }
    SUBCASE("another mode") {
        ::chmod(ring_path().c_str(), 0666);
        expected = "mode-differs";
    }
    SUBCASE("a control object of another mode") {
        ::chmod(ctl.c_str(), 0640);
        expected = "mode-differs";
    }
    SUBCASE("a control object of another owner") {
        if (::chown(ctl.c_str(), 65534, 65534) != 0) return;
        expected = "owner-differs";
    }
    SUBCASE("a directory") {
        fs::remove(ring_path());
        fs::create_directory(ring_path());
        expected = "foreign-file";
    }
    const diagnosis d = doctor({"--fix", "--stale-after", "0s"});
    CHECK(d.severity(expected) == "problem");
    CHECK(d.ended.code == 4);
    CHECK(d.text(expected, "way_out").size() > 10);
    CHECK(fs::exists(ring_path())); // explained, not touched
}

TEST_CASE_FIXTURE(fixture, "doctor: a renamed ring, and a ring with a hole in its memory") {
    create();
    SUBCASE("renamed") {
        const std::string other = name() + ".b";
        fs::rename(ring_path(), "/dev/shm/evbus." + other + ".ring");
        const diagnosis d(run({support::tool("evctl"), "doctor", other, "--json"}));
        CHECK(d.severity("name-differs") == "problem");
    }
    SUBCASE("punched") {
        const int fd = ::open(ring_path().c_str(), O_RDWR | O_CLOEXEC);
        REQUIRE(::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8192, 4096) == 0);
        ::close(fd);
        CHECK(has(doctor().text("not-reserved"), "4 KiB of its ring"));
    }
}

TEST_CASE_FIXTURE(fixture, "doctor: a bus that nobody uses is stale; by its name --fix removes it, and not its log") {
    create_with_log();
    CHECK(doctor().severity("no-members") == "fine"); // for less than a day
    const diagnosis all(run({support::tool("evctl"), "doctor", "--json", "--stale-after", "0s"}));
    bool told = false;
    for (const json& f : all.whole["findings"]) told |= f["check"] == "bus-stale" && f["object"] == "bus " + name() && f["fixable"] == false;
    CHECK(told); // but cleaned only by name
    CHECK(doctor({"--fix", "--stale-after", "0s"}).fixed("bus-stale"));
    CHECK(objects() == 0);
    CHECK(fs::exists(log() + "/epochs"));
}

TEST_CASE_FIXTURE(fixture, "doctor: a stale bus is kept while events are in its ring alone, or somebody lives") {
    create_with_log();
    SUBCASE("unrecorded") {
        publish(3);
        const diagnosis d = doctor({"--fix", "--stale-after", "0s"});
        CHECK(has(d.text("bus-stale", "means"), "3 of its events are in the ring alone"));
        CHECK(has(d.text("bus-stale", "way_out"), "evrecord " + name()));
        CHECK(d.severity("recorder") == "warning");
    }
    SUBCASE("a member") {
        const evbus::subscriber sub(bus());
        CHECK(doctor({"--fix", "--stale-after", "0s"}).of("bus-stale").is_null());
    }
    CHECK(objects() == 2);
}

TEST_CASE_FIXTURE(fixture, "doctor: another user's bus and leftovers are explained, not touched, and no failure") {
    if (!can_be_nobody()) return;
    const auto looks = [&] { return diagnosis(run(as_nobody(command({"--fix", "--stale-after", "0s"})))); };
    create();
    SUBCASE("a bus that is not for him") {
        const diagnosis d = looks();
        CHECK(has(d.text("not-readable"), "belongs to root, mode 0600"));
        CHECK(d.severity("not-readable") == "warning");
    }
    SUBCASE("a cut ring that he may read") {
        fs::resize_file(ring_path(), 4096);
        ::chmod(ring_path().c_str(), 0644);
        CHECK(looks().severity("ring-cut") == "warning");
    }
    SUBCASE("an orphan") {
        const std::string ctl = ctl_path();
        fs::remove(ring_path());
        ::chmod(ctl.c_str(), 0666); // even if he might write it
        const diagnosis d = looks();
        CHECK(d.of("ctl-orphaned")["fixable"] == false);
        CHECK(has(d.text("ctl-orphaned", "way_out"), "its owner, root, can"));
        CHECK(objects() == 1);
        return;
    }
    CHECK(objects() == 2);
}

TEST_CASE_FIXTURE(fixture, "doctor: a file that only begins like ours is named, and left") {
    create();
    std::ofstream("/dev/shm/evbus." + name() + ".core") << "x";
    const diagnosis d(run({support::tool("evctl"), "doctor", "--json"}));
    bool told = false;
    for (const json& f : d.whole["findings"]) told |= f["check"] == "foreign-file" && f["object"] == "/dev/shm/evbus." + name() + ".core";
    CHECK(told);
}

TEST_CASE_FIXTURE(fixture, "doctor: for people it is aligned, without colour in a pipe, and says what it would do") {
    create();
    fs::remove(ring_path());
    const finished f = run({support::tool("evctl"), "doctor", name()});
    CHECK(has(f.out, "warning  bus " + name()));
    CHECK(has(f.out, "means  a creator or remover died half way"));
    CHECK(has(f.out, "do     evctl doctor --fix"));
    CHECK(!has(f.out, "\033"));
    CHECK(has(f.err, "--fix mends 1 of them"));
    const finished fixed = run({support::tool("evctl"), "doctor", name(), "--fix"});
    CHECK(has(fixed.out, "fixed  removed /dev/shm/evbus." + name()));
    CHECK(has(fixed.err, "1 fixed"));
}

TEST_CASE_FIXTURE(fixture, "doctor: whatever stands in slots and tables, it ends with a report and cures what it can") {
    evbus_test::random_source dice;
    SHOW_SEED(dice);
    for (int turn = 0; turn < 8; ++turn) {
        // Anew where the noise before it looked like a closed ring, which is cleared away.
        const evbus::bus on = evbus::bus::open_or_create(
            name(), {.slots = 64, .slot_bytes = 128, .with_log = false, .stall_limit = std::chrono::milliseconds(100)});
        const auto at = on.attach(ring::access::read_write);
        for (evbus::seq_t i = 0; i < 64; ++i)
            for (std::size_t w = 0; w < 16; ++w) at->slot(i)[w].store(dice.word() >> dice.below(64));
        for (const std::uint16_t n : std::initializer_list<std::uint16_t>{1, 2, 4095, 4096, 8191}) {
            at->member(static_cast<evbus::member_no>(n)).state.store(static_cast<std::uint8_t>(dice.below(256)));
            at->member(static_cast<evbus::member_no>(n)).joined_ns.store(static_cast<std::int64_t>(dice.word()));
        }
        at->ring().tail.store(dice.word());
        at->ctl().publishers_high.store(static_cast<std::uint32_t>(dice.word()));
        at->ctl().readers_high.store(static_cast<std::uint32_t>(dice.word()));
        at->ctl().frontier.state.store(static_cast<std::uint32_t>(dice.below(20)));
        CHECK(doctor({"--fix"}).whole["findings"].size() > 4);
    }
}

TEST_CASE("doctor: wrong usage and unknown names are exit code 2; --help begins with examples") {
    for (const words& w : {words{"Bad"}, {"no-such-bus-here"}, {"a", "b"}, {"--frobnicate"}, {"--stale-after", "soon"}}) {
        words all{support::tool("evctl"), "doctor"};
        all.insert(all.end(), w.begin(), w.end());
        const finished f = run(all);
        CHECK(f.code == 2);
        CHECK(!f.err.empty());
        CHECK(f.out.empty());
    }
    for (const char* command : {"doctor", "list", "info", "create", "remove"}) {
        const std::string help = run({support::tool("evctl"), command, "--help"}).out;
        CHECK(help.find("Examples:") < help.find("Usage:"));
        CHECK(help.find("Usage:") != std::string::npos);
    }
}
