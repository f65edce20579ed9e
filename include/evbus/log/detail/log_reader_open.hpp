// log_reader: opening, the ends of the log, and seeking by time.
#pragma once

#include <evbus/log/log_reader.hpp>

namespace evbus {
inline namespace v1 {
namespace log {
namespace detail {

inline constexpr const char* reading = "open log for reading";

/// The bus of the newest segment whose header passes its checks; throws for a newer version.
inline bus_id bus_of_segments(file_system& fs, const segment_list& segments) {
    segment_fault worst = segment_fault::no_segment;
    for (std::size_t i = segments.firsts().size(); i-- > 0;) {
        const std::string path = segment_path(segments.dir(), segments.firsts()[i]);
        segment_reader in;
        segment_header h{};
        const int r = in.open(fs, path, 0);
        if (r == -ENOENT) continue; // deleted by retention meanwhile
        if (r < 0) evbus::detail::throw_errno(-r, reading, path);
        const segment_fault fault = in.read_header({}, segments.firsts()[i], h);
        if (fault == segment_fault::none) return bus_of(h);
        if (fault == segment_fault::version || fault == segment_fault::feature)
            throw error(fault == segment_fault::version ? errc::wrong_version : errc::unknown_feature,
                        {reading, path, to_string(fault), "read it with the version of evbus that wrote it"});
        if (fault != segment_fault::no_segment) worst = fault;
    }
    throw error(errc::not_a_bus,
                {reading, segments.dir().segments(),
                 worst == segment_fault::no_segment ? "no segment of evbus is in it"
                                                    : "no segment in it has a readable header",
                 "name a log's directory, or say which bus it should be"});
}

} // namespace detail

inline log_reader::log_reader(file_system& fs, std::string dir, reader_options options)
    : fs_(&fs), segments_(fs, log_dir{std::move(dir)}) {
    if (const int r = segments_.refresh(); r < 0)
        evbus::detail::throw_errno(-r, detail::reading, segments_.dir().segments());
    if (options.expected) bus_ = *options.expected;
    if (!segments_.empty() || !options.expected) {
        try {
            const bus_id found = detail::bus_of_segments(fs, segments_);
            if (options.expected && found != bus_)
                throw error(errc::foreign_log,
                            {detail::reading, segments_.dir().root,
                             "it is the log of bus " + to_string(found) + ", not of " + to_string(bus_),
                             "name the right log, or the right bus"});
            bus_ = found;
        } catch (const error& e) {
            if (!options.expected || e.kind() != errc::not_a_bus) throw;
        }
    }
    tail_.emplace(fs, bus_.seed());
    next_ = std::max<seq_t>(1, segments_.empty() ? 1 : segments_.firsts().front());
}

inline seq_t log_reader::first_seq() noexcept {
    try {
        if (segments_.refresh() < 0 || segments_.empty()) return no_seq;
        return segments_.firsts().front();
    } catch (const std::bad_alloc&) {
        return no_seq;
    }
}

inline seq_t log_reader::last_seq() noexcept {
    try {
        if (segments_.refresh() < 0) return no_seq;
        return tail_->last(segments_);
    } catch (const std::bad_alloc&) {
        return no_seq;
    }
}

/// The greatest time under a segment's commits; nothing when it cannot be told.
inline std::optional<std::int64_t> log_reader::running_max(seq_t segment) {
    segment_reader in;
    if (in.open(*fs_, segment_path(segments_.dir(), segment), bus_.seed()) < 0) return std::nullopt;
    segment_footer footer;
    if (footer.open(in.source(), segment, bus_.seed()))
        if (const std::optional<segment_summary> sum = footer.summary()) return sum->running_max_ns;
    std::optional<std::int64_t> out;
    commit_view c;
    std::uint64_t at = sizeof(segment_header);
    seq_t expect = segment;
    while (true) {
        walk w = in.read_header_only(at, c);
        if (w == walk::broken) w = in.find(at + 8, expect, c);
        if (w != walk::commit) return out;
        out = c.header.running_max_ns;
        expect = c.header.last_seq + 1;
        at = c.end();
    }
}

inline std::int64_t log_reader::last_time_ns() {
    if (segments_.refresh() < 0) return 0;
    // A segment that was begun and holds no commit yet knows nothing of times: ask the one before.
    for (std::size_t i = segments_.firsts().size(); i-- > 0;)
        if (const std::optional<std::int64_t> ns = running_max(segments_.firsts()[i])) return *ns;
    return 0;
}

inline seq_t log_reader::first_at_time(const commit_view& c, std::int64_t running, std::int64_t ns) const noexcept {
    if (running >= ns || c.header.max_time_ns < ns) return c.header.first_seq;
    std::span<const std::byte> rest = c.body;
    raw_record r;
    frame_view f;
    while (take_record(rest, r)) {
        if (r.kind != record_kind::event && r.kind != record_kind::fragment) continue;
        if (parse_frame(r.body, f, topic_check::trusted) != frame_fault::none) continue;
        if (f.header.published >= ns) return f.header.word;
    }
    return c.header.first_seq;
}

inline seq_t log_reader::seek_time(std::int64_t ns) {
    seq_t found = last_seq() + 1; // also lists the segments
    for (const seq_t segment : segments_.firsts()) {
        const std::optional<std::int64_t> greatest = running_max(segment);
        if (!greatest || *greatest < ns) continue;
        segment_reader in;
        if (in.open(*fs_, segment_path(segments_.dir(), segment), bus_.seed()) < 0) continue;
        const commit_place place = seek_running_max(in, segment, bus_.seed(), ns);
        commit_view c;
        in.refresh();
        walk w = in.read(place.offset, c);
        if (w == walk::broken) w = in.find(place.offset + 8, std::max(place.expect, segment), c);
        if (w != walk::commit) continue;
        found = first_at_time(c, place.running_max_ns, ns);
        break;
    }
    seek(found);
    return found;
}

} // namespace log
} // namespace v1
} // namespace evbus
