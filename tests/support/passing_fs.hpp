// A file system that passes every call on to another: what the others in this directory change calls of.
#pragma once

#include <evbus/log/file.hpp>

#include <string>
#include <vector>

namespace evbus_test {

class passing_file_system : public evbus::log::file_system {
public:
    explicit passing_file_system(evbus::log::file_system& under = evbus::log::posix()) : real_(under) {}
    int open(const std::string& p, int flags, unsigned mode) noexcept override { return real_.open(p, flags, mode); }
    int close(int fd) noexcept override { return real_.close(fd); }
    std::int64_t pread(int fd, void* to, std::size_t n, std::uint64_t at) noexcept override { return real_.pread(fd, to, n, at); }
    std::int64_t write(int fd, const void* from, std::size_t n, std::uint64_t at) noexcept override {
        return real_.write(fd, from, n, at);
    }
    int truncate(int fd, std::uint64_t n) noexcept override { return real_.truncate(fd, n); }
    int datasync(int fd) noexcept override { return real_.datasync(fd); }
    int sync_dir(const std::string& p) noexcept override { return real_.sync_dir(p); }
    int rename(const std::string& a, const std::string& b) noexcept override { return real_.rename(a, b); }
    int unlink(const std::string& p) noexcept override { return real_.unlink(p); }
    int mkdir(const std::string& p, unsigned mode) noexcept override { return real_.mkdir(p, mode); }
    int list(const std::string& p, std::vector<std::string>& names) override { return real_.list(p, names); }
    int stat(const std::string& p, evbus::log::file_info& out) noexcept override { return real_.stat(p, out); }
    int fstat(int fd, evbus::log::file_info& out) noexcept override { return real_.fstat(fd, out); }
    int space(const std::string& p, evbus::log::space_info& out) noexcept override { return real_.space(p, out); }
    int try_lock(int fd) noexcept override { return real_.try_lock(fd); }

protected:
    evbus::log::file_system& real_;
};

} // namespace evbus_test
