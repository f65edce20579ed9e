#include "tools/demo/sources.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace demo {
namespace {

constexpr const char* usual_files[] = {
    "/var/log/dpkg.log",        "/var/log/apt/term.log",  "/var/log/apt/history.log", "/var/log/alternatives.log",
    "/var/log/syslog",          "/var/log/auth.log",      "/var/log/kern.log",        "/var/lib/dpkg/status",
    "/var/lib/dpkg/available",  "/etc/services",          "/usr/share/common-licenses/GPL-3",
};

source load(const std::string& path) {
    source s;
    s.path = path;
    std::ifstream in(path, std::ios::binary);
    for (std::string line; std::getline(in, line);) s.lines.push_back(line);
    std::string name = std::filesystem::path(path).filename().string();
    for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? static_cast<char>(std::tolower(c)) : '-';
    s.topic = "demo." + name.substr(0, 100);
    return s;
}

} // namespace

std::vector<source> load_sources(const std::vector<std::string>& files) {
    std::vector<source> all;
    for (const std::string& path : files) {
        all.push_back(load(path));
        if (all.back().lines.empty()) throw std::runtime_error(path + ": cannot be read, or has no line");
    }
    if (files.empty())
        for (const char* path : usual_files) {
            source s = load(path);
            if (!s.lines.empty() && all.size() < 5) all.push_back(std::move(s));
        }
    if (all.empty()) throw std::runtime_error("no log of this machine can be read: name some text files instead");
    if (all.size() > max_sources) throw std::runtime_error("the demo takes 6 files at the most");
    for (std::size_t i = 0; i < all.size(); ++i)
        for (std::size_t k = 0; k < i; ++k)
            if (all[k].topic == all[i].topic) all[i].topic += "-" + std::to_string(i);
    return all;
}

} // namespace demo
