// The shortest publisher. Build: g++ -std=c++20 publisher.cpp $(pkg-config --cflags --libs evbus)
#include <evbus/evbus.hpp>

int main() {
    const evbus::bus bus = evbus::bus::open_or_create("hello");
    evbus::publisher out(bus, {.name = "greeter"});
    const evbus::topic topic("greetings.world");
    for (int i = 0; i < 10; ++i)
        if (!out.publish(topic, "hello " + std::to_string(i))) return 1;
}
