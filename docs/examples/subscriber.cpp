// The shortest subscriber: what the ring still holds, then nothing more for a second.
#include <evbus/evbus.hpp>

#include <iostream>

int main() {
    const evbus::bus bus = evbus::bus::open("hello");
    evbus::subscriber in(bus, {.filters = {"greetings.>"}, .from = evbus::from::oldest()});
    while (in.wait(std::chrono::seconds(1)))
        in.poll([](const evbus::event& e) { std::cout << e.seq() << ' ' << e.topic() << ' ' << e.text() << '\n'; });
    return in.losses().lost() == 0 ? 0 : 3;
}
