// What opening a log for writing costs, in calls and bytes: it does not grow with the log. No verdict here
// rests on a time; the time is shown.
#include "tests/log/log_fixture.hpp"

#include <atomic>
#include <chrono>
#include <map>

using namespace log_test;

namespace {

/// The real file system; counts what is opened and read of segments, by path.
class counting_file_system final : public log::detail::posix_file_system {
public:
    struct count {
        int opens = 0;
        int reads = 0;
        std::uint64_t bytes = 0;
    };

    int open(const std::string& p, int flags, unsigned mode) noexcept override {
        const int fd = posix_file_system::open(p, flags, mode);
        if (fd >= 0 && p.find("/segments/") != std::string::npos) {
            path_[fd] = p;
            ++of[p].opens;
        }
        return fd;
    }
    int close(int fd) noexcept override {
        path_.erase(fd);
        return posix_file_system::close(fd);
    }
    std::int64_t pread(int fd, void* to, std::size_t bytes, std::uint64_t at) noexcept override {
        const std::int64_t n = posix_file_system::pread(fd, to, bytes, at);
        if (const auto it = path_.find(fd); n > 0 && it != path_.end()) {
            ++of[it->second].reads;
            of[it->second].bytes += static_cast<std::uint64_t>(n);
            if (stop_after_bytes != 0 && of[it->second].bytes >= stop_after_bytes) stop.store(true);
        }
        return n;
    }
    [[nodiscard]] std::uint64_t bytes() const {
        std::uint64_t all = 0;
        for (const auto& [path, c] : of) all += c.bytes;
        return all;
    }

    std::map<std::string, count> of;
    std::atomic<bool> stop{false};
    std::uint64_t stop_after_bytes = 0; ///< of one file; 0: never

private:
    std::map<int, std::string> path_;
};

/// So many sealed segments of one event each.
void fill(test_log& t, int segments) {
    t.options.segment_bytes = 1;
    for (int i = 1; i <= segments; ++i) t.event("a", std::to_string(i), i).write();
    t.close();
    t.options.segment_bytes = std::uint64_t{64} << 20;
}

} // namespace

TEST_CASE("open: after a clean end a log of 1,000 segments costs one opened file and its footer") {
    counting_file_system files;
    test_log t;
    fill(t, 1000);
    REQUIRE(t.segments().size() == 1000);
    const auto before = std::chrono::steady_clock::now();
    t.reopen(files);
    const auto took = std::chrono::steady_clock::now() - before;
    MESSAGE("opened in " << std::chrono::duration_cast<std::chrono::microseconds>(took).count() << " us");
    CHECK(t.writer().next_seq() == 1001);
    REQUIRE(files.of.size() == 1);
    CHECK(files.of.begin()->first == log::segment_path({t.dir}, 1000));
    CHECK(files.bytes() <= test_log::slurp(log::segment_path({t.dir}, 1000)).size() + 4096);
    // And what is written then follows: chain, time and seq.
    t.event("a", "1001", 1001).write();
    t.close();
    const log::log_state all = log::scan(log::posix(), {t.dir}, test_bus, log::scan_depth::all);
    CHECK(all.holes.empty());
    CHECK(all.chain_breaks == 0);
    CHECK(all.end.running_max_ns == 1001);
}

TEST_CASE("open: after a crash the open segment is read once, and of the one before its end at most") {
    counting_file_system files;
    test_log t;
    fill(t, 50);
    for (int i = 0; i < 200; ++i) t.event("a", std::string(20'000, 'x'), 51 + i).write();
    t.crash();
    const std::string newest = t.path(t.segments().size() - 1);
    const std::uint64_t bytes = fs::file_size(newest);
    REQUIRE(bytes > 2'000'000);
    t.reopen(files);
    CHECK(t.writer().next_seq() == 251);
    CHECK(files.of.size() <= 2);
    CHECK(files.of[newest].bytes >= bytes);
    // The window is read anew where a commit crosses its end.
    CHECK(files.of[newest].bytes <= bytes + bytes / 4);
    CHECK(files.bytes() - files.of[newest].bytes <= 8192);
}

TEST_CASE("open: a newest segment without a commit asks the one before, and time goes on from there") {
    counting_file_system files;
    test_log t;
    fill(t, 5);
    // The header of a segment that was begun, as a crash right behind its creation leaves it.
    t.event("a", "6", 6).write();
    t.crash();
    t.truncate(5, sizeof(log::segment_header));
    t.reopen(files);
    CHECK(files.of.size() == 2);
    CHECK(t.writer().next_seq() == 6);
    t.event("a", "late", 1).write(); // an earlier time than before: the running greatest one stays
    t.close();
    const log::log_state all = log::scan(log::posix(), {t.dir}, test_bus, log::scan_depth::all);
    CHECK(all.end.running_max_ns == 5);
    CHECK(all.chain_breaks == 0);
    CHECK(all.holes.empty());
}

TEST_CASE("open: a tail of a terabyte that is all hole is stepped over, and its copy is a hole too") {
    counting_file_system files;
    test_log t;
    t.event("a", "1").write();
    t.event("a", "2").write();
    t.crash();
    const std::uint64_t whole = fs::file_size(t.path(0));
    std::error_code refused;
    fs::resize_file(t.path(0), std::uint64_t{1} << 40, refused);
    if (refused) {
        MESSAGE("not tested: this file system makes no file of a terabyte: " << refused.message());
        return;
    }
    t.reopen(files);
    CHECK(t.writer().next_seq() == 3);
    CHECK(fs::file_size(t.path(0)) == whole);
    REQUIRE(t.quarantine().size() == 1);
    CHECK(fs::file_size(t.dir + "/quarantine/" + t.quarantine()[0]) == (std::uint64_t{1} << 40) - whole);
    CHECK(files.bytes() < (std::uint64_t{4} << 20));
    t.event("a", "3").write();
    CHECK(t.read() == lines{"1 a 1 @0", "2 a 2 @0", "3 a 3 @0"});
}

TEST_CASE("open: a commit behind a hole of a terabyte is found") {
    test_log t;
    t.event("a", "1").write();
    t.event("a", "2").write();
    t.crash();
    const std::uint64_t far = (std::uint64_t{1} << 40) + 8;
    // A commit that says itself that it belongs there.
    log::batch b;
    REQUIRE(b.add_frame(3, 0, make_frame("a", "3")));
    const log::log_state before = log::scan(log::posix(), {t.dir}, test_bus);
    (void)b.seal(before.end, far);
    const log::file out(log::posix(), log::posix().open(t.path(0), O_RDWR, 0));
    if (out.write_at(b.bytes().data(), b.bytes().size(), far) != 0) {
        MESSAGE("not tested: this file system makes no file of a terabyte");
        return;
    }
    CHECK(t.read() == lines{"1 a 1 @0", "2 a 2 @0", "3 a 3 @0"});
    t.reopen(); // a break with a whole commit behind it: nothing is cut
    CHECK(t.writer().next_seq() == 4);
    CHECK(fs::file_size(t.path(0)) == far + b.bytes().size());
}

TEST_CASE("open: a long recovery gives up when it is told to stop, and changes nothing") {
    counting_file_system files;
    test_log t;
    for (int i = 0; i < 200; ++i) t.event("a", std::string(20'000, 'x')).write();
    t.crash();
    t.truncate(0, fs::file_size(t.path(0)) - 5);
    const std::string before = t.bytes(0);
    files.stop_after_bytes = before.size() / 2;
    t.options.stop = &files.stop;
    try {
        t.reopen(files);
        FAIL("it went on");
    } catch (const evbus::error& e) {
        CHECK(e.kind() == errc::io);
    }
    CHECK(files.bytes() < before.size());
    CHECK(t.bytes(0) == before);
    CHECK(t.quarantine().empty());
    t.options.stop = nullptr;
    t.reopen();
    CHECK(t.writer().next_seq() == 200);
}
