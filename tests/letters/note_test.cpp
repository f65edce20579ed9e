// The note of a letter: what its bytes may say.
#include "tests/letters/letters_fixture.hpp"

#include "tests/support/random.hpp"

using namespace letters_test;

TEST_CASE("letters: a note whose numbers contradict each other is refused") {
    const story s = make_story(5, letter_state::waiting, 2, "err");
    const event_place where{3, 1, 64};
    const std::vector<std::byte> good = encode_note(s, where);
    story out;
    event_place at;
    REQUIRE(decode_note(good, out, at) == note_fault::none);
    CHECK(out == s);
    CHECK(at == where);
    for (std::size_t n = 0; n < good.size(); ++n)
        CHECK(decode_note(std::span<const std::byte>(good).first(n), out, at) == note_fault::malformed);
    const auto with = [&](auto change) {
        letter_note n;
        std::memcpy(&n, good.data(), sizeof n);
        change(n);
        std::vector<std::byte> b = good;
        std::memcpy(b.data(), &n, sizeof n);
        return decode_note(b, out, at);
    };
    CHECK(with([](letter_note& n) { n.seq = 0; }) == note_fault::malformed);
    CHECK(with([](letter_note& n) { n.first_seq = 6; }) == note_fault::malformed);
    CHECK(with([](letter_note& n) { n.first_seq = 0; }) == note_fault::malformed);
    CHECK(with([](letter_note& n) { n.state = 0; }) == note_fault::malformed);
    CHECK(with([](letter_note& n) { n.state = 7; }) == note_fault::malformed);
    CHECK(with([](letter_note& n) { n.state = 3; }) == note_fault::malformed); // closed, and an event is kept
    CHECK(with([](letter_note& n) { n.flags = 2; }) == note_fault::malformed);
    CHECK(with([](letter_note& n) { n.error_bytes = 4; }) == note_fault::malformed);
    CHECK(with([](letter_note& n) { n.error_bytes = 2000; }) == note_fault::malformed);
    CHECK(with([](letter_note& n) { n.event_at = 0; }) == note_fault::malformed);
    CHECK(with([](letter_note& n) { n.event_at = max_seq; }) == note_fault::malformed);
    CHECK(with([](letter_note& n) { n.frames = 0; }) == note_fault::malformed);
    CHECK(with([](letter_note& n) { n.version = 0; }) == note_fault::malformed);
    CHECK(with([](letter_note& n) { n.version = 2; }) == note_fault::version);
}

TEST_CASE("letters: whatever bytes a note has: it is refused, or says within its bounds what they say") {
    evbus_test::random_source random;
    CAPTURE(random.seed());
    const std::vector<std::byte> good = encode_note(make_story(500, letter_state::waiting, 2, "some error"), {300, 2, 640});
    int taken = 0;
    for (int i = 0; i < 100'000; ++i) {
        std::vector<std::byte> bytes = good;
        for (std::size_t n = 1 + random.below(3); n > 0; --n) bytes[random.below(bytes.size())] = static_cast<std::byte>(random.below(256));
        if (random.one_in(4)) bytes.resize(random.below(200));
        story s;
        event_place where;
        if (decode_note(bytes, s, where) != note_fault::none) continue;
        ++taken;
        const bool same = encode_note(s, where) == bytes;
        if (!same || s.first_seq > s.seq || is_open(s.state) != (where.frames != 0)) FAIL("a note out of its bounds");
    }
    CHECK(taken > 1000);
}
