// The meter of pressure, over every sequence of levels; and when a recorder says what of its disk.
#include "lib/recorder/disk_pressure.hpp"

#include <evbus/pressure.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

using namespace evbus;
using recorder::disk_pressure;

namespace {

/// What the state is after these levels, told from the whole of them and not step by step.
pressure after(const std::vector<double>& levels, const pressure_marks& m) {
    const std::size_t none = levels.size();
    std::size_t raised = none, relaxed = none;
    for (std::size_t i = 0; i < levels.size(); ++i) {
        if (levels[i] >= m.suspend) raised = i;
        if (levels[i] <= m.relax) relaxed = i;
    }
    bool stands = raised != none;
    for (std::size_t i = raised; stands && i < levels.size(); ++i) stands = levels[i] > m.resume;
    if (stands) return pressure::suspended;
    for (std::size_t i = relaxed == none ? 0 : relaxed; i < levels.size(); ++i)
        if (levels[i] >= m.throttle) return pressure::throttled;
    return pressure::normal;
}

/// Every sequence of `length` levels, the marks themselves and their neighbours among them.
void walk_all(const pressure_marks& m, std::size_t length) {
    std::vector<double> all = {0, 2};
    for (const double mark : {m.throttle, m.suspend, m.resume, m.relax})
        for (const double level : {mark - 0.001, mark, mark + 0.001}) all.push_back(level);
    std::vector<std::size_t> digits(length, 0);
    while (true) {
        pressure_meter meter(m);
        std::vector<double> levels;
        for (const std::size_t d : digits) {
            levels.push_back(all[d]);
            REQUIRE(meter.read(all[d]) == after(levels, m));
        }
        std::size_t i = 0;
        while (i < length && ++digits[i] == all.size()) digits[i++] = 0;
        if (i == length) return;
    }
}

bool refused(const pressure_marks& m, const std::string& name) {
    try {
        pressure_meter meter(m);
    } catch (const error& e) {
        return e.kind() == errc::bad_option && std::string(e.what()).find(name + " ") != std::string::npos;
    }
    return false;
}

constexpr std::int64_t ms = 1'000'000;

} // namespace

TEST_CASE("pressure: every sequence of levels leads to the state that the marks say, with hysteresis") {
    walk_all({}, 4);
    walk_all({.throttle = 0.3, .suspend = 0.6, .resume = 0.1, .relax = 0.1}, 4); // resume below throttle
    walk_all({.throttle = 0.8, .suspend = 0.8, .resume = 0.5, .relax = 0}, 4);   // throttled on the way down alone
}

TEST_CASE("pressure: a level that is no number changes nothing") {
    pressure_meter meter;
    CHECK(meter.read(std::numeric_limits<double>::quiet_NaN()) == pressure::normal);
    CHECK(meter.read(std::numeric_limits<double>::infinity()) == pressure::suspended);
    CHECK(meter.read(std::numeric_limits<double>::quiet_NaN()) == pressure::suspended);
    CHECK(meter.read(-1) == pressure::normal);
}

TEST_CASE("pressure: marks that are out of range or cross each other are refused by name") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK(refused({.suspend = 1.1}, "suspend"));
    CHECK(refused({.suspend = nan}, "suspend"));
    CHECK(refused({.relax = -0.1}, "relax"));
    CHECK(refused({.relax = nan}, "relax"));
    CHECK(refused({.throttle = 0.2}, "throttle"));
    CHECK(refused({.throttle = 0.25}, "throttle"));
    CHECK(refused({.throttle = nan}, "throttle"));
    CHECK(refused({.throttle = 0.9, .suspend = 0.8}, "throttle"));
    CHECK(refused({.resume = 1.0}, "resume"));
    CHECK(refused({.resume = 0.2}, "resume"));
    CHECK(refused({.resume = nan}, "resume"));
    CHECK_FALSE(refused({.throttle = 1.0}, "throttle"));
}

TEST_CASE("disk pressure: one is told of a disk that is slow for a second without a break, once, and when it is over") {
    using news = disk_pressure::news;
    disk_pressure disk(std::nullopt);
    CHECK(disk.read(1, 0) == news::none);
    CHECK(disk.state() == pressure::suspended);
    CHECK(disk.next_look(0).count() == 1000 * ms);
    CHECK(disk.read(1, 999 * ms) == news::none);
    CHECK(disk.read(0.7, 999 * ms) == news::none); // a break
    CHECK(disk.read(1, 1000 * ms) == news::none);
    CHECK(disk.read(0.8, 1999 * ms) == news::none);
    CHECK(disk.read(0.8, 2000 * ms) == news::slow);
    CHECK(disk.read(1, 900'000 * ms) == news::none);
    CHECK(disk.read(0.5, 900'001 * ms) == news::none); // throttled: not yet
    CHECK(disk.read(1, 900'002 * ms) == news::none);
    CHECK(disk.read(0.1, 900'003 * ms) == news::eased);
    CHECK(disk.read(0.1, 900'004 * ms) == news::none);
    CHECK(disk.read(1, 900'005 * ms) == news::none); // and anew
    CHECK(disk.read(1, 901'005 * ms) == news::slow);
}

TEST_CASE("disk pressure: it is over after the limit without a break, and not after two halves of it") {
    using news = disk_pressure::news;
    disk_pressure disk(std::chrono::milliseconds(30));
    CHECK(disk.read(1, 0) == news::none);
    CHECK(disk.next_look(0).count() == 30 * ms);
    CHECK(disk.read(1, 20 * ms) == news::none);
    CHECK(disk.next_look(20 * ms).count() == 10 * ms);
    CHECK(disk.read(0.75, 29 * ms) == news::none);
    CHECK(disk.read(1, 30 * ms) == news::none);
    CHECK(disk.read(0.9, 59 * ms) == news::none); // falls, but not far enough to be a break
    CHECK(disk.next_look(70 * ms).count() == 0);
    CHECK(disk.read(1, 60 * ms) == news::over);
}
