// Bills every order at least once, each customer's in their order; goes on after kill -9; ends in good order at
// SIGTERM. The bank is open while there is a file of that name.
#include <evbus/evbus.hpp>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <iostream>

using namespace std::chrono_literals;

namespace {

std::atomic<bool> asked_to_stop = false;

evbus::outcome bill(const evbus::event& order, const evbus::attempt& now) {
    if (order.text().empty()) return evbus::dead("nothing was ordered");             // trying again is of no use
    if (!std::filesystem::exists("bank")) return evbus::retry("the bank is closed"); // it may be, in a moment
    std::cout << order.topic() << " pays for " << order.text();
    if (now.may_repeat) std::cout << " (perhaps for the second time)"; // the last life did not end well
    std::cout << std::endl;
    return evbus::next;
}

} // namespace

int main() try {
    std::signal(SIGTERM, [](int) { asked_to_stop = true; });
    const evbus::bus bus = evbus::bus::open("orders");
    evbus::worker billing(bus, {.cursor = "billing",
                                .filters = {"orders.*"},
                                .order = evbus::order::by_topic,         // a customer's next order waits for the one before
                                .thrown = evbus::thrown::retries,        // and so it does when bill() throws
                                .retry = {.attempts = 3, .first_delay = 50ms},
                                .name = "billing"},                      // as others see it
                          bill);
    while (!billing.join_for(50ms))
        if (asked_to_stop) billing.stop();
    billing.join(); // throws what ended it, if it was not asked to
} catch (const evbus::error& e) {
    std::cerr << e.what() << '\n'; // what failed, on which object, and the way out
    return 2;
}
