#include "lib/log/rescue_files.hpp"

#include "lib/log/recovery.hpp"

#include <evbus/log/epochs.hpp>

#include <algorithm>
#include <cstring>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {
namespace {

constexpr const char* operation = "repair log";
constexpr int deepest = 4; ///< directories below a log's

void check(int r, const std::string& path) {
    if (r < 0) evbus::detail::throw_errno(-r, operation, path);
}

void copy_file(file_system& fs, const std::string& from, const std::string& to, const std::string& name, const rescue_options& how, rescue_report& report) {
    const int fd = fs.open(from, O_RDONLY, 0);
    if (fd < 0) return note_left_out(report, name + ": it cannot be read (" + std::strerror(-fd) + ")");
    const file in(fs, fd);
    const std::int64_t size = in.size();
    char one = 0;
    if (const std::int64_t n = size < 0 ? size : in.read_at(&one, 1, 0); n < 0)
        return note_left_out(report, name + ": it is no file that can be read (" + std::strerror(static_cast<int>(-n)) + ")");
    copy_bytes(fs, in, 0, static_cast<std::uint64_t>(size), to, how.file_mode);
}

void copy_directory(file_system& fs, const std::string& from, const std::string& to, const std::string& name, int depth, const rescue_options& how,
                    rescue_report& report) {
    std::vector<std::string> names;
    const int r = fs.list(from, names);
    if (r == -ENOENT) return;
    if (r < 0) return note_left_out(report, name + ": it cannot be listed (" + std::strerror(-r) + ")");
    check(make_dirs(fs, to, how.dir_mode), to);
    std::sort(names.begin(), names.end());
    for (const std::string& n : names) {
        file_info info;
        if (n == "LOCK") continue;
        if (fs.stat(from + "/" + n, info) == 0 && info.is_directory) {
            if (depth < deepest) copy_directory(fs, from + "/" + n, to + "/" + n, name + "/" + n, depth + 1, how, report);
            else note_left_out(report, name + "/" + n + ": too deep");
        } else {
            copy_file(fs, from + "/" + n, to + "/" + n, name + "/" + n, how, report);
        }
    }
    check(fs.sync_dir(to), to);
}

} // namespace

void note_left_out(rescue_report& report, const std::string& what) {
    if (report.left_out.size() < 100) report.left_out.push_back(what);
}

void rescue_files(file_system& fs, const log_dir& from, const log_dir& to, const rescue_options& how, rescue_report& report) {
    for (const char* const name : {"runs", "cursors", "dead-letters", "quarantine"})
        copy_directory(fs, from.root + "/" + name, to.root + "/" + name, name, 1, how, report);
    std::vector<epoch_record> epochs;
    try {
        epochs = read_epochs(fs, from);
    } catch (const error& e) {
        note_left_out(report, std::string("epochs: ") + e.what());
    }
    for (const epoch_record& e : epochs) {
        if (e.bus.empty() || e.bus == how.bus) append_epoch(fs, to, e, how.file_mode);
        else note_left_out(report, "epochs: a line of bus " + to_string(e.bus));
    }
    check(fs.sync_dir(to.root), to.root);
}

} // namespace log
} // namespace v1
} // namespace evbus
