#include "tools/evctl/doctor/logind.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

namespace evctl::doctor {
namespace {

namespace fs = std::filesystem;

// Highest rank first: a file of one name in an earlier place hides those in later ones.
constexpr const char* places[] = {"/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd"};

std::string text_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

std::string_view trimmed(std::string_view s) {
    const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
    while (!s.empty() && is_space(s.front())) s.remove_prefix(1);
    while (!s.empty() && is_space(s.back())) s.remove_suffix(1);
    return s;
}

std::string_view take_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    return trimmed(line);
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
    std::string small(word);
    std::transform(small.begin(), small.end(), small.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return std::find(words.begin(), words.end(), small) != words.end();
}

} // namespace

bool parse_remove_ipc(std::string_view text, bool before, bool* found) {
    bool in_login = false;
    while (!text.empty()) {
        const std::string_view line = take_line(text);
        if (line.empty() || line.front() == '#' || line.front() == ';') continue;
        if (line.front() == '[') {
            in_login = line == "[Login]";
            continue;
        }
        const std::size_t equals = line.find('=');
        if (!in_login || equals == std::string_view::npos || trimmed(line.substr(0, equals)) != "RemoveIPC") continue;
        const std::string_view value = trimmed(line.substr(equals + 1));
        const bool yes = is_one_of(value, {"1", "yes", "y", "true", "t", "on"});
        if (!yes && !is_one_of(value, {"0", "no", "n", "false", "f", "off"})) continue; // logind ignores it too
        before = yes;
        if (found != nullptr) *found = true;
    }
    return before;
}

logind_facts look_at_logind(const std::string& root) {
    std::error_code fault;
    logind_facts facts;
    facts.runs = fs::is_directory(root + "/run/systemd/users", fault);
    std::vector<std::string> files;
    for (const char* place : places)
        if (const std::string path = root + place + "/logind.conf"; fs::exists(path, fault)) {
            files.push_back(path);
            break;
        }
    std::map<std::string, std::string> drop_ins; // by name, whatever place they are in
    for (const char* place : places)
        for (const auto& entry : fs::directory_iterator(root + place + "/logind.conf.d", fault))
            if (entry.path().extension() == ".conf") drop_ins.emplace(entry.path().filename().string(), entry.path().string());
    for (const auto& [name, path] : drop_ins) files.push_back(path);
    for (const std::string& path : files) {
        bool found = false;
        facts.remove_ipc = parse_remove_ipc(text_of(path), facts.remove_ipc, &found);
        if (found) facts.set_in = path;
    }
    return facts;
}

unsigned last_system_uid(const std::string& root) {
    const std::string text = text_of(root + "/etc/login.defs");
    unsigned last = 999;
    for (std::string_view rest = text; !rest.empty();) {
        std::string_view line = take_line(rest);
        constexpr std::string_view key = "SYS_UID_MAX";
        if (!line.starts_with(key) || line.size() == key.size() || (line[key.size()] != ' ' && line[key.size()] != '\t')) continue;
        line = trimmed(line.substr(key.size()));
        (void)std::from_chars(line.data(), line.data() + line.size(), last);
    }
    return last;
}

bool lingers(const std::string& user, const std::string& root) {
    std::error_code fault;
    return fs::exists(root + "/var/lib/systemd/linger/" + user, fault);
}

} // namespace evctl::doctor
