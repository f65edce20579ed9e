// evctl info: how long events took.
#include "tests/support/process.hpp"
#include "tests/support/scratch_bus.hpp"
#include "tests/support/text.hpp"

#include <evbus/ring/latency.hpp>
#include <evbus/subscriber.hpp>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using support::finished;
using support::scratch_bus;
using support::words;

namespace {

finished ctl(words more) {
    more.insert(more.begin(), support::tool("evctl"));
    return support::run(std::move(more));
}
nlohmann::json info(const std::string& bus) { return nlohmann::json::parse(ctl({"info", bus, "--json"}).out); }
using support::has;

} // namespace

TEST_CASE_FIXTURE(scratch_bus, "evctl: info says how long events took, to whom, whatever stands in ctl") {
    namespace ring = evbus::ring;
    REQUIRE(ctl({"create", name(), "--log", log()}).code == 0);
    const auto at = ring::attachment::open(name(), ring::access::read_write);
    CHECK(!has(ctl({"info", name()}).out, "latency"));
    CHECK(info(name())["latency"]["durable"].is_null());

    const evbus::bus bus = evbus::bus::open(name());
    const evbus::subscriber viewer(bus, {.name = "viewer"}), idle(bus, {.name = "idle"});
    // As the viewer and a recorder would have measured it.
    ring::latency_table& table = at->latencies();
    ring::latency_record read(*ring::latency_of(table, viewer.number()), ring::read_member(*at, viewer.number()).incarnation);
    for (int i = 0; i < 999; ++i) read.add(1500);
    read.add(25'000'000);
    read.add(-3);
    at->ctl().frontier.generation.store(7);
    ring::latency_record durable(table.durable, 7);
    durable.add(4'000'000);

    nlohmann::json shown = info(name());
    for (const auto& m : shown["members"]) {
        const nlohmann::json& l = m["latency"];
        if (m["name"] == "idle") {
            CHECK(l["measured"] == 0);
            continue;
        }
        CHECK(l["measured"] == 1001);
        CHECK(l["max_ns"] == 25'000'000);
        CHECK(l["negative"] == 1);
        CHECK(l["mean_ns"] == (999 * 1500 + 25'000'000) / 1001);
        CHECK(l["p50_ns"] >= 1000);
        CHECK(l["p50_ns"] <= 2250);
        CHECK(l["p99_ns"] <= 2250);
    }
    CHECK(shown["latency"]["written"].is_null());
    CHECK(shown["latency"]["durable"]["max_ns"] == 4'000'000);
    const std::string text = ctl({"info", name()}).out;
    for (const char* part : {"latency    from publish", "1,001", "25.0 ms", "durable", "4.00 ms"}) CHECK_MESSAGE(has(text, part), text);

    // A life that nobody has, and counts that no reader makes.
    ring::latency_of(table, idle.number())->life.store(4711);
    auto* counts = reinterpret_cast<ring::shared_u64*>(&table.durable);
    for (std::size_t i = 1; i < sizeof table.durable / 8; ++i) counts[i].store(~std::uint64_t{0});
    const finished odd = ctl({"info", name()});
    CHECK(odd.code == 0);
    CHECK(has(odd.out, "not kept"));
    CHECK(info(name())["latency"]["durable"]["measured"] == ~std::uint64_t{0});
}
