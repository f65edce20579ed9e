#include "lib/log/retention.hpp"

#include <evbus/log/cursor_list.hpp>

#include <algorithm>
#include <cerrno>

#include <fcntl.h>

namespace evbus {
inline namespace v1 {
namespace log {
namespace {

/// Who needs the segment: the first pin at or before its end.
const retention_pin* pin_of(const stored_segment& s, const std::vector<retention_pin>& pins) noexcept {
    const auto it = std::find_if(pins.begin(), pins.end(), [&](const retention_pin& p) { return p.seq <= s.last; });
    return it == pins.end() ? nullptr : &*it;
}

/// What would be left at one moment of deleting from the oldest on.
struct remainder {
    std::uint64_t segments = 0;
    std::uint64_t bytes = 0;
    std::uint64_t free = 0;
};

/// The limits as numbers, for this scene.
struct measure {
    measure(const retention_limits& l, const retention_scene& scene, const remainder& all, std::uint64_t newest_bytes)
        : limits(l), to_come(scene.to_come_bytes), free_wanted(l.free.of(scene.space.total_bytes)) {
        if (l.age) oldest_ns = scene.now_ns - l.age->count();
        if (free_wanted == 0) return;
        free_wanted += to_come;
        crowded = all.free < free_wanted && all.free + (all.bytes - newest_bytes) < free_wanted;
        if (crowded) size_kept = scene.size_when_crowded.value_or(all.bytes);
    }
    [[nodiscard]] retention_reason why(const stored_segment& oldest, const remainder& left) const noexcept {
        if (limits.bytes && left.bytes + to_come > *limits.bytes) return retention_reason::bytes;
        if (limits.segments && left.segments > *limits.segments) return retention_reason::segments;
        if (oldest_ns && oldest.time_ns < *oldest_ns) return retention_reason::age;
        if (crowded ? left.bytes > size_kept : left.free < free_wanted) return retention_reason::free_space;
        return retention_reason::none;
    }

    const retention_limits& limits;
    std::uint64_t to_come;
    std::uint64_t free_wanted;
    std::optional<std::int64_t> oldest_ns{};
    bool crowded = false;
    std::uint64_t size_kept = 0;
};

} // namespace

std::uint64_t free_limit::of(std::uint64_t total_bytes) const noexcept {
    const double share = std::clamp(percent, 0.0, 100.0) / 100 * static_cast<double>(total_bytes);
    return std::max(bytes, static_cast<std::uint64_t>(share));
}

retention_plan plan(std::vector<stored_segment> segments, const retention_limits& limits, const retention_scene& scene,
                    const std::vector<retention_pin>& pins, bool force) {
    retention_plan out;
    if (segments.empty()) return out;
    for (const stored_segment& s : segments) out.bytes += s.bytes;
    remainder left{segments.size(), out.bytes, scene.space.free_bytes};
    const measure measured(limits, scene, left, segments.back().bytes);
    out.crowded = measured.crowded;
    for (const stored_segment& s : segments) {
        planned_segment p{.segment = s, .verdict = retention_verdict::within, .reason = measured.why(s, left), .pin = {}};
        const retention_pin* const pin = force ? nullptr : pin_of(s, pins);
        // Behind one that stays all stay, although its times may say that it is older.
        if (!out.segments.empty() && out.segments.back().verdict == retention_verdict::within) p.reason = retention_reason::none;
        if (p.reason == retention_reason::none) {
            p.verdict = retention_verdict::within;
        } else if (&s == &segments.back()) {
            p.verdict = retention_verdict::newest;
        } else if (pin != nullptr) {
            p.verdict = retention_verdict::pinned;
            p.pin = pin->name; // and what is behind it is needed by the same
            p.pin_kind = pin->kind;
        } else {
            p.verdict = retention_verdict::goes;
            ++out.going;
            out.going_bytes += s.bytes;
        }
        --left.segments;
        left.bytes -= s.bytes;
        left.free += s.bytes;
        out.segments.push_back(std::move(p));
    }
    return out;
}

const planned_segment* retention_plan::held() const noexcept {
    const auto it = std::find_if(segments.begin(), segments.end(),
                                 [](const planned_segment& p) { return p.verdict == retention_verdict::pinned; });
    return it == segments.end() ? nullptr : &*it;
}

const char* to_string(retention_reason r) noexcept {
    switch (r) {
    case retention_reason::none: return "within the limits";
    case retention_reason::bytes: return "over the limit of bytes";
    case retention_reason::segments: return "over the limit of segments";
    case retention_reason::age: return "over the limit of age";
    case retention_reason::free_space: return "too little space is free";
    }
    return "?";
}

std::string to_string(const planned_segment& s) {
    switch (s.verdict) {
    case retention_verdict::goes: return to_string(s.reason);
    case retention_verdict::within: return "within the limits";
    case retention_verdict::pinned: return std::string(to_string(s.reason)) + ", but needed by " + s.pin;
    case retention_verdict::newest: return std::string(to_string(s.reason)) + ", but the newest segment stays";
    }
    return "?";
}

const char* way_out_of(pin_kind k) noexcept {
    return k == pin_kind::anchor ? "put a newer anchor (evlog anchors)" : "let it go on, move or remove it (evlog cursors)";
}

std::vector<retention_pin> pins_of_cursors(file_system& fs, const log_dir& dir, const bus_id& bus) {
    std::vector<retention_pin> out;
    for (const cursor_info& c : list_cursors(fs, dir, bus))
        out.push_back({"cursor \"" + c.name + "\"" + (c.is_usable() ? "" : std::string(" (") + to_string(c.state) + ")"), c.pin});
    return out;
}

retention_pin pin_of(const anchor& a) {
    return {"the newest anchor (seq " + std::to_string(a.seq) + ", " + a.reference + ")", a.place().walk_from, pin_kind::anchor};
}

std::vector<retention_pin> pins_of(file_system& fs, const log_dir& dir, const bus_id& bus) {
    std::vector<retention_pin> out = pins_of_cursors(fs, dir, bus);
    std::vector<seq_t> segments;
    if (const int r = list_segments(fs, dir, segments); r < 0) evbus::detail::throw_errno(-r, "look for anchors", dir.segments());
    if (segments.empty()) return out;
    const std::optional<anchor> newest = newest_anchor(fs, dir, bus.empty() ? reader_options{} : reader_options{bus});
    if (!newest) return out;
    const std::string path = segment_path(dir, segments.back());
    const int fd = fs.open(path, O_RDONLY, 0);
    const int synced = fd < 0 ? fd : file(fs, fd).datasync();
    if (synced < 0 && fd != -ENOENT) evbus::detail::throw_errno(-synced, "sync the newest anchor", path);
    out.push_back(pin_of(*newest));
    return out;
}

retention_result execute(file_system& fs, const log_dir& dir, const retention_plan& what, const std::atomic<bool>* stop) {
    retention_result out;
    const auto failed = [&out](int r, std::string path) {
        out.os_error = -r;
        out.failed = std::move(path);
        return out;
    };
    for (std::size_t i = 0; i < what.going && (stop == nullptr || !stop->load(std::memory_order_relaxed)); ++i) {
        const stored_segment& s = what.segments[i].segment;
        // An index without its segment would stay for ever; a segment without its index is only slower.
        if (const int r = fs.unlink(index_path(dir, s.first)); r < 0 && r != -ENOENT) return failed(r, index_path(dir, s.first));
        const int r = fs.unlink(segment_path(dir, s.first));
        if (r < 0 && r != -ENOENT) return failed(r, segment_path(dir, s.first));
        if (r == 0) {
            out.seqs = {out.segments == 0 ? s.first : out.seqs.first, s.last};
            ++out.segments;
            out.bytes += s.bytes;
        }
        if (const int synced = fs.sync_dir(dir.segments()); synced < 0) return failed(synced, dir.segments());
    }
    return out;
}

} // namespace log
} // namespace v1
} // namespace evbus
