// The examples of docs/examples, run as a newcomer would: with nothing of evbus on the machine before.
#include "tests/support/process.hpp"

#include <evbus/ring/create.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>

namespace {

/// The buses of the examples have fixed names; their logs go below a directory of our own.
class clean_machine {
public:
    explicit clean_machine(std::string bus) : bus_(std::move(bus)), home_(std::filesystem::temp_directory_path() / ("evbus-example-" + bus_)) {
        clear();
    }
    ~clean_machine() { clear(); }

    [[nodiscard]] support::finished run(const std::string& example) const {
        return support::process({std::string(EVBUS_BUILD_DIR) + "/docs/examples/example_" + example},
                                {.environment = {"XDG_STATE_HOME=" + home_.string(), "HOME=" + home_.string()}})
            .wait();
    }

private:
    void clear() const {
        evbus::ring::unlink_object(evbus::ring::ring_object(bus_));
        for (const std::string& ctl : evbus::ring::ctl_objects(bus_)) evbus::ring::unlink_object(ctl);
        std::filesystem::remove_all(home_);
        std::filesystem::remove_all("/var/lib/evbus/" + bus_);
    }
    std::string bus_;
    std::filesystem::path home_;
};

} // namespace

TEST_CASE("examples: what the publisher says the subscriber shows") {
    const clean_machine machine("hello");
    const support::finished published = machine.run("publisher");
    CHECK(published.code == 0);
    const support::finished shown = machine.run("subscriber");
    CHECK(shown.code == 0);
    REQUIRE(shown.out_lines().size() == 10);
    CHECK(shown.out_lines().front() == "1 greetings.world hello 0");
    CHECK(shown.out_lines().back() == "10 greetings.world hello 9");
}

TEST_CASE("examples: a subscriber without a bus is told how to get one") {
    const clean_machine machine("hello");
    const support::finished shown = machine.run("subscriber");
    CHECK(shown.signal == SIGABRT); // the example lets the exception through, as short programs do
    CHECK(shown.err.find("there is no such bus") != std::string::npos);
    CHECK(shown.err.find("evctl create") != std::string::npos);
}

TEST_CASE("examples: typed trades come back with their headers, the recorder missing or not") {
    const clean_machine machine("trades");
    const support::finished shown = machine.run("typed_consumer");
    CHECK(shown.code == 0);
    REQUIRE(shown.out_lines().size() == 6);
    CHECK(shown.out_lines()[0] == "durable: not yet");
    CHECK(shown.out_lines()[1] == "1 md.trade.AAPL 100 @ 188.5  order-17");
    CHECK(shown.out_lines()[5] == "5 md.trade.AAPL 500 @ 192.5  order-17");
}

TEST_CASE("examples: an event loop shares its thread between a subscriber, a consumer and a timer") {
    const clean_machine machine("plant");
    const support::finished shown = machine.run("event_loop");
    CHECK(shown.code == 0);
    const auto count = [lines = shown.out_lines()](const std::string& begin) {
        return std::count_if(lines.begin(), lines.end(), [&](const std::string& line) { return line.starts_with(begin); });
    };
    CHECK(count("tick") == 5);
    CHECK(count("temperature") == 5);
    CHECK(count("alarm") == 2);
}
