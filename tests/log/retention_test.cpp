// Which segments go and which stay, and what a reader or a crash makes of a log whose beginning is deleted.
#include "tests/log/log_fixture.hpp"

#include "lib/log/retention.hpp"

#include <evbus/log/cursor_list.hpp>

#include <functional>

using namespace log_test;
using log::retention_limits;
using log::retention_plan;
using log::retention_reason;
using log::retention_verdict;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t second = 1'000'000'000;

/// Segments of 100 bytes and 10 seqs each; the i-th (from 1) holds nothing younger than i seconds.
std::vector<log::stored_segment> segments(std::size_t n) {
    std::vector<log::stored_segment> out;
    for (std::size_t i = 0; i < n; ++i) {
        const seq_t first = 1 + i * 10;
        out.push_back({.first = first, .last = i + 1 == n ? max_seq : first + 9, .bytes = 100,
                       .time_ns = static_cast<std::int64_t>(i + 1) * second});
    }
    return out;
}

log::retention_scene at(std::int64_t seconds, std::uint64_t free = 1'000'000) {
    return {.now_ns = seconds * second, .space = {.total_bytes = 10'000, .free_bytes = free}};
}

/// A letter a segment: who goes by (b)ytes, (s)egments, (a)ge, (f)ree space; '.' within, 'P' pinned, 'N' newest.
std::string picture(const retention_plan& p) {
    std::string out;
    std::size_t going = 0;
    std::uint64_t bytes = 0;
    for (const log::planned_segment& s : p.segments) {
        const char* const letters = ".bsaf";
        switch (s.verdict) {
        case retention_verdict::goes:
            out += letters[static_cast<int>(s.reason)];
            bytes += s.segment.bytes;
            CHECK(++going == out.size()); // those that go stand first
            break;
        case retention_verdict::within: out += '.'; break;
        case retention_verdict::pinned: out += 'P'; break;
        case retention_verdict::newest: out += 'N'; break;
        }
    }
    CHECK(p.going == going);
    CHECK(p.going_bytes == bytes);
    return out;
}

std::string planned(std::size_t n, const retention_limits& limits, const log::retention_scene& scene = at(100),
                    const std::vector<log::retention_pin>& pins = {}, bool force = false) {
    return picture(log::plan(segments(n), limits, scene, pins, force));
}

} // namespace

TEST_CASE("retention: without a limit everything stays, and an empty log needs no plan") {
    CHECK(planned(4, {}) == "....");
    CHECK_FALSE(retention_limits{}.any());
    CHECK(planned(0, {.bytes = 0}).empty());
}

TEST_CASE("retention: by bytes, segments and age; exactly at the limit nothing goes") {
    CHECK(planned(5, {.bytes = 500}) == ".....");
    CHECK(planned(5, {.bytes = 499}) == "b....");
    CHECK(planned(5, {.bytes = 250}) == "bbb..");
    CHECK(planned(5, {.segments = 5}) == ".....");
    CHECK(planned(5, {.segments = 2}) == "sss..");
    CHECK(planned(5, {.age = 5s}, at(6)) == ".....");
    CHECK(planned(5, {.age = 3s}, at(6)) == "aa...");
    CHECK(planned(5, {.bytes = 400, .age = 3s, .segments = 2}, at(6)) == "bss..");
}

TEST_CASE("retention: the newest stays, whatever the limits") {
    CHECK(planned(3, {.bytes = 0}) == "bbN");
    CHECK(planned(3, {.segments = 0}) == "ssN");
    CHECK(planned(1, {.age = 0s}) == "N");
}

TEST_CASE("retention: oldest first: behind one that stays all stay, however old they say they are") {
    std::vector<log::stored_segment> s = segments(4);
    s[1].time_ns = 90 * second;
    CHECK(picture(log::plan(s, {.age = 50s}, at(100), {})) == "a...");
    s[1].time_ns = log::time_not_looked_at;
    CHECK(picture(log::plan(s, {.age = 50s}, at(100), {})) == "a...");
}

TEST_CASE("retention: nothing that a pin needs goes unless forced, and the plan names who needs it") {
    const std::vector<log::retention_pin> pins{{"cursor \"b\"", 35}, {"cursor \"a\"", 25}};
    CHECK(planned(5, {.bytes = 50}, at(100), pins) == "bbPPN");
    CHECK(planned(5, {.bytes = 50}, at(100), pins, true) == "bbbbN");
    CHECK(planned(5, {.bytes = 400}, at(100), pins) == "b....");
    CHECK(planned(5, {.bytes = 50}, at(100), {{"x", 1}}) == "PPPPN");
    CHECK(planned(5, {.bytes = 50}, at(100), {{"x", 10}}) == "PPPPN");
    CHECK(planned(5, {.bytes = 50}, at(100), {{"x", 11}}) == "bPPPN");
    CHECK(planned(5, {.bytes = 50}, at(100), {{"x", 1000}}) == "bbbbN");
    const retention_plan p = log::plan(segments(5), {.bytes = 50}, at(100), pins);
    REQUIRE(p.held() != nullptr);
    CHECK(p.held()->pin == "cursor \"a\"");
    CHECK(to_string(*p.held()) == "over the limit of bytes, but needed by cursor \"a\"");
    CHECK(p.last_to_go().last == 20);
}

TEST_CASE("retention: free space, in bytes and in percent, and what the newest segment will still take") {
    CHECK(planned(5, {.free = {.bytes = 300}}, at(0, 300)) == ".....");
    CHECK(planned(5, {.free = {.bytes = 300}}, at(0, 299)) == "f....");
    CHECK(planned(5, {.free = {.bytes = 300}}, at(0, 0)) == "fff..");
    CHECK(planned(5, {.free = {.percent = 3}}, at(0, 150)) == "ff...");
    CHECK(log::free_limit{.percent = 250}.of(1000) == 1000);
    log::retention_scene scene = at(0, 250);
    scene.to_come_bytes = 150;
    CHECK(planned(5, {.free = {.bytes = 300}}, scene) == "ff...");
    scene.space.free_bytes = 0;
    CHECK(planned(5, {}, scene) == "....."); // without a limit nothing is kept for it
    CHECK(planned(5, {.bytes = 500}, scene) == "bb...");
    CHECK(planned(5, {.bytes = 100}, scene) == "bbbbN");
}

TEST_CASE("retention: a disk that something else fills takes no more of the log than it grows by") {
    // 400 bytes could go, and 500 are to be free.
    const retention_limits limits{.free = {.bytes = 500}};
    const retention_plan p = log::plan(segments(5), limits, at(0, 50), {});
    CHECK(p.crowded);
    CHECK(picture(p) == ".....");
    log::retention_scene scene = at(0, 50);
    scene.size_when_crowded = 300; // and two segments came since
    CHECK(planned(5, limits, scene) == "ff...");
    scene.space.free_bytes = 100; // now all of them would do
    CHECK_FALSE(log::plan(segments(5), limits, scene, {}).crowded);
    CHECK(planned(5, limits, scene) == "ffff.");
    CHECK(planned(5, {.bytes = 200, .free = {.bytes = 5000}}, at(0, 0)) == "bbb.."); // its own limits hold all the same
}

TEST_CASE("retention: age counts from the greatest publish time or the last write, whichever is earlier") {
    CHECK(log::age_time_ns(50, 100) == 50);
    CHECK(log::age_time_ns(150, 100) == 100); // a clock that was ahead
    CHECK(log::age_time_ns(0, 100) == 100);   // nothing in it bears a time
    test_log t;
    t.options.segment_bytes = 1;
    for (int i = 1; i <= 4; ++i) t.event("a", std::to_string(i), i * second).write();
    t.close();
    const auto all = log::list_stored(log::posix(), {t.dir}, log::time_wanted::of_all());
    REQUIRE(all.size() == 4);
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(all[i].time_ns == static_cast<std::int64_t>(i + 1) * second);
        CHECK(all[i].sealed);
        CHECK(all[i].bytes == fs::file_size(t.path(i)));
        CHECK(all[i].last == (i == 3 ? max_seq : all[i].first));
    }
    // Asked for the old ones alone, it stops looking at the first that is not.
    const auto old = log::list_stored(log::posix(), {t.dir}, log::time_wanted::until(2 * second));
    CHECK(old[1].time_ns == 2 * second);
    CHECK(old[2].time_ns == log::time_not_looked_at);
    CHECK(log::list_stored(log::posix(), {t.dir}, log::time_wanted::of_none())[0].time_ns == log::time_not_looked_at);
}

namespace {

/// Eight segments, an event each, sealed.
struct eight {
    eight() {
        t.options.segment_bytes = 1;
        for (int i = 1; i <= 8; ++i) t.event("a", std::to_string(i), i).write();
        t.close();
    }
    [[nodiscard]] retention_plan keep(std::uint64_t n) const {
        return log::plan(log::list_stored(log::posix(), {t.dir}, log::time_wanted::of_none()), {.segments = n}, at(0), {});
    }
    test_log t;
};

} // namespace

TEST_CASE("retention: what is deleted is a retention gap, and the rest reads and goes on as before") {
    eight e;
    test_log::spit(log::index_path({e.t.dir}, 2), "an index");
    const log::retention_result r = log::execute(log::posix(), {e.t.dir}, e.keep(3));
    CHECK(r.os_error == 0);
    CHECK(r.segments == 5);
    CHECK(r.seqs.first == 1);
    CHECK(r.seqs.last == 5);
    CHECK(e.t.segments().size() == 3);
    CHECK_FALSE(fs::exists(log::index_path({e.t.dir}, 2)));
    CHECK(e.t.read() == lines{"gap 1-5 retention", "6 a 6 @6", "7 a 7 @7", "8 a 8 @8"});
    e.t.reopen();
    CHECK(e.t.notices.empty());
    e.t.event("a", "9", 9).write();
    e.t.close();
    const log::log_state all = log::scan(log::posix(), {e.t.dir}, test_bus, log::scan_depth::all);
    CHECK(all.holes.empty());
    CHECK(all.chain_breaks == 0);
    CHECK(all.first == 6);
    CHECK(log::execute(log::posix(), {e.t.dir}, e.keep(4)).segments == 0);
}

TEST_CASE("retention: a plan that somebody else has carried out meanwhile deletes nothing and is no error") {
    eight e;
    const retention_plan p = e.keep(3);
    CHECK(log::execute(log::posix(), {e.t.dir}, p).segments == 5);
    const log::retention_result again = log::execute(log::posix(), {e.t.dir}, p);
    CHECK(again.os_error == 0);
    CHECK(again.segments == 0);
    CHECK(e.t.read().size() == 4);
}

namespace {

/// The k-th call that changes something fails, for good: the process might as well have died there.
class dying_file_system final : public log::detail::posix_file_system {
public:
    explicit dying_file_system(int k) : k_(k) {}
    int unlink(const std::string& p) noexcept override { return dead() ? -EIO : posix_file_system::unlink(p); }
    int sync_dir(const std::string& p) noexcept override { return dead() ? -EIO : posix_file_system::sync_dir(p); }
    [[nodiscard]] bool reached() const { return calls_ >= k_; }

private:
    bool dead() noexcept { return ++calls_ >= k_; }
    int k_;
    int calls_ = 0;
};

} // namespace

TEST_CASE("retention: wherever it ends, the log merely begins later, and the next pass does the rest") {
    bool reached = true;
    for (int k = 1; reached; ++k) {
        eight e;
        dying_file_system files(k);
        const log::retention_result r = log::execute(files, {e.t.dir}, e.keep(2));
        reached = files.reached();
        CAPTURE(k);
        CHECK((r.os_error != 0) == reached);
        CHECK(r.failed.empty() != reached);
        const lines got = e.t.read();
        for (const std::string& line : got) CHECK(line.find("damage") == std::string::npos);
        CHECK(got.back() == "8 a 8 @8");
        CHECK(log::execute(log::posix(), {e.t.dir}, e.keep(2)).os_error == 0);
        CHECK(e.t.read() == lines{"gap 1-6 retention", "7 a 7 @7", "8 a 8 @8"});
    }
}

TEST_CASE("retention: each deletion is durable before the next, so that a power loss leaves no hole") {
    /// Notes the order of what changes the directory.
    class noting_file_system final : public log::detail::posix_file_system {
    public:
        int unlink(const std::string& p) noexcept override {
            const int r = posix_file_system::unlink(p);
            if (r == 0) calls += 'u';
            return r;
        }
        int sync_dir(const std::string& p) noexcept override {
            calls += 's';
            return posix_file_system::sync_dir(p);
        }
        std::string calls;
    };
    eight e;
    noting_file_system files;
    CHECK(log::execute(files, {e.t.dir}, e.keep(4)).segments == 4);
    CHECK(files.calls == "usususus");
}

TEST_CASE("retention: cursors pin what they need; one that cannot be read pins everything") {
    eight e;
    CHECK(log::pins_of(log::posix(), {e.t.dir}, test_bus).empty());
    test_log::spit(e.t.dir + "/cursors/broken.cursor", "rubbish");
    const auto pins = log::pins_of(log::posix(), {e.t.dir}, test_bus);
    REQUIRE(pins.size() == 1);
    CHECK(pins[0].seq == 1);
    CHECK(pins[0].name.find("\"broken\" (damaged)") != std::string::npos);
    fs::remove_all(e.t.dir + "/cursors");
    test_log::spit(e.t.dir + "/cursors", "a file in its place");
    CHECK_THROWS_AS((void)log::pins_of(log::posix(), {e.t.dir}, test_bus), evbus::error);
}

TEST_CASE("retention: a segment that was only begun is not the newest: what stays holds events") {
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{100}, sizeof(log::segment_header)}) {
        eight e;
        test_log::spit(log::segment_path({e.t.dir}, 9), std::string(bytes, 'x'));
        (void)log::execute(log::posix(), {e.t.dir}, e.keep(1));
        CHECK(e.t.segments() == lines{log::segment_name(8), log::segment_name(9)});
        e.t.reopen();
        CHECK(e.t.writer().next_seq() == 9);
        CHECK(e.t.read(8) == lines{"8 a 8 @8"});
    }
}

TEST_CASE("retention: a reader whose listing was made in the midst of deletions is told of retention, not of damage") {
    /// A directory is not listed in one moment: here the deleting begins behind the first names that are given out.
    class racing_file_system final : public log::detail::posix_file_system {
    public:
        int list(const std::string& p, std::vector<std::string>& names) override {
            const int r = posix_file_system::list(p, names);
            if (on_list) on_list(names);
            return r;
        }
        std::function<void(std::vector<std::string>&)> on_list;
    };
    racing_file_system files;
    eight e;
    files.on_list = [](std::vector<std::string>& names) { names = {log::segment_name(1)}; }; // the others are still to come
    log::log_reader r(files, e.t.dir);
    log::entry entry;
    REQUIRE(r.next(entry) == log::step::entry); // within the first segment
    files.on_list = [&](std::vector<std::string>& names) {
        (void)log::execute(log::posix(), {e.t.dir}, e.keep(5));
        std::erase_if(names, [](const std::string& n) { return n <= log::segment_name(3); });
        names.push_back(log::segment_name(1));
    };
    CHECK(drain(r) == lines{"gap 2-3 retention", "4 a 4 @4", "5 a 5 @5", "6 a 6 @6", "7 a 7 @7", "8 a 8 @8"});
    // A segment that is missing behind one that is there is damage as ever.
    files.on_list = nullptr;
    log::log_reader again(files, e.t.dir);
    REQUIRE(again.next(entry) == log::step::entry);
    e.t.remove(1);
    CHECK(drain(again) == lines{"gap 5-5 damage", "6 a 6 @6", "7 a 7 @7", "8 a 8 @8"});
}

TEST_CASE("retention: a segment that goes while the list is made is left out of it") {
    /// Deletes the second segment right before it is looked at.
    class racing_file_system final : public log::detail::posix_file_system {
    public:
        explicit racing_file_system(std::string victim) : victim_(std::move(victim)) {}
        int stat(const std::string& p, log::file_info& out) noexcept override {
            if (p == victim_) (void)unlink(p);
            return posix_file_system::stat(p, out);
        }

    private:
        std::string victim_;
    };
    eight e;
    racing_file_system files(e.t.path(1));
    CHECK(log::list_stored(files, {e.t.dir}, log::time_wanted::of_all()).size() == 7);
    fs::remove_all(e.t.dir + "/segments");
    CHECK(log::list_stored(log::posix(), {e.t.dir}, log::time_wanted::of_all()).empty());
}
