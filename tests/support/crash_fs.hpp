// A disk beneath a page cache. Calls go to a real directory, which is what programs see; beside it stands what a power
// loss would leave. Nothing is on the disk before it is synced: file data and length by datasync, names by the sync of
// their directory. What is not synced may be there or not, any of it:
//
//   data     each page (4 KiB) as the cache has it, as the disk had it, or torn between sectors (512 bytes)
//   length   the old one, the new one (zeros where no page came), or a border between
//   names    each making, renaming and removing by itself; a rename shows the old name or the new one
//
// A sync that fails (fail_syncs) leaves its pages clean and off the disk: programs read them back well, the next sync
// succeeds, and a power loss takes them away. Any thread; hooks are called with the lock held.
#pragma once

#include "tests/support/passing_fs.hpp"
#include "tests/support/random.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace evbus_test {

/// Chooses one of n possibilities, again and again.
class chooser {
public:
    virtual ~chooser() = default;
    virtual std::size_t pick(std::size_t n) = 0;
};

class random_choice final : public chooser {
public:
    explicit random_choice(random_source& from) : from_(from) {}
    std::size_t pick(std::size_t n) override { return from_.below(n); }

private:
    random_source& from_;
};

/// Every sequence of choices, one a round: `do {...} while (all.next());`
class every_choice final : public chooser {
public:
    std::size_t pick(std::size_t n) override {
        if (at_ == taken_.size()) taken_.push_back({0, n});
        return taken_[at_++].value;
    }
    /// False when there is no further one.
    bool next() {
        taken_.resize(at_);
        at_ = 0;
        while (!taken_.empty() && taken_.back().value + 1 == taken_.back().of) taken_.pop_back();
        if (taken_.empty()) return false;
        ++taken_.back().value;
        return true;
    }

private:
    struct choice {
        std::size_t value, of;
    };
    std::vector<choice> taken_;
    std::size_t at_ = 0;
};

/// What the disk holds and what is on its way there, at one moment.
class disk_image {
public:
    /// Writes into the empty directory `to` what is found after a power loss.
    void lose_power(const std::string& to, chooser& choose) const {
        std::map<std::string, std::size_t> names = names_;
        for (const change& c : pending_)
            if (choose.pick(2) == 1) c.apply(names);
        for (const auto& [name, id] : names) { // sorted: a directory comes before what is in it
            const std::string path = to + "/" + name;
            if (!std::filesystem::is_directory(std::filesystem::path(path).parent_path())) continue;
            if (nodes_[id].is_dir) {
                std::filesystem::create_directory(path);
                continue;
            }
            const std::string bytes = nodes_[id].after_power_loss(choose);
            std::ofstream(path, std::ios::binary | std::ios::trunc).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        }
    }

private:
    friend class crash_file_system;
    static constexpr std::size_t page = 4096;
    static constexpr std::size_t sector = 512;

    struct node {
        bool is_dir = false;
        std::string cache;             ///< as programs see it
        std::string disk;              ///< as it was synced
        std::set<std::size_t> dirty{}; ///< pages that differ
        std::size_t least = 0;         ///< its least length since it was synced

        void changed(std::size_t from, std::size_t to) {
            for (std::size_t p = from / page; p * page < to; ++p) dirty.insert(p);
        }
        void cut(std::size_t size) {
            cache.resize(size);
            least = std::min(least, size);
            while (!dirty.empty() && *dirty.rbegin() * page >= size) dirty.erase(std::prev(dirty.end()));
        }
        static void copy_piece(const std::string& from, std::string& to, std::size_t at, std::size_t bytes) {
            const std::size_t end = std::min({at + bytes, from.size(), to.size()});
            if (at < end) std::memcpy(to.data() + at, from.data() + at, end - at);
        }
        void sync() {
            disk.resize(least);
            disk.resize(cache.size());
            for (const std::size_t p : dirty) copy_piece(cache, disk, p * page, page);
            dirty.clear();
            least = disk.size();
        }
        [[nodiscard]] std::string after_power_loss(chooser& choose) const {
            std::string out = disk;
            if (least < disk.size() && choose.pick(2) == 1) out.resize(least);
            if (cache.size() > out.size()) {
                const std::size_t more = cache.size() - out.size();
                switch (choose.pick(3)) {
                case 0: break;
                case 1: out.resize(cache.size()); break;
                default: {
                    const std::size_t unit = choose.pick(2) == 0 ? page : sector;
                    const std::size_t border = (out.size() / unit + 1 + choose.pick(more / unit + 1)) * unit;
                    out.resize(std::min(border, cache.size()));
                }
                }
            }
            if (dirty.empty()) return out;
            const std::size_t how = choose.pick(4);
            for (const std::size_t p : dirty) {
                const std::size_t what = how < 2 ? how : choose.pick(3);
                if (what == 1) copy_piece(cache, out, p * page, page);
                else if (what == 2)
                    for (std::size_t s = 0; s < page / sector; ++s)
                        if (choose.pick(2) == 1) copy_piece(cache, out, p * page + s * sector, sector);
            }
            return out;
        }
    };
    struct change {
        enum class kind : std::uint8_t { made, renamed, removed } what;
        std::string path;
        std::string to; ///< of a rename
        std::size_t id;
        std::set<std::string> directories{}; ///< still to be synced

        void apply(std::map<std::string, std::size_t>& names) const {
            if (what == kind::made) names[path] = id;
            else if (const auto it = names.find(path); it != names.end() && it->second == id) names.erase(it);
            if (what == kind::renamed) names[to] = id;
        }
    };

    std::vector<node> nodes_;
    std::map<std::string, std::size_t> names_; ///< on the disk, relative to the root
    std::vector<change> pending_;
};

class crash_file_system final : public passing_file_system {
public:
    /// What stands in `root` is on the disk.
    explicit crash_file_system(std::string root) : root_(std::move(root)) {
        namespace fs = std::filesystem;
        for (const auto& e : fs::recursive_directory_iterator(root_)) {
            disk_image::node n;
            n.is_dir = e.is_directory();
            if (!n.is_dir) {
                std::ifstream in(e.path(), std::ios::binary);
                n.cache.assign(std::istreambuf_iterator<char>(in), {});
            }
            n.disk = n.cache;
            n.least = n.disk.size();
            image_.nodes_.push_back(std::move(n));
            image_.names_[relative(e.path().string())] = image_.nodes_.size() - 1;
        }
        names_ = image_.names_;
    }

    /// Called before each call that changes something, with the number of that call, from 1 on. Not to use this object,
    /// but for image().
    std::function<void(int)> before_change{};
    /// Syncs of files fail from now on with EIO, and lose what they were to write.
    std::atomic<bool> fail_syncs{false};
    std::string fail_syncs_of{}; ///< of files with this ending alone; empty = of all
    /// From the call of this number on nothing is changed any more, as by a process that was killed there; 0 = never.
    std::atomic<int> dies_at{0};

    /// For before_change, which holds the lock.
    [[nodiscard]] const disk_image& image() const noexcept { return image_; }
    [[nodiscard]] disk_image snapshot() {
        const std::lock_guard guard(mutex_);
        return image_;
    }
    [[nodiscard]] int changes() const noexcept { return changes_; }

    int open(const std::string& p, int flags, unsigned mode) noexcept override {
        const std::lock_guard guard(mutex_);
        const std::string name = relative(p);
        if (name.empty()) return passing_file_system::open(p, flags, mode);
        const bool makes = (flags & O_CREAT) != 0 && !names_.contains(name);
        if ((makes || (flags & O_TRUNC) != 0) && !step()) return -EIO;
        const int fd = passing_file_system::open(p, flags, mode);
        if (fd < 0) return fd;
        if (makes) make(name, false);
        const std::size_t id = names_.at(name);
        if ((flags & O_TRUNC) != 0) image_.nodes_[id].cut(0);
        open_[fd] = id;
        opened_as_[fd] = name;
        return fd;
    }
    int close(int fd) noexcept override {
        const std::lock_guard guard(mutex_);
        open_.erase(fd);
        return passing_file_system::close(fd);
    }
    std::int64_t write(int fd, const void* from, std::size_t n, std::uint64_t at) noexcept override {
        const std::lock_guard guard(mutex_);
        if (!step()) return -EIO;
        const std::int64_t done = passing_file_system::write(fd, from, n, at);
        const auto it = open_.find(fd);
        if (done <= 0 || it == open_.end()) return done;
        disk_image::node& f = image_.nodes_[it->second];
        const std::size_t end = at + static_cast<std::size_t>(done);
        if (f.cache.size() < end) f.cache.resize(end);
        std::memcpy(f.cache.data() + at, from, static_cast<std::size_t>(done));
        f.changed(at, end);
        return done;
    }
    int truncate(int fd, std::uint64_t n) noexcept override {
        const std::lock_guard guard(mutex_);
        if (!step()) return -EIO;
        const int r = passing_file_system::truncate(fd, n);
        if (const auto it = open_.find(fd); r == 0 && it != open_.end()) image_.nodes_[it->second].cut(n);
        return r;
    }
    int datasync(int fd) noexcept override {
        const std::lock_guard guard(mutex_);
        if (!step()) return -EIO;
        const auto it = open_.find(fd);
        if (it == open_.end()) return 0;
        disk_image::node& f = image_.nodes_[it->second];
        if (fail_syncs && opened_as_[fd].ends_with(fail_syncs_of) && (!f.dirty.empty() || f.cache.size() != f.disk.size())) {
            f.dirty.clear();
            return -EIO;
        }
        f.sync();
        return 0;
    }
    int sync_dir(const std::string& p) noexcept override {
        const std::lock_guard guard(mutex_);
        if (!step()) return -EIO;
        const std::string dir = relative(p);
        auto& all = image_.pending_;
        for (disk_image::change& c : all)
            if (c.directories.erase(dir) != 0 && c.directories.empty()) c.apply(image_.names_);
        std::erase_if(all, [](const disk_image::change& c) { return c.directories.empty(); });
        return 0;
    }
    int rename(const std::string& a, const std::string& b) noexcept override {
        const std::lock_guard guard(mutex_);
        if (!step()) return -EIO;
        const int r = passing_file_system::rename(a, b);
        if (r < 0) return r;
        const std::string from = relative(a), to = relative(b);
        const std::size_t id = names_.at(from);
        names_.erase(from);
        names_[to] = id;
        image_.pending_.push_back({disk_image::change::kind::renamed, from, to, id, {parent(from), parent(to)}});
        return 0;
    }
    int unlink(const std::string& p) noexcept override {
        const std::lock_guard guard(mutex_);
        if (!step()) return -EIO;
        const int r = passing_file_system::unlink(p);
        if (r < 0) return r;
        const std::string name = relative(p);
        image_.pending_.push_back({disk_image::change::kind::removed, name, {}, names_.at(name), {parent(name)}});
        names_.erase(name);
        return 0;
    }
    int mkdir(const std::string& p, unsigned mode) noexcept override {
        const std::lock_guard guard(mutex_);
        if (!step()) return -EIO;
        const int r = passing_file_system::mkdir(p, mode);
        if (r == 0) make(relative(p), true);
        return r;
    }

private:
    [[nodiscard]] std::string relative(const std::string& path) const {
        return path.starts_with(root_ + "/") ? path.substr(root_.size() + 1) : std::string();
    }
    static std::string parent(const std::string& name) {
        const std::size_t slash = name.find_last_of('/');
        return slash == std::string::npos ? std::string() : name.substr(0, slash);
    }
    void make(const std::string& name, bool is_dir) {
        disk_image::node n;
        n.is_dir = is_dir;
        image_.nodes_.push_back(std::move(n));
        names_[name] = image_.nodes_.size() - 1;
        image_.pending_.push_back({disk_image::change::kind::made, name, {}, names_[name], {parent(name)}});
    }
    [[nodiscard]] bool step() {
        ++changes_;
        if (before_change) before_change(changes_);
        return dies_at == 0 || changes_ < dies_at;
    }

    std::string root_;
    std::mutex mutex_;
    disk_image image_;
    std::map<std::string, std::size_t> names_; ///< as programs see them
    std::map<int, std::size_t> open_;
    std::map<int, std::string> opened_as_;
    std::atomic<int> changes_{0};
};

} // namespace evbus_test
