// A worker whose disk is full, for its cursor or for its letters: an error that says so and what to do, nothing lost,
// and on it goes once there is space again.
#include "tests/recorder/recorder_fixture.hpp"
#include "tests/support/small_disk.hpp"
#include "tests/support/text.hpp"

#include <evbus/letters/journal.hpp>
#include <evbus/worker.hpp>

#include <map>
#include <mutex>
#include <set>

using namespace recorder_test;
using support::small_disk;
using namespace std::chrono_literals;

namespace {

#define NEEDS_DISK(disk)                                                                                               \
    if (!disk.is_there()) {                                                                                            \
        MESSAGE("not tested: " << disk.why_not());                                                                     \
        return;                                                                                                        \
    }

/// A bus whose log lies on a small disk, with events that are recorded; its recorder is gone.
struct scene {
    explicit scene(const small_disk& where, std::uint64_t events = 200)
        : disk(where), w({.slots = 64, .log_dir = where.dir() + "/log"}), on(w.bus()) {
        recorder_thread recorder(on);
        author pen(on, 1);
        pen.publish(events);
        last = pen.last();
        CHECK(recorder.stop().state == recorder_state::ended);
    }
    [[nodiscard]] worker_options options() const {
        return {.cursor = "tiny", .retry = {.attempts = 2, .first_delay = 0ns}, .save = {.events = 10, .every = 1ms, .ahead = 0}};
    }
    /// To the brim, whoever else writes meanwhile.
    void fill() const {
        const int fd = ::open((disk.dir() + "/ballast").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        const std::string page(4096, 'x');
        while (::write(fd, page.data(), page.size()) > 0) {}
        ::close(fd);
    }

    /// A handling, from the worker's thread; true when it is the first one of its event.
    bool handle(const event& e, const attempt& a) {
        const std::lock_guard guard(mutex);
        const bool first = times[e.seq()]++ == 0;
        if (!first && !a.may_repeat && a.number == 1) ++unannounced;
        return first;
    }
    [[nodiscard]] std::size_t handled() {
        const std::lock_guard guard(mutex);
        return times.size();
    }
    /// What ended the worker, in words; empty when it ended in good order.
    static std::string end_of(worker& w, errc* kind = nullptr) {
        try {
            w.join();
        } catch (const error& e) {
            if (kind != nullptr) *kind = e.kind();
            return e.what();
        }
        return "";
    }
    /// There is room on the disk again: a worker comes to the end.
    void check_that_the_next_life_ends_well() {
        disk.free();
        worker next(on, options(), [&](const event& e, const attempt& a) { handle(e, a); });
        wait_until([&] { return handled() == last; });
        next.stop();
        CHECK(end_of(next) == "");
        CHECK(unannounced == 0);
    }
    [[nodiscard]] std::map<seq_t, letters::story> letters() const {
        return letters::journal::open(log::posix(), {w.log_dir()}, "tiny", {.bus = on.id(), .read_only = true}).open_letters();
    }

    const small_disk& disk;
    world w;
    bus on;
    seq_t last = no_seq;
    std::mutex mutex;
    std::map<seq_t, int> times;
    int unannounced = 0;
};
using support::has;

} // namespace

TEST_CASE("full disk: a worker that cannot begin says why, and leaves nothing behind that stands in its way later") {
    const small_disk disk(8);
    NEEDS_DISK(disk);
    scene s(disk);
    s.fill();
    errc kind{};
    std::string text;
    try {
        worker w(s.on, s.options(), [&](const event& e, const attempt& a) { s.handle(e, a); });
        w.stop();
        text = scene::end_of(w, &kind);
    } catch (const error& e) {
        kind = e.kind();
        text = e.what();
    }
    INFO(text);
    CHECK(kind == errc::no_space);
    CHECK(has(text, "tiny"));
    CHECK(has(text, "free space"));
    CHECK(s.handled() == 0);
    s.check_that_the_next_life_ends_well();
}

TEST_CASE("full disk: a cursor that cannot be saved ends the worker; the next one announces what may have been handled") {
    const small_disk disk(8);
    NEEDS_DISK(disk);
    scene s(disk);
    errc kind{};
    {
        worker w(s.on, s.options(), [&](const event& e, const attempt& a) {
            if (s.handle(e, a) && e.seq() == 55) s.fill();
        });
        const std::string text = scene::end_of(w, &kind);
        INFO(text);
        CHECK(kind == errc::no_space);
        CHECK(has(text, "save cursor tiny"));
        CHECK(has(text, "free space"));
    }
    CHECK(s.handled() >= 55);
    CHECK(s.handled() <= 65); // no more than may be repeated, behind the last place that was saved
    s.check_that_the_next_life_ends_well();
}

TEST_CASE("full disk: told to go on, the worker tries again until there is space, and handles no more than it may repeat") {
    const small_disk disk(8);
    NEEDS_DISK(disk);
    scene s(disk);
    std::atomic<int> failed{0};
    worker_options how = s.options();
    how.on_failed_save = [&](const error& e) {
        if (e.kind() == errc::no_space) ++failed;
        return true;
    };
    worker w(s.on, how, [&](const event& e, const attempt& a) {
        if (s.handle(e, a) && e.seq() == 55) s.fill();
    });
    wait_until([&] { return failed.load() >= 3; });
    CHECK(s.handled() <= 65);
    s.disk.free();
    wait_until([&] { return s.handled() == s.last; });
    w.stop();
    CHECK(scene::end_of(w) == "");
    for (const auto& handling : s.times) CHECK_MESSAGE(handling.second == 1, handling.first);
    CHECK(w.stats().failed_saves >= 3);
}

TEST_CASE("full disk: a letter that cannot be kept ends the worker, its event is not passed, and comes again") {
    for (const bool dies : {true, false}) {
        const small_disk disk(8);
        NEEDS_DISK(disk);
        scene s(disk);
        const auto bad = [](seq_t seq) { return seq % 50 == 7; };
        errc kind{};
        {
            worker w(s.on, s.options(), [&](const event& e, const attempt& a) {
                s.handle(e, a);
                if (e.seq() == 107 && a.number == 1) s.fill();
                return bad(e.seq()) ? (dies ? dead("no use") : retry("not now")) : outcome(next);
            });
            const std::string text = scene::end_of(w, &kind);
            INFO(text);
            CHECK(kind == errc::no_space);
            CHECK(has(text, "tiny"));
            CHECK(has(text, "free space"));
        }
        s.disk.free();
        worker w(s.on, s.options(), [&](const event& e, const attempt& a) {
            s.handle(e, a);
            return bad(e.seq()) ? (dies ? dead("no use") : retry("not now")) : outcome(next);
        });
        wait_until([&] { return s.handled() == s.last && w.stats().waiting == 0 && w.stats().next > s.last; });
        w.stop();
        CHECK(scene::end_of(w) == "");
        CHECK(s.unannounced == 0);
        std::set<seq_t> dead_ones;
        for (const auto& [seq, story] : s.letters())
            if (story.state == letters::letter_state::dead) dead_ones.insert(seq);
        CHECK(dead_ones == std::set<seq_t>{7, 57, 107, 157});
    }
}
