// What a document shows: code, and commands with what they say.
#pragma once

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace examples_test {

/// The blocks of a document between ```LANGUAGE and ```, each as it stands there.
inline std::vector<std::string> blocks_of(const std::string& path, const std::string& language) {
    std::ifstream in(path);
    std::vector<std::string> out;
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
        if (!inside && line == "```" + language) out.emplace_back();
        if (line.starts_with("```")) inside = !inside && line == "```" + language;
        else if (inside) out.back() += line + "\n";
    }
    return out;
}

/// A line `$ command` and the lines behind it, which are what it says.
struct step {
    std::string command;
    std::string says{};
};

inline std::vector<step> steps_of(const std::vector<std::string>& blocks) {
    std::vector<step> out;
    for (const std::string& block : blocks) {
        std::istringstream lines(block);
        for (std::string line; std::getline(lines, line);) {
            if (line.starts_with("$ ")) out.push_back({line.substr(2)});
            else if (!out.empty()) out.back().says += line + "\n";
        }
    }
    return out;
}

/// True when `text` is `shown`, in which "..." stands for anything.
inline bool is_as_shown(const std::string& text, const std::string& shown) {
    std::size_t at = 0, from = 0;
    bool anything = false;
    while (true) {
        const std::size_t dots = shown.find("...", from);
        const std::string piece = shown.substr(from, dots == std::string::npos ? dots : dots - from);
        if (dots == std::string::npos)
            return anything ? text.size() >= at + piece.size() && text.ends_with(piece) : text.substr(at) == piece;
        const std::size_t found = anything ? text.find(piece, at) : (text.compare(at, piece.size(), piece) == 0 ? at : std::string::npos);
        if (found == std::string::npos) return false;
        at = found + piece.size();
        from = dots + 3;
        anything = true;
    }
}

} // namespace examples_test
