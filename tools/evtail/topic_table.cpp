#include "tools/evtail/topic_table.hpp"

#include "tools/cli/escape.hpp"

#include <algorithm>
#include <cstdio>
#include <vector>

namespace evtail {
namespace {

std::string rate_text(double rate) {
    char text[32];
    std::snprintf(text, sizeof text, rate < 100 ? "%.2f" : "%.0f", rate);
    return text;
}

void append_left(std::string& out, std::string_view text, std::size_t width) {
    out.append(text).append(width - std::min(width, text.size()), ' ');
}
void append_right(std::string& out, std::string_view text, std::size_t width) {
    out.append(width - std::min(width, text.size()), ' ').append(text);
}

} // namespace

void topic_table::add(const evbus::event& e) {
    if (latest_ == rows_.end() || latest_->first != e.topic()) {
        latest_ = rows_.find(e.topic());
        if (latest_ == rows_.end()) latest_ = rows_.emplace(e.topic(), row{}).first;
    }
    ++latest_->second.count;
    if (e.published() == 0) return;
    latest_->second.last_ns = std::max(latest_->second.last_ns, e.published());
    first_ns_ = first_ns_ == 0 ? e.published() : std::min(first_ns_, e.published());
    last_ns_ = std::max(last_ns_, e.published());
}

void topic_table::print(std::string& out, bool json, cli::zone zone) const {
    using entry = std::pair<std::string_view, row>;
    std::vector<entry> all(rows_.begin(), rows_.end());
    std::stable_sort(all.begin(), all.end(), [](const entry& a, const entry& b) { return a.second.count > b.second.count; });
    const double seconds = (static_cast<double>(last_ns_) - static_cast<double>(first_ns_)) / 1e9; // any two times: a dead ring may hold them
    std::size_t width = 5;
    for (const entry& e : all) width = std::max(width, e.first.size());
    if (!json && !all.empty()) {
        append_left(out, "TOPIC", width);
        out += "         COUNT  RATE (1/s)  LAST\n";
    }
    for (const auto& [topic, r] : all) {
        const std::string rate = seconds > 0 ? rate_text(static_cast<double>(r.count) / seconds) : "";
        const std::string last = r.last_ns == 0 ? "" : cli::format_iso(r.last_ns, zone);
        if (json) {
            out += "{\"topic\":";
            cli::append_json(out, topic);
            out.append(",\"count\":\"").append(std::to_string(r.count)).append("\",\"rate\":").append(rate.empty() ? "null" : rate);
            out.append(",\"last\":").append(last.empty() ? "null" : "\"" + last + "\"");
            out.append(",\"last_ns\":\"").append(std::to_string(r.last_ns)).append("\"}\n");
            continue;
        }
        const std::size_t at = out.size();
        cli::append_printable(out, topic);
        const std::size_t shown = out.size() - at;
        out.append(width - std::min(width, shown), ' ');
        append_right(out, std::to_string(r.count), 14);
        append_right(out, rate.empty() ? "-" : rate, 12);
        out.append("  ").append(last.empty() ? "-" : last).append("\n");
    }
}

} // namespace evtail
