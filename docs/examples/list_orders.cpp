// Every order from the first to the last, from ring and log as one stream.
#include <evbus/evbus.hpp>

#include <iostream>

int main() try {
    using namespace std::chrono_literals;
    const evbus::bus bus = evbus::bus::open("orders");
    evbus::consumer in(bus, {.filters = {"orders.*"}, .from = evbus::from::seq(1)});
    const auto on_event = [](const evbus::event& e) { std::cout << e.seq() << ' ' << e.topic() << ' ' << e.text() << '\n'; };
    const auto on_gap = [](const evbus::gap& g) {
        std::cout << "missing " << g.range.first << '-' << g.range.last << ": " << to_string(g.cause) << '\n';
    };
    const evbus::seq_t end = bus.head(); // what comes later is for the next time
    while (in.next() < end)
        if (in.poll(on_event, on_gap) != evbus::consume_status::delivered) in.wait(10ms);
} catch (const evbus::error& e) {
    std::cerr << e.what() << '\n'; // what failed, on which object, and the way out
    return 2;
}
