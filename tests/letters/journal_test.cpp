// What a journal keeps, forgets and refuses, as one process sees it.
#include "tests/letters/letters_fixture.hpp"

#include <evbus/log/log_reader.hpp>

#include <evbus/delivery.hpp>

using namespace letters_test;

TEST_CASE("letters: what is added and written is found again, with story and event") {
    letter_box box;
    const headers h{{"type", "order"}, {"tenant", "x"}};
    story told = make_story(12, letter_state::dead, 5, "no route\nto host");
    told.first_seq = 10;
    told.requeued = true;
    {
        journal j = box.open();
        CHECK(j.last() == 0);
        REQUIRE(j.add(make_event(12, "pay", "orders.eu", 10, h).view(), told) == 0);
        add(j, 13);
        keep(j);
        CHECK(j.synced() == j.last());
    }
    journal j = box.open();
    CHECK(box.notices.empty());
    REQUIRE(j.open_letters().size() == 2);
    CHECK(j.open_letters().at(12) == told);
    CHECK(j.open_letters().at(13) == make_story(13));
    const owned_event copy = j.read(12);
    const event e = copy.view();
    CHECK(e.seq() == 12);
    CHECK(e.first_seq() == 10);
    CHECK(e.topic() == "orders.eu");
    CHECK(e.text() == "pay");
    CHECK(e.published() == 12000);
    CHECK(e.publisher() == publisher_id{member_no{7}, 3});
    CHECK(e.headers().find("type") == "order");
    CHECK(e.headers().find("tenant") == "x");
}

TEST_CASE("letters: what is staged is seen and read before it is written, and lost with its process") {
    letter_box box;
    {
        journal j = box.open();
        add(j, 5, letter_state::waiting, "first");
        CHECK(j.has_staged());
        CHECK(letters_of(j) == lines{"5 waiting 1"});
        CHECK(j.read(5).view().text() == "first");
        CHECK(j.read(5).view().published() == 5000);
        CHECK(j.last() == 0);
    }
    CHECK(box.open().open_letters().empty());
}

TEST_CASE("letters: the newest step of a letter counts; what is closed is known, and stays closed") {
    letter_box box;
    journal j = box.open();
    for (seq_t s = 1; s <= 4; ++s) add(j, s);
    keep(j);
    REQUIRE(j.change(make_story(1, letter_state::waiting, 2, "again")) == 0);
    REQUIRE(j.change(make_story(1, letter_state::dead, 3, "for good")) == 0);
    REQUIRE(j.change(make_story(2, letter_state::handled)) == 0);
    keep(j);
    REQUIRE(j.change(make_story(3, letter_state::dropped)) == 0);
    REQUIRE(j.change(make_story(4, letter_state::republished)) == 0);
    keep(j);
    for (int life = 0; life < 2; ++life) {
        CHECK(letters_of(j) == lines{"1 dead 3 for good"});
        for (seq_t s = 1; s <= 4; ++s) CHECK(j.knows(s));
        CHECK_FALSE(j.knows(5));
        CHECK(j.change(make_story(2)) == no_such_letter);
        CHECK(j.change(make_story(9)) == no_such_letter);
        CHECK(std::string(j.failure(no_such_letter).what()).find("no open letter") != std::string::npos);
        CHECK_THROWS_AS(static_cast<void>(j.read(2)), error);
        CHECK_THROWS_AS(static_cast<void>(j.read(9)), error);
        j = box.open();
    }
    story back = make_story(1, letter_state::waiting, 3, "for good");
    back.requeued = true;
    REQUIRE(j.change(back) == 0);
    keep(j);
    CHECK(letters_of(box.open()) == lines{"1 waiting 3 for good requeued"});
}

TEST_CASE("letters: what is closed can be forgotten, for good, and be a letter anew") {
    letter_box box;
    {
        journal j = box.open();
        for (seq_t s = 1; s <= 4; ++s) add(j, s);
        REQUIRE(j.change(make_story(1, letter_state::handled)) == 0);
        REQUIRE(j.change(make_story(2, letter_state::dropped)) == 0);
        REQUIRE(j.change(make_story(3, letter_state::dead)) == 0);
        keep(j);
        REQUIRE(j.forget_closed() == 0);
        CHECK_FALSE(j.knows(1));
    }
    journal j = box.open();
    CHECK_FALSE(j.knows(1));
    CHECK_FALSE(j.knows(2));
    CHECK(letters_of(j) == lines{"3 dead 1", "4 waiting 1"});
    const seq_t end = j.last();
    REQUIRE(j.forget_closed() == 0); // nothing to forget costs nothing
    CHECK(j.last() == end);
    add(j, 1);
    keep(j);
    CHECK(whole_letters_of(box.open()).at(0).starts_with("1 waiting 1 | "));
}

TEST_CASE("letters: an event of any size, and one that was published on the topic of our own notes") {
    letter_box box;
    std::string large(max_event_bytes, 'x');
    for (std::size_t i = 0; i < large.size(); i += 1000) large[i] = static_cast<char>('a' + i / 1000 % 26);
    const headers h{{"type", "large"}};
    std::string forged(64, '\0');
    const story closed = make_story(1, letter_state::dropped);
    const std::vector<std::byte> note = encode_note(closed, {});
    forged.assign(reinterpret_cast<const char*>(note.data()), note.size());
    {
        journal j = box.open();
        REQUIRE(j.add(make_event(1, large, "big.one", 1, h).view(), make_story(1)) == 0);
        REQUIRE(j.add(make_event(2, "", "empty").view(), make_story(2)) == 0);
        REQUIRE(j.add(make_event(3, forged, "$letter").view(), make_story(3)) == 0);
        REQUIRE(j.add(make_event(4, "", "$letter").view(), make_story(4)) == 0);
        for (std::size_t n : {65'400u, 65'480u, 65'496u, 65'504u, 65'535u, 65'536u, 70'000u})
            REQUIRE(j.add(make_event(n, std::string(n, 'b'), "edge", n, h).view(), make_story(n)) == 0);
        keep(j);
    }
    journal j = box.open();
    CHECK(j.open_letters().size() == 11);
    const owned_event big = j.read(1);
    CHECK((big.view().text() == large));
    CHECK(big.view().headers().find("type") == "large");
    CHECK(j.read(2).view().payload().empty());
    CHECK((j.read(3).view().text() == forged));
    CHECK(j.read(3).view().topic() == "$letter");
    CHECK(j.read(4).view().payload().empty());
    for (std::size_t n : {65'400u, 65'480u, 65'496u, 65'504u, 65'535u, 65'536u, 70'000u}) {
        CHECK((j.read(n).view().text() == std::string(n, 'b')));
        CHECK(j.read(n).view().headers().find("type") == "large");
    }
}

TEST_CASE("letters: an error's text is cut, and may be any bytes") {
    letter_box box;
    journal j = box.open();
    const std::string odd("\0\xff\n\x1b[2J", 7);
    add(j, 1, letter_state::dead, "x", std::string(5000, 'e'));
    add(j, 2, letter_state::dead, "x", odd);
    keep(j);
    const journal again = box.open();
    CHECK((again.open_letters().at(1).error == std::string(1024, 'e')));
    CHECK((again.open_letters().at(2).error == odd));
}

TEST_CASE("letters: dead ones beyond their limit are refused, with the way out, and nothing is evicted") {
    letter_box box;
    box.options.max_dead_bytes = 3000;
    box.options.max_waiting_bytes = 3000;
    journal j = box.open();
    const std::string payload(900, 'p');
    for (seq_t s = 1; s <= 3; ++s) add(j, s, letter_state::dead, payload);
    CHECK(j.has_room_dead(10));
    CHECK_FALSE(j.has_room_dead(1000));
    CHECK(j.add(make_event(4, payload).view(), make_story(4, letter_state::dead)) == no_room_for_dead);
    const error e = j.failure(no_room_for_dead);
    CHECK(e.kind() == errc::letters_full);
    CHECK(std::string(e.what()).find("evlog dead-letters") != std::string::npos);
    CHECK_FALSE(j.knows(4));
    for (seq_t s = 5; s <= 8; ++s) add(j, s, letter_state::waiting, payload); // never refused
    CHECK_FALSE(j.has_room_waiting());
    CHECK(j.waiting_bytes() > 3600);
    CHECK(j.change(make_story(5, letter_state::dead)) == no_room_for_dead);
    keep(j);
    CHECK(letters_of(box.open()).size() == 7);
    REQUIRE(j.change(make_story(1, letter_state::dropped)) == 0);
    CHECK(j.change(make_story(5, letter_state::dead)) == 0);
    keep(j);
    const journal again = box.open();
    CHECK(again.dead_bytes() == j.dead_bytes());
    CHECK(again.waiting_bytes() == j.waiting_bytes());
}

TEST_CASE("letters: the journal is cleaned from its front, and positions never go back") {
    letter_box box;
    box.options.segment_bytes = std::uint64_t{64} << 10;
    journal j = box.open();
    const std::string payload(3000, 'p');
    add(j, 1, letter_state::dead, "the old one");
    seq_t last = 0;
    for (seq_t s = 2; s < 600; ++s) {
        add(j, s, letter_state::waiting, payload);
        REQUIRE(j.write() == 0);
        REQUIRE(j.change(make_story(s, letter_state::handled)) == 0);
        REQUIRE(j.write() == 0);
        CHECK(j.last() > last);
        last = j.last();
        if (s % 10 == 0) REQUIRE(j.clean(s - 5) == 0);
    }
    CHECK(box.segments().size() < 16);
    CHECK(box.segments().front() != "00000000000000000001.evseg");
    CHECK(j.read(1).view().text() == "the old one");
    CHECK_FALSE(j.knows(100));
    CHECK(j.knows(597));
    REQUIRE(j.change(make_story(1, letter_state::dropped)) == 0);
    REQUIRE(j.clean(1000) == 0);
    CHECK(box.segments().size() <= 2);
    last = j.last();
    const journal again = box.open();
    CHECK(again.last() == last);
    CHECK(again.open_letters().empty());
}

TEST_CASE("letters: what must still be known of a closed letter is carried on when its segment goes") {
    letter_box box;
    box.options.segment_bytes = std::uint64_t{64} << 10;
    journal j = box.open();
    add(j, 1000);
    REQUIRE(j.change(make_story(1000, letter_state::handled)) == 0);
    for (seq_t s = 1; s < 600; ++s) {
        add(j, s, letter_state::waiting, std::string(3000, 'p'));
        REQUIRE(j.write() == 0);
        REQUIRE(j.change(make_story(s, letter_state::handled)) == 0);
        REQUIRE(j.clean(s) == 0);
    }
    CHECK(box.segments().size() < 16);
    CHECK(box.segments().front() != "00000000000000000001.evseg");
    CHECK(box.open().knows(1000));
}

TEST_CASE("letters: a name that is no name, another bus's journal, no log, no journal, odd limits") {
    letter_box box;
    errc kind{};
    const auto open = [&](const std::string& name, const journal_options& o, const std::string& dir) {
        return refusal([&] { return journal::open(log::posix(), {dir}, name, o); }, &kind);
    };
    for (const char* name : {"", ".", "..", "../x", "a/b", "UPPER", "-x", "a b", "x\n"}) {
        CHECK(open(name, box.options, box.dir).find("not a name") != std::string::npos);
        CHECK(kind == errc::bad_name);
    }
    CHECK(open(std::string(64, 'a'), box.options, box.dir) != "");
    CHECK(open(std::string(63, 'a'), box.options, box.dir) == "");

    journal_options odd = box.options;
    odd.bus = {};
    CHECK(open("a", odd, box.dir).find("no bus id") != std::string::npos);
    odd = box.options;
    odd.segment_bytes = 100;
    CHECK(open("a", odd, box.dir).find("64 KiB") != std::string::npos);
    CHECK(kind == errc::bad_option);
    CHECK(open("a", box.options, box.dir + "/none") != "");
    CHECK(kind == errc::not_found);
    odd = box.options;
    odd.read_only = true;
    CHECK(open("none", odd, box.dir).find("there are none") != std::string::npos);
    CHECK(kind == errc::not_found);
    CHECK_FALSE(fs::exists(box.dir + "/dead-letters/none"));

    {
        journal j = box.open();
        add(j, 1);
        keep(j);
    }
    odd = box.options;
    odd.bus = other_bus;
    for (bool read_only : {false, true}) {
        odd.read_only = read_only;
        const std::string said = open("billing", odd, box.dir);
        CHECK(kind == errc::foreign_log);
        CHECK(said.find(to_string(test_bus)) != std::string::npos);
    }
    CHECK(letters_of(box.open()) == lines{"1 waiting 1"});
}

TEST_CASE("letters: who only looks takes no lock, changes no byte, and is refused every change") {
    letter_box box;
    journal j = box.open();
    add(j, 1, letter_state::dead);
    keep(j);
    const std::string before = letter_box::slurp(box.segment(0));
    letter_box::spit(box.segment(0), before + "torn");
    const auto held = log::lock_file::try_acquire(log::posix(), box.path() + "/LOCK", "hold", "test", 0600);
    REQUIRE(held);
    journal seen = box.look();
    CHECK(whole_letters_of(seen) == lines{"1 dead 1 | a.b hello"});
    CHECK(box.notices.empty());
    CHECK(seen.add(make_event(2, "x").view(), make_story(2)) == -EROFS);
    CHECK(seen.change(make_story(1, letter_state::dropped)) == -EROFS);
    CHECK(seen.write() == -EROFS);
    CHECK(seen.sync() == -EROFS);
    CHECK(seen.clean(9) == -EROFS);
    CHECK(letter_box::slurp(box.segment(0)) == before + "torn");
}

TEST_CASE("letters: the journal is a log that any reader of logs reads: the events as they were published") {
    letter_box box;
    {
        journal j = box.open();
        REQUIRE(j.add(make_event(9, std::string(100'000, 'x'), "big.one").view(), make_story(9)) == 0);
        add(j, 10, letter_state::dead, "small");
        keep(j);
        REQUIRE(j.change(make_story(10, letter_state::dropped)) == 0);
        keep(j);
    }
    log::log_reader in(log::posix(), box.path(), {test_bus});
    delivery join;
    log::entry e;
    lines seen;
    while (in.next(e) == log::step::entry) {
        REQUIRE(e.kind == log::entry_kind::frame);
        join.frame(e.seq(), e.frame, e.time_ns(),
                   [&](const event& ev) { seen.push_back(std::string(ev.topic()) + " " + std::to_string(ev.payload().size())); },
                   [](const gap&) { FAIL("a gap"); });
    }
    CHECK(seen == lines{"big.one 100000", "$letter 64", "a.b 5", "$letter 64", "$letter 64"});
}
