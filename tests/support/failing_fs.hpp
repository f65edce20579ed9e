// A file system whose k-th call fails, once or from then on. A failing write leaves half of its bytes in the file,
// as a disk that runs full does. Any thread.
#pragma once

#include "tests/support/passing_fs.hpp"

#include <atomic>
#include <cerrno>
#include <iterator>
#include <vector>

namespace evbus_test {

/// The kinds of calls, as bits: which of them count, and can fail.
namespace calls {
inline constexpr unsigned opens = 1, creates = 2, reads = 4, writes = 8, truncates = 16, datasyncs = 32, dir_syncs = 64, renames = 128,
                          unlinks = 256, mkdirs = 512, looks = 1024, locks = 2048;
/// What changes something on the disk. Cutting a file back needs no space, and goes on working on a full one.
inline constexpr unsigned changes = creates | writes | datasyncs | dir_syncs | renames | mkdirs;
inline constexpr unsigned all = 4095;
inline constexpr const char* names[] = {"open", "create", "read", "write", "truncate", "datasync", "sync_dir", "rename", "unlink", "mkdir",
                                        "look", "lock"};
[[nodiscard]] inline const char* name_of(unsigned kind) noexcept {
    for (unsigned i = 0; i < std::size(names); ++i)
        if (kind == 1u << i) return names[i];
    return "none";
}
} // namespace calls

enum class fault : std::uint8_t {
    once,     ///< the k-th call alone
    for_good, ///< it and all after it
    short_io, ///< no call fails: from the k-th on, reads and writes do half of what they are asked to
};
inline constexpr const char* fault_names[] = {"once", "for good", "half done"};

class failing_file_system final : public passing_file_system {
public:
    /// `k` = 0: none fails until told so. `error` is an errno.
    failing_file_system(int k, fault how, int error, unsigned which = calls::changes,
                        evbus::log::file_system& under = evbus::log::posix())
        : passing_file_system(under), k_(k), how_(how), error_(error), which_(which) {}

    int open(const std::string& p, int flags, unsigned mode) noexcept override {
        return fails((flags & O_CREAT) != 0 ? calls::creates : calls::opens) ? -error_ : passing_file_system::open(p, flags, mode);
    }
    std::int64_t pread(int fd, void* to, std::size_t n, std::uint64_t at) noexcept override {
        if (fails(calls::reads)) {
            if (how_ != fault::short_io) return -error_;
            n = n > 1 ? n / 2 : n;
        }
        return passing_file_system::pread(fd, to, n, at);
    }
    std::int64_t write(int fd, const void* from, std::size_t n, std::uint64_t at) noexcept override {
        if (how_ == fault::short_io) return passing_file_system::write(fd, from, fails(calls::writes) && n > 1 ? n / 2 : n, at);
        if (half_done_.exchange(false)) return -error_; // the rest of the write that was cut short
        if (!fails(calls::writes)) return passing_file_system::write(fd, from, n, at);
        if (n < 2) return -error_;
        half_done_ = true;
        return passing_file_system::write(fd, from, n / 2, at);
    }
    int truncate(int fd, std::uint64_t n) noexcept override {
        return stuck || fails(calls::truncates) ? -EIO : passing_file_system::truncate(fd, n);
    }
    int datasync(int fd) noexcept override { return fails(calls::datasyncs) ? -error_ : passing_file_system::datasync(fd); }
    int sync_dir(const std::string& p) noexcept override {
        return fails(calls::dir_syncs) ? -error_ : passing_file_system::sync_dir(p);
    }
    int rename(const std::string& a, const std::string& b) noexcept override {
        return fails(calls::renames) ? -error_ : passing_file_system::rename(a, b);
    }
    int unlink(const std::string& p) noexcept override { return fails(calls::unlinks) ? -error_ : passing_file_system::unlink(p); }
    int mkdir(const std::string& p, unsigned mode) noexcept override {
        return fails(calls::mkdirs) ? -error_ : passing_file_system::mkdir(p, mode);
    }
    int list(const std::string& p, std::vector<std::string>& names) override {
        return fails(calls::looks) ? -error_ : passing_file_system::list(p, names);
    }
    int stat(const std::string& p, evbus::log::file_info& out) noexcept override {
        return fails(calls::looks) ? -error_ : passing_file_system::stat(p, out);
    }
    int fstat(int fd, evbus::log::file_info& out) noexcept override {
        return fails(calls::looks) ? -error_ : passing_file_system::fstat(fd, out);
    }
    int space(const std::string& p, evbus::log::space_info& out) noexcept override {
        return fails(calls::looks) ? -error_ : passing_file_system::space(p, out);
    }
    int try_lock(int fd) noexcept override { return fails(calls::locks) ? -error_ : passing_file_system::try_lock(fd); }

    void fail_from_now_on() noexcept {
        how_ = fault::for_good;
        k_ = calls_ + 1;
    }
    /// The next call that counts fails, and none after it.
    void fail_next() noexcept {
        how_ = fault::once;
        k_ = calls_ + 1;
    }
    void heal() noexcept { k_ = 0; }
    [[nodiscard]] bool reached() const noexcept { return k_ != 0 && calls_ >= k_; }
    /// The kind of the call that was the k-th.
    [[nodiscard]] unsigned struck() const noexcept { return struck_; }

    std::atomic<bool> stuck{false}; ///< files cannot be cut back either

private:
    bool fails(unsigned kind) noexcept {
        if ((which_ & kind) == 0 || (how_ == fault::short_io && (kind & (calls::reads | calls::writes)) == 0)) return false;
        const int now = ++calls_;
        const int k = k_;
        if (k == 0) return false;
        if (now == k) struck_ = kind;
        return how_ == fault::once ? now == k : now >= k;
    }

    std::atomic<int> k_;
    std::atomic<fault> how_;
    int error_;
    unsigned which_;
    std::atomic<int> calls_{0};
    std::atomic<unsigned> struck_{0};
    std::atomic<bool> half_done_{false};
};

} // namespace evbus_test
