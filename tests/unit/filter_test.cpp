#include "tests/support/random.hpp"

#include <evbus/filter.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using evbus::errc;
using evbus::filter;
using evbus::filter_set;
using evbus::hash_verdict;
using evbus::topic_verdict;

namespace {

bool matches(const char* pattern, const char* topic) { return filter(pattern).matches(topic); }

errc refusal(const std::string& pattern) {
    try {
        filter f(pattern);
    } catch (const evbus::error& e) {
        return e.kind();
    }
    return errc{};
}

} // namespace

TEST_CASE("filter: '*' stands for exactly one token") {
    CHECK(matches("*", "a"));
    CHECK_FALSE(matches("*", "a.b"));
    CHECK(matches("a.*", "a.b"));
    CHECK_FALSE(matches("a.*", "a"));
    CHECK_FALSE(matches("a.*", "a.b.c"));
    CHECK(matches("*.b.*", "a.b.c"));
    CHECK_FALSE(matches("*.b.*", "a.c.c"));
    CHECK(matches("*.*", "a.b"));
}

TEST_CASE("filter: '>' stands for one token or more at the end") {
    CHECK(matches(">", "a"));
    CHECK(matches(">", "a.b.c"));
    CHECK(matches("a.>", "a.b"));
    CHECK(matches("a.>", "a.b.c.d"));
    CHECK_FALSE(matches("a.>", "a"));
    CHECK_FALSE(matches("a.>", "b.c"));
    CHECK(matches("*.>", "a.b"));
    CHECK_FALSE(matches("*.>", "a"));
    CHECK_FALSE(matches(">", ""));
}

TEST_CASE("filter: without a wildcard it is the topic itself") {
    CHECK(matches("a.b", "a.b"));
    CHECK_FALSE(matches("a.b", "a.b.c"));
    CHECK_FALSE(matches("a.b", "a"));
    CHECK_FALSE(matches("a.b", "a.B"));
    CHECK(filter("a.b").is_exact());
    CHECK(filter("a.b").hash() == evbus::topic_hash("a.b"));
    CHECK_FALSE(filter("a.*").is_exact());
    CHECK(filter("a.*").hash() == 0);
}

TEST_CASE("filter: a first token with '$' is matched by its own name alone") {
    CHECK_FALSE(matches(">", "$bus.anchor"));
    CHECK_FALSE(matches("*", "$bus"));
    CHECK_FALSE(matches("*.anchor", "$bus.anchor"));
    CHECK_FALSE(matches("*.>", "$bus.anchor"));
    CHECK(matches("$bus.>", "$bus.anchor"));
    CHECK(matches("$bus.*", "$bus.anchor"));
    CHECK(matches("$bus.anchor", "$bus.anchor"));
    CHECK(matches("a.*", "a.$x"));
    CHECK(matches(">", "a.$x"));
}

TEST_CASE("filter: malformed patterns are refused") {
    for (const char* pattern : {"", ".", "a.", ".a", "a..b", "a*", "*a", "a.b*", "a>", "a.>.b", ">.a", "**", ">>",
                                "a.*>", "a b", "a\tb", "\xff"})
        CHECK_MESSAGE(refusal(pattern) == errc::bad_filter, pattern);
    CHECK(refusal(std::string(128, 'a')) == errc::bad_filter);
    CHECK(refusal(std::string(127, 'a')) == errc{});
}

TEST_CASE("filter set: no pattern means all but the bus's own topics") {
    filter_set all;
    CHECK(all.matches("a.b"));
    CHECK_FALSE(all.matches("$bus.anchor"));
    CHECK(all.by_hash(1) == hash_verdict::ask_topic);
}

TEST_CASE("filter set: several patterns add up, exclusions take away") {
    filter_set set({"md.trade.>", "md.quote.*", "$bus.>"}, {"md.*.TEST", "md.trade.x.>"});
    CHECK(set.matches("md.trade.AAPL"));
    CHECK(set.matches("md.quote.AAPL"));
    CHECK(set.matches("$bus.anchor"));
    CHECK_FALSE(set.matches("md.trade.TEST"));
    CHECK_FALSE(set.matches("md.quote.TEST"));
    CHECK(set.matches("md.trade.x"));
    CHECK_FALSE(set.matches("md.trade.x.y"));
    CHECK_FALSE(set.matches("md.book.AAPL"));
}

TEST_CASE("filter set: exact patterns are decided by hash before the topic is read") {
    filter_set exact({"a.b", "c.d"}, {"c.d"});
    CHECK(exact.by_hash(evbus::topic_hash("a.b")) == hash_verdict::ask_topic);
    CHECK(exact.by_hash(evbus::topic_hash("x.y")) == hash_verdict::rejected);
    CHECK(exact.matches("a.b"));
    CHECK_FALSE(exact.matches("c.d"));
    // Another topic under the same hash must not pass.
    CHECK(exact.judge(evbus::topic_hash("a.b"), "x.y") == topic_verdict::malformed);
    filter_set mixed({"a.b", "c.*"});
    CHECK(mixed.by_hash(evbus::topic_hash("x.y")) == hash_verdict::ask_topic);
}

TEST_CASE("filter set: a topic that breaks the rules or the hash is malformed, remembered or not") {
    filter_set set({">"});
    for (int round = 0; round < 2; ++round) {
        CHECK(set.judge(evbus::topic_hash("a.b"), "a.b") == topic_verdict::accepted);
        CHECK(set.judge(evbus::topic_hash("a.b") + 1, "a.b") == topic_verdict::malformed);
        for (const char* topic : {"", "a..b", "a.*", "a b", "\xff"})
            CHECK(set.judge(evbus::topic_hash(topic), topic) == topic_verdict::malformed);
        CHECK(set.judge(0, "") == topic_verdict::malformed);
        CHECK(set.judge(evbus::topic_hash("$bus.x"), "$bus.x") == topic_verdict::rejected);
        const std::string long_topic(300, 'a');
        CHECK(set.judge(evbus::topic_hash(long_topic), long_topic) == topic_verdict::malformed);
        set.remember();
    }
}

TEST_CASE("filter set: two sets are equal when their patterns are") {
    CHECK(filter_set({"a"}, {"b"}) == filter_set({"a"}, {"b"}));
    CHECK_FALSE(filter_set({"a"}, {"b"}) == filter_set({"a"}));
    CHECK(filter_set() == filter_set({">"}));
}

TEST_CASE("filter set: what it remembers is what it would decide anew") {
    evbus_test::random_source random;
    SHOW_SEED(random);
    const char* const tokens[] = {"a", "b", "c", "$s", "long-token"};
    const auto random_topic = [&](bool pattern) {
        std::string out;
        const std::size_t count = 1 + random.below(4);
        for (std::size_t i = 0; i < count; ++i) {
            if (i != 0) out += '.';
            if (pattern && i + 1 == count && random.one_in(4))
                out += '>';
            else if (pattern && random.one_in(3))
                out += '*';
            else
                out += tokens[random.below(std::size(tokens))];
        }
        return out;
    };
    for (int round = 0; round < 200; ++round) {
        std::vector<std::string> include, exclude;
        for (std::size_t n = random.below(4); n-- > 0;) include.push_back(random_topic(true));
        for (std::size_t n = random.below(3); n-- > 0;) exclude.push_back(random_topic(true));
        filter_set direct(include, exclude), memory(include, exclude);
        memory.remember();
        for (int i = 0; i < 300; ++i) {
            const std::string topic = random_topic(false);
            const std::uint64_t hash = evbus::topic_hash(topic) + (random.one_in(8) ? random.below(3) : 0);
            CAPTURE(topic);
            CHECK(memory.judge(hash, topic) == direct.judge(hash, topic));
            CHECK(direct.matches(topic) == (direct.judge(evbus::topic_hash(topic), topic) == topic_verdict::accepted));
        }
    }
}
