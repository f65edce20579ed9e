// A file system that fails: whatever call it is, what append reported as written is there afterwards,
// nothing else is, and the log can be written again.
#include "tests/log/log_fixture.hpp"

#include <atomic>
#include <thread>

using namespace log_test;

namespace {

/// Passes everything on, but the k-th call that changes something fails, once or for good. A failing
/// write leaves half of its bytes in the file, as a disk that runs full does.
class failing_file_system final : public log::file_system {
public:
    failing_file_system(int k, bool for_good, int error) : k_(k), for_good_(for_good), error_(error) {}

    int open(const std::string& p, int flags, unsigned mode) noexcept override {
        return (flags & O_CREAT) != 0 && fails() ? -error_ : real_.open(p, flags, mode);
    }
    int close(int fd) noexcept override { return real_.close(fd); }
    std::int64_t pread(int fd, void* to, std::size_t n, std::uint64_t at) noexcept override {
        return real_.pread(fd, to, n, at);
    }
    std::int64_t write(int fd, const void* from, std::size_t n, std::uint64_t at) noexcept override {
        if (half_done_ || fails()) {
            half_done_ = !half_done_;
            return half_done_ && n > 1 ? real_.write(fd, from, n / 2, at) : -error_;
        }
        return real_.write(fd, from, n, at);
    }
    // Cutting a file back needs no space: it goes on working on a full disk, unless told otherwise.
    int truncate(int fd, std::uint64_t n) noexcept override { return stuck ? -EIO : real_.truncate(fd, n); }
    int datasync(int fd) noexcept override { return fails() ? -error_ : real_.datasync(fd); }
    int sync_dir(const std::string& p) noexcept override { return fails() ? -error_ : real_.sync_dir(p); }
    int rename(const std::string& a, const std::string& b) noexcept override {
        return fails() ? -error_ : real_.rename(a, b);
    }
    int unlink(const std::string& p) noexcept override { return real_.unlink(p); }
    int mkdir(const std::string& p, unsigned mode) noexcept override { return fails() ? -error_ : real_.mkdir(p, mode); }
    int list(const std::string& p, std::vector<std::string>& names) override { return real_.list(p, names); }
    int stat(const std::string& p, log::file_info& out) noexcept override { return real_.stat(p, out); }
    int fstat(int fd, log::file_info& out) noexcept override { return real_.fstat(fd, out); }
    int space(const std::string& p, log::space_info& out) noexcept override { return real_.space(p, out); }
    int try_lock(int fd) noexcept override { return real_.try_lock(fd); }

    void fail_from_now_on() noexcept {
        k_ = calls_ + 1;
        for_good_ = true;
    }
    void heal() noexcept { k_ = 0; }

    bool stuck = false; ///< files cannot be cut back either

    [[nodiscard]] bool reached() const noexcept { return calls_ >= k_; }

private:
    bool fails() noexcept {
        ++calls_;
        return k_ != 0 && (for_good_ ? calls_ >= k_ : calls_ == k_);
    }

    log::file_system& real_ = log::posix();
    int k_;
    bool for_good_;
    int error_;
    int calls_ = 0;
    bool half_done_ = false;
};

/// Writes 12 events through `files`, an append each, retrying once when `retry`. Counts what append
/// reported as written.
seq_t run(test_log& t, failing_file_system& files, bool retry, log::append_status expected) {
    seq_t written = 0;
    try {
        t.reopen(files);
        for (seq_t s = 1; s <= 12; ++s) {
            t.event("a", std::to_string(s), static_cast<std::int64_t>(s));
            log::append_result r = t.try_write();
            if (!r.ok()) {
                CHECK((r.status == expected || r.status == log::append_status::sync_failed));
                if (retry) r = t.try_write();
            }
            t.forget_batch();
            if (!r.ok()) break;
            written = s;
        }
    } catch (const evbus::error&) {
        // Opening failed: nothing was promised.
    }
    t.crash();
    t.forget_batch();
    return written;
}

void sweep(bool for_good, int error, log::append_status expected) {
    for (int k = 1;; ++k) {
        failing_file_system files(k, for_good, error);
        test_log t(500);
        CAPTURE(k);
        const seq_t written = run(t, files, !for_good, expected);
        if (!files.reached()) {
            CHECK(written == 12);
            CHECK(k > 20);
            break;
        }
        t.reopen();
        CHECK(t.writer().next_seq() == written + 1);
        CHECK(t.quarantine().empty()); // partial bytes were cut back at once, not left to recovery
        t.event("a", "after").write();
        const lines got = t.read();
        REQUIRE(got.size() == written + 1);
        for (seq_t s = 1; s <= written; ++s)
            CHECK(got[s - 1] == std::to_string(s) + " a " + std::to_string(s) + " @" + std::to_string(s));
        CHECK(got.back() == std::to_string(written + 1) + " a after @0");
    }
}

} // namespace

TEST_CASE("faults: the k-th call fails for want of space, once or for good: what was reported is there") {
    sweep(false, ENOSPC, log::append_status::no_space);
    sweep(true, ENOSPC, log::append_status::no_space);
}

TEST_CASE("faults: the same with an error of the disk") {
    sweep(false, EIO, log::append_status::io_failed);
    sweep(true, EIO, log::append_status::io_failed);
}

TEST_CASE("faults: after a failed sync nothing more is accepted") {
    int calls = 0;
    for (int k = 1; k < 40; ++k) {
        failing_file_system f(k, false, EIO);
        test_log v;
        try {
            v.reopen(f);
            v.event("a", "1");
            if (!v.try_write().ok()) continue;
        } catch (const evbus::error&) {
            continue;
        }
        const log::append_result r = v.writer().sync();
        if (r.ok()) continue;
        ++calls;
        CHECK(r.status == log::append_status::sync_failed);
        v.event("a", "2");
        CHECK(v.try_write().status == log::append_status::sync_failed);
        CHECK(v.writer().synced() == no_seq);
    }
    CHECK(calls == 1);
}

TEST_CASE("faults: when partial bytes cannot be cut back nothing is appended behind them") {
    failing_file_system files(0, false, ENOSPC);
    test_log t;
    t.reopen(files);
    t.event("a", "1").write();
    files.fail_from_now_on();
    files.stuck = true;
    t.event("a", "2");
    CHECK(t.try_write().status == log::append_status::no_space);
    files.heal();
    files.stuck = false;
    CHECK(t.try_write().status == log::append_status::io_failed);
    CHECK(!t.writer().close().ok());
    t.crash();
    t.reopen();
    CHECK(t.quarantine().size() == 1);
    CHECK(t.try_write().ok());
    CHECK(t.read() == lines{"1 a 1 @0", "2 a 2 @0"});
}

TEST_CASE("threads: a reader beside the writer gets every event once, in order, through many segments") {
    constexpr seq_t total = 20'000;
    test_log t(40'000);
    t.event("a", "1").write();
    std::atomic<bool> wrong{false};
    std::atomic<seq_t> synced{0};
    std::thread reader([&] {
        log::log_reader r(log::posix(), t.dir);
        log::entry e;
        seq_t next = 1;
        while (next <= total && !wrong) {
            const seq_t last = r.last_seq();
            if (last + 1 < next) wrong = true;
            log::step s;
            while ((s = r.next(e)) == log::step::entry) {
                if (e.kind != log::entry_kind::frame || e.seq() != next++) wrong = true;
            }
            if (s == log::step::failed) wrong = true;
        }
    });
    for (seq_t s = 2; s <= total; ++s) {
        t.event("a", std::string(s % 50, 'x'));
        if (s % 7 == 0 || s == total) t.write();
    }
    const log::sync_point p = t.writer().current();
    std::thread other([&] {
        if (p.sync() == 0) synced = p.last;
    });
    other.join();
    CHECK(synced == total);
    reader.join();
    CHECK(!wrong);
}
