// The directory that a log is pointed at: somebody else's, one that claims the last seqs, one that is
// deleted while it is in use.
#include "recorder_fixture.hpp"

#include <filesystem>
#include <fstream>

using namespace recorder_test;

namespace {

/// What creating the bus says, or "created".
std::string creation(const world& w) {
    try {
        (void)bus::create(w.name(), {.log_dir = w.log_dir()});
    } catch (const error& e) {
        return e.what();
    }
    return "created";
}

void put_file(const std::string& path) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << "mine\n";
}

} // namespace

TEST_CASE("log place: a directory with other things in it does not become a log") {
    const world w({.slots = 64});
    put_file(w.log_dir() + "/thesis.txt");
    CHECK(creation(w).find("holds other things, such as 'thesis.txt'; give the log a directory of its own") != std::string::npos);
    std::filesystem::remove(w.log_dir() + "/thesis.txt");
    CHECK(creation(w) == "created");
}

TEST_CASE("log place: seqs do not wrap, whatever a file name claims") {
    for (const char* name : {"segments/18446744073709551615.evseg", "quarantine/18446744073709551614", "quarantine/09223372036854775809"}) {
        const world w({.slots = 64});
        put_file(w.log_dir() + "/" + name);
        put_file(w.log_dir() + "/LOCK"); // so that it is ours
        CHECK(creation(w).find("the seqs of this log are used up") != std::string::npos);
    }
}

TEST_CASE("log place: a directory deleted under a recorder halts it with words, and the next one makes it anew") {
    world w({.slots = 64, .pacing = pacing::overwrite});
    const bus on = w.bus();
    author pen(on, 1);
    {
        recorder::options how;
        how.segment_bytes = std::uint64_t{1} << 20; // a new segment is soon needed
        recorder_thread recorder(on, how);
        pen.publish(1);
        REQUIRE(on.wait_written(1, ages));
        std::filesystem::remove_all(w.log_dir());
        while (!recorder.is_over()) pen.publish(64);
        const recorder::outcome end = recorder.join();
        CHECK(end.state == recorder_state::write_failed);
        CHECK(end.reason.find(w.log_dir()) != std::string::npos);
        CHECK(end.reason.find("was the directory deleted?") != std::string::npos);
    }
    recorder_thread again(on);
    pen.publish(10);
    CHECK(on.wait_written(pen.last(), ages));
    CHECK(again.stop().state == recorder_state::ended);
    CHECK(log::log_reader(log::posix(), w.log_dir()).last_seq() == pen.last());
}
