#include "report.hpp"

#include "machine.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>

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
std::size_t candidate_of(const result& r, const std::string& name) {
    for (std::size_t i = 0; i < r.of.candidates.size(); ++i)
        if (r.of.candidates[i].name == name) return i;
    throw std::logic_error(r.of.name + " has no candidate '" + name + "'");
}
std::size_t metric_of(const result& r, const std::string& name) {
    for (std::size_t i = 0; i < r.of.metrics.size(); ++i)
        if (r.of.metrics[i].name == name) return i;
    throw std::logic_error(r.of.name + " has no metric '" + name + "'");
}

/// What a goal is about, over the windows, and whether it is met.
struct verdict {
    std::string of;
    spread found;
    std::string unit;
    std::string bound; ///< empty: nothing to meet
    bool met = true;
};
verdict judge(const result& r, const goal& g) {
    const std::size_t mine = candidate_of(r, g.candidate), m = metric_of(r, g.metric);
    const std::size_t other = g.against.empty() ? 0 : candidate_of(r, g.against);
    const metric& measured = r.of.metrics[m];
    std::vector<double> all;
    for (const window& w : r.windows) {
        const double value = w.samples[mine].values[m], against = w.samples[other].values[m];
        all.push_back(g.by == judged::ratio ? value / against : g.by == judged::difference ? value - against : value);
    }
    verdict v{g.candidate + ", " + g.metric, spread_of(std::move(all)),
              g.by == judged::ratio ? "x" : " " + measured.unit, "", true};
    if (g.by != judged::value) v.of += (g.by == judged::ratio ? " : " : " - ") + r.of.candidates[other].name;
    if (!g.bound) return v;
    v.bound = print("%s %.4g%s", measured.more_is_better ? ">=" : "<=", *g.bound, v.unit.c_str());
    v.met = measured.more_is_better ? v.found.median >= *g.bound : v.found.median <= *g.bound;
    return v;
}

const char* name_of(distance d) { return d == distance::near ? "near" : "far"; }
/// The windows apart by the machine's two states; what was discarded is named with the first.
std::vector<result> by_distance(const result& r) {
    std::vector<result> parts;
    for (const distance d : {distance::near, distance::far}) {
        result part{r.of, {}, parts.empty() ? r.moved : 0, parts.empty() ? r.shared_core : 0};
        for (const window& w : r.windows)
            if (w.cores() == d) part.windows.push_back(w);
        if (!part.windows.empty()) parts.push_back(std::move(part));
    }
    if (parts.empty()) parts.push_back(r);
    return parts;
}
std::string state_of(const result& r) { return r.windows.empty() ? "none" : name_of(r.windows.front().cores()); }

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
        out += print("\n%s: %s\n  %zu windows with %s cores, discarded %d (line moved) + %d (core shared); bare line "
                     "%.0f ns (%.0f .. %.0f)\n",
                     r.of.name.c_str(), r.of.what.c_str(), r.windows.size(), state_of(r).c_str(), r.moved,
                     r.shared_core, line.median, line.least, line.most);
        if (r.windows.empty()) continue;
        out += print("  %-42s %10s %23s %8s %16s %s\n", "", "median", "min .. max", "ratio", "min .. max", "lost");
        for (std::size_t c = 0; c < r.of.candidates.size(); ++c)
            for (std::size_t m = 0; m < r.of.metrics.size(); ++m) {
                const spread v = values_of(r, c, m);
                const spread q = ratios_of(r, c, m);
                const std::string label = r.of.candidates[c].name + ", " + r.of.metrics[m].name;
                out += print("  %-42s %10.4g %9.4g .. %-9.4g %-5s", label.c_str(), v.median, v.least, v.most,
                             r.of.metrics[m].unit.c_str());
                if (c != 0)
                    out += print(" %5.2f %6.2f .. %-6.2f", q.median, q.least, q.most);
                else
                    out += print(" %21s", "(reference)");
                if (m == 0) out += print(" %llu", static_cast<unsigned long long>(lost_of(r, c)));
                out += '\n';
            }
        for (const goal& g : r.of.goals) {
            const verdict v = judge(r, g);
            out += print("  = %-60s %.3g%s (%.3g .. %.3g)", v.of.c_str(), v.found.median, v.unit.c_str(), v.found.least,
                         v.found.most);
            if (!v.bound.empty()) out += print("   goal %s: %s", v.bound.c_str(), v.met ? "met" : "MISSED");
            out += '\n';
        }
    }
    return out;
}

std::string as_json(const std::string& program, const std::vector<result>& all, const options& how) {
    std::string out =
        print("{\"program\":%s,\"processor\":%s,\"two_cores\":%s,\"rounds\":%d,\"quick\":%s,\"experiments\":[",
              quoted(program).c_str(), quoted(processor()).c_str(), has_two_cores() ? "true" : "false", how.rounds,
              how.quick ? "true" : "false");
    const char* next = "";
    for (const result& r : all) {
        out +=
            print("%s\n{\"name\":%s,\"cores\":\"%s\",\"what\":", next, quoted(r.of.name).c_str(), state_of(r).c_str()) +
            quoted(r.of.what);
        out +=
            print(",\"windows\":%zu,\"discarded_moved\":%d,\"discarded_shared_core\":%d,\"line_ns\":", r.windows.size(),
                  r.moved, r.shared_core);
        out += json_of(calibrations_of(r)) + ",\"figures\":[";
        const char* comma = "";
        for (std::size_t c = 0; c < r.of.candidates.size() && !r.windows.empty(); ++c)
            for (std::size_t m = 0; m < r.of.metrics.size(); ++m) {
                out += print("%s\n {\"candidate\":%s,\"metric\":%s,\"unit\":%s,\"lost\":%llu,\"value\":", comma,
                             quoted(r.of.candidates[c].name).c_str(), quoted(r.of.metrics[m].name).c_str(),
                             quoted(r.of.metrics[m].unit).c_str(), static_cast<unsigned long long>(lost_of(r, c)));
                out += json_of(values_of(r, c, m));
                if (c != 0) out += ",\"ratio\":" + json_of(ratios_of(r, c, m));
                out += '}';
                comma = ",";
            }
        out += "],\"goals\":[";
        comma = "";
        for (const goal& g : r.of.goals) {
            if (r.windows.empty()) break;
            const verdict v = judge(r, g);
            out += print("%s\n {\"of\":%s,\"found\":", comma, quoted(v.of).c_str()) + json_of(v.found);
            if (!v.bound.empty())
                out += print(",\"goal\":%s,\"met\":%s", quoted(v.bound).c_str(), v.met ? "true" : "false");
            out += '}';
            comma = ",";
        }
        out += "]}";
        next = ",";
    }
    return out + "]}\n";
}

std::string as_csv(const std::vector<result>& all) {
    std::string out = "experiment,cores,window,line_ns,candidate,metric,unit,value,lost\n";
    for (const result& r : all)
        for (std::size_t w = 0; w < r.windows.size(); ++w)
            for (std::size_t c = 0; c < r.of.candidates.size(); ++c)
                for (std::size_t m = 0; m < r.of.metrics.size(); ++m) {
                    const window& seen = r.windows[w];
                    out += print("%s,%s,%zu,%.1f,%s,%s,%s,%.6g,%llu\n", r.of.name.c_str(), name_of(seen.cores()), w + 1,
                                 (seen.before_ns + seen.after_ns) / 2, quoted(r.of.candidates[c].name).c_str(),
                                 r.of.metrics[m].name.c_str(), r.of.metrics[m].unit.c_str(), seen.samples[c].values[m],
                                 static_cast<unsigned long long>(seen.samples[c].lost));
                }
    return out;
}

int run_program(const std::string& program, const std::vector<experiment>& all, const options& how) {
    if (!has_two_cores())
        std::fprintf(stderr, "%s: one core only: processes take turns, and the figures say little\n", program.c_str());
    if (how.precedence && !take_precedence())
        std::fprintf(stderr, "%s: --precedence is not permitted here: going on without\n", program.c_str());
    std::vector<result> results;
    int code = 0;
    for (const experiment& e : all) {
        if (!how.wants(e.name)) continue;
        try {
            const result r = measure(e, how);
            if (r.windows.empty()) code = 1;
            for (std::size_t c = 0; c < r.of.candidates.size(); ++c)
                if (lost_of(r, c) != 0 && !r.of.candidates[c].may_lose) code = 1;
            const std::vector<result> parts = by_distance(r);
            if (!how.json) std::fputs(as_table(parts).c_str(), stdout), std::fflush(stdout);
            results.insert(results.end(), parts.begin(), parts.end());
        } catch (const std::exception& fault) {
            std::fprintf(stderr, "%s: %s: %s\n", program.c_str(), e.name.c_str(), fault.what());
            code = 1;
        }
    }
    const std::string json = as_json(program, results, how);
    if (how.json) std::fputs(json.c_str(), stdout);
    const auto write = [&](const std::optional<std::string>& file, const std::string& text) {
        if (!file || std::ofstream(*file) << text) return true;
        std::fprintf(stderr, "%s: cannot write %s\n", program.c_str(), file->c_str());
        return false;
    };
    return write(how.file, json) && write(how.csv, as_csv(results)) ? code : 2;
}

} // namespace bench
