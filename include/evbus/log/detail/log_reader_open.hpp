// log_reader: opening, the ends of the log, and seeking by time.
#pragma once

#include <evbus/log/epochs.hpp>
#include <evbus/log/log_reader.hpp>

namespace evbus {
inline namespace v1 {
namespace log {
namespace detail {

inline constexpr const char* reading = "open log for reading";

/// The bus of the newest segment whose header passes its checks, or, where there is no segment yet, of the
/// last creation of its ring. Throws for a newer version.
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
    if (segments.empty())
        if (const std::vector<epoch_record> epochs = read_epochs(fs, segments.dir()); !epochs.empty() && !epochs.back().bus.empty())
            return epochs.back().bus;
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

inline std::int64_t log_reader::last_time_ns() {
    if (segments_.refresh() < 0 || segments_.empty()) return 0;
    static_cast<void>(tail_->last(segments_));
    if (const std::optional<std::int64_t> ns = tail_->running_max_ns()) return *ns;
    // A segment that was begun and holds no commit yet knows nothing of times: ask the one before.
    for (std::size_t i = segments_.firsts().size() - 1; i-- > 0;) {
        log_tail end(*fs_, bus_.seed());
        const std::optional<std::int64_t> ns = end.running_max_of(segment_path(segments_.dir(), segments_.firsts()[i]), segments_.firsts()[i]);
        stats_.bytes += end.bytes_read();
        stats_.reads += end.reads();
        if (ns) return *ns;
    }
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

/// The greatest time under a segment's first commit, and those before it; nothing when it has none.
inline std::optional<std::int64_t> log_reader::first_running_max(seq_t segment) {
    segment_reader in;
    commit_view c;
    if (in.open(*fs_, segment_path(segments_.dir(), segment), bus_.seed()) < 0) return std::nullopt;
    walk w = in.read_header_only(sizeof(segment_header), c);
    if (w == walk::broken) w = in.find(sizeof(segment_header) + 8, segment, c);
    stats_.bytes += in.bytes_read();
    stats_.reads += in.reads();
    return w == walk::commit ? std::optional(c.header.running_max_ns) : std::nullopt;
}

inline seq_t log_reader::seek_time(std::int64_t ns) {
    static_cast<void>(segments_.refresh());
    seq_t found = no_seq;
    // The last segment that begins before `ns`: the time is reached in it, or with the one behind it.
    const std::vector<seq_t>& all = segments_.firsts();
    std::size_t low = 0;
    for (std::size_t high = all.size(); high - low > 1;) {
        // Recent times are asked for most: the newest segment is looked at first.
        const std::size_t middle = high == all.size() ? high - 1 : low + (high - low) / 2;
        std::size_t at = middle;
        std::optional<std::int64_t> begins;
        while (at > low && !(begins = first_running_max(all[at]))) --at; // one without commits says nothing
        if (at == low) high = middle;
        else (*begins < ns ? low : high) = at;
    }
    for (std::size_t i = low; i < all.size(); ++i) {
        segment_reader in;
        if (in.open(*fs_, segment_path(segments_.dir(), all[i]), bus_.seed()) < 0) continue;
        segment_footer footer;
        const bool sealed = footer.open(in.source(), all[i], bus_.seed());
        if (const auto sum = sealed ? footer.summary() : std::nullopt; sum && sum->commits != 0 && sum->running_max_ns < ns) {
            count(footer);
            continue;
        }
        const commit_place place = seek_running_max(in, all[i], footer, ns);
        commit_view c;
        walk w = in.read(place.offset, c);
        while (w == walk::broken || (w == walk::commit && c.header.running_max_ns < ns))
            w = in.find(w == walk::broken ? place.offset + 8 : c.end(), std::max(place.expect, all[i]), c);
        count(footer);
        stats_.bytes += in.bytes_read();
        stats_.reads += in.reads();
        if (w != walk::commit) continue;
        found = first_at_time(c, place.running_max_ns, ns);
        break;
    }
    if (found == no_seq) found = last_seq() + 1;
    seek(found);
    return found;
}

} // namespace log
} // namespace v1
} // namespace evbus
