// The examples of docs/examples, run as a newcomer would: with nothing of evbus on the machine before.
#include "tests/examples/clean_machine.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <string>

using examples_test::clean_machine;

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
