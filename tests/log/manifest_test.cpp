// Run manifests: saved whole, read back, and heard by whoever looks for a free seq.
#include "tests/log/log_fixture.hpp"

#include "lib/recorder/manifest.hpp"

#include <evbus/log/seq_floor.hpp>

using namespace log_test;

TEST_CASE("manifest: what is saved is loaded, and a run found running has crashed") {
    test_log t;
    static_cast<void>(t.writer());
    const log::log_dir dir{t.dir};
    recorder::manifest m;
    m.run = recorder::make_run_id(1'000, 42);
    m.bus = "md";
    m.id = test_bus;
    m.epoch = epoch_t{9};
    m.config = {{"sync", "interval"}, {"segment-bytes", "268435456"}};
    m.pid = 42;
    m.started_ns = 1'000;
    m.first_seq = 3;
    m.last_seq = max_seq - 1;
    REQUIRE(recorder::save_manifest(log::posix(), dir, m) == 0);
    auto all = recorder::load_manifests(log::posix(), dir);
    REQUIRE(all.runs.size() == 1);
    const recorder::manifest& got = all.runs[0];
    CHECK(recorder::to_json(got) == recorder::to_json(m));
    CHECK(got.last_seq == max_seq - 1);
    CHECK(got.config == m.config);
    m.last_seq = 5;
    REQUIRE(recorder::save_manifest(log::posix(), dir, m) == 0);
    all = recorder::load_manifests(log::posix(), dir);
    CHECK(recorder::mark_crashed(log::posix(), dir, all, 9) == 1);
    all = recorder::load_manifests(log::posix(), dir);
    CHECK(all.runs[0].status == recorder::run_status::crashed);
    CHECK(all.runs[0].last_seq == 9);
    CHECK(recorder::mark_crashed(log::posix(), dir, all, 9) == 0);
    const std::string text = recorder::to_json(m);
    for (std::size_t cut = 0; cut + 2 < text.size(); ++cut) CHECK(!recorder::parse_manifest(text.substr(0, cut)));
    test_log::spit(dir.runs() + "/0000000000000001.json", "{}");
    all = recorder::load_manifests(log::posix(), dir);
    CHECK(all.unreadable == lines{"0000000000000001.json"});
}

TEST_CASE("manifest: no seq that a run wrote is given out again") {
    test_log t;
    t.event("a", "1").write();
    t.crash();
    CHECK(log::seq_floor(log::posix(), t.dir).next == 2);
    recorder::manifest m;
    m.run = 5;
    m.last_seq = 40;
    REQUIRE(recorder::save_manifest(log::posix(), {t.dir}, m) == 0);
    CHECK(log::seq_floor(log::posix(), t.dir).next == 41);
}
