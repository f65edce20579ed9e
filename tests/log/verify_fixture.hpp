// Logs to harm, what verify says of them, and places that rescue may write to.
#pragma once

#include "tests/log/log_fixture.hpp"

#include "lib/log/rescue.hpp"
#include "lib/log/verify.hpp"

namespace log_test {

using log::flaw;
using log::severity;

inline log::verify_report verified(const std::string& dir, bool growing = false) {
    log::verify_options how;
    how.growing = growing;
    return log::verify(log::posix(), {dir}, how);
}

/// Two sealed segments and one that was left by a crash; every kind of record.
struct rich_log : test_log {
    rich_log() : test_log(700) {
        joined("gateway").run_start().event("a.b", "one", 1000).event("a.c", "two", 1500).write();
        voids(3).write();
        fragment("a.b", std::string(200, 'f'), 1700).lost(2).write();
        event("a.b", std::string(300, 'x'), 1600).anchor("here").write();
        event("a.d", "three", 1800).write();
        event("a.e", std::string(100, 'y'), 1900).write();
        event("a.b", std::string(90, 'z'), 2000).write();
        event("a.b", "last", 2100).write();
        crash();
    }
};

inline std::vector<std::string> damage_in(const log::verify_report& r) {
    std::vector<std::string> out;
    for (const log::finding& f : r.found.kept())
        if (f.weight == severity::damage) out.push_back(std::string(to_string(f.kind)) + " " + f.file + ": " + f.what);
    return out;
}

/// A place for a repaired log, gone with the test.
struct new_place {
    std::string dir;
    explicit new_place(const test_log& t) : dir(t.dir + ".new") { fs::create_directory(dir); }
    ~new_place() { fs::remove_all(dir); }
    std::vector<std::string> read(seq_t from) const {
        log::log_reader r(log::posix(), dir, {test_bus});
        r.seek(from);
        return drain(r);
    }
};

inline log::rescue_report rescued(const test_log& t, const new_place& to) {
    log::rescue_options how;
    how.bus = test_bus;
    return log::rescue(log::posix(), {t.dir}, {to.dir}, how);
}

/// Frames alone: notes of members move with their commits, gaps may become larger.
inline std::vector<std::string> frames_of(const std::vector<std::string>& all) {
    std::vector<std::string> out;
    for (const std::string& line : all)
        if (line.find(" @") != std::string::npos) out.push_back(line);
    return out;
}

} // namespace log_test
