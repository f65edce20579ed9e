#include <evbus/error.hpp>
#include <evbus/event.hpp>
#include <evbus/ids.hpp>
#include <evbus/notice.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace evbus;

TEST_CASE("ids: a seq range counts inclusively and is empty when its end comes first") {
    CHECK(seq_range{1, 1}.count() == 1);
    CHECK(seq_range{5, 9}.count() == 5);
    CHECK(seq_range{9, 5}.count() == 0);
    CHECK(seq_range{5, 4}.count() == 0);
    CHECK(seq_range{1, max_seq}.count() == max_seq);
    CHECK(seq_range{5, 9}.contains(5));
    CHECK(seq_range{5, 9}.contains(9));
    CHECK_FALSE(seq_range{5, 9}.contains(4));
    CHECK_FALSE(seq_range{5, 9}.contains(10));
}

TEST_CASE("ids: a bus id comes back from its 32 hex digits") {
    const bus_id id{{0x0123456789abcdef, 0xfedcba9876543210}};
    CHECK(to_string(id) == "0123456789abcdeffedcba9876543210");
    CHECK(parse_bus_id(to_string(id)) == id);
    CHECK_FALSE(id.empty());
    CHECK(bus_id{}.empty());
    CHECK(to_string(bus_id{{0, 1}}) == "00000000000000000000000000000001");
}

TEST_CASE("ids: what is not exactly 32 lower-case hex digits is no bus id") {
    for (const char* text : {"", "0", "0123456789abcdeffedcba987654321", "0123456789abcdeffedcba98765432100",
                             "0123456789abcdeffedcba987654321g", "0123456789ABCDEFfedcba9876543210",
                             " 123456789abcdeffedcba9876543210", "0x23456789abcdeffedcba9876543210"})
        CHECK_MESSAGE(parse_bus_id(text).empty(), text);
}

TEST_CASE("ids: an epoch has 16 hex digits") {
    CHECK(to_string(epoch_t{0xa}) == "000000000000000a");
    CHECK(to_string(epoch_t{~std::uint64_t{0}}) == "ffffffffffffffff");
}

TEST_CASE("error: its text names operation, object, problem and way out, in that order") {
    const error e(errc::busy, {"lock log", "/tmp/x/LOCK", "held by pid 7", "stop that recorder"});
    CHECK(std::string(e.what()) == "lock log: /tmp/x/LOCK: held by pid 7; stop that recorder");
    CHECK(e.kind() == errc::busy);
    CHECK(e.code() == errc::busy);
    CHECK(e.os_error() == 0);
}

TEST_CASE("error: empty parts leave no stray colon") {
    CHECK(std::string(error(errc::io, {"", "/x", "broken"}).what()) == "/x: broken");
    CHECK(std::string(error(errc::io, {"read", "", "broken"}).what()) == "read: broken");
}

TEST_CASE("error: an errno becomes its kind, its words and advice") {
    struct {
        int os;
        errc kind;
    } const cases[] = {{EACCES, errc::permission},     {EPERM, errc::permission},
                       {EROFS, errc::permission},      {ENOENT, errc::not_found},
                       {EEXIST, errc::already_exists}, {ENOSPC, errc::no_space},
                       {EDQUOT, errc::no_space},       {EFBIG, errc::no_space},
                       {EMFILE, errc::io},             {EIO, errc::io}};
    for (const auto& c : cases) {
        INFO(std::strerror(c.os));
        try {
            detail::throw_errno(c.os, "open", "/x");
        } catch (const error& e) {
            CHECK(e.kind() == c.kind);
            CHECK(e.os_error() == c.os);
            CHECK(std::string(e.what()).starts_with("open: /x: "));
            // The system's own words stand there where ours say less, and are not said twice.
            const bool said = ::strcasestr(e.what(), std::strerror(c.os)) != nullptr;
            CHECK((said || c.kind != errc::io));
            if (said) CHECK(::strcasestr(::strcasestr(e.what(), std::strerror(c.os)) + 1, std::strerror(c.os)) == nullptr);
        }
    }
}

TEST_CASE("error: advice that is given replaces the usual") {
    try {
        detail::throw_errno(ENOENT, "attach", "bus md", "start evrecord first");
    } catch (const error& e) {
        CHECK(std::string(e.what()).ends_with("; start evrecord first"));
    }
}

TEST_CASE("error: every kind, gap cause and notice has words of its own") {
    for (int i = 1; i <= static_cast<int>(errc::timed_out); ++i) CHECK(category().message(i) != "unknown");
    CHECK(category().message(9999) == "unknown");
    for (std::size_t i = 1; i < gap_causes; ++i) CHECK(std::string(to_string(static_cast<gap_cause>(i))) != "unknown");
    for (std::size_t i = 0; i < notice_kinds; ++i) CHECK(std::string(to_string(static_cast<notice_kind>(i))) != "?");
}
