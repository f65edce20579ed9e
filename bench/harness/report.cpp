#include "report.hpp"

#include "machine.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <exception>
#include <fstream>

namespace bench {
namespace {

[[gnu::format(printf, 1, 2)]] std::string print(const char* format, ...) {
    char line[512];
    va_list args;
    va_start(args, format);
    std::vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return line;
}

spread values_of(const result& r, std::size_t candidate, std::size_t metric) {
    std::vector<double> values;
    for (const window& w : r.windows) values.push_back(w.samples[candidate].values[metric]);
    return spread_of(std::move(values));
}
spread ratios_of(const result& r, std::size_t candidate, std::size_t metric) {
    std::vector<double> ratios;
    for (const window& w : r.windows)
        ratios.push_back(w.samples[candidate].values[metric] / w.samples[0].values[metric]);
    return spread_of(std::move(ratios));
}
spread calibrations_of(const result& r) {
    std::vector<double> all;
    for (const window& w : r.windows) all.insert(all.end(), {w.before_ns, w.after_ns});
    return spread_of(std::move(all));
}
std::uint64_t lost_of(const result& r, std::size_t candidate) {
    std::uint64_t lost = 0;
    for (const window& w : r.windows) lost += w.samples[candidate].lost;
    return lost;
}
std::string goal_of(const result& r, std::size_t candidate, std::size_t metric) {
    const auto& m = r.of.metrics[metric];
    const bool meant = candidate != 0 && (m.goal_of.empty() || m.goal_of == r.of.candidates[candidate].name);
    return meant ? m.goal : "";
}

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}
std::string json_of(const spread& s) {
    return print(R"({"median":%.4g,"min":%.4g,"max":%.4g})", s.median, s.least, s.most);
}

} // namespace

spread spread_of(std::vector<double> values) {
    if (values.empty()) return {};
    std::sort(values.begin(), values.end());
    const std::size_t half = values.size() / 2;
    const double median = values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
    return {median, values.front(), values.back()};
}

std::string as_table(const std::vector<result>& all) {
    std::string out;
    for (const result& r : all) {
        const spread line = calibrations_of(r);
        out += print("\n%s: %s\n  %zu windows, discarded %d (line moved) + %d (core shared); bare line %.0f ns (%.0f .. %.0f)\n",
                     r.of.name.c_str(), r.of.what.c_str(), r.windows.size(), r.moved, r.shared_core, line.median, line.least, line.most);
        out += print("  %-34s %10s %23s %8s %16s %-9s %s\n", "", "median", "min .. max", "ratio", "min .. max", "goal", "lost");
        for (std::size_t c = 0; c < r.of.candidates.size() && !r.windows.empty(); ++c)
            for (std::size_t m = 0; m < r.of.metrics.size(); ++m) {
                const spread v = values_of(r, c, m);
                const spread q = ratios_of(r, c, m);
                const std::string label = r.of.candidates[c].name + " " + r.of.metrics[m].name;
                out += print("  %-34s %10.4g %9.4g .. %-9.4g %-5s", label.c_str(), v.median, v.least, v.most, r.of.metrics[m].unit.c_str());
                if (c != 0) out += print(" %5.2f %6.2f .. %-6.2f %-9s", q.median, q.least, q.most, goal_of(r, c, m).c_str());
                else out += print(" %31s", "(reference)");
                if (m == 0) out += print(" %llu", static_cast<unsigned long long>(lost_of(r, c)));
                out += '\n';
            }
    }
    return out;
}

std::string as_json(const std::string& program, const std::vector<result>& all, const options& how) {
    std::string out = print("{\"program\":%s,\"processor\":%s,\"two_cores\":%s,\"rounds\":%d,\"quick\":%s,\"experiments\":[",
                            quoted(program).c_str(), quoted(processor()).c_str(), has_two_cores() ? "true" : "false", how.rounds,
                            how.quick ? "true" : "false");
    const char* next = "";
    for (const result& r : all) {
        out += print("%s\n{\"name\":%s,\"what\":", next, quoted(r.of.name).c_str()) + quoted(r.of.what);
        out += print(",\"windows\":%zu,\"discarded_moved\":%d,\"discarded_shared_core\":%d,\"line_ns\":", r.windows.size(), r.moved, r.shared_core);
        out += json_of(calibrations_of(r)) + ",\"figures\":[";
        const char* comma = "";
        for (std::size_t c = 0; c < r.of.candidates.size() && !r.windows.empty(); ++c)
            for (std::size_t m = 0; m < r.of.metrics.size(); ++m) {
                out += print("%s\n {\"candidate\":%s,\"metric\":%s,\"unit\":%s,\"lost\":%llu,\"value\":", comma,
                             quoted(r.of.candidates[c].name).c_str(), quoted(r.of.metrics[m].name).c_str(),
                             quoted(r.of.metrics[m].unit).c_str(), static_cast<unsigned long long>(lost_of(r, c)));
                out += json_of(values_of(r, c, m));
                if (c != 0) out += ",\"ratio\":" + json_of(ratios_of(r, c, m));
                if (const std::string goal = goal_of(r, c, m); !goal.empty()) out += ",\"goal\":" + quoted(goal);
                out += '}';
                comma = ",";
            }
        out += "]}";
        next = ",";
    }
    return out + "]}\n";
}

int run_program(const std::string& program, const std::vector<experiment>& all, const options& how) {
    if (!has_two_cores()) std::fprintf(stderr, "%s: one core only: processes take turns, and the figures say little\n", program.c_str());
    if (how.precedence && !take_precedence())
        std::fprintf(stderr, "%s: --precedence is not permitted here: going on without\n", program.c_str());
    std::vector<result> results;
    int code = 0;
    for (const experiment& e : all) {
        if (!how.wants(e.name)) continue;
        try {
            results.push_back(measure(e, how));
        } catch (const std::exception& fault) {
            std::fprintf(stderr, "%s: %s: %s\n", program.c_str(), e.name.c_str(), fault.what());
            code = 1;
            continue;
        }
        const result& r = results.back();
        if (r.windows.empty()) code = 1;
        for (std::size_t c = 0; c < r.of.candidates.size(); ++c)
            if (lost_of(r, c) != 0) code = 1;
        if (!how.json) std::fputs(as_table({r}).c_str(), stdout), std::fflush(stdout);
    }
    const std::string json = as_json(program, results, how);
    if (how.json) std::fputs(json.c_str(), stdout);
    if (how.file && !(std::ofstream(*how.file) << json)) {
        std::fprintf(stderr, "%s: cannot write %s\n", program.c_str(), how.file->c_str());
        return 2;
    }
    return code;
}

} // namespace bench
