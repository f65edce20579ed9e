// What stands in a bus, as a test of the tools looks at it.
#pragma once

#include <evbus/subscriber.hpp>

#include <map>
#include <string>
#include <vector>

namespace tools_test {

struct seen_event {
    evbus::seq_t seq;
    std::string topic;
    std::string payload;
    std::map<std::string, std::string> headers;
};

/// Every event that the ring still holds; throws nothing away in silence: a gap becomes topic "GAP".
inline std::vector<seen_event> read_all(const std::string& bus) {
    std::vector<seen_event> all;
    evbus::subscriber sub(evbus::bus::open(bus), {.from = evbus::from::oldest()});
    const auto on_event = [&](const evbus::event& e) {
        seen_event s{e.seq(), std::string(e.topic()), std::string(e.text()), {}};
        for (const evbus::header& h : e.headers()) s.headers[std::string(h.key)] = h.value;
        all.push_back(std::move(s));
    };
    const auto on_gap = [&](const evbus::gap& g) { all.push_back({g.range.first, "GAP", to_string(g.cause), {}}); };
    while (sub.poll(on_event, on_gap) != 0) {}
    return all;
}

inline std::vector<std::string> payloads(const std::string& bus) {
    std::vector<std::string> all;
    for (const seen_event& e : read_all(bus)) all.push_back(e.payload);
    return all;
}

} // namespace tools_test
