// Exclusive buses, as the tools make them and say so.
#include "tests/support/process.hpp"
#include "tests/support/scratch_bus.hpp"
#include "tests/support/text.hpp"

#include <evbus/publisher.hpp>

#include <doctest/doctest.h>

using support::finished;
using support::run;
using support::scratch_bus;
using support::tool;

namespace {

using support::has;

} // namespace

TEST_CASE_FIXTURE(scratch_bus, "exclusive: evctl makes it, shows it, and a bus that differs is refused with both values") {
    const finished made = run({tool("evctl"), "create", name(), "--exclusive", "--no-log"});
    CHECK(made.code == 0);
    CHECK(has(made.err, "exclusive"));
    CHECK(has(run({tool("evctl"), "info", name()}).out, "one at a time (exclusive)"));
    CHECK(has(run({tool("evctl"), "info", name(), "--json"}).out, "\"exclusive\""));
    CHECK(run({tool("evpub"), name(), "t", "--exclusive", "--no-log"}, "one\n").code == 0);

    const scratch_bus shared;
    CHECK(run({tool("evctl"), "create", shared.name(), "--no-log"}).code == 0);
    const finished refused = run({tool("evpub"), shared.name(), "t", "--exclusive", "--no-log"}, "one\n");
    CHECK(refused.code == 2);
    CHECK(has(refused.err, "exclusive"));
    CHECK(has(refused.err, "asked for yes, but the bus has no"));
}

TEST_CASE_FIXTURE(scratch_bus, "exclusive: evpub beside the bus's publisher is refused and names it") {
    evbus::bus_options how;
    how.with_log = false;
    how.exclusive = true;
    const evbus::bus on = evbus::bus::create(name(), how);
    const evbus::publisher first(on, {.name = "gateway"});
    const finished second = run({tool("evpub"), name(), "t"}, "one\n");
    CHECK(second.code == 2);
    CHECK(has(second.err, "publisher 'gateway' (process " + std::to_string(::getpid()) + ")"));
    CHECK(on.head() == 1);
}

TEST_CASE_FIXTURE(scratch_bus, "exclusive: removed by force under its idle publisher, which is told") {
    evbus::bus_options how;
    how.with_log = false;
    how.exclusive = true;
    evbus::publisher first(evbus::bus::create(name(), how), {.name = "gateway"});
    CHECK(first.publish(evbus::topic("t"), "one"));
    CHECK(run({tool("evctl"), "remove", name()}).code == 2);
    CHECK(run({tool("evctl"), "remove", name(), "--force"}).code == 0);
    CHECK(first.publish(evbus::topic("t"), "two").status == evbus::publish_status::retired);
}
