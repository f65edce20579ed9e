#include "tools/demo/report.hpp"

#include <fmt/format.h>

#include <iterator>

namespace demo {
namespace {

std::uint64_t sum(const std::array<counter, max_sources>& all) {
    std::uint64_t s = 0;
    for (const counter& c : all) s += c.load();
    return s;
}

} // namespace

std::string progress_line(const board& b, const evbus::bus& bus, double seconds, const std::string& what) {
    const std::uint64_t published = sum(b.published);
    std::string line = fmt::format("{:4.0f} s  published {:>9}  recorded to seq {:>9}", seconds, published, bus.frontier().written);
    for (std::size_t r = 0; r < late; ++r)
        line += fmt::format("  {} {:>9}", r == killed ? "killed" : reader_names[r], b.readers[r].delivered.load());
    return line + (what.empty() ? "" : "  | " + what);
}

int final_table(const board& b, const std::vector<source>& sources, const evbus::bus& bus, std::uint64_t bytes_differing,
                std::string& out) {
    const auto to = std::back_inserter(out);
    int faults = 0;
    const auto fault = [&](const std::string& text) {
        fmt::format_to(to, "NOT AS IT MUST BE: {}\n", text);
        ++faults;
    };
    fmt::format_to(to, "\n{:<34} {:>10} {:>10}\n", "source", "lines", "published");
    for (std::size_t i = 0; i < sources.size(); ++i)
        fmt::format_to(to, "{:<34} {:>10} {:>10}\n", sources[i].path, sources[i].lines.size(), b.published[i].load());
    const std::uint64_t published = sum(b.published);
    const evbus::frontiers f = bus.frontier();
    fmt::format_to(to, "{:<34} {:>10} {:>10}   recorded to seq {}, durable to seq {}\n\n", "together", "", published, f.written, f.durable);

    fmt::format_to(to, "{:<20} {:>10} {:>10} {:>10} {:>6} {:>7} {:>6} {:>6}\n", "reader", "delivered", "from ring", "from log",
                   "turns", "wrong", "gaps", "lives");
    for (std::size_t r = 0; r < reader_roles; ++r) {
        const reader_board& m = b.readers[r];
        const std::uint64_t delivered = m.delivered.load();
        const std::uint64_t from_log = std::min(m.from_log.load(), delivered);
        fmt::format_to(to, "{:<20} {:>10} {:>10} {:>10} {:>6} {:>7} {:>6} {:>6}\n", reader_names[r], delivered, delivered - from_log,
                       from_log, m.turns.load(), m.wrong.load(), m.gaps.load(), m.lives.load());
    }
    const latency_histogram& l = b.readers[live].latency;
    fmt::format_to(to, "\npublish to read, live reader: p50 {:.1f} us, p99 {:.1f} us, p99.9 {:.1f} us\n", l.percentile_us(0.5),
                   l.percentile_us(0.99), l.percentile_us(0.999));

    // A publisher that was killed may have published one event more than it could say.
    for (std::size_t r = 0; r < reader_roles; ++r) {
        const reader_board& m = b.readers[r];
        if (m.at_end.load() == 0) fault(fmt::format("reader {} did not reach the end", reader_names[r]));
        if (m.wrong.load() != 0) fault(fmt::format("reader {} was given {} events that differ from their source", reader_names[r], m.wrong.load()));
        if (m.gaps.load() != 0) fault(fmt::format("reader {} has gaps of {} seqs", reader_names[r], m.gaps.load()));
        for (std::size_t i = 0; i < sources.size(); ++i) {
            const std::uint64_t told = b.published[i].load();
            const std::uint64_t got = m.expected[i].load();
            if (got != told && got != told + 1)
                fault(fmt::format("reader {} was given {} of {} events of {}", reader_names[r], got, told, sources[i].path));
            if (got != b.readers[live].expected[i].load())
                fault(fmt::format("readers {} and {} differ on {}", reader_names[r], reader_names[live], sources[i].path));
        }
    }
    if (b.readers[slow].turns.load() == 0) fault("the slow reader was never lapped: the demo did not show what it is for");
    if (bytes_differing != 0) fault(fmt::format("evtail gave back other bytes for {} of the sources", bytes_differing));
    if (f.written + 1 < bus.head()) fault("the recorder has not everything");
    return faults;
}

} // namespace demo
