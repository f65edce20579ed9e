#include "tools/evctl/log_removal.hpp"

#include <evbus/error.hpp>
#include <evbus/log/log_dir.hpp>

#include <algorithm>
#include <filesystem>
#include <string_view>

namespace evctl {
namespace {

namespace fs = std::filesystem;

bool is_segment_file(std::string_view name) {
    if (name.ends_with(".tmp")) name.remove_suffix(4);
    else if (name.ends_with(".fresh")) name.remove_suffix(6);
    const bool known = name.ends_with(".evseg") || name.ends_with(".evidx");
    return known && evbus::log::parse_seq_digits(name.substr(0, name.size() - 6)).has_value();
}

bool is_manifest(std::string_view name) { return name.ends_with(".json") || name.ends_with(".json.tmp"); }

// Cut tails and whole segments: FIRST.OFFSET.LAST.torn.
bool is_quarantined(std::string_view name) {
    if (name.ends_with(".tmp")) name.remove_suffix(4);
    return name.ends_with(".torn") && evbus::log::parse_seq_digits(name.substr(0, 20)).has_value();
}

bool is_cursor(std::string_view name) { return name.find(".cursor") != std::string_view::npos; }

void remove_file(const fs::path& path, log_removal& done) {
    std::error_code fault;
    if (fs::remove(path, fault)) ++done.files;
    if (fault) evbus::detail::throw_errno(fault.value(), "remove log", path.string());
}

void remove_known(const fs::path& dir, bool (*is_known)(std::string_view), log_removal& done) {
    std::error_code fault;
    std::vector<fs::path> ours;
    for (const auto& entry : fs::directory_iterator(dir, fault)) {
        if (entry.symlink_status().type() == fs::file_type::regular && is_known(entry.path().filename().string()))
            ours.push_back(entry.path());
        else
            done.left.push_back(entry.path().string());
    }
    if (fault == std::errc::no_such_file_or_directory) return;
    if (fault) evbus::detail::throw_errno(fault.value(), "remove log", dir.string());
    for (const fs::path& path : ours) remove_file(path, done);
    fs::remove(dir, fault); // stays when something of others is in it
}

// A worker's letters are a small log of their own.
void remove_letters(const std::string& dir, log_removal& done) {
    std::error_code fault;
    std::vector<fs::path> workers;
    for (const auto& entry : fs::directory_iterator(dir, fault))
        if (entry.symlink_status().type() == fs::file_type::directory) workers.push_back(entry.path());
    for (const fs::path& worker : workers) {
        const evbus::log::log_dir places{worker.string()};
        remove_known(places.segments(), is_segment_file, done);
        remove_known(places.quarantine(), is_quarantined, done);
        remove_file(places.lock(), done);
        fs::remove(worker, fault);
    }
    fs::remove(dir, fault);
}

} // namespace

log_removal remove_log(const std::string& dir) {
    const evbus::log::log_dir places{dir};
    log_removal done;
    remove_known(places.segments(), is_segment_file, done);
    remove_known(places.runs(), is_manifest, done);
    remove_known(places.quarantine(), is_quarantined, done);
    remove_known(places.cursors(), is_cursor, done);
    remove_letters(places.dead_letters(), done);
    // Only now: as long as a segment or cursor is there, epochs keeps its seqs from being given out again.
    remove_file(places.epochs(), done);
    remove_file(places.lock(), done);
    std::error_code fault;
    for (const auto& entry : fs::directory_iterator(dir, fault)) {
        const std::string path = entry.path().string();
        const bool named = std::any_of(done.left.begin(), done.left.end(), [&](const std::string& l) { return l.starts_with(path + "/"); });
        if (!named) done.left.push_back(path);
    }
    fs::remove(dir, fault);
    return done;
}

} // namespace evctl
