// evlog retain as its users meet it: the plan, the deed, what is spared, what is refused.
#include "tests/tools/evlog_fixture.hpp"

#include <nlohmann/json.hpp>

using namespace tools_test;
using log_test::fs::exists;
using nlohmann::json;

namespace {

struct retain_fixture : three_segments {
    [[nodiscard]] finished retain(words more) const {
        more.insert(more.begin(), {"retain", dir});
        return evlog(std::move(more));
    }
    [[nodiscard]] std::size_t count() const { return segments().size(); }
    const std::size_t had = count(); ///< more than two
    const std::string one_less = std::to_string(had - 1);
};

} // namespace

TEST_CASE_FIXTURE(retain_fixture, "evlog retain: shows what would go and why, and deletes nothing") {
    const finished f = retain({"--keep-segments", one_less});
    CHECK(f.code == 0);
    REQUIRE(f.out_lines().size() == count() + 1);
    CHECK(has(f.out_lines()[1], "goes   over the limit of segments"));
    CHECK(has(f.out_lines().back(), "stays  within the limits"));
    CHECK(has(f.err, "nothing was deleted (--do deletes)"));
    CHECK(count() == had);
    CHECK(read().size() == 9);
}

TEST_CASE_FIXTURE(retain_fixture, "evlog retain: --do deletes, oldest first, and the rest is a whole log") {
    const finished f = retain({"--keep-segments", one_less, "--do"});
    CHECK(f.code == 0);
    CHECK(has(f.err, "deleted 1 segment"));
    CHECK(count() == had - 1);
    CHECK(read().front().find("retention") != std::string::npos);
    CHECK(evlog({"verify", dir}).code == 0);
    CHECK(has(retain({"--keep-segments", one_less, "--do"}).err, "deleted 0 segments"));
}

TEST_CASE_FIXTURE(retain_fixture, "evlog retain: by age it goes by the events' time; the newest stays") {
    const finished f = retain({"--keep-age", "7d", "--do"});
    CHECK(f.code == 0);
    CHECK(count() == 1);
    CHECK(has(f.out, "over the limit of age, but the newest segment stays"));
}

TEST_CASE_FIXTURE(retain_fixture, "evlog retain: what a cursor needs is spared, by its name, unless forced") {
    log_test::test_log::spit(dir + "/cursors/billing.cursor", "damaged");
    const finished f = retain({"--keep-segments", "1", "--do"});
    CHECK(f.code == 0);
    CHECK(count() == had);
    CHECK(has(f.out, "needed by cursor \"billing\" (damaged)"));
    CHECK(has(f.err, "--force"));
    CHECK(has(retain({"--keep-segments", "1", "--force"}).err, "would go"));
    CHECK(count() == had);
    CHECK(retain({"--keep-segments", "1", "--force", "--do"}).code == 0);
    CHECK(count() == 1);
}

TEST_CASE_FIXTURE(retain_fixture, "evlog retain: --json is the plan for programs") {
    const finished f = retain({"--keep-segments", "1", "--json"});
    CHECK(f.code == 0);
    const json j = json::parse(f.out);
    CHECK(j["going"] == had - 1);
    CHECK(j["segments"].size() == had);
    CHECK(j["segments"][0]["goes"] == true);
    CHECK(j["segments"][0]["first_seq"] == "1");
    CHECK(j["segments"][had - 1]["last_seq"].is_null());
    CHECK_FALSE(j.contains("deleted"));
    CHECK(json::parse(retain({"--keep-segments", "1", "--json", "--do"}).out)["deleted"]["segments"] == had - 1);
}

TEST_CASE_FIXTURE(retain_fixture, "evlog retain: refuses what makes no sense, and deletes nothing then") {
    CHECK(has(retain({}).err, "no limit was given"));
    CHECK(has(retain({"--keep-segments", "1", "--plan", "--do"}).err, "contradict each other"));
    CHECK(retain({"--keep-segments", "0", "--do"}).code == 2);
    CHECK(retain({"--keep-free", "101%", "--do"}).code == 2);
    CHECK(retain({"--keep-free", "-1%", "--do"}).code == 2);
    CHECK(retain({"--keep-age", "yesterday", "--do"}).code == 2);
    CHECK(evlog({"retain", dir + "/segments", "--keep-segments", "1", "--do"}).code == 2);
    CHECK(evlog({"retain", "/no/such/log", "--keep-segments", "1", "--do"}).code == 2);
    CHECK(count() == had);
    for (std::size_t i = 0; i < had; ++i) truncate(i, 10); // no header is readable: whose cursors pin it is not known
    const finished f = retain({"--keep-segments", "1", "--do"});
    CHECK(f.code == 2);
    CHECK(count() == had);
}
