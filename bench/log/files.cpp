#include "files.hpp"

#include "bench/harness/machine.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace bench {
namespace {

constexpr std::uint64_t begin_every = std::uint64_t{8} << 20;

void sleep_until(std::int64_t ns) {
    const timespec t{static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr) == EINTR) {}
}

class plain_file {
public:
    plain_file(const std::string& dir, const file_plan& plan) : path_(dir + "/plain") {
        fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        check(fd_ >= 0);
        const auto bytes = static_cast<off_t>(plan.bytes);
        if (plan.space == space_from::allocated) check(::fallocate(fd_, 0, 0, bytes) == 0);
        if (plan.space == space_from::kept_size) check(::fallocate(fd_, FALLOC_FL_KEEP_SIZE, 0, bytes) == 0);
        if (plan.space == space_from::recycled) {
            const std::vector<char> old(begin_every, 'x');
            for (off_t at = 0; at < bytes; at += static_cast<off_t>(old.size())) write(old.data(), old.size(), at);
        }
        check(::fsync(fd_) == 0);
        // A log's old segment is not in memory any more.
        if (plan.space == space_from::recycled) check(::posix_fadvise(fd_, 0, 0, POSIX_FADV_DONTNEED) == 0);
    }
    ~plain_file() {
        ::close(fd_);
        ::unlink(path_.c_str());
    }
    plain_file(const plain_file&) = delete;
    plain_file& operator=(const plain_file&) = delete;

    void write(const void* from, std::size_t bytes, off_t at) const {
        check(::pwrite(fd_, from, bytes, at) == static_cast<ssize_t>(bytes));
    }
    void sync() const { check(::fdatasync(fd_) == 0); }
    void begin() const { (void)::sync_file_range(fd_, 0, 0, SYNC_FILE_RANGE_WRITE); }

private:
    void check(bool good) const {
        if (!good) throw std::system_error(errno, std::generic_category(), path_);
    }
    std::string path_;
    int fd_ = -1;
};

void timed_sync(const plain_file& f, file_outcome& out) {
    const std::int64_t start = now_ns();
    f.sync();
    out.sync_ns.push_back(static_cast<double>(now_ns() - start));
}

/// The log's way: the next sync begins an interval after the last one ended.
void sync_in_turns(const plain_file& f, const file_plan& plan, const std::atomic<std::uint64_t>& written,
                   const std::atomic<bool>& stop, file_outcome& out) {
    std::uint64_t begun = 0;
    while (!stop) {
        const std::int64_t due = now_ns() + plan.interval_ns;
        while (plan.by == sync_by::thread_started && now_ns() < due && !stop) {
            if (written - begun >= begin_every) {
                begun = written;
                f.begin();
            }
            sleep_until(std::min(due, now_ns() + 500'000));
        }
        sleep_until(due);
        begun = written;
        timed_sync(f, out);
    }
}

} // namespace

file_outcome write_file(const std::string& dir, const file_plan& plan) {
    const plain_file f(dir, plan);
    std::vector<std::uint64_t> piece(plan.piece_bytes / 8);
    for (std::size_t i = 0; i < piece.size(); ++i) piece[i] = i * 0x9e3779b97f4a7c15U;
    file_outcome out;
    std::atomic<std::uint64_t> written{0};
    std::atomic<bool> stop{false};
    const std::int64_t start = now_ns();
    std::thread syncing;
    if (plan.by != sync_by::writer) syncing = std::thread([&] { sync_in_turns(f, plan, written, stop, out); });
    std::int64_t synced = start;
    for (std::uint64_t i = 0; (i + 1) * plan.piece_bytes <= plan.bytes; ++i) {
        if (plan.pace_ns != 0) sleep_until(start + static_cast<std::int64_t>(i) * plan.pace_ns);
        piece[0] = i;
        const std::int64_t before = now_ns();
        f.write(piece.data(), plan.piece_bytes, static_cast<off_t>(i * plan.piece_bytes));
        written += plan.piece_bytes;
        const std::int64_t after = now_ns();
        if (plan.by == sync_by::writer && after - synced >= plan.interval_ns) {
            timed_sync(f, out);
            synced = now_ns();
        }
        out.write_ns.push_back(static_cast<double>(now_ns() - before));
    }
    stop = true;
    if (syncing.joinable()) syncing.join();
    timed_sync(f, out);
    out.ns = static_cast<double>(now_ns() - start);
    return out;
}

double percentile(std::vector<double> values, double share) {
    if (values.empty()) return 0;
    const auto at = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size()))) - 1;
    const auto nth = values.begin() + static_cast<std::ptrdiff_t>(std::min(at, values.size() - 1));
    std::nth_element(values.begin(), nth, values.end());
    return *nth;
}

} // namespace bench
