// Typed payloads: structs as they lie in memory, and whatever a codec encodes.
#include "ring_fixture.hpp"

using namespace ring_test;

namespace {

struct trade {
    double price;
    std::uint32_t size;
    std::uint32_t flags;
};

struct word_list {
    std::vector<std::string> words;
};

} // namespace

template <>
struct evbus::codec<word_list> {
    static std::size_t size(const word_list& l) {
        std::size_t sum = 0;
        for (const std::string& w : l.words) sum += w.size() + 1;
        return sum;
    }
    static void encode(const word_list& l, std::span<std::byte> to) noexcept {
        for (const std::string& w : l.words) {
            std::memcpy(to.data(), w.c_str(), w.size() + 1);
            to = to.subspan(w.size() + 1);
        }
    }
    static std::optional<word_list> decode(std::span<const std::byte> from) noexcept {
        word_list out;
        const char* at = reinterpret_cast<const char*>(from.data());
        const char* end = at + from.size();
        while (at != end) {
            const std::size_t size = ::strnlen(at, static_cast<std::size_t>(end - at));
            if (at + size == end) return std::nullopt;
            out.words.emplace_back(at, size);
            at += size + 1;
        }
        return out;
    }
};

TEST_CASE("typed: a plain struct travels as it lies in memory, and is refused at another size") {
    test_bus t;
    subscriber sub(t.bus());
    REQUIRE(t.pen().publish(topic("trade"), trade{1.5, 100, 7}));
    REQUIRE(t.publish("trade", "short"));
    std::vector<std::optional<trade>> got;
    sub.poll([&](const event& e) { got.push_back(decode<trade>(e)); });
    REQUIRE(got.size() == 2);
    REQUIRE(got[0].has_value());
    CHECK(got[0]->price == 1.5);
    CHECK(got[0]->size == 100);
    CHECK_FALSE(got[1].has_value());
}

TEST_CASE("typed: a codec's type is encoded and decoded, also when it is larger than a slot") {
    test_bus t;
    subscriber sub(t.bus());
    const word_list small{{"a", "", "ccc"}}, large{std::vector<std::string>(100, "word")};
    REQUIRE(t.pen().publish(topic("words"), small));
    REQUIRE(t.pen().publish(topic("words"), large));
    REQUIRE(t.publish("words", "no zero at the end"));
    std::vector<std::optional<word_list>> got;
    sub.poll([&](const event& e) { got.push_back(decode<word_list>(e)); });
    REQUIRE(got.size() == 3);
    CHECK(got[0].value().words == small.words);
    CHECK(got[1].value().words == large.words);
    CHECK_FALSE(got[2].has_value());
}
