// Creation: many at once make one ring, nobody sees it half-made, and what a crash leaves is cleared.
#include "process_fixture.hpp"
#include "ring_fixture.hpp"

#include <algorithm>
#include <barrier>
#include <thread>

using namespace ring_test;

namespace {

bus_options no_log() { return {.slots = 64, .slot_bytes = 128, .with_log = false}; }

bool object_is_there(const std::string& object) { return ::access(ring::shm_path(object).c_str(), F_OK) == 0; }

} // namespace

TEST_CASE("create: processes that create one bus at once all attach to the same ring") {
    constexpr std::size_t processes = 8;
    for (int round = 0; round < rounds(30, 6); ++round) {
        const shm_cleaner clean(unique_name());
        const board b;
        std::vector<child> all;
        for (std::size_t i = 0; i < processes; ++i)
            all.emplace_back([&] {
                b[0].fetch_add(1);
                wait_until([&] { return b[0].load() == processes; });
                const bus mine = bus::open_or_create(clean.name(), no_log());
                publisher pub(mine);
                if (!pub.publish(topic("hello"), "x")) return 1;
                b[1 + i].store(static_cast<std::uint64_t>(mine.epoch()));
                return 0;
            });
        for (child& c : all) CHECK(c.wait() == 0);
        const bus there = bus::open(clean.name());
        for (std::size_t i = 0; i < processes; ++i) CHECK(b[1 + i].load() == static_cast<std::uint64_t>(there.epoch()));
        CHECK(there.head() == 1 + processes);
        CHECK(ring::ctl_objects(clean.name()).size() == 1);
    }
}

TEST_CASE("create: threads that create one bus at once all attach to the same ring") {
    constexpr std::size_t threads = 8;
    for (int round = 0; round < rounds(20, 5); ++round) {
        const shm_cleaner clean(unique_name());
        std::barrier start(static_cast<std::ptrdiff_t>(threads));
        std::vector<epoch_t> epochs(threads);
        std::vector<publish_status> statuses(threads);
        {
            std::vector<std::jthread> all;
            for (std::size_t i = 0; i < threads; ++i)
                all.emplace_back([&, i] {
                    start.arrive_and_wait();
                    const bus mine = bus::open_or_create(clean.name(), no_log());
                    publisher pub(mine);
                    epochs[i] = mine.epoch();
                    statuses[i] = pub.publish(topic("hello"), "x").status;
                });
        }
        CHECK(std::count(epochs.begin(), epochs.end(), epochs[0]) == threads);
        CHECK(std::count(statuses.begin(), statuses.end(), publish_status::published) == threads);
        CHECK(ring::ctl_objects(clean.name()).size() == 1);
    }
}

TEST_CASE("create: nobody who attaches while rings come and go sees a half-made one") {
    const shm_cleaner clean(unique_name());
    const board b;
    std::vector<child> lookers;
    for (int i = 0; i < 3; ++i)
        lookers.emplace_back([&] {
            while (b[0].load() == 0) {
                try {
                    const auto at = ring::attachment::open(clean.name(), ring::access::read_only);
                    if (at->ctl().frontier.written.load() != 41 || ring::find_head(*at) != 42) return 2;
                    b[1].fetch_add(1);
                } catch (const error& e) {
                    if (e.kind() != errc::not_found) {
                        std::fprintf(stderr, "%s\n", e.what());
                        return 3;
                    }
                }
            }
            return 0;
        });
    const int makings = rounds(200, 40);
    for (int i = 0; i < makings || b[1].load() < 100; ++i) {
        const ring::creation c = creation_of(clean.name(), {.first_seq = 42});
        REQUIRE(ring::create_ring(c));
        if (i % 3 == 0) std::this_thread::yield();
        ring::unlink_ring(clean.name(), c.epoch);
    }
    b[0].store(1);
    for (child& c : lookers) CHECK(c.wait() == 0);
}

TEST_CASE("create: a creator killed at any moment leaves a name that can be created") {
    const shm_cleaner clean(unique_name());
    for (int round = 0; round < rounds(60, 15); ++round) {
        const board b;
        child creator([&] {
            while (true) {
                const ring::creation c = creation_of(clean.name());
                b[0].store(1);
                (void)ring::create_ring(c);
                ring::unlink_object(ring::ring_object(clean.name())); // ctl stays: an orphan
            }
            return 0;
        });
        b.wait_for(0, 1);
        ::usleep(static_cast<useconds_t>(round * 37 % 700));
        creator.kill();
        CHECK_NOTHROW((void)bus::open_or_create(clean.name(), no_log()));
        CHECK(ring::ctl_objects(clean.name()).size() == 1);
        ring::unlink_ring(clean.name(), bus::open(clean.name()).epoch());
    }
}

TEST_CASE("create: an orphaned ctl is cleared, one whose creator is at work is not") {
    const shm_cleaner clean(unique_name());
    const ring::creation dead = creation_of(clean.name());
    const ring::creation busy = creation_of(clean.name());
    for (const ring::creation& c : {dead, busy}) {
        const ring::shm_file f = ring::shm_file::make_unnamed("x", ring::ctl_bytes, 0600);
        REQUIRE(f.link_as(ring::ctl_object(clean.name(), c.epoch)));
    }
    const ring::held_byte at_work = ring::held_byte::try_take(ring::ctl_object(clean.name(), busy.epoch), ring::creation_lock_byte);
    REQUIRE(at_work);
    REQUIRE(ring::create_ring(creation_of(clean.name())));
    CHECK_FALSE(object_is_there(ring::ctl_object(clean.name(), dead.epoch)));
    CHECK(object_is_there(ring::ctl_object(clean.name(), busy.epoch)));
}

TEST_CASE("create: the ctl of a ring that cannot be read just now is no orphan") {
    test_bus t;
    const std::string ring_path = ring::shm_path(ring::ring_object(t.name()));
    SUBCASE("it was cut") { REQUIRE(::truncate(ring_path.c_str(), 10) == 0); }
    SUBCASE("it is no file that opens") {
        REQUIRE(::rename(ring_path.c_str(), (ring_path + "-away").c_str()) == 0);
        REQUIRE(::symlink((ring_path + "-away").c_str(), ring_path.c_str()) == 0);
    }
    CHECK(ring::remove_orphaned_ctl(t.name()) == 0);
    CHECK(object_is_there(t.at().ctl_name()));
    ::unlink((ring_path + "-away").c_str());
}

TEST_CASE("create: the ring of a bus with a strange name is nobody's orphan") {
    const shm_cleaner plain(unique_name());
    const shm_cleaner strange(plain.name() + ".ctl-0123456789a"); // its ring's name is as long as a ctl's
    REQUIRE(ring::create_ring(creation_of(strange.name())));
    REQUIRE(ring::create_ring(creation_of(plain.name())));
    CHECK_NOTHROW((void)bus::open(strange.name()));
}

TEST_CASE("create: a ring whose ctl was removed by hand is named, not waited for") {
    test_bus t;
    ring::unlink_object(t.at().ctl_name());
    CHECK(refusal([&] { (void)bus::open(t.name()); }) == errc::damaged);
    CHECK(refusal([&] { (void)bus::open_or_create(t.name(), no_log()); }) == errc::damaged);
}

TEST_CASE("create: options that differ from the bus that is there are refused by name") {
    test_bus t;
    CHECK_NOTHROW((void)bus::open_or_create(t.name(), no_log()));
    const auto asked = [&](bus_options o) {
        o.with_log = false;
        return refusal([&] { (void)bus::open_or_create(t.name(), o); });
    };
    CHECK(asked({.slots = 128}) == errc::mismatch);
    CHECK(asked({.slot_bytes = 256}) == errc::mismatch);
    CHECK(asked({.group = group_access::read}) == errc::mismatch);
    CHECK(asked({.slots = 100}) == errc::bad_option);
    CHECK(asked({.slot_bytes = 64}) == errc::bad_option);
    CHECK(asked({.stall_limit = std::chrono::nanoseconds(0)}) == errc::bad_option);
    CHECK(asked({.pacing = pacing::strict}) == errc::bad_option); // nobody would ever record
    CHECK(refusal([&] { (void)bus::create(t.name(), no_log()); }) == errc::already_exists);
}

TEST_CASE("create: names that are no bus names are refused before anything is touched") {
    for (const char* name : {"", "A", "-a", ".a", "a/b", "a b", "a\n", "ä"}) {
        CAPTURE(name);
        CHECK(refusal([&] { (void)bus::open(name); }) == errc::bad_name);
        CHECK(refusal([&] { (void)bus::create(name, no_log()); }) == errc::bad_name);
    }
    CHECK(refusal([&] { (void)bus::open(std::string(64, 'a')); }) == errc::bad_name);
    CHECK(refusal([&] { (void)bus::open(unique_name()); }) == errc::not_found);
}
