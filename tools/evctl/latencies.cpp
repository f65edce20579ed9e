#include "tools/evctl/latencies.hpp"

#include "tools/cli/table.hpp"
#include "tools/cli/units.hpp"

#include <cstdio>
#include <utility>
#include <vector>

namespace evctl {
namespace {

using view = std::optional<evbus::ring::latency_view>;

void add(cli::table& t, const char* to, std::string number, std::string name, const view& l) {
    std::vector<std::string> cells{to, std::move(number), std::move(name)};
    if (!l) {
        cells.insert(cells.end(), {"not kept", "-", "-", "-", "-"});
    } else if (const std::uint64_t n = l->count(); n == 0) {
        cells.insert(cells.end(), {"0", "-", "-", "-", "-"});
    } else {
        cells.push_back(cli::format_count(n));
        for (const double part : {0.5, 0.99, 0.999}) cells.push_back(format_latency(l->percentile(part)));
        cells.push_back(format_latency(l->max_ns));
    }
    t.add(std::move(cells));
}

} // namespace

std::string format_latency(std::uint64_t ns) {
    constexpr const char* units[] = {"ns", "us", "ms", "s"};
    auto value = static_cast<double>(ns);
    std::size_t unit = 0;
    for (; unit + 1 < std::size(units) && value >= 999.5; ++unit) value /= 1000;
    char text[48];
    const int decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    std::snprintf(text, sizeof text, "%.*f %s", decimals, value, units[unit]);
    return text;
}

void append_latencies(std::string& out, const bus_view& v, bool colour) {
    using cli::align;
    cli::table t({{"TO"}, {"NO", align::right}, {"NAME"}, {"MEASURED", align::right}, {"P50", align::right}, {"P99", align::right},
                  {"P99.9", align::right}, {"MAX", align::right}});
    bool any = v.to_written || v.to_durable;
    for (const member_view& m : v.members) {
        if (!m.handles_events()) continue;
        add(t, "read", std::to_string(to_u16(m.info.number)), m.info.name, m.latency);
        any = true;
    }
    if (!any) return;
    if (v.to_written) add(t, "written", "-", "recorder", v.to_written);
    if (v.to_durable) add(t, "durable", "-", "recorder", v.to_durable);
    out += v.stamps == evbus::ring::stamp_mode::none ? "latency    none: frames of this bus carry no time\n"
                                                     : "latency    from publish, of some events\n";
    t.append_to(out, colour, "  ");
}

} // namespace evctl
