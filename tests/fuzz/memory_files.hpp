// Files that are strings: a log that costs an input no system call, and whose times stand still. A file that was
// removed lives on for who has it open.
#pragma once

#include <evbus/log/file.hpp>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace fuzz {

namespace elog = evbus::log;

class memory_files final : public elog::file_system {
public:
    /// The content of a file; made when it is not there.
    std::string& operator[](const std::string& path) { return at(path).bytes; }
    [[nodiscard]] const std::string* find(const std::string& path) const {
        const auto it = names_.find(path);
        return it == names_.end() ? nullptr : &it->second->bytes;
    }

    int open(const std::string& path, int flags, unsigned) noexcept override {
        const auto it = names_.find(path);
        if (it == names_.end() && (flags & O_CREAT) == 0) return is_directory(path) ? new_fd(nullptr) : -ENOENT;
        if (it != names_.end() && (flags & O_EXCL) != 0) return -EEXIST;
        if ((flags & O_TRUNC) != 0 && it != names_.end()) it->second->bytes.clear();
        if (it == names_.end()) (void)at(path);
        return new_fd(names_[path]);
    }
    int close(int fd) noexcept override { return open_.erase(fd) == 1 ? 0 : -EBADF; }
    std::int64_t pread(int fd, void* to, std::size_t size, std::uint64_t offset) noexcept override {
        const std::string& from = open_[fd]->bytes;
        if (offset >= from.size()) return 0;
        const std::size_t n = std::min<std::size_t>(size, from.size() - static_cast<std::size_t>(offset));
        std::memcpy(to, from.data() + offset, n);
        return static_cast<std::int64_t>(n);
    }
    std::int64_t write(int fd, const void* from, std::size_t size, std::uint64_t offset) noexcept override {
        std::string& to = open_[fd]->bytes;
        if (offset + size > most_bytes) return -ENOSPC;
        to.resize(std::max<std::size_t>(to.size(), static_cast<std::size_t>(offset) + size));
        std::memcpy(to.data() + offset, from, size);
        return static_cast<std::int64_t>(size);
    }
    int truncate(int fd, std::uint64_t size) noexcept override {
        if (size > most_bytes) return -EFBIG;
        open_[fd]->bytes.resize(static_cast<std::size_t>(size));
        return 0;
    }
    int datasync(int) noexcept override { return 0; }
    int sync_dir(const std::string&) noexcept override { return 0; }
    int rename(const std::string& from, const std::string& to) noexcept override {
        const auto it = names_.find(from);
        if (it == names_.end()) return -ENOENT;
        names_[to] = it->second;
        if (from != to) names_.erase(from);
        return 0;
    }
    int exchange(const std::string& one, const std::string& other) noexcept override {
        if (names_.count(one) == 0 || names_.count(other) == 0) return -ENOENT;
        std::swap(names_[one], names_[other]);
        return 0;
    }
    int unlink(const std::string& path) noexcept override { return names_.erase(path) == 1 ? 0 : -ENOENT; }
    int mkdir(const std::string&, unsigned) noexcept override { return 0; }
    int list(const std::string& path, std::vector<std::string>& names) override {
        names.clear();
        for (const auto& [name, file] : names_)
            if (name.starts_with(path + "/") && name.find('/', path.size() + 1) == std::string::npos)
                names.push_back(name.substr(path.size() + 1));
        return 0;
    }
    int stat(const std::string& path, elog::file_info& out) noexcept override {
        const auto it = names_.find(path);
        if (it == names_.end() && !is_directory(path)) return -ENOENT;
        fill(it == names_.end() ? nullptr : it->second.get(), out);
        return 0;
    }
    int fstat(int fd, elog::file_info& out) noexcept override {
        fill(open_[fd].get(), out);
        return 0;
    }
    int space(const std::string&, elog::space_info& out) noexcept override {
        out = {most_bytes, most_bytes};
        return 0;
    }
    int try_lock(int) noexcept override { return 0; }

private:
    struct content {
        std::string bytes;
        std::uint64_t inode;
    };
    static constexpr std::uint64_t most_bytes = std::uint64_t{1} << 24;

    content& at(const std::string& path) {
        std::shared_ptr<content>& there = names_[path];
        if (!there) there = std::make_shared<content>(content{{}, ++inodes_});
        return *there;
    }
    int new_fd(std::shared_ptr<content> of) {
        open_[++fds_] = std::move(of);
        return fds_;
    }
    [[nodiscard]] bool is_directory(const std::string& path) const {
        const auto it = names_.lower_bound(path + "/");
        return it != names_.end() && it->first.starts_with(path + "/");
    }
    static void fill(const content* of, elog::file_info& out) {
        out = {};
        out.is_directory = of == nullptr;
        out.modified_ns = 1;
        if (of != nullptr) out.bytes = of->bytes.size();
        if (of != nullptr) out.inode = of->inode;
    }

    std::map<std::string, std::shared_ptr<content>> names_;
    std::map<int, std::shared_ptr<content>> open_;
    std::uint64_t inodes_ = 0;
    int fds_ = 2;
};

} // namespace fuzz
