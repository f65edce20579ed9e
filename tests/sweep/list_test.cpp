// One list: every probe has its row in docs/failure-modes.md, and every row its test.
#include "tests/sweep/sweep_fixture.hpp"

#include <sstream>

using namespace sweep_test;

namespace {

std::string read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

} // namespace

TEST_CASE("sweep: every probe has one row that says what is left behind, who repairs it, and which test shows it") {
    std::vector<std::string> listed;
    for (const documented_probe& row : documented_probes()) {
        INFO(row.name);
        listed.push_back(row.name);
        CHECK_FALSE(row.left_behind.empty());
        CHECK_FALSE(row.repaired_by.empty());
    }
    const std::vector<std::string> all(evbus::probe_names.begin(), evbus::probe_names.end());
    for (const std::string& name : all) CHECK_MESSAGE(std::count(listed.begin(), listed.end(), name) == 1, name);
    for (const std::string& name : listed) CHECK_MESSAGE(std::count(all.begin(), all.end(), name) == 1, name);
}

TEST_CASE("sweep: every test that a row names is built, and asks whether it reached what is promised of it") {
    const std::string build = read(EVBUS_SOURCE_DIR "/tests/sweep/meson.build");
    std::set<std::string> binaries;
    for (const documented_probe& row : documented_probes()) binaries.insert(row.binary);
    CHECK(binaries.size() > 3);
    for (const std::string& binary : binaries) {
        INFO(binary);
        REQUIRE(binary.starts_with("sweep_"));
        const std::string name = binary.substr(6);
        CHECK(build.find("'name': '" + name + "', 'suite': 'sweep'") != std::string::npos);
        CHECK(read(EVBUS_SOURCE_DIR "/tests/sweep/" + name + "_test.cpp").find("promised_but_not_reached(") !=
              std::string::npos);
    }
}
