// What a damaged journal is taken for: an unfinished write at its end is put aside, with a notice, and anything else is
// refused with a file, an offset and a way out. Never is a letter given that was not kept, nor one in a state that it
// never had.
#include "tests/letters/letters_fixture.hpp"
#include "tests/support/rounds.hpp"

#include "lib/log/rescue.hpp"
#include "lib/log/verify.hpp"

using namespace letters_test;

namespace {

/// A journal of `writes` writes, and what it held after each.
struct told_journal {
    explicit told_journal(letter_box& box) {
        journal j = box.open();
        states.emplace_back(0, lines{});
        for (seq_t s = 1; s <= 5; ++s) {
            add(j, s, letter_state::waiting, "payload " + std::to_string(s));
            note(box, j);
            if (s > 1) REQUIRE(j.change(make_story(s - 1, s % 2 == 0 ? letter_state::dead : letter_state::handled, 2, "no")) == 0);
            note(box, j);
        }
    }
    /// What is to be found in the first `bytes` of the segment.
    [[nodiscard]] const lines& within(std::uint64_t bytes) const {
        std::size_t i = states.size() - 1;
        while (states[i].first > bytes) --i;
        return states[i].second;
    }
    std::vector<std::pair<std::uint64_t, lines>> states;

private:
    void note(const letter_box& box, journal& j) {
        keep(j);
        states.emplace_back(fs::file_size(box.segment(0)), whole_letters_of(j));
    }
};

/// A segment's bytes replaced, and what becomes of it: what is held, or why it is refused.
struct found {
    lines letters;
    std::string refused;
    errc kind{};
    bool told = false;
    lines notices;
};
found open_with(letter_box& box, const std::string& bytes, std::size_t segment = 0) {
    letter_box::spit(box.segment(segment), bytes);
    found out;
    out.refused = refusal([&] { out.letters = whole_letters_of(box.open()); return 0; }, &out.kind);
    for (const notice& n : box.notices) out.notices.push_back(n.text);
    out.told = !box.notices.empty();
    return out;
}

} // namespace

TEST_CASE("letters: cut at any byte, a journal holds what was whole up to there; the rest is kept in quarantine, and told") {
    letter_box box;
    const told_journal was(box);
    const std::string whole = letter_box::slurp(box.segment(0));
    const std::size_t stride = support::rounds<std::size_t>(1, 7);
    for (std::size_t n = 0; n < whole.size(); n += stride) {
        CAPTURE(n);
        fs::remove_all(box.path() + "/quarantine");
        const std::string name = box.path() + "/segments/00000000000000000001.evseg";
        letter_box::spit(name, whole.substr(0, n));
        const std::size_t writes_end = [&] {
            std::size_t end = 0;
            for (const auto& [bytes, state] : was.states)
                if (bytes <= n) end = std::max<std::size_t>(end, bytes);
            return std::max<std::size_t>(end, n >= 128 ? 128 : 0);
        }();
        const lines looked = n < 128 ? lines{} : whole_letters_of(box.look());
        const journal j = box.open();
        CHECK(whole_letters_of(j) == was.within(n));
        CHECK(looked == was.within(n));
        const bool torn = n != writes_end || n < 128;
        CHECK(box.notices.size() == (torn ? 1 : 0));
        CHECK(box.names("quarantine").size() == (torn ? 1 : 0));
        if (torn) {
            CHECK(letter_box::slurp(box.path() + "/quarantine/" + box.names("quarantine")[0]) == whole.substr(writes_end, n - writes_end));
            CHECK(box.notices[0].text.find("quarantine/") != std::string::npos);
        }
        CHECK(whole_letters_of(box.open()) == was.within(n));
        CHECK(box.notices.empty());
    }
}

TEST_CASE("letters: every flipped bit is found, or costs no more than the last write, and that is told") {
    letter_box box;
    const told_journal was(box);
    const std::string whole = letter_box::slurp(box.segment(0));
    const std::uint64_t last_write = was.states[was.states.size() - 2].first;
    const std::size_t stride = support::rounds<std::size_t>(1, 11);
    int refused = 0, shortened = 0;
    for (std::size_t bit = 0; bit < whole.size() * 8; bit += stride) {
        CAPTURE(bit);
        std::string bytes = whole;
        bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
        const found f = open_with(box, bytes);
        if (!f.refused.empty()) {
            ++refused;
            CHECK((f.kind == errc::damaged || f.kind == errc::wrong_version || f.kind == errc::foreign_log || f.kind == errc::unknown_feature));
            CHECK(f.refused.find(".evseg") != std::string::npos);
            if (f.kind == errc::damaged) CHECK((f.refused.find("offset") != std::string::npos && f.refused.find("evlog repair") != std::string::npos));
            CHECK(letter_box::slurp(box.segment(0)) == bytes); // nothing was changed
        } else {
            ++shortened;
            CHECK(bit / 8 >= last_write);
            CHECK(f.told);
            CHECK(f.letters == was.within(last_write));
        }
    }
    CHECK(refused > 0);
    CHECK(shortened > 0);
}

TEST_CASE("letters: in a segment that is full, a flipped bit at its end is damage, and one in its footer costs nothing") {
    letter_box box;
    box.options.segment_bytes = std::uint64_t{64} << 10;
    lines before;
    {
        journal j = box.open();
        for (seq_t s = 1; box.segments().size() < 3; ++s) {
            add(j, s, letter_state::dead, std::string(900, 'p'));
            keep(j);
        }
        before = whole_letters_of(j);
    }
    for (std::size_t segment : {0u, 1u}) {
        const std::string whole = letter_box::slurp(box.segment(segment));
        const std::size_t footer = whole.find("\xfd" "efooter");
        REQUIRE(footer != std::string::npos);
        const std::size_t stride = support::rounds<std::size_t>(5, 97);
        for (std::size_t at = footer > 300 ? footer - 300 : 0; at < whole.size(); at += stride) {
            CAPTURE(at);
            std::string bytes = whole;
            bytes[at] = static_cast<char>(bytes[at] ^ 4);
            const found f = open_with(box, bytes, segment);
            if (at < footer) CHECK(f.kind == errc::damaged);
            else CHECK(f.letters == before);
        }
        for (std::size_t n = 0; n < footer; n += support::rounds<std::size_t>(331, 3331)) {
            CAPTURE(n);
            const found f = open_with(box, whole.substr(0, n), segment);
            CHECK(f.kind == errc::damaged);
            CHECK(f.letters.empty());
        }
        open_with(box, whole, segment);
    }
    fs::remove(box.segment(1));
    const std::string said = refusal([&] { return box.open(); });
    CHECK(said.find("what follows is missing") != std::string::npos);
    CHECK(refusal([&] { return box.look(); }) == said);
}

TEST_CASE("letters: a full segment at the journal's end that is broken at its end is damage, not an unfinished write") {
    letter_box box;
    box.options.segment_bytes = std::uint64_t{64} << 10;
    {
        journal j = box.open();
        for (seq_t s = 1; box.segments().size() < 3; ++s) {
            add(j, s, letter_state::dead, std::string(900, 'p'));
            keep(j);
        }
    }
    fs::remove(box.segment(2)); // what was in it is gone: only who remembers the position can know
    const std::string whole = letter_box::slurp(box.segment(1));
    std::string bytes = whole;
    bytes[whole.find("\xfd" "efooter") - 20] ^= 1;
    CHECK(open_with(box, bytes, 1).kind == errc::damaged);
    CHECK(open_with(box, whole, 1).refused == "");
}

TEST_CASE("letters: evlog verify and evlog repair work on a journal, and what was repaired opens, with a notice") {
    letter_box box;
    const told_journal was(box);
    const std::string whole = letter_box::slurp(box.segment(0));
    const log::verify_report report = log::verify(log::posix(), {box.path()}, {});
    CHECK_FALSE(report.has_damage());
    CHECK(report.is_whole());
    CHECK(report.sums.events == 14);
    std::string bytes = whole;
    bytes[was.states[3].first + 150] ^= 1; // in the fourth write
    const found f = open_with(box, bytes);
    REQUIRE(f.kind == errc::damaged);
    CHECK(log::verify(log::posix(), {box.path()}, {}).has_damage());
    const std::string to = box.dir + "/repaired";
    fs::create_directory(to);
    log::rescue_options how;
    how.bus = test_bus;
    static_cast<void>(log::rescue(log::posix(), {box.path()}, {to}, how));
    fs::rename(box.path(), box.dir + "/damaged");
    fs::rename(to, box.path());
    journal j = box.open();
    REQUIRE(box.notices.size() >= 1);
    CHECK(box.notices[0].text.find("positions are damaged") != std::string::npos);
    CHECK(j.open_letters().size() >= 2);
    for (const auto& [seq, s] : j.open_letters()) CHECK(j.read(seq).view().text() == "payload " + std::to_string(seq));
    add(j, 100);
    keep(j);
    CHECK(box.open().knows(100));
}

TEST_CASE("letters: files that are none, and a file system that is odd, are refused with words") {
    letter_box box;
    {
        journal j = box.open();
        add(j, 1);
        keep(j);
    }
    const std::string whole = letter_box::slurp(box.segment(0));
    const std::string path = box.segment(0);
    const auto refused = [&](bool read_only) {
        return refusal([&] { return read_only ? box.look() : box.open(); });
    };
    for (bool read_only : {true, false}) {
        fs::remove(path);
        fs::create_directory(path);
        CHECK(refused(read_only) != "");
        fs::remove(path);
        REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
        CHECK(refused(read_only) != "");
        fs::remove(path);
        fs::create_symlink("/dev/zero", path);
        CHECK(refused(read_only).find("device") != std::string::npos);
        fs::remove(path);
        letter_box::spit(path, whole);
        CHECK(refused(read_only) == "");
    }
    // A whole commit whose note makes no sense: nobody wrote that by accident.
    const auto forged = [&](std::span<const std::byte> payload) {
        fs::remove(path);
        log::batch b(log::batch::least_capacity);
        REQUIRE(b.add_frame(1, 5, frames_of(make_event(1, "x").view()).bytes));
        REQUIRE(b.add_frame(2, 5, frame_of_note(payload).bytes));
        log::segment_writer w;
        log::chain_state state{test_bus.seed(), 0, 0, 1};
        REQUIRE(w.create(log::posix(), {box.path()}, header_behind(state, test_bus, epoch_t{1}), 0600) == 0);
        REQUIRE(w.append(b, state) == 0);
        return refused(false);
    };
    std::vector<std::byte> note = encode_note(make_story(1), {1, 1, 48});
    CHECK(forged(note) == "");
    CHECK(forged(encode_note(make_story(1), {2, 1, 48})).find("makes no sense") != std::string::npos); // the note itself for its event
    CHECK(forged(encode_note(make_story(1), {9, 1, 48})).find("makes no sense") != std::string::npos);
    CHECK(forged(std::span<const std::byte>(note).first(10)).find("makes no sense") != std::string::npos);
    note[60] = std::byte{2};
    CHECK(forged(note).find("newer version") != std::string::npos);
    // A note of more frames than its event has: the letter is listed, and its event is not given.
    CHECK(forged(encode_note(make_story(1), {1, 1, 4'000'000'000})) == "");
    fs::remove(path);
}
