// The golden log (tests/log/golden) was written when the format was fixed, and is never written again: every
// later version reads the same in it. After a new version of the format a second one is put beside it:
//   EVBUS_GOLDEN_MAKE=tests/log/golden/2 build/debug/tests/log_golden
#include "tests/log/golden_log.hpp"

#include <map>

using namespace log_test;

namespace {

const std::string golden = std::string(EVBUS_SOURCE_DIR) + "/tests/log/golden/1";

std::string said() { return test_log::slurp(golden + "/said.txt"); }

/// What stands in the files of a log by their names; what its lock says depends on who had it.
std::map<std::string, std::string> files_of(const std::string& root) {
    std::map<std::string, std::string> out;
    for (const auto& e : fs::recursive_directory_iterator(root))
        if (e.is_regular_file()) out[fs::relative(e.path(), root).string()] = test_log::slurp(e.path().string());
    return out;
}

/// A copy that may be written to.
void copy_to(const test_log& t) {
    for (const auto& [name, bytes] : files_of(golden)) {
        fs::create_directories(fs::path(t.dir + "/" + name).parent_path());
        test_log::spit(t.dir + "/" + name, bytes);
    }
}

} // namespace

TEST_CASE("golden: it is made anew where EVBUS_GOLDEN_MAKE says") {
    const char* const where = std::getenv("EVBUS_GOLDEN_MAKE");
    if (where == nullptr) return;
    test_log t;
    make_golden(t);
    fs::create_directories(where);
    fs::copy(t.dir, where, fs::copy_options::recursive);
    test_log::spit(std::string(where) + "/said.txt", tell(where));
    CHECK(tell(where) == tell(t.dir));
}

TEST_CASE("golden: every reader says of it what it always said") {
    REQUIRE(said().size() > 1000);
    CHECK(tell(golden) == said());
}

TEST_CASE("golden: this version writes the same bytes") {
    test_log t;
    make_golden(t);
    const std::map<std::string, std::string> kept = files_of(golden);
    for (const auto& file : files_of(t.dir)) {
        const std::string& name = file.first;
        const std::string& bytes = file.second;
        REQUIRE_MESSAGE(kept.count(name) == 1, name);
        log::segment_header h{};
        if (name.ends_with(".evseg")) std::memcpy(&h, bytes.data(), sizeof h);
        if (h.compatible_flags != 0) continue; // another libzstd may compress in another way
        const bool same = bytes == kept.at(name);
        CHECK_MESSAGE(same, name, " is written in another way than before: a new version of the format?");
    }
}

TEST_CASE("golden: a recorder goes on with it") {
    test_log t;
    copy_to(t);
    lines wanted = t.read();
    t.options.epoch = epoch_t{2};
    t.event("orders.new", "of today", 5000).write();
    t.close();
    wanted.push_back(t.read().back());
    CHECK(wanted.back().find("of today") != std::string::npos);
    CHECK(t.read() == wanted);
    CHECK(t.quarantine().empty());
}
