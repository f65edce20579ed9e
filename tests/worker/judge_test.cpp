// The judge of workers' lives finds what is planted: each case breaks one promise in a diary that keeps all others.
#include "tests/worker/judge.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <string>

using namespace lives_test;

namespace {

const script words{1, 3, {.retry = 300, .dead = 100, .throws = 0, .rolls_back = 0}};

/// The n-th seq with such a fate, and the smallest above another one.
seq_t seq_with(const std::function<bool(const fate&)>& wanted, seq_t above = 0) {
    for (seq_t s = above + 1;; ++s)
        if (wanted(words.of(s))) return s;
}
bool is_simple(const fate& f) { return !f.dies && f.attempts == 1; }

/// Three plain events of one topic, and one that is handled at its second attempt and one that dies at its third of another.
struct scene {
    explicit scene(order o = order::any) : j(words, o, 1) {
        for (const seq_t s : {a, b, c}) j.published(s, s, 0);
        for (const seq_t s : {again, dies}) j.published(s, s, 1);
    }
    scene& gives(unsigned life, seq_t seq, std::uint32_t attempt = 1, bool may_repeat = false) {
        j.read(line{life, seq, seq, attempt, may_repeat, false, words.answer(seq, attempt)});
        return *this;
    }
    scene& plain(unsigned life, bool may_repeat = false) { return gives(life, a, 1, may_repeat).gives(life, b, 1, may_repeat).gives(life, c, 1, may_repeat); }
    scene& all(unsigned life) {
        return plain(life).gives(life, again).gives(life, dies).gives(life, again, 2).gives(life, dies, 2).gives(life, dies, 3);
    }
    [[nodiscard]] std::map<seq_t, found_letter> letters() const {
        return {{dies, {.dead = true, .attempts = 3, .error = script::words(dies, 3)}}};
    }
    scene& over(unsigned life, bool clean, seq_t next) { return over(life, clean, next, letters()); }
    scene& over(unsigned life, bool clean, seq_t next, const std::map<seq_t, found_letter>& found) {
        j.life_over(life, clean, next, found);
        return *this;
    }
    [[nodiscard]] bool found(const std::string& what) const { return j.text().find(what) != std::string::npos; }

    seq_t a = seq_with(is_simple), b = seq_with(is_simple, a), c = seq_with(is_simple, b);
    seq_t again = seq_with([](const fate& f) { return !f.dies && f.attempts == 2; }, c);
    seq_t dies = seq_with([](const fate& f) { return f.dies && f.attempts == 3; }, again);
    seq_t end = dies + 1;
    judge j;
};

} // namespace

TEST_CASE("judge: a life in which all goes well") {
    for (const order o : {order::any, order::by_topic}) {
        scene s(o);
        s.plain(1).gives(1, s.again).gives(1, s.again, 2);
        CHECK_FALSE(s.j.is_settled());
        s.gives(1, s.dies).gives(1, s.dies, 2).gives(1, s.dies, 3);
        CHECK(s.j.is_settled());
        s.over(1, true, s.end).j.all_over(s.letters());
        CHECK(s.j.text() == "");
        CHECK(s.j.lines() == 8);
    }
}
TEST_CASE("judge: a killed life, whose unsaved part is given again and announced") {
    scene s;
    s.gives(1, s.a).gives(1, s.b).over(1, false, s.b, {});
    s.gives(2, s.b, 1, true).gives(2, s.c, 1, true).gives(2, s.again).gives(2, s.dies);
    CHECK(s.j.text() == "");
    CHECK(s.j.repeats() == 1);
}
TEST_CASE("judge: an event that was passed") {
    scene s;
    s.gives(1, s.a).gives(1, s.c).over(1, false, s.c + 1, {});
    CHECK(s.found("passed by the saved place"));
}
TEST_CASE("judge: an event that was never done with") {
    scene s;
    s.plain(1).gives(1, s.again).over(1, true, s.end, {}).j.all_over({});
    CHECK(s.found("was never done with"));
}
TEST_CASE("judge: a repeat that was not announced") {
    scene s;
    s.plain(1).over(1, false, s.a, {}).plain(2);
    CHECK(s.found("given again, and not announced"));
}
TEST_CASE("judge: a repeat behind the saved place, announced or not") {
    scene s;
    s.plain(1).over(1, false, s.b, {}).gives(2, s.a, 1, true);
    CHECK(s.found("though the saved place was"));
}
TEST_CASE("judge: a repeat after a life that ended well") {
    scene s;
    s.plain(1).over(1, true, s.a, {}).gives(2, s.a, 1, true);
    CHECK(s.found("ended well"));
}
TEST_CASE("judge: a repeat of an attempt that the journal has") {
    scene s;
    s.gives(1, s.again).over(1, false, s.a, {{s.again, {.attempts = 1, .error = script::words(s.again, 1)}}});
    CHECK(s.j.text() == "");
    s.gives(2, s.again, 1, true);
    CHECK(s.found("stood in the journal"));
}
TEST_CASE("judge: a repeat within one life that never went back") {
    scene s;
    s.gives(1, s.a).gives(1, s.a, 1, true);
    CHECK(s.found("within one life"));
}
TEST_CASE("judge: a life that goes back to a commit may repeat what it announces") {
    scene s;
    s.gives(1, s.a);
    s.j.read(line{1, s.b, s.b, 1, false, false, verdict::rolls_back});
    s.gives(1, s.a, 1, true).gives(1, s.b, 1, true);
    CHECK(s.j.text() == "");
}
TEST_CASE("judge: an announcement where nothing can repeat, and more of them than can") {
    scene s;
    s.gives(1, s.a, 1, true);
    CHECK(s.found("behind all that may be one"));
    scene t;
    t.over(1, false, no_seq, {}).gives(2, t.a, 1, true);
    CHECK(t.j.text() == "");
    t.gives(2, t.b, 1, true);
    CHECK(t.found("behind all that may be one"));
    scene u;
    u.gives(1, u.again).gives(1, u.again, 2, true);
    CHECK(u.found("no life can have had it"));
}
TEST_CASE("judge: of several attempts that were not kept each may come again, once a life") {
    scene s;
    s.gives(1, s.dies).gives(1, s.dies, 2).over(1, false, s.a, {});
    s.gives(2, s.dies, 1, true).gives(2, s.dies, 2, true).gives(2, s.dies, 3, true);
    CHECK(s.j.text() == "");
    s.gives(2, s.dies, 2, true);
    CHECK(s.found("within one life"));
}
TEST_CASE("judge: what was handled and is not kept is not settled before it was given again") {
    scene s;
    s.all(1);
    CHECK(s.j.is_settled());
    s.over(1, false, s.c, {{s.dies, {.dead = true, .attempts = 3, .error = script::words(s.dies, 3)}}, {s.again, {.closed = true}}});
    CHECK_FALSE(s.j.is_settled());
    s.gives(2, s.c, 1, true);
    CHECK(s.j.is_settled());
    CHECK(s.j.text() == "");
    s.gives(2, s.again, 2, true);
    CHECK(s.found("stood in the journal"));
}
TEST_CASE("judge: an attempt of a life that was killed may come again behind a later life that ended well without it") {
    scene s;
    s.gives(1, s.again).gives(1, s.again, 2).over(1, false, s.a, {}).gives(2, s.again, 1, true);
    s.over(2, true, s.a, {{s.again, {.attempts = 1, .error = script::words(s.again, 1)}}}).gives(3, s.again, 2, true);
    CHECK(s.j.text() == "");
}
TEST_CASE("judge: an announcement that is forgotten at the next attempt") {
    scene s;
    s.over(1, false, no_seq, {}).gives(2, s.again, 1, true);
    CHECK(s.j.text() == "");
    s.gives(2, s.again, 2);
    CHECK(s.found("announced once, and not any more"));
}
TEST_CASE("judge: what a batch skipped behind a failed event comes again, announced") {
    scene s(order::by_topic);
    s.gives(1, s.again).j.read(line{1, s.dies, s.dies, 1, false, false, verdict::skipped});
    s.gives(1, s.again, 2).gives(1, s.dies, 1, true);
    CHECK(s.j.text() == "");
    scene t(order::by_topic);
    t.gives(1, t.again).j.read(line{1, t.dies, t.dies, 1, false, false, verdict::skipped});
    t.gives(1, t.again, 2).gives(1, t.dies);
    CHECK(t.found("given in a batch before"));
}
TEST_CASE("judge: an attempt left out, and one too many") {
    scene s;
    s.gives(1, s.dies).gives(1, s.dies, 3);
    CHECK(s.found("an attempt was left out"));
    scene t;
    t.plain(1).j.read(line{1, t.a, t.a, 2, false, false, words.answer(t.a, 2)});
    CHECK(t.found("one attempt too many"));
}
TEST_CASE("judge: first handlings out of order, in the stream and in a topic") {
    scene s;
    s.gives(1, s.again).gives(1, s.a);
    CHECK(s.found("for the first time after"));
    scene t(order::by_topic);
    t.gives(1, t.again).gives(1, t.a); // of another topic
    CHECK(t.j.text() == "");
    t.gives(1, t.c).gives(1, t.b);
    CHECK(t.found("for the first time after"));
}
TEST_CASE("judge: by topic, an event that comes while an earlier one of its topic still waits") {
    scene s(order::by_topic);
    s.gives(1, s.again).gives(1, s.dies);
    CHECK(s.found("before seq " + std::to_string(s.again)));
}
TEST_CASE("judge: a dead letter that is gone, one too early, one of a handled event, one with other words or bytes") {
    scene gone;
    gone.all(1).over(1, false, gone.end).over(2, false, gone.end, {});
    CHECK(gone.found("is none any more"));
    scene early;
    early.gives(1, early.dies).over(1, false, early.a);
    CHECK(early.found("before its handler had it"));
    scene handled;
    handled.all(1).over(1, true, handled.end, {{handled.a, {.dead = true, .attempts = 1, .error = script::words(handled.a, 1)}}});
    CHECK(handled.found("is a dead letter after attempt 1"));
    scene words_of_others;
    words_of_others.all(1).over(1, true, words_of_others.end, {{words_of_others.dies, {.dead = true, .attempts = 3, .error = "?"}}});
    CHECK(words_of_others.found("its letter says: ?"));
    scene bytes;
    auto letters = bytes.letters();
    letters[bytes.dies].whole = false;
    bytes.all(1).over(1, true, bytes.end, letters);
    CHECK(bytes.found("holds another event"));
}
TEST_CASE("judge: a letter that waits on at the end, and a place short of it") {
    scene s;
    auto letters = s.letters();
    letters[s.again] = {.attempts = 1, .error = script::words(s.again, 1)};
    s.all(1).over(1, true, s.dies, letters).j.all_over(letters);
    CHECK(s.found("still waits"));
    CHECK(s.found("is short of the last event"));
}
TEST_CASE("judge: a place that went back") {
    scene s;
    s.plain(1).over(1, false, s.c, {}).over(2, false, s.b, {});
    CHECK(s.found("went back"));
}
TEST_CASE("judge: what came back from the dead is handled once more, and only that") {
    scene s;
    s.all(1).over(1, true, s.end).j.requeued(s.dies);
    CHECK_FALSE(s.j.is_settled());
    s.j.read(line{2, s.dies, s.dies, 1, false, true, verdict::next});
    CHECK(s.j.is_settled());
    s.over(2, true, s.end, {}).j.all_over({});
    CHECK(s.j.text() == "");
    s.j.read(line{3, s.dies, s.dies, 1, false, true, verdict::next});
    CHECK(s.found("given twice"));
    scene t;
    t.j.read(line{1, t.a, t.a, 1, false, true, verdict::next});
    CHECK(t.found("nobody did that"));
}
TEST_CASE("judge: an event that is none, and one that is not as it was published") {
    scene s;
    s.j.read(line{1, s.end + 1, 1});
    CHECK(s.found("no event that was published"));
    s.j.read(line{1, s.a, 0});
    CHECK(s.found("another event than was published"));
}
