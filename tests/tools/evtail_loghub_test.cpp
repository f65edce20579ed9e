// Real log files, recorded and given back byte for byte.
#include "tests/tools/evtail_fixture.hpp"

using namespace tools_test;

TEST_CASE_FIXTURE(evtail_fixture, "evtail: files of lines go through bus and log and come back as they were") {
    const std::filesystem::path place = std::filesystem::path(EVBUS_SOURCE_DIR) / ".." / "shared" / "data" / "loghub";
    if (!std::filesystem::exists(place)) {
        MESSAGE("skipped: no sample files in ", place.string());
        return;
    }
    create({.slots = 1024, .slot_bytes = 256, .pacing = evbus::pacing::paced, .log_dir = log()});
    process recorder = record();
    std::vector<std::pair<std::string, std::string>> all;
    for (const auto& e : std::filesystem::directory_iterator(place)) {
        if (e.path().extension() != ".log") continue;
        const std::string topic = "file." + e.path().stem().string();
        const finished sent = run({support::tool("evpub"), name(), topic, "--lines", e.path().string()});
        REQUIRE_MESSAGE(sent.code == 0, sent.err);
        std::string text = support::read_file(e.path().string());
        if (!text.ends_with('\n')) text += '\n';
        all.emplace_back(topic, std::move(text));
    }
    CHECK(all.size() == 8);
    wait_written(bus->head() - 1);
    const auto same = [](const finished& f, const std::string& text, const std::string& topic) {
        INFO(topic, ": ", f.out.size(), " bytes of ", text.size(), ", code ", f.code, " ", f.err);
        const bool is_same = f.out == text; // not as an expression: half a megabyte would be shown
        CHECK(is_same);
    };
    for (const auto& [topic, text] : all) same(tail({topic, "-n", "all", "-o", "cat"}), text, topic);
    CHECK(end(recorder) == 0);
    remove_ring_files();
    for (const auto& [topic, text] : all) same(tail_of({"--log", log(), topic, "-n", "all", "-o", "cat"}), text, topic);
}
