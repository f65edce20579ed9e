// Cursor files as bytes: whatever happened to them, a place is either what was saved or not believed.
#include "tests/log/log_fixture.hpp"

#include <evbus/log/cursor_list.hpp>

using namespace log_test;

namespace {

log::saved_cursor saved(seq_t next, std::uint64_t saves = 1, seq_t walk_from = no_seq) {
    return {test_bus, {next, walk_from == no_seq ? next : walk_from}, saves, 1000, "a.> b -x a.c"};
}

/// Damages that a test can make to a file that holds `next` and is the newer or the older of two.
struct cursor_dir : test_log {
    cursor_dir() { fs::create_directories(where.cursors()); }
    log::log_dir where{dir};
    log::cursor_paths at{where, "billing"};

    void put(const std::string& path, const std::string& bytes) const { spit(path, bytes); }
    void put_both(seq_t newer, seq_t older) const {
        put(at.current, encode_cursor(saved(newer, 2)));
        put(at.before(), encode_cursor(saved(older, 1)));
    }
    [[nodiscard]] log::cursor_info look(const bus_id& bus = test_bus) const {
        const std::vector<log::cursor_info> all = list_cursors(log::posix(), where, bus);
        REQUIRE(all.size() == 1);
        REQUIRE(all[0].name == "billing");
        return all[0];
    }
};

std::string flipped(std::string bytes, std::size_t bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    return bytes;
}

} // namespace

TEST_CASE("cursor file: what a worker keeps with its place comes back with it, and a strange flag is damage") {
    log::saved_cursor c = saved(7), got;
    CHECK(decode_cursor(encode_cursor(c), got) == log::cursor_fault::none);
    CHECK(got.notes == log::cursor_notes{}); // as files have it that know nothing of it
    c.notes = {.letters = 12, .may_repeat = 1000, .unsure_letters = true};
    CHECK(decode_cursor(encode_cursor(c), got) == log::cursor_fault::none);
    CHECK(got.notes == c.notes);
    std::string odd = encode_cursor(c);
    log::cursor_header h;
    std::memcpy(&h, odd.data(), sizeof h);
    h.unsure_letters = 2;
    h.checksum = log::detail::cursor_checksum(h, std::string_view(odd).substr(sizeof h));
    std::memcpy(odd.data(), &h, sizeof h);
    CHECK(decode_cursor(odd, got) == log::cursor_fault::damaged);
}

TEST_CASE("cursor file: what was encoded is decoded") {
    log::saved_cursor got;
    REQUIRE(decode_cursor(encode_cursor(saved(77, 5, 70)), got) == log::cursor_fault::none);
    CHECK(got.place == cursor_place{77, 70});
    CHECK(got.bus == test_bus);
    CHECK(got.saves == 5);
    CHECK(got.saved_ns == 1000);
    CHECK(got.filter == "a.> b -x a.c");
}

TEST_CASE("cursor file: every truncation, every longer file and every flipped bit is damage") {
    const std::string whole = encode_cursor(saved(77));
    log::saved_cursor got;
    for (std::size_t n = 0; n < whole.size(); ++n) CHECK(decode_cursor(whole.substr(0, n), got) == log::cursor_fault::damaged);
    CHECK(decode_cursor(whole + '\0', got) == log::cursor_fault::damaged);
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
        CAPTURE(bit);
        CHECK(decode_cursor(flipped(whole, bit), got) == log::cursor_fault::damaged);
    }
}

TEST_CASE("cursor file: a newer version is named as one, and a place that cannot be is damage") {
    log::cursor_header h;
    log::saved_cursor got;
    const auto decode_with = [&](auto change) {
        const std::string whole = encode_cursor(saved(77));
        std::memcpy(&h, whole.data(), sizeof h);
        change(h);
        const std::string filter = whole.substr(sizeof h);
        h.checksum = log::detail::cursor_checksum(h, filter);
        return decode_cursor(std::string(reinterpret_cast<const char*>(&h), sizeof h) + filter, got);
    };
    CHECK(decode_with([](auto&) {}) == log::cursor_fault::none);
    CHECK(decode_with([](auto& c) { c.version = 2; }) == log::cursor_fault::unsupported);
    CHECK(decode_with([](auto& c) { c.flags = 1; }) == log::cursor_fault::unsupported);
    CHECK(decode_with([](auto& c) { c.next_seq = 0; }) == log::cursor_fault::damaged);
    CHECK(decode_with([](auto& c) { c.walk_from = 0; }) == log::cursor_fault::damaged);
    CHECK(decode_with([](auto& c) { c.walk_from = 78; }) == log::cursor_fault::damaged);
    CHECK(decode_with([](auto& c) { ++c.filter_hash; }) == log::cursor_fault::damaged);
}

TEST_CASE("cursor list: nothing saved, no cursor; other files are left out") {
    cursor_dir t;
    CHECK(list_cursors(log::posix(), t.where, test_bus).empty());
    CHECK(list_cursors(log::posix(), {"/dev/shm/evbus-no-such-log"}, test_bus).empty());
    for (const char* name : {"billing.cursor.lock", "billing.cursor.new", "UPPER.cursor", ".cursor", "x.cursor.old", "cursor"})
        t.put(t.where.cursors() + "/" + name, "x");
    CHECK(list_cursors(log::posix(), t.where, test_bus).empty());
}

TEST_CASE("cursor list: a directory that cannot be read is an error, for then nobody knows what is pinned") {
    test_log t;
    test_log::spit(log::log_dir{t.dir}.cursors(), "a file");
    CHECK_THROWS_AS((void)list_cursors(log::posix(), {t.dir}, test_bus), evbus::error);
}

TEST_CASE("cursor list: the newest place is given, and the older of the two files pins") {
    cursor_dir t;
    t.put_both(50, 40);
    CHECK(t.look().state == log::cursor_state::ok);
    CHECK(t.look().saved.place.next == 50);
    CHECK(t.look().pin == 40);
    CHECK(t.look().words.empty());
    t.put(t.at.before(), encode_cursor(saved(40, 1, 30)));
    CHECK(t.look().pin == 30); // an event that was open there
    t.put(t.at.before(), "damaged");
    CHECK(t.look().state == log::cursor_state::ok);
    CHECK(t.look().pin == 50);
}

TEST_CASE("cursor list: the number of saves may wrap") {
    cursor_dir t;
    t.put(t.at.current, encode_cursor(saved(50, 0)));
    t.put(t.at.before(), encode_cursor(saved(40, ~std::uint64_t{0})));
    CHECK(t.look().saved.place.next == 50);
    t.put(t.at.before(), encode_cursor(saved(60, 1))); // put there by hand
    CHECK(t.look().saved.place.next == 60);
}

TEST_CASE("cursor list: between the two renames of a save the newest place stands in the older file") {
    cursor_dir t;
    t.put(t.at.before(), encode_cursor(saved(50, 2)));
    t.put(t.at.fresh(), encode_cursor(saved(60, 3)));
    CHECK(t.look().state == log::cursor_state::older);
    CHECK(t.look().saved.place.next == 50);
    CHECK(t.look().pin == 50);
}

TEST_CASE("cursor list: the newest damaged in any way, the one before stands in; both, and everything is pinned") {
    cursor_dir t;
    t.put_both(50, 40);
    const std::string newer = test_log::slurp(t.at.current), older = test_log::slurp(t.at.before());
    const auto look_at = [&](const std::string& damage) {
        t.put(t.at.before(), older);
        t.put(t.at.current, damage);
        CHECK(t.look().state == log::cursor_state::older);
        CHECK(t.look().saved.place.next == 40);
        CHECK(t.look().pin == 40);
        t.put(t.at.before(), damage);
        CHECK(t.look().state == log::cursor_state::damaged);
        CHECK(t.look().pin == 1);
        CHECK(!t.look().is_usable());
        CHECK(t.look().words.find("reset billing") != std::string::npos);
    };
    for (std::size_t n = 0; n < newer.size(); ++n) look_at(newer.substr(0, n));
    for (std::size_t bit = 0; bit < newer.size() * 8; bit += 3) look_at(flipped(newer, bit));
}

TEST_CASE("cursor list: of another bus, of a newer version, or not to be read: never passed over for the older") {
    cursor_dir t;
    t.put_both(50, 40);
    CHECK(t.look(other_bus).state == log::cursor_state::foreign);
    CHECK(t.look(other_bus).pin == 1);
    log::cursor_header h;
    std::string newer = test_log::slurp(t.at.current);
    std::memcpy(&h, newer.data(), sizeof h);
    h.version = 2;
    h.checksum = log::detail::cursor_checksum(h, newer.substr(sizeof h));
    std::memcpy(newer.data(), &h, sizeof h);
    t.put(t.at.current, newer);
    CHECK(t.look().state == log::cursor_state::unsupported);
    CHECK(t.look().pin == 1);
    // Root may read everything: a loop of symbolic links cannot be read by anybody.
    fs::remove(t.at.current);
    fs::create_symlink(t.at.current, t.at.current);
    CHECK(t.look().state == log::cursor_state::unreadable);
    CHECK(t.look().pin == 1);
    CHECK(t.look().words.find("symbolic links") != std::string::npos);
    // A directory or something far too long in its place was never a save.
    fs::remove(t.at.current);
    fs::create_directory(t.at.current);
    CHECK(t.look().state == log::cursor_state::older);
    fs::remove(t.at.current);
    t.put(t.at.current, std::string(1 << 20, 'x'));
    CHECK(t.look().state == log::cursor_state::older);
}
