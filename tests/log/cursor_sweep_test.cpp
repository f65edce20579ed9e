// Saving a cursor while the system fails or the power goes, at every call: the place found afterwards is the
// newest whose save returned, or one that was being saved; never none, never one from further back.
#include "tests/log/log_fixture.hpp"
#include "tests/support/crash_fs.hpp"
#include "tests/support/failing_fs.hpp"
#include "tests/support/fault_table.hpp"

#include <evbus/cursor.hpp>

#include <functional>
#include <optional>

using namespace log_test;
using namespace evbus_test;

namespace {

/// What may be found: from the newest place whose save returned to the newest that was asked for.
struct promise {
    std::optional<seq_t> kept;
    std::optional<seq_t> asked;

    [[nodiscard]] bool allows(const std::optional<cursor_place>& found) const {
        if (!found) return !kept;
        return asked && found->next <= *asked && (!kept || found->next >= *kept);
    }
};

/// An empty directory for cursors, gone with the test.
struct cursor_dir {
    cursor_dir() {
        std::string name = "/dev/shm/evbus-cursor-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) std::abort();
        dir = name;
    }
    ~cursor_dir() { fs::remove_all(dir); }
    cursor_dir(const cursor_dir&) = delete;
    cursor_dir& operator=(const cursor_dir&) = delete;

    [[nodiscard]] cursor open(log::file_system& files = log::posix()) {
        return cursor(cursor_home{dir, test_bus, 1000}, "billing",
                      {.filters = {"a.>"}, .on_notice = [this](const notice& n) { notices.push_back(n); }}, files);
    }
    std::string dir;
    std::vector<notice> notices;
};

void save(cursor& c, seq_t next, promise& p) {
    p.asked = next;
    c.save({next, next - 1});
    p.kept = next;
}

/// Saves `count` places, tens, from `first` on; those that fail are left.
void save_some(cursor& c, promise& p, seq_t first, int count) {
    for (int i = 0; i < count; ++i) {
        try {
            save(c, first + static_cast<seq_t>(i) * 10, p);
        } catch (const error&) {
        }
    }
}

/// What is in the directory now obeys the promise, and the cursor can be used again. True when it does.
bool check(cursor_dir& at, const promise& p, bool may_be_older) {
    at.notices.clear();
    bool fine = false;
    {
        cursor c = at.open();
        fine = p.allows(c.place());
        CHECK(fine);
        if (!may_be_older) CHECK(at.notices.empty());
        for (const notice& n : at.notices) CHECK(n.text.find("is missing") != std::string::npos); // nothing was damaged
        c.save({500, 500});
        c.save({510, 510});
    }
    CHECK(at.open().place()->next == 510);
    return fine;
}

void sweep_faults(fault how, int error, unsigned which, int saved_before) {
    for (int k = 1;; ++k) {
        CAPTURE(k);
        cursor_dir at;
        promise p;
        if (saved_before != 0) {
            cursor c = at.open();
            save_some(c, p, 100, saved_before);
        }
        failing_file_system files(k, how, error, which);
        const promise had = p;
        try {
            cursor c = at.open(files);
            CHECK(had.allows(c.place())); // never a silent start from somewhere else
            save_some(c, p, 200, 4);
        } catch (const evbus::error&) {
            // It could not be opened: nothing was promised.
        }
        if (!files.reached()) {
            CHECK(p.kept == 230);
            CHECK(k > 4);
            return;
        }
        fault_table::instance().count("cursor", calls::name_of(files.struck()),
                                      std::string("call fails: ") + fault_names[static_cast<int>(how)], check(at, p, true));
    }
}

/// Runs `act` on a disk, and looks at what a power loss at each of its calls leaves.
void sweep_crashes(int saved_before, const std::function<void(cursor_dir&, crash_file_system&, promise&)>& act,
                   const std::function<void(cursor_dir&, const promise&)>& look) {
    cursor_dir at;
    promise p;
    if (saved_before != 0) {
        cursor c = at.open();
        save_some(c, p, 100, saved_before);
    }
    crash_file_system disk(at.dir);
    random_source random;
    CAPTURE(random.seed());
    random_choice choose(random);
    const auto lose = [&] {
        for (int i = 0; i < 200; ++i) {
            cursor_dir after;
            disk.image().lose_power(after.dir, choose);
            look(after, p);
        }
    };
    disk.before_change = [&](int k) {
        CAPTURE(k);
        lose();
    };
    act(at, disk, p);
    CHECK(disk.changes() > 4);
    lose();
}

} // namespace

TEST_CASE("cursor sweep: the k-th call fails, once or for good: the newest place that was saved is there") {
    for (const int saved_before : {0, 1, 2})
        for (const int error : {ENOSPC, EIO})
            for (const fault how : {fault::once, fault::for_good}) {
                CAPTURE(saved_before);
                CAPTURE(error);
                CAPTURE(fault_names[static_cast<int>(how)]);
                sweep_faults(how, error, calls::all, saved_before);
            }
}

TEST_CASE("cursor sweep: reads and writes that do half of what they are asked to are gone on with") {
    for (const int saved_before : {0, 2}) sweep_faults(fault::short_io, EIO, calls::all, saved_before);
}

TEST_CASE("cursor sweep: a power loss at every call of a save") {
    for (const int saved_before : {0, 1, 2}) {
        CAPTURE(saved_before);
        sweep_crashes(
            saved_before,
            [](cursor_dir& at, crash_file_system& disk, promise& p) {
                cursor c = at.open(disk);
                save_some(c, p, 200, 4);
                CHECK(p.kept == 230);
            },
            [](cursor_dir& after, const promise& p) {
                fault_table::instance().count("cursor", "any call", "power lost", check(after, p, true));
            });
    }
}

TEST_CASE("cursor sweep: a power loss within a reset leaves the old place or the new one") {
    sweep_crashes(
        2,
        [](cursor_dir& at, crash_file_system& disk, promise& p) {
            p = {};
            cursor c = at.open(disk);
            c.reset({50, 50});
            p.kept = p.asked = 50;
        },
        [](cursor_dir& after, const promise& p) {
            const cursor c = after.open();
            REQUIRE(c.place());
            CHECK((c.place()->next == 50 || (!p.kept && c.place()->next >= 100)));
        });
}

TEST_CASE("cursor sweep: a power loss within a removal leaves a place that was saved, or none") {
    sweep_crashes(
        3,
        [](cursor_dir& at, crash_file_system& disk, promise&) {
            log::cursor_store store = log::cursor_store::open(disk, {at.dir}, "billing", "test");
            CHECK(store.remove() == 0);
        },
        [](cursor_dir& after, const promise&) {
            const cursor c = after.open();
            if (c.place()) CHECK(c.place()->next >= 110);
        });
}

TEST_CASE("cursor sweep: after a failed directory sync nothing more is called saved") {
    cursor_dir at;
    failing_file_system files(0, fault::once, EIO, calls::dir_syncs);
    cursor c = at.open(files);
    c.save({10, 10});
    files.fail_from_now_on();
    CHECK_THROWS_AS(c.save({20, 20}), error);
    files.heal();
    CHECK_THROWS_AS(c.save({30, 30}), error);
    CHECK(c.place()->next == 10);
}
