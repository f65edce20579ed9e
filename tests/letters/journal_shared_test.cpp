// Two at one journal: the worker, and an operator's tool.
#include "tests/letters/letters_fixture.hpp"


#include <sys/wait.h>
#include <unistd.h>

using namespace letters_test;

TEST_CASE("letters: each sees what the other has appended, before it appends itself") {
    letter_box box;
    journal worker = box.open();
    add(worker, 1, letter_state::dead);
    add(worker, 2, letter_state::dead);
    keep(worker);
    CHECK(worker.refresh().empty());

    journal tool = box.open();
    CHECK(letters_of(tool) == lines{"1 dead 1", "2 dead 1"});
    story back = make_story(1);
    back.requeued = true;
    REQUIRE(tool.change(back) == 0);
    REQUIRE(tool.change(make_story(2, letter_state::dropped)) == 0);
    keep(tool);

    CHECK(worker.refresh() == std::vector<seq_t>{1, 2});
    CHECK(worker.refresh().empty());
    CHECK(letters_of(worker) == lines{"1 waiting 1 requeued"});
    CHECK(worker.synced() == worker.last());
    add(worker, 3);
    keep(worker);
    CHECK(tool.refresh() == std::vector<seq_t>{3});
    add(tool, 4);
    keep(tool);
    add(worker, 5); // without a look before
    keep(worker);
    CHECK(letters_of(worker) == lines{"1 waiting 1 requeued", "3 waiting 1", "4 waiting 1", "5 waiting 1"});
    CHECK(worker.read(4).view().text() == "hello");
    CHECK(worker.refresh() == std::vector<seq_t>{4}); // what it met when it wrote is told all the same
    CHECK(worker.refresh().empty());
    journal looking = box.look();
    CHECK(letters_of(looking) == letters_of(worker));
    add(worker, 6);
    REQUIRE(worker.write() == 0);
    CHECK(looking.refresh() == std::vector<seq_t>{6});
    CHECK(box.notices.empty());
}

TEST_CASE("letters: who read events before another one took the journal's end reads also what comes behind that") {
    letter_box box;
    journal worker = box.open();
    add(worker, 1, letter_state::waiting, "one");
    keep(worker);
    CHECK(worker.read(1).view().text() == "one");
    journal tool = box.open();
    add(tool, 2, letter_state::waiting, "two");
    keep(tool);
    CHECK(tool.read(2).view().text() == "two");
    CHECK(worker.refresh() == std::vector<seq_t>{2});
    CHECK(worker.read(2).view().text() == "two");
    add(worker, 3, letter_state::waiting, "three");
    keep(worker);
    CHECK(worker.read(3).view().text() == "three");
    CHECK(tool.refresh() == std::vector<seq_t>{3});
    CHECK(tool.read(3).view().text() == "three");
    const journal looking = box.look();
    for (const seq_t seq : {seq_t{1}, seq_t{2}, seq_t{3}}) CHECK_FALSE(looking.read(seq).view().text().empty());
}

TEST_CASE("letters: what another has closed meanwhile stays closed; else the later word counts") {
    letter_box box;
    journal worker = box.open();
    for (seq_t s = 1; s <= 3; ++s) add(worker, s);
    keep(worker);
    journal tool = box.open();
    REQUIRE(worker.change(make_story(1, letter_state::waiting, 2)) == 0); // tried again, and failed again
    REQUIRE(worker.change(make_story(2, letter_state::dead, 2)) == 0);
    REQUIRE(worker.change(make_story(3, letter_state::handled, 2)) == 0);
    REQUIRE(tool.change(make_story(1, letter_state::dropped)) == 0);
    REQUIRE(tool.change(make_story(2, letter_state::waiting, 0)) == 0);
    REQUIRE(tool.change(make_story(3, letter_state::waiting, 0)) == 0);
    keep(tool);
    keep(worker);
    CHECK(letters_of(worker) == lines{"2 dead 2"});
    CHECK(tool.refresh() == std::vector<seq_t>{2, 3});
    CHECK(letters_of(tool) == lines{"2 dead 2"});
    CHECK(letters_of(box.open()) == lines{"2 dead 2"});
}

TEST_CASE("letters: one that cleaned far ahead is caught up with, and what was staged is kept") {
    letter_box box;
    box.options.segment_bytes = std::uint64_t{64} << 10;
    journal worker = box.open();
    add(worker, 1, letter_state::dead, "old");
    add(worker, 2, letter_state::dead, "older");
    add(worker, 3, letter_state::dead, "oldest");
    keep(worker);
    journal tool = box.open();
    for (seq_t s = 10; s < 500; ++s) {
        add(worker, s, letter_state::waiting, std::string(3000, 'p'));
        REQUIRE(worker.write() == 0);
        REQUIRE(worker.change(make_story(s, letter_state::handled)) == 0);
        REQUIRE(worker.clean(s) == 0);
    }
    REQUIRE(worker.change(make_story(3, letter_state::dropped)) == 0);
    keep(worker);
    REQUIRE(box.segments().front() != "00000000000000000001.evseg");
    REQUIRE(tool.change(make_story(1, letter_state::waiting, 9)) == 0);
    REQUIRE(tool.change(make_story(3, letter_state::waiting, 9)) == 0);
    add(tool, 1000, letter_state::waiting, "new");
    keep(tool);
    CHECK(whole_letters_of(tool) == lines{"1 waiting 9 | a.b old", "2 dead 1 | a.b older", "1000 waiting 1 | a.b new"});
    CHECK(worker.refresh() == std::vector<seq_t>{1, 1000});
    CHECK(whole_letters_of(worker) == whole_letters_of(tool));
    CHECK(tool.dead_bytes() == worker.dead_bytes());
    CHECK(tool.waiting_bytes() == worker.waiting_bytes());
}

TEST_CASE("letters: who waits for the lock in vain is told who has it, and keeps what is staged") {
    letter_box box;
    box.options.lock_wait = std::chrono::milliseconds(20);
    journal j = box.open();
    add(j, 1);
    {
        const auto held = log::lock_file::try_acquire(log::posix(), box.path() + "/LOCK", "hold", "somebody", 0600);
        REQUIRE(held);
        CHECK(j.write() == -EBUSY);
        const error e = j.failure(-EBUSY);
        CHECK(e.kind() == errc::busy);
        CHECK(std::string(e.what()).find("(somebody)") != std::string::npos);
        errc kind{};
        CHECK(refusal([&] { return box.open(); }, &kind).find("(somebody)") != std::string::npos);
        CHECK(kind == errc::busy);
        CHECK(j.has_staged());
    }
    keep(j);
    CHECK(box.open().knows(1));
}

TEST_CASE("letters: an unfinished write of another that was killed is put aside by who comes next, living or new") {
    letter_box box;
    journal worker = box.open();
    add(worker, 1);
    keep(worker);
    const std::string whole = letter_box::slurp(box.segment(0));
    letter_box::spit(box.segment(0), whole + std::string(50, 'x'));
    add(worker, 2);
    keep(worker);
    REQUIRE(box.notices.size() == 1);
    CHECK(box.notices[0].text.find("50 bytes of an unfinished write") != std::string::npos);
    CHECK(whole_letters_of(box.open()) == lines{"1 waiting 1 | a.b hello", "2 waiting 1 | a.b hello"});
    CHECK(box.notices.empty());
}

TEST_CASE("letters: processes that write into one journal at once, and are killed: what was kept is there, and each letter as its last writer left it") {
    letter_box box;
    box.options.segment_bytes = std::uint64_t{64} << 10;
    { journal made = box.open(); }
    constexpr int writers = 3;
    pid_t children[writers];
    for (int w = 0; w < writers; ++w) {
        children[w] = ::fork();
        if (children[w] != 0) continue;
        int code = 1;
        try {
            journal j = box.open();
            for (seq_t i = 1; i <= 300; ++i) {
                const seq_t seq = i * writers + static_cast<seq_t>(w);
                if (j.add(make_event(seq, "from " + std::to_string(w)).view(), make_story(seq)) != 0 || j.write() != 0) ::_exit(2);
                if (i % 3 == 0 && j.change(make_story(seq, letter_state::handled)) != 0) ::_exit(3);
                if (i % 20 == 0 && j.clean(1) != 0) ::_exit(4);
                if (j.write() != 0) ::_exit(5);
                if (w == 2 && i == 200) ::kill(::getpid(), SIGKILL);
            }
            code = 0;
        } catch (const std::exception& e) {
            std::fprintf(stderr, "%s\n", e.what());
        }
        ::_exit(code);
    }
    for (int w = 0; w < writers; ++w) {
        int status = 0;
        REQUIRE(::waitpid(children[w], &status, 0) == children[w]);
        if (w == 2) CHECK(WIFSIGNALED(status));
        else CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
    }
    const journal j = box.open();
    for (int w = 0; w < writers; ++w)
        for (seq_t i = 1; i <= (w == 2 ? 200u : 300u); ++i) {
            const seq_t seq = i * writers + static_cast<seq_t>(w);
            CAPTURE(seq);
            REQUIRE(j.knows(seq));
            CHECK(j.open_letters().contains(seq) == (i % 3 != 0));
            if (i % 3 != 0) CHECK(j.read(seq).view().text() == "from " + std::to_string(w));
        }
}
