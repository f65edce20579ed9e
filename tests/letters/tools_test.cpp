// The tools that read logs, on a journal of letters: it is a log like any other.
#include "tests/letters/letters_fixture.hpp"
#include "tests/support/process.hpp"

using namespace letters_test;

TEST_CASE("letters: evlog verify finds a journal whole, and names damage in it; evtail --log shows the events as they were published") {
    letter_box box;
    box.options.segment_bytes = std::uint64_t{64} << 10;
    {
        journal j = box.open();
        REQUIRE(j.add(make_event(9, std::string(100'000, 'x'), "big.one").view(), make_story(9)) == 0);
        keep(j);
        add(j, 10, letter_state::dead, "coffee", "no route");
        keep(j);
        REQUIRE(j.change(make_story(10, letter_state::dropped)) == 0);
        keep(j);
    }
    const support::finished fine = support::run({support::tool("evlog"), "verify", box.path()});
    CAPTURE(fine.out + fine.err);
    CHECK(fine.code == 0);
    CHECK(fine.out.find("everything is whole") != std::string::npos);

    const support::finished shown = support::run({support::tool("evtail"), "--log", box.path(), "a.>", "big.>"});
    CAPTURE(shown.out.substr(0, 300) + shown.err);
    CHECK(shown.code == 0);
    CHECK(shown.out.find("a.b") != std::string::npos);
    CHECK(shown.out.find("coffee") != std::string::npos);
    CHECK(shown.out.find("big.one") != std::string::npos);
    CHECK(shown.out.find("$letter") == std::string::npos);

    std::string bytes = letter_box::slurp(box.segment(0));
    bytes[5000] ^= 1;
    letter_box::spit(box.segment(0), bytes);
    CHECK(support::run({support::tool("evlog"), "verify", box.path()}).code == 4);
}
