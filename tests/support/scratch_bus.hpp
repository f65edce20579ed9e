// A bus name and a directory that nobody else has, gone again at the end of the test, however it ends.
#pragma once

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

#include <unistd.h>

namespace support {

/// Removes the shared memory objects of its bus, and its directory, when it is destroyed.
class scratch_bus {
public:
    scratch_bus() : name_("t" + std::to_string(::getpid()) + "-" + std::to_string(++counter())) {
        std::string pattern = (std::filesystem::temp_directory_path() / "evbus-test-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory: " + pattern);
        dir_ = pattern;
    }
    scratch_bus(const scratch_bus&) = delete;
    ~scratch_bus() {
        std::error_code ignored;
        for (const auto& entry : std::filesystem::directory_iterator("/dev/shm", ignored))
            if (entry.path().filename().string().starts_with("evbus." + name_ + ".")) std::filesystem::remove_all(entry.path(), ignored);
        std::filesystem::remove_all(dir_, ignored);
    }

    [[nodiscard]] const std::string& name() const { return name_; }
    /// An empty directory at first.
    [[nodiscard]] const std::string& dir() const { return dir_; }
    [[nodiscard]] std::string log() const { return dir_ + "/log"; }
    [[nodiscard]] std::string ring_path() const { return "/dev/shm/evbus." + name_ + ".ring"; }
    [[nodiscard]] std::string file(const std::string& name) const { return dir_ + "/" + name; }
    /// Writes a file into the directory; returns its path.
    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(file(name), std::ios::binary) << text;
        return file(name);
    }
    /// How many shared memory objects of this bus there are.
    [[nodiscard]] std::size_t objects() const {
        std::size_t n = 0;
        for (const auto& entry : std::filesystem::directory_iterator("/dev/shm"))
            if (entry.path().filename().string().starts_with("evbus." + name_ + ".")) ++n;
        return n;
    }

private:
    static std::atomic<int>& counter() {
        static std::atomic<int> n{0};
        return n;
    }
    std::string name_;
    std::string dir_;
};

[[nodiscard]] inline std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

} // namespace support
