// Orders since the last time this was asked: a place that lasts, kept beside the log under a name.
#include <evbus/evbus.hpp>

#include <iostream>

int main() try {
    using namespace std::chrono_literals;
    const evbus::bus bus = evbus::bus::open("orders");
    evbus::cursor mine(bus, "count", {.filters = {"orders.*"}});
    evbus::consumer in(bus, {.filters = {"orders.*"}, .from = mine.start()});
    int orders = 0;
    for (const evbus::seq_t end = bus.head(); in.next() < end;)
        if (in.poll([&](const evbus::event&) { ++orders; }) != evbus::consume_status::delivered) in.wait(10ms);
    std::cout << orders << " orders\n" << std::flush;
    mine.save(in.place()); // only now: killed before this, it counts the same ones again
} catch (const evbus::error& e) {
    std::cerr << e.what() << '\n'; // what failed, on which object, and the way out
    return 2;
}
