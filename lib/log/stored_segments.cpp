#include "lib/log/stored_segments.hpp"

#include <evbus/log/segment_footer.hpp>
#include <evbus/log/segment_reader.hpp>

#include <algorithm>

namespace evbus {
inline namespace v1 {
namespace log {
namespace {

constexpr const char* operation = "look at log's segments";

/// By its footer, which a segment with a break and the newest do not have; then its file's time stands alone.
void look_at_time(file_system& fs, const log_dir& dir, std::int64_t modified_ns, stored_segment& s) {
    std::int64_t greatest = 0;
    segment_reader in;
    segment_header h{};
    segment_footer footer;
    if (in.open(fs, segment_path(dir, s.first), 0) == 0 && in.read_header({}, s.first, h) == segment_fault::none &&
        footer.open(in.source(), s.first, bus_of(h).seed())) {
        s.sealed = true;
        if (const std::optional<segment_summary> sum = footer.summary()) greatest = sum->max_time_ns;
    }
    s.time_ns = age_time_ns(greatest, modified_ns);
}

} // namespace

std::int64_t age_time_ns(std::int64_t greatest_publish_ns, std::int64_t modified_ns) noexcept {
    return greatest_publish_ns > 0 ? std::min(greatest_publish_ns, modified_ns) : modified_ns;
}

std::vector<stored_segment> list_stored(file_system& fs, const log_dir& dir, time_wanted times) {
    std::vector<std::string> names;
    if (const int r = fs.list(dir.segments(), names); r < 0) {
        if (r == -ENOENT) return {};
        evbus::detail::throw_errno(-r, operation, dir.segments());
    }
    std::sort(names.begin(), names.end());
    std::vector<stored_segment> out;
    bool young = false;
    for (const std::string& name : names) {
        const std::optional<seq_t> first = parse_segment_name(name);
        if (!first) continue;
        const std::string path = dir.segments() + "/" + name;
        file_info info;
        if (const int r = fs.stat(path, info); r < 0) {
            if (r == -ENOENT) continue;
            evbus::detail::throw_errno(-r, operation, path);
        }
        stored_segment s{.first = *first, .bytes = info.bytes};
        file_info index;
        if (std::binary_search(names.begin(), names.end(), index_name(*first)) &&
            fs.stat(index_path(dir, *first), index) == 0)
            s.bytes += index.bytes;
        if (!young && times.older_than_ns != time_wanted{}.older_than_ns) {
            look_at_time(fs, dir, info.modified_ns, s);
            young = s.time_ns >= times.older_than_ns;
        }
        if (!out.empty()) out.back().last = *first - 1;
        out.push_back(s);
    }
    if (out.size() > 1 && out.back().bytes <= sizeof(segment_header)) { // recovery takes one that a crash left away
        out.pop_back();
        out.back().last = max_seq;
    }
    return out;
}

} // namespace log
} // namespace v1
} // namespace evbus
