// Typed payloads, headers, and reading without loss: ring and log as one stream, from the first seq.
#include <evbus/evbus.hpp>

#include <iostream>

struct trade {
    double price;
    std::uint32_t quantity;
    std::uint32_t venue;
};

int main() {
    using namespace std::chrono_literals;
    const evbus::bus bus = evbus::bus::open_or_create("trades", {.pacing = evbus::pacing::paced});
    evbus::publisher out(bus, {.name = "gateway"});
    const evbus::topic aapl("md.trade.AAPL");
    const evbus::headers why{{evbus::header_key::correlation_id, "order-17"}};
    evbus::published last;
    for (std::uint32_t i = 1; i <= 5; ++i) last = out.publish(aapl, trade{187.5 + i, i * 100, 7}, {.headers = why});
    if (!last) return 1;
    // With evrecord beside the bus this returns as soon as the disk has the event.
    std::cout << "durable: " << (bus.wait_durable(last.seq, 100ms) ? "yes" : "not yet") << '\n';

    evbus::consumer in(bus, {.filters = {"md.trade.*"}, .from = evbus::from::seq(1)});
    const auto on_event = [](const evbus::event& e) {
        if (const auto t = evbus::decode<trade>(e))
            std::cout << e.seq() << ' ' << e.topic() << ' ' << t->quantity << " @ " << t->price << "  "
                      << e.headers().find(evbus::header_key::correlation_id).value_or("-") << '\n';
    };
    const auto on_gap = [](const evbus::gap& g) {
        std::cout << "missing " << g.range.first << '-' << g.range.last << ": " << to_string(g.cause) << '\n';
    };
    while (in.next() <= last.seq)
        if (in.poll(on_event, on_gap) != evbus::consume_status::delivered) in.wait(10ms);
}
