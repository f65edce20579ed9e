// Compressing while the system fails or the process dies: whatever call it is, the log reads as before,
// and the next run finds nothing in its way.
#include "tests/log/compress_fixture.hpp"

#include <functional>

using namespace log_test;

namespace {

/// Passes everything on, but the k-th call fails: that one, or it and all behind it, as after a death.
/// Remembers in which order things were made sure of.
class failing_file_system final : public log::file_system {
public:
    explicit failing_file_system(int k, bool for_good = false, bool swaps = true)
        : k_(k), for_good_(for_good), swaps_(swaps) {}

    int open(const std::string& p, int flags, unsigned mode) noexcept override {
        return fails() ? -ENOSPC : real_.open(p, flags, mode);
    }
    int close(int fd) noexcept override { return real_.close(fd); }
    std::int64_t pread(int fd, void* to, std::size_t n, std::uint64_t at) noexcept override {
        return fails() ? -EIO : real_.pread(fd, to, n, at);
    }
    std::int64_t write(int fd, const void* from, std::size_t n, std::uint64_t at) noexcept override {
        if (!fails()) return real_.write(fd, from, n, at);
        return n > 1 && !half_done_ && (half_done_ = true) ? real_.write(fd, from, n / 2, at) : -ENOSPC;
    }
    int truncate(int fd, std::uint64_t n) noexcept override { return fails() ? -EIO : real_.truncate(fd, n); }
    int datasync(int fd) noexcept override { return said("sync", fails() ? -EIO : real_.datasync(fd)); }
    int sync_dir(const std::string& p) noexcept override { return said("dir", fails() ? -EIO : real_.sync_dir(p)); }
    int rename(const std::string& a, const std::string& b) noexcept override {
        if (before_swap) before_swap();
        return said("rename", fails() ? -EIO : real_.rename(a, b));
    }
    int exchange(const std::string& a, const std::string& b) noexcept override {
        if (!swaps_) return -EINVAL;
        if (before_swap) before_swap();
        return said("swap", fails() ? -EIO : real_.exchange(a, b));
    }
    int copy_attributes(int a, int b) noexcept override { return fails() ? -EPERM : real_.copy_attributes(a, b); }
    int unlink(const std::string& p) noexcept override { return said("unlink", fails() ? -EIO : real_.unlink(p)); }
    int mkdir(const std::string& p, unsigned mode) noexcept override { return fails() ? -EIO : real_.mkdir(p, mode); }
    int list(const std::string& p, std::vector<std::string>& names) override {
        return fails() ? -EIO : real_.list(p, names);
    }
    int stat(const std::string& p, log::file_info& out) noexcept override { return fails() ? -EIO : real_.stat(p, out); }
    int fstat(int fd, log::file_info& out) noexcept override { return fails() ? -EIO : real_.fstat(fd, out); }
    int space(const std::string& p, log::space_info& out) noexcept override { return real_.space(p, out); }
    int try_lock(int fd) noexcept override { return fails() ? -ENOLCK : real_.try_lock(fd); }

    [[nodiscard]] bool reached() const noexcept { return calls_ >= k_; }
    std::function<void()> before_swap;
    std::string order; ///< what succeeded of the calls that make something sure

private:
    bool fails() noexcept {
        ++calls_;
        return k_ != 0 && (for_good_ ? calls_ >= k_ : calls_ == k_);
    }
    int said(const char* what, int r) {
        if (r == 0) order += std::string(what) + " ";
        return r;
    }

    log::file_system& real_ = log::posix();
    int k_;
    bool for_good_;
    bool swaps_;
    bool half_done_ = false;
    int calls_ = 0;
};

/// For every k: the k-th call fails. `newest`: the segment that needs the log's lock as well.
void sweep(bool for_good, bool swaps, bool newest) {
    int k = 1;
    int refused = 0;
    for (;; ++k) {
        CAPTURE(k);
        test_log t(8 * 1024);
        fill(t);
        t.close();
        const lines all = t.read();
        const std::size_t segments = t.segments().size();
        const std::size_t which = newest ? segments - 1 : 0;
        const std::string old = t.bytes(which);
        failing_file_system files(k, for_good, swaps);
        bool done = false;
        try {
            done = compress(t, which, files).outcome == compress_outcome::compressed;
        } catch (const evbus::error& e) {
            ++refused;
            CHECK(std::string(e.what()).find(t.dir) != std::string::npos);
        }
        REQUIRE(t.read() == all);
        CHECK(amiss(t).empty());
        if (done) CHECK(t.bytes(which) != old);
        log::remove_leftovers(log::posix(), {t.dir});
        CHECK(t.segments().size() == segments);
        const compress_outcome next = compress(t, which).outcome;
        CHECK((next == compress_outcome::compressed || next == compress_outcome::compressed_before));
        REQUIRE(t.read() == all);
        CHECK(t.segments().size() == segments);
        if (!files.reached()) {
            CHECK(done);
            break;
        }
    }
    CHECK(k > 20);
    CHECK(refused > 10);
}

} // namespace

TEST_CASE("compress faults: the k-th call fails, once or for good, and the log reads as before") {
    sweep(false, true, false);
    sweep(true, true, false);
    sweep(true, true, true);
}

TEST_CASE("compress faults: the same where names cannot be swapped") {
    sweep(false, false, true);
    sweep(true, false, false);
}

TEST_CASE("compress faults: the new bytes are on the disk before the name, and the name before the old file goes") {
    const auto t = log_of_three();
    failing_file_system files(0);
    REQUIRE(compress(*t, 0, files).outcome == compress_outcome::compressed);
    CHECK(files.order == "sync swap dir unlink ");
    failing_file_system plain(0, false, false);
    REQUIRE(compress(*t, 1, plain).outcome == compress_outcome::compressed);
    CHECK(plain.order == "sync rename dir ");
}

TEST_CASE("compress faults: a segment that is deleted meanwhile stays deleted") {
    const auto t = log_of_three();
    failing_file_system files(0);
    files.before_swap = [&] { t->remove(0); };
    CHECK(compress(*t, 0, files).outcome == compress_outcome::changed);
    CHECK(t->segments().size() == 2);
}

TEST_CASE("compress faults: what dead runs left is removed, what a living one writes is not") {
    const auto t = log_of_three();
    const std::string beside = t->path(0) + ".tmp";
    const std::string orphan = t->dir + "/segments/" + log::segment_name(99'999) + ".tmp";
    const std::string other = t->dir + "/segments/notes.tmp";
    for (const std::string& p : {beside, orphan, other}) test_log::spit(p, "left over");
    failing_file_system files(0);
    files.before_swap = [&] {
        CHECK(fs::exists(beside)); // the new one
        log::remove_leftovers(log::posix(), {t->dir});
        CHECK(fs::exists(beside));
        CHECK(compress(*t, 0).outcome == compress_outcome::in_use);
    };
    CHECK(compress(*t, 0, files).outcome == compress_outcome::compressed);
    CHECK(!fs::exists(beside));
    CHECK(!fs::exists(orphan));
    CHECK(fs::exists(other)); // not ours
}

TEST_CASE("compress faults: who is stopped leaves all as it was") {
    const auto t = log_of_three();
    const std::string before = t->bytes(0);
    const std::atomic<bool> stop{true};
    log::compress_options options;
    options.stop = &stop;
    CHECK(compress(*t, 0, log::posix(), options).outcome == compress_outcome::stopped);
    CHECK(t->bytes(0) == before);
    CHECK(t->segments().size() == 3);
}
