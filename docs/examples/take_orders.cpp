// Publishes orders of two customers: take_orders [HOW MANY]
#include <evbus/evbus.hpp>

#include <iostream>
#include <string>

int main(int argc, char** argv) try {
    const evbus::bus bus = evbus::bus::open_or_create("orders");
    evbus::publisher out(bus, {.name = "shop"});
    const evbus::topic ann("orders.ann"), bob("orders.bob"); // checked and hashed once
    const int many = argc > 1 ? std::stoi(argv[1]) : 4;
    for (int i = 1; i <= many; ++i)
        if (!out.publish(i % 2 == 1 ? ann : bob, std::to_string(i) + " coffee")) return 1;
} catch (const evbus::error& e) {
    std::cerr << e.what() << '\n'; // what failed, on which object, and the way out
    return 2;
}
