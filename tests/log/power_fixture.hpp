// What a log has to be after a power loss: every seq up to the one that was called durable is there as it was, each
// seq comes once, nothing is made up, and a start puts right what there is to put right, once.
#pragma once

#include "tests/log/log_fixture.hpp"

#include "tests/support/crash_fs.hpp"
#include "tests/support/fault_table.hpp"

#include <map>

namespace log_test {

using evbus_test::chooser;
using evbus_test::crash_file_system;
using evbus_test::disk_image;
using evbus_test::random_choice;
using evbus_test::random_source;

/// A directory that goes away.
class scratch_dir {
public:
    scratch_dir() : path_((fs::is_directory("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path()) / "evbus-power-XXXXXX") {
        std::string name = path_.string();
        if (::mkdtemp(name.data()) == nullptr) std::abort();
        path_ = name;
    }
    scratch_dir(const scratch_dir&) = delete;
    scratch_dir& operator=(const scratch_dir&) = delete;
    ~scratch_dir() { fs::remove_all(path_); }
    [[nodiscard]] std::string path() const { return path_.string(); }

private:
    fs::path path_;
};

/// All that was ever appended, as lines by seq.
using history = std::map<seq_t, std::string>;

/// Reads a whole log. What is wrong with it; empty when nothing is. `last` is how far it has to go, if further.
inline std::string wrong_with(const std::string& dir, const history& was, seq_t durable, seq_t last = 0) {
    if (!fs::is_directory(dir + "/segments")) return durable == 0 ? "" : "no log is there";
    log::log_reader r(log::posix(), dir, {test_bus});
    r.seek(1);
    log::entry e;
    log::step s;
    seq_t next = 1;
    while ((s = r.next(e)) == log::step::entry) {
        if (e.range.first != next) return "seq " + std::to_string(next) + " is followed by " + line_of(e);
        if (e.kind == log::entry_kind::gap && next <= durable) return line_of(e) + ", which was durable";
        if (e.kind == log::entry_kind::frame && (!was.contains(next) || was.at(next) != line_of(e))) return "made up: " + line_of(e);
        next = e.range.last + 1;
    }
    if (s != log::step::end) return "failed: " + r.failure();
    last = std::max(last, durable);
    return next > last ? "" : "it ends before seq " + std::to_string(next) + ", and " + std::to_string(last) + " was durable";
}

/// Opens a log for writing, appends an event, closes; and again. What is wrong; empty when nothing is.
inline std::string wrong_with_going_on(const std::string& dir, history was, seq_t durable) {
    log::log_options how;
    how.bus = test_bus;
    how.epoch = epoch_t{1};
    how.segment_bytes = std::uint64_t{1} << 30;
    seq_t last = durable;
    try {
        for (const bool again : {false, true}) {
            std::string repaired;
            log::log_writer w = log::log_writer::open(log::posix(), dir, how, [&](const notice& n) {
                if (n.kind == notice_kind::repaired) repaired = n.text;
            });
            if (again && !repaired.empty()) return "repaired twice: " + repaired;
            if (w.next_seq() <= last) return "goes on at " + std::to_string(w.next_seq()) + ", which was durable";
            if (const std::string wrong = wrong_with(dir, was, durable, last); !wrong.empty()) return "after a start: " + wrong;
            const seq_t s = w.next_seq();
            log::batch b(log::batch::least_capacity);
            static_cast<void>(b.add_frame(s, 0, make_frame("after", "x")));
            was[s] = std::to_string(s) + " after x @0";
            if (!w.append(b).ok() || !w.close().ok()) return "cannot be written";
            last = s;
        }
        const log::log_state deep = log::scan(log::posix(), {dir}, test_bus, log::scan_depth::all);
        if (deep.fork) return "forked: " + *deep.fork;
        if (deep.chain_breaks != 0) return "its chain is broken";
        for (const auto& e : fs::directory_iterator(dir + "/segments"))
            if (e.path().extension() == ".fresh") return "a copy was left behind";
    } catch (const evbus::error& e) {
        return e.what();
    }
    return wrong_with(dir, was, durable, last);
}

/// After a power loss at the moment of `disk`.
inline std::string wrong_after_power_loss(const char* who, const disk_image& disk, const history& was, seq_t durable, chooser& choose) {
    const scratch_dir place;
    disk.lose_power(place.path(), choose);
    std::string wrong = wrong_with(place.path(), was, durable);
    if (wrong.empty()) wrong = wrong_with_going_on(place.path(), was, durable);
    if (who != nullptr) evbus_test::fault_table::instance().count(who, "any call", "power lost", wrong.empty());
    return wrong;
}

/// How many power losses are tried at each moment.
inline int losses_a_step(int usual) { return evbus_test::sweeps_all() ? usual * 8 : usual; }

} // namespace log_test
