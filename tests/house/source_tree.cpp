#include "tests/house/source_tree.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace fs = std::filesystem;

namespace house {
namespace {

const fs::path root = EVBUS_SOURCE_DIR;

// "..." is looked for beside the includer, then from the root; <evbus/...> below include.
std::string resolve(const fs::path& includer, const std::string& name) {
    for (const fs::path& candidate : {includer.parent_path() / name, fs::path(name), fs::path("include") / name})
        if (fs::is_regular_file(root / candidate)) return candidate.lexically_normal().generic_string();
    return {};
}

std::vector<std::string> includes_of(const fs::path& path, const std::string& text) {
    std::vector<std::string> out;
    for (const std::string& line : lines_of(text)) {
        const std::size_t hash = line.find_first_not_of(" \t");
        if (hash == std::string::npos || line[hash] != '#') continue;
        const std::size_t word = line.find("include", hash);
        const std::size_t open = line.find_first_of("\"<", hash);
        if (word == std::string::npos || open == std::string::npos) continue;
        const std::size_t close = line.find_first_of("\">", open + 1);
        if (close == std::string::npos) continue;
        const std::string target = resolve(path, line.substr(open + 1, close - open - 1));
        if (!target.empty()) out.push_back(target);
    }
    return out;
}

} // namespace

std::string read_text(const std::string& path) {
    std::ifstream in(root / path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
}

std::vector<std::string> words_after(const std::string& text, std::string_view marker) {
    std::vector<std::string> out;
    for (std::size_t at = text.find(marker); at != std::string::npos; at = text.find(marker, at + 1)) {
        const std::size_t begin = at + marker.size();
        const std::size_t end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-", begin);
        if (end != begin && begin < text.size()) out.push_back(text.substr(begin, end - begin));
    }
    return out;
}

std::vector<source_file> read_sources() {
    std::vector<source_file> out;
    for (const char* top : {"include", "lib", "tools", "tests", "bench", "docs"}) {
        if (!fs::is_directory(root / top)) continue;
        for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / top)) {
            const std::string extension = entry.path().extension().string();
            if (!entry.is_regular_file() || (extension != ".hpp" && extension != ".cpp")) continue;
            const std::string path = entry.path().lexically_relative(root).generic_string();
            std::string text = read_text(path);
            std::vector<std::string> includes = includes_of(path, text);
            out.push_back({path, std::move(text), std::move(includes)});
        }
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    return out;
}

} // namespace house
