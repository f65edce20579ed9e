// The state machine of docs/examples: what it rebuilds after crashes, and that it refuses a snapshot that is not
// what its anchor says.
#include "tests/examples/clean_machine.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

using support::finished;
using lines = std::vector<std::string>;

namespace {

struct bank : examples_test::clean_machine {
    bank() : clean_machine("accounts") {}

    [[nodiscard]] finished with(std::vector<std::string> args) const {
        args.insert(args.begin(), program("state_machine"));
        return support::run(args, {}, environment());
    }
    void deposit(const std::string& who, const std::string& amount) const { REQUIRE(with({"deposit", who, amount}).code == 0); }
    [[nodiscard]] support::process record() const {
        support::process r({support::tool("evrecord"), "accounts"}, environment());
        r.wait_for_err("recording bus");
        return r;
    }
};

} // namespace

TEST_CASE("examples: a state machine is rebuilt from its newest snapshot and what came behind it, after crashes too") {
    const bank b;
    REQUIRE(b.with({"run", "crash"}).code == 0); // creates the bus
    support::process recorder = b.record();
    b.deposit("alice", "50");
    b.deposit("bob", "20");
    CHECK(b.with({"run"}).out_lines() == lines{"replayed 2", "alice 50", "bob 20"});
    b.deposit("alice", "-10");
    CHECK(b.with({"run", "crash"}).out_lines() == lines{"snapshot at seq 2", "replayed 1", "alice 40", "bob 20"});
    b.deposit("carol", "1");
    CHECK(b.with({"run"}).out_lines() == lines{"snapshot at seq 2", "replayed 2", "alice 40", "bob 20", "carol 1"});
    CHECK(b.with({"run"}).out_lines() == lines{"snapshot at seq 4", "replayed 0", "alice 40", "bob 20", "carol 1"});

    // Killed and back: the anchor is in the log.
    recorder.signal(SIGKILL);
    (void)recorder.wait();
    b.deposit("bob", "5");
    support::process again = b.record();
    CHECK(b.with({"run", "crash"}).out_lines() == lines{"snapshot at seq 4", "replayed 1", "alice 40", "bob 25", "carol 1"});

    std::string snapshot;
    for (const std::string& dir : {std::string("/var/lib/evbus/accounts"), b.home() + "/state/evbus/accounts"})
        if (std::filesystem::exists(dir + "/snapshot-4")) snapshot = dir + "/snapshot-4";
    REQUIRE_FALSE(snapshot.empty());
    std::ofstream(snapshot) << "alice 1000000\n";
    const finished refused = b.with({"run"});
    CHECK(refused.code == 1);
    CHECK(refused.err.find("not what the anchor says") != std::string::npos);
    again.signal(SIGTERM);
    CHECK(again.wait().code == 0);
}
