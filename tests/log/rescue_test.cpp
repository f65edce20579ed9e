// What rescue carries over, what it owns up to, and what failing calls make of it.
#include "tests/log/verify_fixture.hpp"

#include "tests/support/failing_fs.hpp"

using namespace log_test;

TEST_CASE("rescue: a whole log is carried over with its chain, so that a mirror can go on") {
    rich_log t;
    t.close();
    const new_place to(t);
    const log::rescue_report done = rescued(t, to);
    CHECK(done.holes == 0);
    CHECK(done.left_out.empty());
    CHECK(to.read(1) == t.read());
    const log::verify_report a = verified(t.dir);
    const log::verify_report b = verified(to.dir);
    REQUIRE(a.segments.size() == b.segments.size());
    for (std::size_t i = 0; i < a.segments.size(); ++i) {
        CHECK(a.segments[i].first == b.segments[i].first);
        CHECK(a.segments[i].end.chain == b.segments[i].end.chain);
    }
}

TEST_CASE("rescue: seqs that were given out and are gone from the end are owned up to, and a torn tail is kept") {
    rich_log t;
    const std::size_t newest = t.segments().size() - 1;
    t.truncate(newest, t.bytes(newest).size() - 5);
    const new_place to(t);
    log::rescue_options how;
    how.bus = test_bus;
    how.known_last = 20;
    const log::rescue_report done = log::rescue(log::posix(), {t.dir}, {to.dir}, how);
    CHECK(done.last == 20);
    CHECK(to.read(13) == lines{"gap 13-20 damage"});
    REQUIRE(done.left_out.size() == 1);
    CHECK(done.left_out[0].find("quarantine/") != std::string::npos);
    std::size_t kept = 0;
    for (const auto& e : fs::directory_iterator(to.dir + "/quarantine")) kept += e.file_size() != 0;
    CHECK(kept == 1);
}

TEST_CASE("rescue: whatever call fails, nothing is missing from the new log that is not told") {
    rich_log t;
    t.close();
    const lines whole = frames_of(t.read());
    for (const unsigned which : {evbus_test::calls::changes, evbus_test::calls::all})
        for (int k = 1;; ++k) {
            CAPTURE(which);
            CAPTURE(k);
            evbus_test::failing_file_system files(k, evbus_test::fault::once, EIO, which);
            const new_place to(t);
            log::rescue_options how;
            how.bus = test_bus;
            try {
                const log::rescue_report done = log::rescue(files, {t.dir}, {to.dir}, how);
                CHECK(damage_in(verified(to.dir)) == lines{});
                if (frames_of(to.read(1)) != whole) CHECK(!done.left_out.empty());
                // What was to be written and was not is never passed over.
                if (which == evbus_test::calls::changes) CHECK(!files.reached());
            } catch (const evbus::error& e) {
                CHECK(std::string(e.what()).find("repair log") != std::string::npos);
            }
            if (!files.reached()) {
                CHECK(k > 20);
                break;
            }
        }
}
